"""A run's parameters, put together from what was written down and proven by the folders' hashes.

The run manager's folders are named by hashes of all parameters (features.md C4-C6). So a set of
values that gives both hashes again is right, whatever it was made of; and what no file tells can
be found by trying the few values that it may have. Where no set does (a subclass with parameters of
its own, or defaults that changed between versions), the values are those that the files tell, the
folder keeps its name, and the notes say which were not recorded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import PrivateAttr

from lfads_nb.errors import ParamsError
from lfads_nb.results.matlab.settings_files import RecordedValues
from lfads_nb.sweep.hashing import MatlabValue, hash_values
from lfads_nb.sweep.params import RunParams

_BIN_WIDTHS_MS = (2.0, 1.0, 4.0, 5.0, 8.0, 10.0, 12.0, 15.0, 16.0, 20.0, 25.0, 30.0, 40.0, 50.0)
_RATIOS = (4, 1, 2, 3, *range(5, 21))
_APPROACHES = ("regressGlobalPCs", "ridgeRegressGlobalPCs")
_EXTRA_ARGS: tuple[tuple[Any, ...], ...] = (
    (), ("ridgeNormalizeEach", True), ("ridgeNormalizeEach", False),
)  # fmt: skip
_RAMPS = {
    "kl_increase_steps": "scale_increase_steps_with_datasets",
    "l2_increase_steps": "scale_increase_steps_with_datasets",
    "kl_start_step": "scale_start_step_with_datasets",
    "l2_start_step": "scale_start_step_with_datasets",
}
_INFO = RunParams.param_info()
_LABELS = ("name", "version", "posterior_mean_kind", "num_samples_posterior")


class RecoveredParams(RunParams):
    """The parameters of an old run, which keep the hashes that its folders are named by.

    A copy with changed values is an ordinary setting with a hash of its own.
    """

    _param_hash: str = PrivateAttr("")
    _data_hash: str = PrivateAttr("")

    @classmethod
    def of(
        cls, values: Mapping[str, Any], *, param_hash: str | None, data_hash: str | None
    ) -> tuple[RecoveredParams, str]:
        """Make the setting; and say in words what would be refused today, "" if nothing."""
        problem = ""
        try:
            params = cls(**values)
        except ParamsError as error:
            params, problem = cls.model_construct(**values), str(error)
        params._param_hash = param_hash or params._hash_of(("data", "params"))
        params._data_hash = data_hash or params._hash_of(("data",))
        return params, problem

    @property
    def param_hash(self) -> str:
        return self._param_hash

    @property
    def data_hash(self) -> str:
        return self._data_hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunParams) and self.param_hash == other.param_hash

    def __hash__(self) -> int:
        return hash(self.param_hash)

    def copy(self, **changes: Any) -> RunParams:  # type: ignore[override]
        return RunParams(**{**self.set_values(), **changes})


@dataclass(frozen=True)
class Observed:
    """What the prepared inputs of a run tell of its parameters.

    `bin_ms` and `ratio` are the values that fit, the likeliest first, or empty if nothing tells;
    with the first of `bin_ms` no raw bin is left over if `bin_is_exact`. `aligned` is None where
    there is no input file to look into.
    """

    bin_ms: tuple[float, ...] = ()
    bin_is_exact: bool = False
    ratio: tuple[int, ...] = ()
    aligned: bool | None = None


@dataclass(frozen=True)
class Recovery:
    """A run's parameters and how far they can be trusted.

    `is_proven` says that they give the folder's hash again. `sources` names, for each parameter
    that was found, where; `not_recorded` those that were not, and are at the run manager's default.
    """

    params: RecoveredParams
    is_proven: bool
    sources: Mapping[str, str]
    not_recorded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def bin_is_known(self) -> bool:
        return self.is_proven or "spike_bin_ms" in self.sources


def recover(
    recorded: Iterable[RecordedValues],
    *,
    observed: Observed,
    n_datasets: int,
    param_hash: str | None,
    data_hash: str | None,
    known: Mapping[str, Any] | None = None,
) -> Recovery:
    """Put a run's parameters together.

    Parameters
    ----------
    recorded : what files say, the most trustworthy first.
    observed : what the prepared inputs tell.
    n_datasets : datasets of the run, which ramps were multiplied with in the training command.
    param_hash, data_hash : as in the folders' names, where they are known.
    known : values that the user knows; they go before all else.
    """
    recorded = list(recorded)
    values, sources = _first_told(recorded, known or {}, observed)
    best: dict[str, Any] | None = None
    for candidate in _candidates(values, sources, observed, n_datasets, data_hash):
        best = best or candidate
        if param_hash is not None and hash_of(candidate, ("data", "params")) == param_hash:
            return _recovery(candidate, sources, True, recorded, param_hash, data_hash)
    if observed.bin_is_exact:
        sources.setdefault("spike_bin_ms", "prepared inputs")
    return _recovery(best or values, sources, False, recorded, param_hash, data_hash)


def hash_of(
    values: Mapping[str, Any], affects: tuple[str, ...], leaving_out: tuple[str, ...] = ()
) -> str:
    """Hash values by our names as the run manager does: those that differ from their default."""
    return hash_values(
        {
            _INFO[name].legacy or name: MatlabValue(value, _INFO[name].matlab_type)
            for name, value in values.items()
            if name not in leaving_out
            and _INFO[name].affects in affects
            and value != _INFO[name].default
        }
    )


def _first_told(
    recorded: list[RecordedValues], known: Mapping[str, Any], observed: Observed
) -> tuple[dict[str, Any], dict[str, str]]:
    values, sources = dict(known), dict.fromkeys(known, "told by you")
    for record in recorded:
        for name, value in record.values.items():
            if name not in values and name not in _LABELS:
                values[name], sources[name] = value, record.source
    for name, seen in (("spike_bin_ms", observed.bin_ms), ("train_to_test_ratio", observed.ratio)):
        if name not in values and len(seen) == 1:
            values[name], sources[name] = seen[0], "prepared inputs"
    return values, sources


def _candidates(
    values: dict[str, Any],
    sources: Mapping[str, str],
    observed: Observed,
    n_datasets: int,
    data_hash: str | None,
) -> Iterator[dict[str, Any]]:
    """Go through the sets of values that fit what is known, those with the right data hash only."""
    open_values = _open_values(values, observed, n_datasets)
    fallback = None
    found = False
    for combination in itertools.product(*open_values.values()):
        candidate = {**values, **dict(zip(open_values, combination, strict=True))}
        divided = _undo_scaling(candidate, sources, n_datasets)
        if divided is None:
            continue
        fallback = fallback or divided
        if data_hash is None or data_hash in _data_hashes(divided):
            found = True
            yield divided
    if not found:
        yield fallback if fallback is not None else dict(values)


def _open_values(
    values: Mapping[str, Any], observed: Observed, n_datasets: int
) -> dict[str, tuple[Any, ...]]:
    """Name what no file tells, with the values that it may have, the likeliest first."""
    stitched = n_datasets > 1
    aligned = (False, True) if observed.aligned is None else (observed.aligned,)
    may_be: dict[str, tuple[Any, ...]] = {
        "spike_bin_ms": observed.bin_ms or _BIN_WIDTHS_MS,
        "train_to_test_ratio": observed.ratio or _RATIOS,
        "use_alignment_matrix": aligned if stitched else (False, True),
        "use_single_dataset_alignment_matrix": (False, True) if stitched else aligned,
        "alignment_approach": _APPROACHES,
        "alignment_extra_args": _EXTRA_ARGS,
        "scale_increase_steps_with_datasets": (True, False),
        "scale_start_step_with_datasets": (True, False),
        "allow_gpu_growth": (True, False),
    }
    return {name: options for name, options in may_be.items() if name not in values}


def _undo_scaling(
    candidate: dict[str, Any], sources: Mapping[str, str], n_datasets: int
) -> dict[str, Any] | None:
    """Divide the ramps that the training command has multiplied; None if that leaves a rest."""
    changed = dict(candidate)
    for name, switch in _RAMPS.items():
        told_as_trained = name in candidate and sources.get(name) not in (
            "told by you",
            "summary.txt",
        )
        if told_as_trained and candidate.get(switch, True):
            if candidate[name] % n_datasets:
                return None
            changed[name] = candidate[name] // n_datasets
    return changed


def _data_hashes(values: Mapping[str, Any]) -> set[str]:
    """Hash the data's parameters by the rules of all versions of the run manager.

    Before 20171107 the number of factors did not count.
    """
    return {hash_of(values, ("data",)), hash_of(values, ("data",), leaving_out=("factors_dim",))}


def _recovery(
    values: dict[str, Any],
    sources: Mapping[str, str],
    is_proven: bool,
    recorded: list[RecordedValues],
    param_hash: str | None,
    data_hash: str | None,
) -> Recovery:
    params, problem = RecoveredParams.of(values, param_hash=param_hash, data_hash=data_hash)
    told = dict(sources)
    notes = [f"would be refused today: {problem}"] if problem else []
    notes += [
        f"{record.source}: {name}={text} is of another LFADS or a subclass, unknown here"
        for record in recorded
        for name, text in record.unknown.items()
    ]
    if is_proven:
        told |= {name: "the folder's hash" for name in values if name not in sources}
        return Recovery(params, True, told, (), tuple(notes))
    if param_hash is not None:
        notes.insert(0, f"these values do not give the folder's hash {param_hash} again")
    notes += [
        f"{record.source}: {name}={text!r} does not tell the value"
        for record in recorded
        for name, text in record.unreadable.items()
        if name not in sources
    ]
    missing = tuple(
        name
        for name, info in _INFO.items()
        if info.legacy and info.affects != "nothing" and info.group != "debug"
        if name not in sources
    )
    return Recovery(params, False, told, missing, tuple(notes))
