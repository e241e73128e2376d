"""Reads what viewers show of one session, as little as they need, and keeps the last of it."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from threading import RLock

import numpy as np
import pandas as pd

from lfads_nb.results import PosteriorMeans
from lfads_nb.widgets.viewers.conditions import Conditions, group_trials
from lfads_nb.widgets.viewers.selection import Selection

_KEEP_BYTES = 128 * 2**20


class TrialSource:
    """One session's arrays, unit by unit.

    Parameters
    ----------
    posterior_means : of a single session.
    keep_bytes : columns beyond this are forgotten, the longest unused first.
    """

    def __init__(self, posterior_means: PosteriorMeans, *, keep_bytes: int = _KEEP_BYTES) -> None:
        self.pm = posterior_means
        self.name = posterior_means.datasets[0]
        self._keep_bytes = keep_bytes
        self._columns: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()
        self._lock = RLock()

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per trial: split, condition, and whatever else is known of it."""
        return self.pm.trials_frame()

    @property
    def n_trials(self) -> int:
        return self.pm.n_trials

    @cached_property
    def time_ms(self) -> np.ndarray:
        """(bins,) left edge of each bin."""
        return self.pm.time_ms

    @property
    def colour_columns(self) -> list[str]:
        """Columns that trials can be coloured by, conditions first."""
        hidden = {"dataset", "train_steps"}
        names = [name for name in self.frame.columns if name not in hidden]
        return sorted(names, key=lambda name: name != "condition")

    def conditions(self, selection: Selection) -> Conditions:
        """Group the trials as the selection says."""
        column = selection.colour_by if selection.colour_by in self.frame else None
        values = None if column is None else self.frame[column].to_numpy()
        return group_trials(values, column=column, n_trials=self.n_trials, scheme=selection.scheme)

    def chosen(self, selection: Selection) -> np.ndarray:
        """Return the 0-based trials that the selection shows and the run has outputs for."""
        present = np.flatnonzero(self.pm.field("factors").present)
        if selection.trials == "picked":
            return np.intersect1d(np.array(selection.picked, dtype=np.int64), present)
        if selection.trials == "all":
            return present
        return np.intersect1d(self.pm.trials_of(selection.trials), present)

    def width(self, field: str) -> int:
        """Return how many units a field has; 0 if the run did not store it."""
        return self.pm.field(field).shape[-1] if self.pm.has(field) else 0

    def column(self, field: str, unit: int) -> np.ndarray:
        """Return one unit of all trials: (trials, bins) float32, or (trials,)."""
        with self._lock:
            key = (field, unit)
            if key not in self._columns:
                array = self.pm.field(field)
                index = (slice(None),) * (array.ndim - 1) + (unit,)
                self._columns[key] = array[index].astype(np.float32)
            self._columns.move_to_end(key)
            self._forget()
            return self._columns[key]

    def _forget(self) -> None:
        while sum(a.nbytes for a in self._columns.values()) > self._keep_bytes:
            if len(self._columns) == 1:
                return
            self._columns.popitem(last=False)
