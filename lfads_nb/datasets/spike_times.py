"""Spike times in: counts per bin around an event of each trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lfads_nb.errors import DataError


def bin_spike_times(
    spike_times_s: Sequence[Any],
    events_s: Any,
    window_ms: tuple[float, float],
    bin_ms: float,
    *,
    dataset: str | None = None,
) -> np.ndarray:
    """Count each unit's spikes in bins around each event.

    Parameters
    ----------
    spike_times_s : for each unit its spike times in s, in any order.
    events_s : (trials,) time of each trial's event in s; windows may overlap.
    window_ms : start and end in ms around the event; the end is not included.
    bin_ms : bin width in ms; the window must be a whole number of bins.
    dataset : name for messages.

    Returns
    -------
    counts : (trials, bins, units).

    Raises
    ------
    DataError
        There is no unit, a time is not a finite number, or the bins do not fit the window.
    """
    n_bins = _n_bins(window_ms, bin_ms, dataset)
    if not len(spike_times_s):
        raise DataError("has no unit.", dataset=dataset, field="spike_times_s")
    starts = _as_times(events_s, "events_s", dataset) + window_ms[0] / 1000
    units = [_as_times(times, f"spike_times_s[{i}]", dataset)
             for i, times in enumerate(spike_times_s)]  # fmt: skip
    return np.stack([_bin_unit(times, starts, n_bins, bin_ms) for times in units], axis=2)


def _as_times(values: Any, field: str, dataset: str | None) -> np.ndarray:
    try:
        times = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        times = np.array(np.nan)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise DataError("must be a list of times in s, all finite.", dataset=dataset, field=field)
    return times


def _n_bins(window_ms: tuple[float, float], bin_ms: float, dataset: str | None) -> int:
    length = window_ms[1] - window_ms[0]
    n_bins = round(length / bin_ms) if bin_ms > 0 else 0
    if n_bins < 1 or abs(length / bin_ms - n_bins) > 1e-4 * n_bins:
        raise DataError(
            f"from {window_ms[0]:g} to {window_ms[1]:g} ms is not a whole number of bins of "
            f"{bin_ms:g} ms.",
            dataset=dataset,
            field="window_ms",
        )
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
