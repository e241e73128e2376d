"""Spike times in: counts per bin around an event of each trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from lfads_nb.datasets.spike_time_checks import doubts, refuse_empty
from lfads_nb.datasets.times import as_seconds
from lfads_nb.errors import DataError


class BinnedSpikes(NamedTuple):
    """Counts of the trials that have an event.

    Parameters
    ----------
    counts : (trials, bins, units).
    kept : (trials,) index of each among the events that were given.
    n_events : how many were given.
    notes : what was left out, in words.
    doubts : what suggests that times are in another unit or on another clock, in words.
    """

    counts: np.ndarray
    kept: np.ndarray
    n_events: int
    notes: list[str]
    doubts: list[str]


def bin_spike_times(
    spike_times_s: Any,
    events_s: Any,
    window_ms: tuple[float, float],
    bin_ms: float,
    *,
    allow_empty: bool = False,
    dataset: str | None = None,
) -> BinnedSpikes:
    """Count each unit's spikes in bins around each event.

    Parameters
    ----------
    spike_times_s : for each unit its spike times in s, in any order: a list, a dict of units, a
        cell array as scipy reads it, an array of units x spikes filled up with NaN, or a DataFrame
        with a column for each unit, filled up likewise. Times that
        carry a unit (Neo, quantities, pynapple, pint, astropy, timedelta) are converted.
    events_s : (trials,) time of each trial's event in s; trials in which it is NaN are left out.
        Windows may overlap.
    window_ms : start and end in ms around the event; the end is not included.
    bin_ms : bin width in ms; the window must be a whole number of bins.
    allow_empty : accept that no spike lies in any window.
    dataset : name for messages.

    Raises
    ------
    DataError
        There is no unit or event, a time is not a finite number, the bins do not fit the window,
        or no spike lies in any window.
    """
    n_bins = count_bins(window_ms, bin_ms, dataset)
    units = as_units(spike_times_s, dataset)
    events = as_seconds(events_s, field="events_s", dataset=dataset, allow_nan=True)
    kept = np.flatnonzero(~np.isnan(events))
    if not len(kept):
        raise DataError(
            f"holds no time: {len(events)} events, all NaN.", dataset=dataset, field="events_s"
        )
    starts = events[kept] + window_ms[0] / 1000
    counts = np.stack([_bin_unit(times, starts, n_bins, bin_ms) for times in units], axis=2)
    spans = np.column_stack([starts, starts + n_bins * bin_ms / 1000])
    if not allow_empty:
        refuse_empty(counts, units, spans, dataset)
    notes = []
    if n_lost := len(events) - len(kept):
        notes.append(f"{n_lost} of {len(events)} trials have no event (NaN) and are left out")
    return BinnedSpikes(counts, kept, len(events), notes, doubts(counts, units, spans))


def bin_trial_spike_times(
    trials: Sequence[Any],
    window_ms: tuple[float, float],
    bin_ms: float,
    *,
    dataset: str | None = None,
) -> np.ndarray:
    """Count spikes whose times are relative to their own trial: (trials, bins, units).

    Parameters
    ----------
    trials : for each trial, for each unit the spike times in s from the trial's time zero.
    window_ms, bin_ms, dataset : as for `bin_spike_times`.

    Raises
    ------
    DataError
        When trials differ in their units, or as for `bin_spike_times`.
    """
    n_bins = count_bins(window_ms, bin_ms, dataset)
    if not len(trials):
        raise DataError("has no trial.", dataset=dataset, field="spike_times_s")
    first, length = window_ms[0] / 1000, n_bins * bin_ms / 1000
    starts = 2 * length * np.arange(len(trials))  # the trials side by side on one clock
    per_unit: list[list[np.ndarray]] = []
    for trial, (start, given) in enumerate(zip(starts, trials, strict=True)):
        units = as_units(given, dataset, place=f"spike_times_s[{trial}]")
        if trial and len(units) != len(per_unit):
            raise DataError(
                f"has {len(units)} units, but the first trial has {len(per_unit)}. Give every unit "
                "of every trial, an empty list where it is silent.",
                dataset=dataset,
                field="spike_times_s",
                trial=trial,
            )
        per_unit = per_unit or [[] for _ in units]
        for times, gathered in zip(units, per_unit, strict=True):
            since = times - first
            gathered.append(start + since[(since > -1e-6) & (since < length)])
    return np.stack(
        [_bin_unit(np.concatenate(times), starts, n_bins, bin_ms) for times in per_unit], axis=2
    )


def as_units(values: Any, dataset: str | None, place: str = "spike_times_s") -> list[np.ndarray]:
    """Read the spike times (s) of each unit, whatever they are held in."""
    is_frame = hasattr(values, "columns") and hasattr(values, "iloc")
    named = isinstance(values, Mapping) or is_frame
    padded = is_frame or (isinstance(values, np.ndarray) and values.dtype != object)
    units = [values[key] for key in values] if named else _listed(values, dataset, place)
    if not units:
        raise DataError("has no unit.", dataset=dataset, field=place)
    if not named and len(units) > 1 and all(map(_is_number, units)):
        raise DataError(
            f"is one list of {len(units)} numbers, where each unit needs a list of its own. For "
            "one unit, pass [times].",
            dataset=dataset,
            field=place,
        )
    return [
        as_seconds(times, field=f"{place}[{i}]", dataset=dataset, padded=padded)
        for i, times in enumerate(units)
    ]


def _listed(values: Any, dataset: str | None, place: str) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype == object:
        return list(values.reshape(-1))  # a cell array
    if isinstance(values, np.ndarray) and values.ndim > 2:
        raise DataError(
            f"has shape {values.shape}. Give for each unit the list of its spike times in s.",
            dataset=dataset,
            field=place,
        )
    try:
        return list(values)
    except TypeError:
        raise DataError(
            f"is a {type(values).__name__}. Give for each unit the list of its spike times in s.",
            dataset=dataset,
            field=place,
        ) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) or (isinstance(value, np.ndarray) and value.ndim == 0)


def count_bins(window_ms: Any, bin_ms: float, dataset: str | None) -> int:
    """Number of bins in a window, which must be two numbers and a whole number of bins."""

    def fail(message: str) -> DataError:
        return DataError(message, dataset=dataset, field="window_ms")

    try:
        start, end = (float(edge) for edge in window_ms)
        bin_ms = float(bin_ms)
    except (TypeError, ValueError):
        raise fail(
            f"is {window_ms!r}. Give start and end of a trial in ms around its event, such as "
            "(-250, 750); for what follows the event, (0, 500)."
        ) from None
    n_bins = round((end - start) / bin_ms) if bin_ms > 0 and np.isfinite(end - start) else 0
    if n_bins < 1 or abs((end - start) / bin_ms - n_bins) > 1e-4 * n_bins:
        raise fail(f"from {start:g} to {end:g} ms is not a whole number of bins of {bin_ms:g} ms.")
    return n_bins


def _bin_unit(
    spike_times: np.ndarray, starts: np.ndarray, n_bins: int, bin_ms: float
) -> np.ndarray:
    """Count one unit's spikes: (trials, bins)."""
    times = np.sort(spike_times)
    first = np.searchsorted(times, starts)
    last = np.searchsorted(times, starts + n_bins * bin_ms / 1000)
    n_spikes = last - first
    trial = np.repeat(np.arange(len(starts)), n_spikes)
    within = np.arange(n_spikes.sum()) - np.repeat(np.cumsum(n_spikes) - n_spikes, n_spikes)
    since_start = (times[first[trial] + within] - starts[trial]) * 1000
    # A spike on an edge belongs to the bin that it opens, whatever rounding says.
    bins = np.clip(np.floor(since_start / bin_ms + 1e-6).astype(int), 0, n_bins - 1)
    return np.bincount(trial * n_bins + bins, minlength=len(starts) * n_bins).reshape(-1, n_bins)
