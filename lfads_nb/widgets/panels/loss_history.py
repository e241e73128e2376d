"""The costs of runs over their epochs, read from the fit logs that changed since the last look."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from lfads_nb.errors import RunFolderError
from lfads_nb.sweep import Run

if TYPE_CHECKING:
    from lfads_nb.results import FitLog

SPARK_POINTS = 32


class LossHistory:
    """Reads fit logs again only when they have grown."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], FitLog]] = {}

    def log(self, run: Run) -> FitLog | None:
        """Return a run's fit log, None while there is none."""
        path = run.folder.fit_log
        try:
            state = os.stat(path)
        except OSError:
            return None
        from lfads_nb.results import FitLog  # with the first log: it takes a while to load

        mark, key = (state.st_mtime_ns, state.st_size), str(path)
        known = self._known.get(key)
        if known is not None and known[0] == mark:
            return known[1]
        try:
            log = FitLog.read(path)
        except RunFolderError:
            return None
        self._known[key] = (mark, log)
        return log

    def is_fresh(self, run: Run) -> bool:
        """Whether the log was read before and need not be read again."""
        try:
            state = os.stat(run.folder.fit_log)
        except OSError:
            return True
        known = self._known.get(str(run.folder.fit_log))
        return known is not None and known[0] == (state.st_mtime_ns, state.st_size)


def thin(values: np.ndarray, n: int) -> np.ndarray:
    """Keep at most n values, evenly chosen, the last one always."""
    if len(values) <= n:
        return values
    return values[np.linspace(0, len(values) - 1, n).round().astype(int)]


def spark(values: np.ndarray) -> list[float | None]:
    """Return few numbers for a small curve, leaving out the first steep fall."""
    settled = values[len(values) // 20 :]
    return [float(f"{v:.4g}") if np.isfinite(v) else None for v in thin(settled, SPARK_POINTS)]
