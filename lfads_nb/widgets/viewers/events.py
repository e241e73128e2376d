"""Events of single trials other than time zero: go cue, movement onset, whatever has a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MOST_EVENTS = 3
"""That are marked at once: so many shapes are told apart."""


class Event(NamedTuple):
    """A named event and its time in ms on the trials' clock, (trials,); NaN where it did not come.

    `shape` counts the events that are marked, and says how this one looks.
    """

    name: str
    time_ms: np.ndarray
    shape: int

    def bins(self, time_ms: np.ndarray, bin_ms: float) -> np.ndarray:
        """Return the bin of each trial's event: (trials,), -1 where it lies in none."""
        edges = np.append(time_ms, time_ms[-1] + bin_ms)
        found = np.searchsorted(edges, self.time_ms, side="right") - 1
        inside = np.isfinite(self.time_ms) & (found >= 0) & (found < len(time_ms))
        return np.where(inside, found, -1)

    def median_of(self, group: np.ndarray, n_groups: int) -> np.ndarray:
        """Return the median time in each group, (groups,), NaN without any.

        Parameters
        ----------
        group : (trials,) position of each trial's group; trials with -1 have none.
        n_groups : how many there are.
        """
        known = np.isfinite(self.time_ms) & (group >= 0)
        medians = np.full(n_groups, np.nan)
        for place in np.unique(group[known]):
            medians[place] = np.median(self.time_ms[known & (group == place)])
        return medians


def event_columns(frame: pd.DataFrame, time_ms: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns that can be times within a trial: (trials,) each, in ms.

    These are the numbers whose name ends with "ms" and that fall into the trial in one trial at
    least. Whether they count from time zero only who made them knows: so none is marked unasked.

    Parameters
    ----------
    frame : one row per trial.
    time_ms : (bins,) left edges of the bins.
    """
    found = {}
    for name, column in frame.items():
        if not _is_in_ms(str(name)) or column.dtype.kind not in "iuf":
            continue
        values = column.to_numpy(dtype=float)
        known = values[np.isfinite(values)]
        if ((known >= time_ms[0]) & (known <= time_ms[-1])).any():
            found[str(name)] = values
    return found


def marked(columns: Mapping[str, np.ndarray], wanted: tuple[Any, ...]) -> list[Event]:
    """Return the events that are wanted and that there are, in the order of the columns."""
    names = [name for name in columns if name in wanted][:MOST_EVENTS]
    return [Event(name, columns[name], shape) for shape, name in enumerate(names)]


def _is_in_ms(name: str) -> bool:
    name = name.lower().rstrip(")] ")
    return name.endswith("ms") and not name[:-2][-1:].isalpha()
