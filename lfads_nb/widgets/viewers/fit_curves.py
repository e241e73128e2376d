"""The curves of many fit logs, side by side in arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lfads_nb.results import FitLog
from lfads_nb.vocabulary import CURVES

COSTS = {CURVES[name].label: name for name in ("recon", "total", "kl")}


@dataclass(frozen=True)
class FitCurves:
    """One figure of several runs: `x` and `y` are (curves, epochs), NaN beyond a run's end.

    `run` (curves,) is the position of each curve's run, `is_valid` (curves,) tells curves of
    validation trials from those of training trials. `best` (runs, 2) is where each run's lowest
    validation cost lies, NaN where the ramps have not ended.
    """

    x: np.ndarray
    y: np.ndarray
    run: np.ndarray
    is_valid: np.ndarray
    best: np.ndarray

    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return x and y limits that leave the first epochs' huge costs out."""
        last = np.nanmax(self.x) if np.isfinite(self.x).any() else 1.0
        late = self.y[(self.x >= 0.06 * last) & np.isfinite(self.y)]
        late = late if len(late) else self.y[np.isfinite(self.y)]
        if not len(late):
            return (0.0, last), (0.0, 1.0)
        low, high = float(late.min()), float(np.quantile(late, 0.97))
        room = 0.08 * (high - low) or 0.5
        return (0.0, float(last)), (low - room, high + room)


def figures_of(logs: Mapping[str, FitLog]) -> dict[str, str]:
    """Return what can be drawn: words for people -> name of the figure in the logs."""
    extra = {
        name.removesuffix("_valid").removesuffix("_train"): None
        for log in logs.values()
        for name in log.extra
    }
    return {
        **COSTS,
        **{CURVES[name].label if name in CURVES else name: name for name in ["l2", *extra]},
        CURVES["kl_weight"].label: "kl_weight",
    }


def curves_of(logs: Mapping[str, FitLog], figure: str, *, by_step: bool = False) -> FitCurves:
    """Return the curves of one figure, those that were trained over again left out.

    Parameters
    ----------
    logs : by run.
    figure : "recon", "total", ... (training and validation trials), or a single column.
    by_step : x in optimiser steps instead of epochs.
    """
    xs, ys, runs, is_valid, best = [], [], [], [], []
    for position, log in enumerate(logs.values()):
        kept = ~log.is_superseded
        x = (log.step if by_step else log.trained_epoch)[kept]
        names = [n for n in (f"{figure}_train", f"{figure}_valid", figure) if n in log.columns]
        for name in names:
            xs.append(x)
            ys.append(log[name][kept])
            runs.append(position)
            is_valid.append(not name.endswith("_train"))
        best.append(_best(log, names, by_step=by_step))
    return FitCurves(
        _padded(xs), _padded(ys), np.array(runs, dtype=np.int64), np.array(is_valid, dtype=bool),
        np.array(best, dtype=float).reshape(-1, 2),
    )  # fmt: skip


def ramp_end(log: FitLog, *, by_step: bool = False) -> float:
    """Return where both penalties got their full weight, or the last epoch if they have not."""
    x = log.step if by_step else log.trained_epoch
    rising = x[~log.ramps_ended]
    return float(rising.max()) if len(rising) else 0.0


def _best(log: FitLog, names: list[str], *, by_step: bool) -> tuple[float, float]:
    if log.lve_index is None or not names:
        return (np.nan, np.nan)
    x = log.step if by_step else log.trained_epoch
    return (float(x[log.lve_index]), float(log[names[-1]][log.lve_index]))


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    longest = max((len(row) for row in rows), default=0)
    padded = np.full((len(rows), longest), np.nan)
    for into, row in zip(padded, rows, strict=True):
        into[: len(row)] = np.where(np.isfinite(row), row, np.nan)
    return padded
