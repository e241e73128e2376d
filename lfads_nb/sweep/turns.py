"""A turn of a population's member: some epochs with given settings, asked for in files.

A member's folder is an ordinary run folder. Whoever drives the population writes a request into it
and reads the result; `lfads_nb.model.turns.take_turn` does the training in between.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from lfads_nb.atomic_files import write_json
from lfads_nb.desks import stored_path
from lfads_nb.errors import ParamsError, RunFolderError
from lfads_nb.plain_text import plain_text
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_record import read_json

SCHEMA = 1
_Made = TypeVar("_Made")

SETTABLE = (
    "learning_rate_init", "keep_prob", "coordinated_dropout_rate",
    "coordinated_dropout_pass_rate", "kl_ic_weight", "kl_co_weight", "l2_gen_scale",
    "l2_con_scale", "l2_ic_enc_scale", "l2_ci_enc_scale", "co_mean_corr_scale",
    "temporal_spike_jitter_width",
)  # fmt: skip
"""What a turn may set anew, by `RunParams`' names; all else belongs to the population's base."""


@dataclass(frozen=True)
class TurnRequest:
    """What a member is to do next.

    Parameters
    ----------
    folder : Path
        The member's: `run.json` holds the base setting, `lfadsInput/` the data.
    generation : int
        Counted from 0.
    settings : dict of float
        Values of the searched hyperparameters, by their names in `RunParams`; see `SETTABLE`.
        Name the same ones in all turns of a population: they decide what is compiled.
    first_epoch : int
        Epochs that were trained before.
    epochs : int
        Epochs of this turn.
    copy_from : Path or None
        Where to start instead of the member's own weights: another member's folder, or one
        checkpoint. Weights and the optimiser's state are taken over bit for bit. The checkpoint
        must be one after `first_epoch` epochs.
    seed : int
        Of weights, batches and draws.
    metrics_every : int
        How often R2 of true rates and of behaviour are worked out, in epochs; 0 is never.
    """

    folder: Path
    generation: int
    settings: dict[str, float]
    first_epoch: int
    epochs: int
    copy_from: Path | None
    seed: int
    metrics_every: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.settings if name not in SETTABLE]
        if unknown:
            raise ParamsError(
                f"a turn cannot set {', '.join(unknown)}; it can set {', '.join(SETTABLE)}"
            )
        if self.epochs < 1 or self.first_epoch < 0 or self.generation < 0:
            raise ParamsError(
                f"a turn needs epochs >= 1, first_epoch >= 0 and generation >= 0, but they are "
                f"{self.epochs}, {self.first_epoch} and {self.generation}"
            )
        if self.copy_from is not None and self.first_epoch == 0:
            raise ParamsError("before the first epoch there is nothing to copy: copy_from=None")

    @property
    def last_epoch(self) -> int:
        """Epochs that will have been trained after it."""
        return self.first_epoch + self.epochs

    @property
    def key(self) -> str:
        """Short digest of what is asked: the same request, wherever its folder is moved to."""
        text = json.dumps(self._content(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def params(self, base: RunParams) -> RunParams:
        """Return the setting to train with.

        The turn's length is the only rule that ends it, the learning rate stays as it is set, and
        no best epoch is chosen: whoever drives the population goes by the newest weights.
        """
        changes: dict[str, Any] = dict(self.settings)
        rate = changes.get("learning_rate_init", base.learning_rate_init)
        return base.copy(
            **changes,
            seed=self.seed,
            max_epochs=self.last_epoch,
            early_stopping_patience=0,
            nan_restarts=0,
            select_by="total_valid",
            metrics_every=self.metrics_every,
            learning_rate_stop=min(base.learning_rate_stop, 1e-6 * rate),
        )

    def _content(self) -> dict[str, Any]:
        source = None
        if self.copy_from is not None:
            source = stored_path(Path(self.copy_from).absolute(), Path(self.folder).absolute())
        content = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "folder"}
        if not self.metrics_every:
            del content["metrics_every"]  # turns of older versions keep their key
        return {"schema": SCHEMA, **content, "copy_from": source}

    def save(self) -> None:
        """Write it into the member's folder, with paths relative to that."""
        write_json(RunFolder(self.folder).turn_json, self._content())

    @classmethod
    def load(cls, folder: Path) -> TurnRequest:
        """Read the request of a member's folder.

        Raises
        ------
        RunFolderError
            It is missing, unreadable, of an unknown schema, or copies from outside of the
            population's folder.
        """
        path = RunFolder(folder).turn_json
        content = _read(path, "it is no member of a population whose turn it is")
        source = content.pop("copy_from", None)
        if source is not None and (not isinstance(source, str) or "\0" in source):
            raise RunFolderError(f"{path} cannot be used: it copies from no folder")
        copy_from = None if source is None else Path(os.path.normpath(folder / source))
        if copy_from is not None and not _is_below(copy_from, folder.parent):
            raise RunFolderError(
                f"{path} cannot be used: it copies from {plain_text(source)[:200]}, which is "
                "outside of its population's folder; launch the population again, which asks for "
                "the turn anew"
            )
        return _made(cls, {**content, "folder": folder, "copy_from": copy_from}, path)


@dataclass(frozen=True)
class TurnResult:
    """What came of a turn that is whole.

    Parameters
    ----------
    generation : int
    epoch : int
        Epochs that are trained now.
    score : float
        Smoothed validation cost of the reconstruction in nats per trial, lower is better:
        0.3 of the past and 0.7 of each new epoch, started anew by a copy. NaN if it diverged.
    valid : tuple of float
        Unsmoothed, for each epoch of the turn.
    diverged : bool
        A cost became NaN or infinite: the member has no weights for its next turn but those that
        it copies.
    seconds : float
        From the request to the result.
    overhead_seconds : float
        Those of them that were no training and validation.
    """

    generation: int
    epoch: int
    score: float
    valid: tuple[float, ...]
    diverged: bool
    seconds: float
    overhead_seconds: float

    def save(self, request: TurnRequest) -> None:
        """Write it beside the request that it answers."""
        content = {"schema": SCHEMA, "request": request.key, **asdict(self)}
        if not math.isfinite(self.score):
            content["score"] = None
        write_json(RunFolder(request.folder).turn_result_json, content)

    @classmethod
    def of(cls, request: TurnRequest) -> TurnResult | None:
        """Read the result of a request; None while there is none.

        Raises
        ------
        RunFolderError
            It is unreadable or of an unknown schema.
        """
        path = RunFolder(request.folder).turn_result_json
        if not path.exists():
            return None
        content = _read(path, "the turn has not ended")
        if content.pop("request", None) != request.key:
            return None
        if content.get("score") is None:
            content["score"] = math.nan
        return _made(cls, content, path)


def smoothed_score(past: float | None, new: float) -> float:
    """Smooth a validation cost as AutoLFADS does: 0.3 of the past, 0.7 of the new epoch."""
    return new if past is None else 0.3 * past + 0.7 * new


def _is_below(path: Path, folder: Path) -> bool:
    """Whether a path leads into a folder, by its name and past all links."""
    there = Path(os.path.normpath(folder))
    is_named = path.is_relative_to(there) and path != there
    return is_named and path.resolve().is_relative_to(there.resolve())


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
"""Kept, as a population of many members reads hundreds of results."""


def _made(cls: type[_Made], content: dict[str, Any], path: Path) -> _Made:
    """Make what a file holds, each field of its type."""
    try:
        if cls not in _ADAPTERS:
            _ADAPTERS[cls] = TypeAdapter(cls)
        made: _Made = _ADAPTERS[cls].validate_python(content)
        return made
    except (TypeError, ValueError, ParamsError) as error:
        raise RunFolderError(f"{path} cannot be used: {error}") from error


def _read(path: Path, hint: str) -> dict[str, Any]:
    content = read_json(path, SCHEMA, hint=hint)
    del content["schema"]
    return content
