"""Signs that spike times and events are in another unit or on another clock than is thought.

Times in ms where s are expected do not look wrong: they give trials that are nearly empty, on which
a model trains without complaint. The numbers give it away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lfads_nb.errors import DataError

LOWEST_HZ, HIGHEST_HZ = 0.01, 1000.0
_DAY_S = 86_400
_SLOW_HZ = 0.2  # the busiest unit of a recording fires more
_FEW_SPIKES = 20  # below, whole numbers and rates may be chance
_FAR = 300  # how much further one clock runs than the other before a unit is to blame


def refuse_empty(
    counts: np.ndarray, units: Sequence[np.ndarray], spans: np.ndarray, dataset: str | None
) -> None:
    """Refuse trials without any spike where there are spikes elsewhere.

    Parameters
    ----------
    counts : (trials, bins, units).
    units : for each unit its spike times in s.
    spans : (trials, 2) start and end of each trial's window in s.
    dataset : name for messages.

    Raises
    ------
    DataError
        When there are spikes, but none in any window.
    """
    n_spikes = sum(map(len, units))
    if counts.any() or not n_spikes:
        return
    first, last = _range(units)
    cause = _cause(units, spans) or "Check that both are in s and on the same clock."
    raise DataError(
        f"has {n_spikes:,} spikes from {first:,.6g} to {last:,.6g} s, but none in the windows of "
        f"the {len(spans)} trials, from {spans.min():,.6g} to {spans.max():,.6g} s. {cause} If "
        "this is meant, pass allow_empty=True.",
        dataset=dataset,
        field="spike_times_s",
    )


def doubts(counts: np.ndarray, units: Sequence[np.ndarray], spans: np.ndarray) -> list[str]:
    """Say what is odd about binned spikes; an empty list means that nothing is.

    Parameters
    ----------
    counts, units, spans : as for `refuse_empty`.
    """
    found = [*_odd_rates(counts, spans), *_silent_trials(counts, units, spans)]
    cause = _cause(units, spans)
    if cause:
        found.append(cause)
    return found


def _odd_rates(counts: np.ndarray, spans: np.ndarray) -> list[str]:
    seconds = float(np.diff(spans, axis=1).sum()) * counts.shape[2]
    if not counts.any():
        return ["there is no spike in any trial"]
    rate = float(counts.sum(dtype=np.float64)) / seconds
    if not LOWEST_HZ <= rate <= HIGHEST_HZ:
        return [
            f"the mean rate is {rate:.3g} spikes/s and unit, which no recording has: are times "
            "in s, and windows in ms?"
        ]
    return []


def _silent_trials(counts: np.ndarray, units: Sequence[np.ndarray], spans: np.ndarray) -> list[str]:
    per_trial = counts.sum(axis=(1, 2), dtype=np.int64)
    silent = np.flatnonzero(per_trial == 0)
    if not len(silent) or len(silent) == len(per_trial):
        return []
    first, last = _range(units)
    said = f"{len(silent)} of {len(per_trial)} trials have no spike"
    after, before = (spans[silent, 0] >= last).sum(), (spans[silent, 1] <= first).sum()
    typical = np.median(per_trial[per_trial > 0])
    if typical < 3 and max(after, before) < 5:
        return []  # few spikes: the last of them is not where the recording ends
    if after:
        return [
            f"{said}; the last spike is at {last:,.6g} s, the last trial starts at "
            f"{spans[:, 0].max():,.6g} s"
        ]
    if before:
        return [
            f"{said}; the first spike is at {first:,.6g} s, the first trial starts at "
            f"{spans[:, 0].min():,.6g} s"
        ]
    # With so many spikes in the others, a trial without any is no chance (Poisson: 1 in 22,000).
    return [said] if typical >= 10 else []


def _cause(units: Sequence[np.ndarray], spans: np.ndarray) -> str:
    """Guess from the numbers what is wrong with them; empty when nothing shows."""
    n_spikes = sum(map(len, units))
    if not n_spikes:
        return ""
    first, last = _range(units)
    end, start = float(spans.max()), float(spans.min())
    if n_spikes >= _FEW_SPIKES and all((times == np.rint(times)).all() for times in units):
        return (
            "Spike times are all whole numbers, so they are in ms or samples rather than in s: "
            "divide them."
        )
    rates = [len(times) / np.ptp(times) for times in units if len(times) > 1 and np.ptp(times)]
    busiest = max(rates, default=1.0)
    if last > _FAR * max(end, 1.0) and busiest < _SLOW_HZ and n_spikes >= _FEW_SPIKES:
        unit, by = ("\u00b5s", "1e6") if last > 1e5 * end else ("ms", "1000")
        return (
            f"Spikes run to {last:,.6g} s, trials to {end:,.6g} s: spike times look as if they "
            f"were in {unit}; divide them by {by}."
        )
    window = float(np.diff(spans, axis=1).max())
    is_short = last < 10 * window and end - start > 10 * max(last, window)
    if is_short or (end > _FAR * max(last, 1.0) and end - start > _FAR):
        return (
            f"Trials run to {end:,.6g} s, spikes to {last:,.6g} s: either events are in ms (divide "
            "them by 1000), or spike times are relative to each trial (use "
            "Counts.from_trial_spike_times)."
        )
    if n_spikes >= _FEW_SPIKES and last - first > _DAY_S and busiest < _SLOW_HZ:
        return (
            f"The spikes span {(last - first) / 3600:,.0f} hours, and even the busiest unit fires "
            f"{busiest:.2g} spikes/s: spike times look as if they were in ms; divide them by 1000."
        )
    return ""


def _range(units: Sequence[np.ndarray]) -> tuple[float, float]:
    filled = [times for times in units if len(times)]
    if not filled:
        return float("nan"), float("nan")
    return min(float(t.min()) for t in filled), max(float(t.max()) for t in filled)
