"""The costs of runs over their epochs, read from the fit logs that changed since the last look."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lfads_nb.errors import RunFolderError

if TYPE_CHECKING:
    from lfads_nb.results import FitLog

SPARK_POINTS = 32


@dataclass(frozen=True)
class Course:
    """A run's fit log, and its validation cost as few numbers."""

    log: FitLog
    spark: list[float | None]


class LossHistory:
    """Reads fit logs again only when they have grown."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], Course | None]] = {}
        self.n_files_read = 0

    def course(self, path: Path, *, may_read: bool = True) -> Course | None:
        """Return what a fit log holds, None while there is none.

        Parameters
        ----------
        path : the log.
        may_read : otherwise the answer is what was read last, however old.
        """
        try:
            state = os.stat(path)
        except OSError:
            return None
        mark = (state.st_mtime_ns, state.st_size)
        known_mark, course = self._known.get(path, (None, None))
        if may_read and mark != known_mark:
            course = self._read(path)
            self._known[path] = (mark, course)
        return course

    def _read(self, path: Path) -> Course | None:
        from lfads_nb.results import FitLog  # with the first log: it takes a while to load

        self.n_files_read += 1
        try:
            log = FitLog.read(path)
        except RunFolderError:
            return None
        return Course(log, spark(log.total_valid))


def thin(values: np.ndarray, n: int) -> np.ndarray:
    """Keep at most n values, evenly chosen, the last one always."""
    if len(values) <= n:
        return values
    return values[np.linspace(0, len(values) - 1, n).round().astype(int)]


def spark(values: np.ndarray) -> list[float | None]:
    """Return few numbers for a small curve, leaving out the first steep fall."""
    settled = values[len(values) // 20 :]
    return [float(f"{v:.4g}") if np.isfinite(v) else None for v in thin(settled, SPARK_POINTS)]
