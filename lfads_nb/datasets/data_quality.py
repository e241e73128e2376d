"""What deserves a look in a session's spikes before anything is trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lfads_nb.datasets.conditions import condition_label
from lfads_nb.datasets.counts import Counts


@dataclass(frozen=True)
class DataQuality:
    """Figures of one session.

    Parameters
    ----------
    rates_hz : (channels,) mean rates in spikes/s.
    fano : (channels,) variance over mean of the trials' spike counts; NaN for silent channels.
    dead : channels without any spike.
    alike : pairs of channels with the very same spikes.
    trial_rates_hz : (trials,) mean rate over channels in spikes/s.
    recorded_ms : (trials,) time that was recorded, the whole trial unless bins are missing.
    trials_per_condition : condition -> number of trials; empty without conditions.
    n_without_condition : trials whose condition is not known.
    """

    rates_hz: np.ndarray
    fano: np.ndarray
    dead: list[int]
    alike: list[tuple[int, int]]
    trial_rates_hz: np.ndarray
    recorded_ms: np.ndarray
    trials_per_condition: dict[str, int]
    n_without_condition: int


def inspect(counts: Counts) -> DataQuality:
    """Look at a session's spikes."""
    spikes, known = counts.counts, ~np.isnan(counts.counts) if counts.has_missing else None
    if known is not None:
        spikes = np.where(known, spikes, 0)
    per_trial = spikes.sum(axis=1, dtype=np.float64)  # (trials, channels)
    bins = known.sum(axis=1) if known is not None else np.full(per_trial.shape, counts.n_bins)
    seconds = bins * counts.bin_ms / 1000
    total = per_trial.sum(axis=0)
    mean = per_trial.mean(axis=0)
    conditions, without = _trials_per_condition(counts)
    return DataQuality(
        rates_hz=total / np.maximum(seconds.sum(axis=0), 1e-12),
        fano=np.divide(per_trial.var(axis=0), mean, out=np.full(len(mean), np.nan), where=mean > 0),
        dead=np.flatnonzero(total == 0).tolist(),
        alike=_alike(spikes, total),
        trial_rates_hz=per_trial.sum(axis=1) / np.maximum(seconds.sum(axis=1), 1e-12),
        recorded_ms=bins.max(axis=1) * counts.bin_ms,
        trials_per_condition=conditions,
        n_without_condition=without,
    )


def _trials_per_condition(counts: Counts) -> tuple[dict[str, int], int]:
    if counts.condition_ids is None:
        return {}, counts.n_trials
    ids = counts.condition_ids
    numbers = {condition_label(name): int((ids == name).sum()) for name in counts.conditions}
    return numbers, counts.n_trials - sum(numbers.values())


def _alike(spikes: np.ndarray, total: np.ndarray) -> list[tuple[int, int]]:
    """Find pairs with the same spikes; only channels with equally many need to be compared."""
    pairs = []
    order = np.argsort(total, kind="stable")
    for place, first in enumerate(order):
        for second in order[place + 1 :]:
            if total[second] != total[first] or total[first] == 0:
                break
            if np.array_equal(spikes[:, :, first], spikes[:, :, second]):
                pairs.append((int(min(first, second)), int(max(first, second))))
    return sorted(pairs)


def remarks(quality: DataQuality) -> list[str]:
    """Say in words what is odd; an empty list means that nothing is."""
    found = []
    if quality.dead:
        found.append(
            f"{_count(len(quality.dead), 'channel')} without any spike: {_listed(quality.dead)}"
        )
    if quality.alike:
        pairs = ", ".join(f"{a} and {b}" for a, b in quality.alike[:5])
        more = f" and {len(quality.alike) - 5} more pairs" if len(quality.alike) > 5 else ""
        found.append(f"channels with the very same spikes: {pairs}{more}")
    busy = np.flatnonzero(quality.rates_hz > 200).tolist()
    if busy:
        found.append(
            f"{_count(len(busy), 'channel')} above 200 spikes/s, noise perhaps: {_listed(busy)}"
        )
    if len(set(quality.recorded_ms.tolist())) > 1:
        low, high = quality.recorded_ms.min(), quality.recorded_ms.max()
        found.append(f"trials differ in what was recorded: {low:g} to {high:g} ms")
    few = [name for name, n in quality.trials_per_condition.items() if n < 3]
    if few:
        found.append(f"{_count(len(few), 'condition')} with fewer than 3 trials: {_listed(few)}")
    if quality.trials_per_condition and quality.n_without_condition:
        found.append(f"{_count(quality.n_without_condition, 'trial')} without a condition")
    return found


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _listed(items: list) -> str:
    shown = ", ".join(str(item) for item in items[:12])
    return shown + (f" and {len(items) - 12} more" if len(items) > 12 else "")
