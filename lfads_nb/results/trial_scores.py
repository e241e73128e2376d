"""How well each trial was inferred, by itself."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from lfads_nb.results.metrics import poisson_log_likelihood
from lfads_nb.results.posterior_means import PosteriorMeans

_BLOCK_VALUES = 4_000_000


def bits_per_spike_of_trials(pm: PosteriorMeans) -> np.ndarray:
    """Return each trial's bits per spike, beyond each neuron's mean rate over all trials.

    Unlike a split's figure (`metrics.bits_per_spike`), whose null model knows the mean over the
    split, every trial is measured against the same null, so that trials can be compared: a trial
    of an unusual rate scores high merely for being told apart from the mean.

    Parameters
    ----------
    pm : of one session with Poisson outputs.

    Returns
    -------
    (trials,)
        NaN for a trial without a spike or without outputs.
    """
    n_trials, to_bins = pm.n_trials, pm.bin_ms / 1000
    size = max(1, _BLOCK_VALUES // max(pm.n_bins * pm.n_neurons, 1))
    blocks = [np.arange(i, min(i + size, n_trials)) for i in range(0, n_trials, size)]
    counts, rates = pm.field("counts"), pm.field("rates")
    total, known = np.zeros(pm.n_neurons), np.zeros(pm.n_neurons)
    for block in blocks:
        values = counts[block]
        total += np.nansum(values, axis=(0, 1))
        known += np.isfinite(values).sum(axis=(0, 1))
    mean = total / np.maximum(known, 1)
    bits = np.full(n_trials, np.nan)
    for block in blocks:
        n, rate = counts[block].astype(float), rates[block].astype(float) * to_bins
        missing = np.isnan(n) | np.isnan(rate)
        gain = poisson_log_likelihood(n, rate) - (xlogy(n, np.where(mean > 0, mean, 1)) - mean)
        gain[missing], n[missing] = 0, 0
        spikes = n.sum(axis=(1, 2))
        bits[block] = np.divide(
            gain.sum(axis=(1, 2)), spikes * np.log(2), out=np.full(len(block), np.nan),
            where=spikes > 0,
        )  # fmt: skip
    return bits
