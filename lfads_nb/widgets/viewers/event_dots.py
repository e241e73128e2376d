"""Where the marks of events lie: on the lines of single trials, on averages, in a raster."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lfads_nb.results.condition_averages import ConditionAverages
from lfads_nb.widgets.viewers.events import Event
from lfads_nb.widgets.viewers.raster_layer import RasterLayer
from lfads_nb.widgets.viewers.viewed import Viewed

MOST_MARKED = 600
"""Trials with a mark each; of more, the averages alone have them."""

_SMALL, _LARGE = 3, 6  # pixels

Lift = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Dots(NamedTuple):
    """Places (dots,) and looks (dots, 3): group, shape, radius."""

    x: np.ndarray
    y: np.ndarray
    look: np.ndarray


def dots_on_trials(viewed: Viewed, values: np.ndarray, shown: np.ndarray, lift: Lift) -> list[Dots]:
    """Mark events on the lines of single trials, if these are few enough.

    Parameters
    ----------
    viewed : what is selected.
    values : (all trials, all bins) what is drawn.
    shown : 0-based trials that have a line.
    lift : puts values (lines, bins) of groups (lines,) where they are drawn.
    """
    group, found = viewed.conditions.group, []
    for event in viewed.events() if len(shown) <= MOST_MARKED else ():
        bins = _bins_in_view(event, viewed)
        there = shown[bins[shown] >= 0]
        y = lift(values[there, bins[there]][:, None], group[there])[:, 0]
        found.append(Dots(event.time_ms[there], y, _looks(group[there], event, _SMALL)))
    return found


def dots_on_averages(
    viewed: Viewed, averages: ConditionAverages, trials: np.ndarray, lift: Lift
) -> list[Dots]:
    """Mark the median times of events on the averages over these trials, of the bins in view."""
    found = []
    for event in viewed.events():
        medians = median_times(viewed, event, trials)[averages.ids]
        bins = event._replace(time_ms=medians).bins(
            viewed.source.time_ms[viewed.bins()], viewed.source.pm.bin_ms
        )
        there = np.flatnonzero(bins >= 0)
        ids = averages.ids[there]
        y = lift(averages.mean[there, bins[there]][:, None], ids)[:, 0]
        found.append(Dots(medians[there], y, _looks(ids, event, _LARGE)))
    return found


def dots_in_rows(viewed: Viewed, rows: np.ndarray) -> list[Dots]:
    """Mark events in a raster with a row for each of these trials, the first on top."""
    found = []
    heights = len(rows) - np.arange(len(rows)) - 0.5
    for event in viewed.events():
        there = np.flatnonzero(_bins_in_view(event, viewed)[rows] >= 0)
        beyond = np.full(len(there), len(viewed.conditions.colours))
        look = _looks(beyond, event, 2)
        found.append(Dots(event.time_ms[rows[there]], heights[there], look))
    return found


def median_times(viewed: Viewed, event: Event, trials: np.ndarray) -> np.ndarray:
    """Return the median time of an event over these trials of each condition: (groups,) in ms."""
    conditions = viewed.conditions
    chosen = np.full(len(conditions.group), -1)
    chosen[trials] = conditions.group[trials]
    return event.median_of(chosen, len(conditions.labels))


def send(layer: RasterLayer, dots: list[Dots]) -> None:
    """Draw these dots instead of those before."""
    none = Dots(np.zeros(0), np.zeros(0), np.zeros((0, 3)))
    x, y, look = (np.concatenate(parts) for parts in zip(none, *dots, strict=True))
    layer.show_dots(x, y, *look.T)


def _bins_in_view(event: Event, viewed: Viewed) -> np.ndarray:
    """(trials,) bin of the whole trial; -1 where the event is not in view."""
    view, source = viewed.bins(), viewed.source
    bins = event.bins(source.time_ms[view], source.pm.bin_ms)
    return np.where(bins >= 0, bins + view.start, -1)


def _looks(group: np.ndarray, event: Event, radius: int) -> np.ndarray:
    return np.column_stack([group, np.full((len(group), 2), (event.shape, radius))])
