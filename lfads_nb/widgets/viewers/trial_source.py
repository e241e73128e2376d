"""Reads what viewers show of one session, as little as they need, and keeps the last of it."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from threading import RLock
from typing import Any, cast

import numpy as np
import pandas as pd

from lfads_nb.datasets.behavior import summary_columns
from lfads_nb.errors import RunFolderError
from lfads_nb.results import PosteriorMeans, TrainedParams, TrialArray
from lfads_nb.sweep.folders import Split
from lfads_nb.widgets.viewers.conditions import Conditions, Scheme, group_trials
from lfads_nb.widgets.viewers.events import event_columns
from lfads_nb.widgets.viewers.selection import Selection

_KEEP_BYTES = 192 * 2**20
_BLOCK_BYTES = 32 * 2**20


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
        self._widths: dict[str, int] = {}
        self._averages: tuple[Any, np.ndarray] | None = None
        self._lock = RLock()

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per trial: split, condition, and whatever else is known of it."""
        frame = self.pm.trials_frame()
        return frame.assign(**summary_columns(self.pm.behavior))

    @cached_property
    def events(self) -> dict[str, np.ndarray]:
        """Columns that can be times of events, (trials,) in ms."""
        return event_columns(self.frame, self.time_ms)

    @property
    def n_trials(self) -> int:
        return self.pm.n_trials

    @cached_property
    def time_ms(self) -> np.ndarray:
        """(bins,) left edge of each bin."""
        return self.pm.time_ms

    @cached_property
    def weights(self) -> TrainedParams | None:
        """The run's weights, or None where they were not written."""
        try:
            return TrainedParams.open(self.pm.run_folder, [self.name])
        except RunFolderError:
            return None

    def input_prior_sd(self) -> np.ndarray | None:
        """(inputs,) standard deviation of the prior on inferred inputs, if the weights say."""
        variance = None if self.weights is None else self.weights.input_prior_variance
        return None if variance is None else np.sqrt(variance)

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
        scheme = cast(Scheme, selection.scheme)  # the trait takes no other
        return group_trials(values, column=column, n_trials=self.n_trials, scheme=scheme)

    def chosen(self, selection: Selection) -> np.ndarray:
        """Return the 0-based trials that the selection shows and the run has outputs for."""
        present = np.flatnonzero(self.pm.field("factors").present)
        if selection.trials == "picked":
            return np.intersect1d(np.array(selection.picked, dtype=np.int64), present)
        if selection.trials == "all":
            return present
        return np.intersect1d(self.pm.trials_of(cast(Split, selection.trials)), present)

    def width(self, field: str) -> int:
        """Return how many units a field has; 0 if the run did not store it."""
        return self.pm.field(field).shape[-1] if self.pm.has(field) else 0

    def column(self, field: str, unit: int) -> np.ndarray:
        """Return one unit of all trials: (trials, bins) float32, or (trials,).

        Its neighbours in the file are read with it: they are unpacked together anyway, and are
        what is asked for next.
        """
        with self._lock:
            array = self.pm.field(field)
            if field not in self._widths:
                self._widths[field] = _stored_together(array)
            width = self._widths[field]
            first = unit - unit % width
            key = (field, first)
            if key not in self._columns:
                units = np.arange(first, min(first + width, array.shape[-1]))
                index = (slice(None),) * (array.ndim - 1) + (units,)
                self._columns[key] = np.moveaxis(array[index], -1, 0).astype("<f4", order="C")
            self._columns.move_to_end(key)
            columns = self._columns[key]
            self._forget()
            return columns[unit - first]

    def averages(self, field: str, trials: np.ndarray, conditions: Conditions) -> np.ndarray:
        """Return the averages of all conditions over these trials: (conditions, bins, units).

        Read block by block, so that it needs little memory; NaN for a condition without trials.
        """
        with self._lock:
            key = (field, trials.tobytes(), conditions.column, conditions.labels)
            if self._averages is None or self._averages[0] != key:
                self._averages = (key, self._average(field, trials, conditions))
            return self._averages[1]

    def _average(self, field: str, trials: np.ndarray, conditions: Conditions) -> np.ndarray:
        array = self.pm.field(field)
        shape = (len(conditions.labels), *array.shape[1:])
        total, n_known = np.zeros(shape), np.zeros(shape, dtype=np.int32)
        trials = trials[conditions.group[trials] >= 0]
        size = max(1, _BLOCK_BYTES // (8 * int(np.prod(array.shape[1:]))))
        for start in range(0, len(trials), size):
            block = trials[start : start + size]
            values = array[block]
            known = np.isfinite(values)
            np.add.at(total, conditions.group[block], np.where(known, values, 0))
            np.add.at(n_known, conditions.group[block], known)
        return np.divide(total, n_known, out=np.full(shape, np.nan), where=n_known > 0)

    def _forget(self) -> None:
        while sum(a.nbytes for a in self._columns.values()) > self._keep_bytes:
            if len(self._columns) == 1:
                return
            self._columns.popitem(last=False)


def _stored_together(array: TrialArray) -> int:
    """Return how many units lie in one compressed block of the file, but few enough to keep."""
    part = array.parts[0]
    with part.open() as file:
        chunks = file[part.key].chunks
    widest = max(1, _BLOCK_BYTES // (4 * int(np.prod(array.shape[:-1]))))
    return min(1 if chunks is None else int(chunks[-1]), widest)
