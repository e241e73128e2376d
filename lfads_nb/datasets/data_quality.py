"""What deserves a look in a session's spikes before anything is trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lfads_nb.datasets.conditions import condition_label
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.spike_time_checks import HIGHEST_HZ, LOWEST_HZ

_FEWEST_TRIALS = 20  # below, a drift or a Fano factor is chance
_MOST_ROWS = 40_000  # bins that correlations are taken of

DRIFT = 0.25
"""Change of the rate from the first to the last quarter of the trials that deserves a word."""
FOLLOWS = 0.5
"""Correlation of two channels in single bins, above what crosstalk and doubled units have."""
COMMON_MODE = 0.15
"""Median correlation of all pairs in single bins, where neurons have some 0.01 to 0.05."""
FANO = (0.2, 5.0)
"""Fano factors that single neurons have, with room: between regular and bursting ones."""


@dataclass(frozen=True)
class DataQuality:
    """Figures of one session.

    Parameters
    ----------
    rates_hz : (channels,) mean rates in spikes/s.
    fano : (channels,) variance over mean of the trials' spike counts, about the mean of each
        condition; NaN for silent channels and where each condition has but one trial.
    dead : channels without any spike.
    alike : pairs of channels with the very same spikes.
    following : pairs with other spikes that are correlated by more than `FOLLOWS` in single bins.
    common_mode : median correlation of all pairs in single bins, NaN with fewer than 4 channels.
    trial_rates_hz : (trials,) mean rate over channels in spikes/s.
    silent_trials : trials without any spike.
    drift : change of the rate from the first to the last quarter of the trials, as a share of the
        first; 0 where it is within what trials vary by.
    recorded_ms : (trials,) time that was recorded, the whole trial unless bins are missing.
    missing : share of bins in which nothing was recorded.
    trials_per_condition : condition -> number of trials; empty without conditions.
    n_without_condition : trials whose condition is not known.
    """

    rates_hz: np.ndarray
    fano: np.ndarray
    dead: list[int]
    alike: list[tuple[int, int]]
    following: list[tuple[int, int]]
    common_mode: float
    trial_rates_hz: np.ndarray
    silent_trials: list[int]
    drift: float
    recorded_ms: np.ndarray
    missing: float
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
    conditions, without = _trials_per_condition(counts)
    trial_rates = per_trial.sum(axis=1) / np.maximum(seconds.sum(axis=1), 1e-12)
    recorded = bins.sum(axis=1) > 0
    following, common_mode = _correlated(spikes, counts.condition_ids)
    alike = _alike(spikes, total)
    return DataQuality(
        rates_hz=total / np.maximum(seconds.sum(axis=0), 1e-12),
        fano=_fano(per_trial, counts.condition_ids),
        dead=np.flatnonzero(total == 0).tolist(),
        alike=alike,
        following=[pair for pair in following if pair not in alike],
        common_mode=common_mode,
        trial_rates_hz=trial_rates,
        silent_trials=np.flatnonzero((per_trial.sum(axis=1) == 0) & recorded).tolist(),
        drift=_drift(trial_rates[recorded]),
        recorded_ms=bins.max(axis=1) * counts.bin_ms,
        missing=0.0 if known is None else 1 - float(known.mean()),
        trials_per_condition=conditions,
        n_without_condition=without,
    )


def _fano(per_trial: np.ndarray, ids: np.ndarray | None) -> np.ndarray:
    group = _groups(ids, len(per_trial))
    means = _group_means(per_trial, group)
    freedom = len(per_trial) - group.max() - 1
    mean = per_trial.mean(axis=0)
    variance = np.square(per_trial - means[group]).sum(axis=0) / max(freedom, 1)
    nothing = np.full(len(mean), np.nan)
    return np.divide(variance, mean, out=nothing, where=(mean > 0) & (freedom > 0))


def _groups(ids: np.ndarray | None, n_trials: int) -> np.ndarray:
    """(trials,) number of each trial's condition; trials without one are a group of their own."""
    if ids is None:
        return np.zeros(n_trials, dtype=int)
    return np.unique(ids, return_inverse=True)[1].reshape(-1)


def _group_means(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    total = np.zeros((group.max() + 1, *values.shape[1:]))
    np.add.at(total, group, values)
    return total / np.bincount(group).reshape(-1, *[1] * (values.ndim - 1))


def _drift(trial_rates: np.ndarray) -> float:
    quarter = len(trial_rates) // 4
    if len(trial_rates) < _FEWEST_TRIALS:
        return 0.0
    first, last = trial_rates[:quarter], trial_rates[-quarter:]
    change = float(last.mean() - first.mean())
    by_chance = float(np.sqrt((first.var() + last.var()) / quarter))
    if not first.mean() or abs(change) < 4 * by_chance:
        return 0.0
    return change / float(first.mean())


def _correlated(spikes: np.ndarray, ids: np.ndarray | None) -> tuple[list[tuple[int, int]], float]:
    """Pairs that follow each other, and the median correlation of all pairs.

    Correlated is what is left of single bins when each condition's time course and each trial's
    mean are taken off, so that neither common tuning nor slow drift counts.
    """
    n_trials = max(1, min(len(spikes), _MOST_ROWS // spikes.shape[1]))
    chosen = np.unique(np.linspace(0, len(spikes) - 1, n_trials).astype(int))
    group = _groups(None if ids is None else ids[chosen], len(chosen))
    if len(chosen) < 2 * (group.max() + 1):
        group = np.zeros_like(group)  # too few of each condition for a time course
    some = spikes[chosen].astype(np.float64)
    left = some - _group_means(some, group)[group]
    left -= left.mean(axis=1, keepdims=True)
    flat = left.reshape(-1, spikes.shape[2]).astype(np.float32)
    size = np.sqrt(np.einsum("ij,ij->j", flat, flat))
    alive = np.flatnonzero(size > 0)
    if len(alive) < 2:
        return [], float("nan")
    unit = flat[:, alive] / size[alive]
    matrix = unit.T @ unit
    rows, columns = np.triu_indices(len(alive), 1)
    pairs = matrix[rows, columns]
    close = [(int(alive[rows[i]]), int(alive[columns[i]])) for i in np.flatnonzero(pairs > FOLLOWS)]
    return close, float(np.median(pairs)) if len(alive) >= 4 else float("nan")


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
    return [
        *_about_rates(quality),
        *_about_channels(quality),
        *_about_trials(quality),
        *_about_conditions(quality),
    ]


def _about_rates(quality: DataQuality) -> list[str]:
    rate = float(np.mean(quality.rates_hz))
    if rate == 0 or LOWEST_HZ <= rate <= HIGHEST_HZ:
        return ["no spike in any trial"] if rate == 0 else []
    return [
        f"a mean rate of {rate:.3g} spikes/s and channel, which no recording has: are bins and "
        "spike times in the units that were thought?"
    ]


def _about_channels(quality: DataQuality) -> list[str]:
    found = []
    if quality.dead:
        found.append(
            f"{_count(len(quality.dead), 'channel')} without any spike: {_listed(quality.dead)}"
        )
    if quality.alike:
        found.append(f"channels with the very same spikes: {_pairs(quality.alike)}")
    is_common = quality.common_mode > COMMON_MODE
    if is_common:
        found.append(
            f"all channels follow each other from bin to bin (median correlation "
            f"{quality.common_mode:.2f}): a common noise or reference, perhaps"
        )
    if quality.following and not is_common:
        found.append(
            f"channels that follow each other from bin to bin (correlation above {FOLLOWS:g}), "
            f"doubled units or crosstalk perhaps: {_pairs(quality.following)}"
        )
    busy = np.flatnonzero(quality.rates_hz > 200).tolist()
    if busy:
        found.append(
            f"{_count(len(busy), 'channel')} above 200 spikes/s, noise perhaps: {_listed(busy)}"
        )
    if len(quality.trial_rates_hz) >= _FEWEST_TRIALS:
        found += _about_fano(quality.fano)
    return found


def _about_fano(fano: np.ndarray) -> list[str]:
    low, high = FANO
    found = []
    with np.errstate(invalid="ignore"):
        wild = np.flatnonzero(fano > high).tolist()
    if wild:
        found.append(
            f"{_count(len(wild), 'channel')} with a Fano factor above {high:g}, units that come "
            f"and go perhaps: {_listed(wild)}"
        )
    if np.isfinite(fano).any() and np.nanmedian(fano) < low:
        found.append(
            f"a median Fano factor of {np.nanmedian(fano):.2g}: more regular than neurons, "
            "smoothed or averaged rates perhaps"
        )
    return found


def _about_trials(quality: DataQuality) -> list[str]:
    found = []
    n_trials = len(quality.trial_rates_hz)
    silent = quality.silent_trials
    if silent and len(silent) < n_trials:
        found.append(f"{len(silent)} of {n_trials} trials without any spike: {_listed(silent)}")
    if abs(quality.drift) > DRIFT:
        quarter = n_trials // 4
        first, last = (
            float(np.mean(part))
            for part in (quality.trial_rates_hz[:quarter], quality.trial_rates_hz[-quarter:])
        )
        verb = "falls" if quality.drift < 0 else "rises"
        found.append(
            f"the rate {verb} by {abs(quality.drift):.0%} over the session, from {first:.3g} to "
            f"{last:.3g} spikes/s: drift"
        )
    if quality.missing:
        found.append(f"{100 * quality.missing:.3g} % of the bins are missing")
    if len(set(quality.recorded_ms.tolist())) > 1:
        low, high = quality.recorded_ms.min(), quality.recorded_ms.max()
        found.append(f"trials differ in what was recorded: {low:g} to {high:g} ms")
    return found


def _about_conditions(quality: DataQuality) -> list[str]:
    found = []
    few = [name for name, n in quality.trials_per_condition.items() if n < 3]
    if few:
        found.append(f"{_count(len(few), 'condition')} with fewer than 3 trials: {_listed(few)}")
    if quality.trials_per_condition and quality.n_without_condition:
        found.append(f"{_count(quality.n_without_condition, 'trial')} without a condition")
    return found


def _pairs(pairs: list[tuple[int, int]]) -> str:
    shown = ", ".join(f"{a} and {b}" for a, b in pairs[:5])
    return shown + (f" and {len(pairs) - 5} more pairs" if len(pairs) > 5 else "")


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _listed(items: list) -> str:
    shown = ", ".join(str(item) for item in items[:12])
    return shown + (f" and {len(items) - 12} more" if len(items) > 12 else "")
