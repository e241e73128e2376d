"""The costs of every epoch, from `fitlog.csv`.

The file has no header: each line holds labels and values in turn (files_on_disk.md 5.6). It is
read by label, so that further figures may be logged, and while training still appends to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lfads_nb.errors import RunFolderError
from lfads_nb.regular_files import read_bytes
from lfads_nb.sweep.progress import LOWER_IS_BETTER

if TYPE_CHECKING:
    import pandas as pd

_MAX_BYTES = 2**30
_WITH_TRAIN_AND_VALID = ("total", "recon", "kl")
_NAMES = {"klweight": "kl_weight", "l2weight": "l2_weight"}
_CORE = (
    "epoch", "step", "total_train", "total_valid", "recon_train", "recon_valid", "kl_train",
    "kl_valid", "l2", "kl_weight", "l2_weight",
)  # fmt: skip


@dataclass(frozen=True)
class FitLog:
    """What training logged after each epoch.

    `columns` holds one (epochs,) float array per logged figure, NaN where a line lacks it. Costs
    are nats per trial, summed over bins and channels. `path` is the file.
    """

    path: Path
    columns: Mapping[str, np.ndarray] = field(repr=False)
    select_by: str = "total_valid"

    @classmethod
    def read(cls, path: str | Path, *, select_by: str = "total_valid") -> FitLog:
        """Read a log; a last line that is still being written is left out.

        Parameters
        ----------
        path : the file.
        select_by : the run's setting of that name, by which its best epoch was chosen.

        Raises
        ------
        RunFolderError
            The file is missing, or has no complete line yet.
        """
        path = Path(path)
        try:
            text = read_bytes(path, at_most=_MAX_BYTES).decode("utf-8", errors="replace")
        except FileNotFoundError:
            raise RunFolderError(
                f"{path} is missing: training has not finished its first epoch. "
                f"`lfads-nb status {path.parent.parent}` says how far it is."
            ) from None
        except OSError as error:
            raise RunFolderError(f"{path} cannot be read: {error}") from error
        # Without its line end, a number may be cut short and still look like one.
        complete = text[: text.rfind("\n") + 1]
        rows = [row for row in map(_parse_line, complete.splitlines()) if _is_counted(row)]
        if not rows:
            raise RunFolderError(
                f"{path} has no complete line yet: wait for the end of the first epoch"
            )
        names = dict.fromkeys([*_CORE, *(name for row in rows for name in row)])
        columns = {n: np.array([row.get(n, np.nan) for row in rows], dtype=float) for n in names}
        return cls(path, columns, select_by)

    # -------------------------------------------------------------------------------- columns

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a logged figure of every epoch: (epochs,)."""
        try:
            return self.columns[name]
        except KeyError:
            raise RunFolderError(
                f"{self.path} does not log {name!r}, only {', '.join(self.columns)}"
            ) from None

    @property
    def extra(self) -> dict[str, np.ndarray]:
        """Figures beyond the original's, such as bits per spike: name -> (epochs,)."""
        return {name: values for name, values in self.columns.items() if name not in _CORE}

    @property
    def epoch(self) -> np.ndarray:
        """(epochs,) number as logged; it starts again at 0 after training was resumed."""
        return self.columns["epoch"]

    @property
    def step(self) -> np.ndarray:
        """(epochs,) optimiser steps so far."""
        return self.columns["step"]

    @property
    def total_train(self) -> np.ndarray:
        """(epochs,) whole cost of the training trials, in nats per trial."""
        return self.columns["total_train"]

    @property
    def total_valid(self) -> np.ndarray:
        """(epochs,) whole cost of the validation trials, in nats per trial."""
        return self.columns["total_valid"]

    @property
    def recon_train(self) -> np.ndarray:
        """(epochs,) negative log likelihood of the training trials, in nats per trial."""
        return self.columns["recon_train"]

    @property
    def recon_valid(self) -> np.ndarray:
        """(epochs,) negative log likelihood of the validation trials, in nats per trial."""
        return self.columns["recon_valid"]

    @property
    def kl_train(self) -> np.ndarray:
        """(epochs,) KL divergence of the training trials, in nats per trial."""
        return self.columns["kl_train"]

    @property
    def kl_valid(self) -> np.ndarray:
        """(epochs,) KL divergence of the validation trials, in nats per trial."""
        return self.columns["kl_valid"]

    @property
    def l2(self) -> np.ndarray:
        """(epochs,) L2 penalty."""
        return self.columns["l2"]

    @property
    def kl_weight(self) -> np.ndarray:
        """(epochs,) weight of the KL divergence, rising from 0 to 1."""
        return self.columns["kl_weight"]

    @property
    def l2_weight(self) -> np.ndarray:
        """(epochs,) weight of the L2 penalty, rising from 0 to 1."""
        return self.columns["l2_weight"]

    # ----------------------------------------------------------------------------------- runs

    def __len__(self) -> int:
        return len(self.step)

    @property
    def n_epochs(self) -> int:
        """Epochs that were logged, over all times that training was resumed."""
        return len(self)

    @cached_property
    def segment(self) -> np.ndarray:
        """(epochs,) how often training had been resumed before each."""
        return np.concatenate([[0], np.cumsum(np.diff(self.epoch) <= 0)]).astype(int)

    @property
    def n_resumes(self) -> int:
        """How often training was resumed."""
        return int(self.segment[-1])

    @cached_property
    def is_superseded(self) -> np.ndarray:
        """(epochs,) bool: training went back to an older checkpoint and did these steps again."""
        latest_start = np.minimum.accumulate(self.step[::-1])[::-1]
        later = np.append(latest_start[1:], np.inf)
        return later <= self.step

    @cached_property
    def trained_epoch(self) -> np.ndarray:
        """(epochs,) the epoch that the steps amount to, the first being 0.

        It is the logged number, counted on after a resume: that may repeat steps that were done.
        """
        steps = np.diff(self.step)
        within = (np.diff(self.segment) == 0) & (steps > 0)
        size = np.median(steps[within]) if within.any() else max(self.step[0], 1)
        return self.step / size - 1

    @cached_property
    def ramps_ended(self) -> np.ndarray:
        """(epochs,) bool: both penalties had their full weight."""
        return (self.kl_weight >= 1) & (self.l2_weight >= 1)

    # ------------------------------------------------------------------------- the best epoch

    @cached_property
    def lve_index(self) -> int | None:
        """Index of the lowest validation cost with both penalties at full weight.

        Or of the best of another figure, where the run was set to choose by it (`select_by`).
        None while the ramps last, or without validation trials.
        """
        if self.select_by not in self.columns:
            return None
        values = self.columns[self.select_by]
        if self.select_by not in LOWER_IS_BETTER:
            values = -values
        candidates = np.flatnonzero(self.ramps_ended & np.isfinite(values))
        return int(candidates[np.argmin(values[candidates])]) if len(candidates) else None

    def lve(self, name: str) -> float:
        """Return a figure at the best epoch; NaN where there is none."""
        return float("nan") if self.lve_index is None else float(self[name][self.lve_index])

    @property
    def step_lve(self) -> float:
        return self.lve("step")

    @property
    def total_train_lve(self) -> float:
        return self.lve("total_train")

    @property
    def total_valid_lve(self) -> float:
        return self.lve("total_valid")

    @property
    def recon_train_lve(self) -> float:
        return self.lve("recon_train")

    @property
    def recon_valid_lve(self) -> float:
        return self.lve("recon_valid")

    @property
    def kl_train_lve(self) -> float:
        return self.lve("kl_train")

    @property
    def kl_valid_lve(self) -> float:
        return self.lve("kl_valid")

    # ---------------------------------------------------------------------------- other forms

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row per epoch, counted on through all resumes."""
        import pandas as pd

        frame = pd.DataFrame(dict(self.columns))
        frame["segment"], frame["superseded"] = self.segment, self.is_superseded
        frame.index.name = "logged_epoch"
        return frame

    def __repr__(self) -> str:
        best = (
            "the ramps have not ended"
            if self.lve_index is None
            else f"best validation cost {self.total_valid_lve:.2f} at step {self.step_lve:.0f}"
        )
        resumed = f", {self.n_resumes} x resumed" if self.n_resumes else ""
        return f"<FitLog {self.n_epochs} epochs{resumed}, {best}: {self.path}>"


def _parse_line(line: str) -> dict[str, float]:
    """Return the figures of one line; nothing of a line that is not one of ours."""
    row: dict[str, float] = {}
    label, values = "", []
    for token in [*(part.strip() for part in line.split(",")), "end"]:
        number = _number(token)
        if number is not None and label:
            values.append(number)
            continue
        if label and values:
            row.update(_named(label, values))
        if not re.fullmatch(r"[A-Za-z_][\w./-]*", token):
            return row
        label, values = token, []
    return row


def _is_counted(row: Mapping[str, float]) -> bool:
    """Whether a line says after how many steps it was written; a damaged one may say anything."""
    return all(0 <= row.get(name, 0) < 2**53 for name in ("epoch", "step")) and "step" in row


def _number(token: str) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


def _named(label: str, values: list[float]) -> dict[str, float]:
    name = _NAMES.get(label, label)
    if len(values) == 2:
        return {f"{name}_train": values[0], f"{name}_valid": values[1]}
    # Without a validation set the original logs a single cost of each.
    return {f"{name}_train" if name in _WITH_TRAIN_AND_VALID else name: values[0]}
