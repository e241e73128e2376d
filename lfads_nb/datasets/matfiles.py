"""MATLAB files (v5, v7, v7.3) as the run manager's demo and its users' exports write them.

Understood are the demo's variables (`spikes`, `timeMs`, `conditionId`, `true_rates`, `datetime`,
`subject`) and the fields of the struct that the run manager's `generateCountsForDataset` returns
(`counts`, `timeVecMs`, `conditionId`, `truth`, `externalInputs`), at the top level or inside one
struct, and trials one by one: a struct array `trial(n).spikes` or a cell array of matrices. Arrays
are trials x channels x time there and are turned to trials x time x channels here. Behaviour is a
struct `behavior` with one field per signal, trials x dims x time like the rest (or one such array),
its units the same fields of a struct `behaviorUnits`. MATLAB objects
(`datetime`, `string`, `categorical`, `table`) have no documented format and cannot be read: a date
is then left out, condition ids are refused with the remedy.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.mattrials import SPIKE_TIMES, TrialSettings, listed, trials_to_counts
from lfads_nb.datasets.matvariables import OBJECTS, Variables, open_mat
from lfads_nb.datasets.reading import reading
from lfads_nb.datasets.session_arrays import (
    CHANNELS_FIRST,
    METADATA,
    NAMES,
    SessionArrays,
    find_names,
    to_counts,
    to_info,
)
from lfads_nb.errors import DataError

_log = logging.getLogger(__name__)

_GUESSED = ("counts", "time_ms", "condition_ids")
_HOLDING = (*NAMES["counts"], *SPIKE_TIMES)


def read_mat(
    path: str | os.PathLike[str],
    *,
    names: Mapping[str, str] | None = None,
    window_ms: tuple[float, float] | None = None,
    bin_ms: float | None = None,
    pad_missing: bool = False,
    times_in: str = "s",
    allow_missing: bool = False,
) -> Counts:
    """Read counts from a MATLAB file of any version since 5.

    The true rates of a file are taken as expected spikes per bin, as they stand. For files that do
    not open by themselves, this is a dataset's loader:
    `functools.partial(read_mat, names={"counts": "train", "condition_ids": "direction"})`.

    Parameters
    ----------
    path : the file.
    names : what the file calls things: ours (counts, time_ms, bin_ms, condition_ids, truth,
        external_inputs) -> its variable, or field of its struct.
    window_ms : for trials of unequal length and for spike times: start and end of what is kept of
        each trial in ms, on the clock of the trial's own time vector or spike times; trials
        without a time vector start at 0.
    bin_ms : bin width in ms, where the file does not tell and 1 ms is wrong.
    pad_missing : keep trials of unequal length whole: bins after a trial's end are missing.
    times_in : unit of spike times, "s" or "ms".
    allow_missing : NaN in counts means "nothing recorded in this bin".

    Raises
    ------
    DataError
        When the file cannot be read or its content does not fit, with its variables and their
        shapes.
    """
    path = Path(path).expanduser()
    settings = TrialSettings(window_ms, bin_ms, pad_missing, times_in, allow_missing)
    with reading(path), _open(path, names or {}) as (variables, found):
        if _has_trials(variables, found):
            return trials_to_counts(path, variables, found, settings)
        return to_counts(_arrays(path, variables, found, bin_ms, allow_missing))


def peek_mat(path: Path) -> DatasetInfo:
    """Describe a MATLAB file without reading its spikes, where its trials are in one array."""
    with _open(path, {}) as (variables, found):
        if _has_trials(variables, found):
            return DatasetInfo.from_counts(
                trials_to_counts(path, variables, found, TrialSettings())
            )
        return to_info(_arrays(path, variables, found, None))


def read_mat_variables(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read all variables of a MATLAB file of any version, for a loader of your own.

    Returns
    -------
    variables : name -> number array in MATLAB's order of axes, text as `str`, cell array as list,
        struct as dict, struct array as list of dicts; None for MATLAB objects.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    path = Path(path).expanduser()
    with reading(path), open_mat(path, holding=()) as variables:
        return {
            name: None if mat_class in OBJECTS else variables.read(name)
            for name, mat_class in variables.classes.items()
        }


def _arrays(
    path: Path,
    variables: Variables,
    found: Mapping[str, str],
    bin_ms: float | None,
    allow_missing: bool = False,
) -> SessionArrays:
    return SessionArrays(
        path,
        variables,
        found,
        CHANNELS_FIRST,
        default_bin_ms=bin_ms or 1.0,
        signals=_signals(variables, found),
        allow_missing=allow_missing,
    )


def _signals(
    variables: Variables, found: Mapping[str, str]
) -> dict[str, tuple[Callable[[], Any], str]]:
    if "behavior" not in found:
        return {}
    values = variables.read(found["behavior"])
    units = variables.read(found["behavior_units"]) if "behavior_units" in found else {}
    fields = values if isinstance(values, Mapping) else {"behavior": values}
    units = units if isinstance(units, Mapping) else {}
    return {name: (partial(fields.__getitem__, name), str(units.get(name, ""))) for name in fields}


@contextmanager
def _open(path: Path, names: Mapping[str, str]) -> Iterator[tuple[Variables, dict[str, str]]]:
    holding = (names["counts"],) if "counts" in names else _HOLDING
    with open_mat(path, holding=holding) as variables:
        yield variables, _find(variables, path, names)


def _has_trials(variables: Variables, found: Mapping[str, str]) -> bool:
    name = found["counts"]
    return name in SPIKE_TIMES or variables.classes[name] == "cell"


def _find(variables: Variables, path: Path, names: Mapping[str, str]) -> dict[str, str]:
    """For each thing that we know: under which name the file has it."""
    if unknown := set(names) - set(NAMES):
        raise DataError(
            f"has no {', '.join(sorted(unknown))}; give the file's names of {', '.join(NAMES)}.",
            dataset=path.stem,
            field="names",
        )
    readable = [name for name, kind in variables.classes.items() if kind not in OBJECTS]
    found = find_names(readable) | dict(names)
    objects = find_names(set(variables.classes) - set(readable))
    for ours, theirs in objects.items():
        if ours in METADATA:
            _log.info("%s: %s is a MATLAB object and cannot be read", path.name, theirs)
        elif ours not in found or found[ours] == theirs:
            raise DataError(
                "is a MATLAB object, which only MATLAB can read. Save it as plain numbers "
                "(double) or as a cell array of characters (cellstr).",
                dataset=path.stem,
                field=theirs,
            )
    times = [name for name in SPIKE_TIMES if name in readable]
    if "counts" not in found and times:
        found["counts"] = times[0]
    missing = [theirs for theirs in names.values() if theirs not in readable]
    if "counts" not in found or missing:
        wanted = " or ".join(missing) or "counts or spikes"
        raise DataError(
            f"{path.name} has no variable {wanted}, only {listed(variables)}. Rename it in the "
            f"file, say what the file calls it ({_naming(variables)}), or pass a loader that makes "
            "Counts of read_mat_variables(path).",
            dataset=path.stem,
            field="counts",
        )
    return found


def _naming(variables: Variables) -> str:
    """Say how to name a file's variables, by their own names where their shapes leave no doubt."""
    likely = _likely_names(variables)
    names = likely or dict.fromkeys(_GUESSED, "...")
    listed = ", ".join(
        f'"{ours}": ' + (f'"{theirs}"' if likely else theirs) for ours, theirs in names.items()
    )
    seems = "it looks like " if likely else ""
    return f"{seems}loader=functools.partial(read_mat, names={{{listed}}})"


def _likely_names(variables: Variables) -> dict[str, str]:
    """Guess which variables are which: the only array, and vectors along one of its axes.

    A vector that rises is the time, one of few values that come again are the conditions.
    """
    shapes = {
        name: shape for name, shape in variables.shapes.items() if _is_numeric(variables, name)
    }
    arrays = [name for name, shape in shapes.items() if sum(n > 1 for n in shape) >= 2]
    if len(arrays) != 1:
        return {}
    found = {"counts": arrays[0]}
    for name, shape in shapes.items():
        n = max(shape, default=0)
        if name in arrays or n < 2 or n not in shapes[arrays[0]]:
            continue
        values = np.asarray(variables.read(name), float).ravel()
        if (np.diff(values) > 0).all():
            found.setdefault("time_ms", name)
        elif len(np.unique(values)) <= n // 2:
            found.setdefault("condition_ids", name)
    return {ours: found[ours] for ours in _GUESSED if ours in found} if len(found) > 1 else {}


def _is_numeric(variables: Variables, name: str) -> bool:
    return variables.classes[name] not in (*OBJECTS, "char", "cell", "struct", "function")
