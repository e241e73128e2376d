"""How good inferred rates are, in numbers.

Bits per spike, co-bps and fp-bps are those of the Neural Latents Benchmark (Pei, Ye et al. 2021,
"Neural Latents Benchmark '21", NeurIPS Datasets and Benchmarks; `bits_per_spike` in nlb_tools):
the Poisson log likelihood of the counts under the inferred rates, above that under each neuron's
mean rate over the same bins, in bits, per spike. R2 is the coefficient of determination.

Trials that were not inferred and bins that were not recorded are NaN, and are left out throughout.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import xlogy

from lfads_nb.errors import DataError
from lfads_nb.results.condition_averages import average_by_condition

# Rates of exactly 0 where there was a spike would make the likelihood -inf; NLB does the same.
_SMALLEST_RATE = 1e-9


class Agreement(NamedTuple):
    """R2 of an estimate: `pooled` over everything at once, and the mean over channels.

    `per_channel` is (channels,), NaN for a channel whose truth never varies.
    """

    pooled: float
    mean_over_channels: float
    per_channel: np.ndarray


def r2(truth: np.ndarray, estimate: np.ndarray) -> Agreement:
    """Return the share of the truth's variance that the estimate explains.

    Parameters
    ----------
    truth, estimate : (..., channels), such as trials x bins x channels, in the same unit.

    Returns
    -------
    Agreement
        1 - sum of squared errors / sum of squares about the mean. The pooled figure takes one
        mean over everything, so that telling channels apart counts too; each channel's figure
        takes the channel's own mean.

    Raises
    ------
    DataError
        The shapes differ.
    """
    truth, estimate = _known_in_both(truth, estimate)
    if truth.size == 0:
        return Agreement(np.nan, np.nan, np.full(truth.shape[-1], np.nan))
    error, about_mean = (truth - estimate) ** 2, (truth - np.nanmean(truth)) ** 2
    pooled = _one_minus_ratio(np.nansum(error), np.nansum(about_mean))
    known = ~np.isnan(truth)
    n = known.sum(axis=0)
    means = np.divide(np.nansum(truth, axis=0), n, out=np.zeros(n.shape), where=n > 0)
    about_own = np.nansum((truth - means) ** 2, axis=0)
    # What is left of a constant after subtracting its mean is rounding.
    noise = n * (1e-12 * np.abs(means)) ** 2
    per_channel = _one_minus_ratio(
        np.nansum(error, axis=0), np.where(about_own > noise, about_own, 0)
    )
    return Agreement(float(pooled), _mean_of_known(per_channel), per_channel)


def _known_in_both(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flatten to (samples, channels), NaN in both where it is in either."""
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape:
        raise DataError(f"shapes differ: {first.shape} and {second.shape}")
    unknown = np.isnan(first) | np.isnan(second)
    flat = [np.where(unknown, np.nan, each).reshape(-1, each.shape[-1]) for each in (first, second)]
    some = ~np.isnan(flat[0]).all(axis=1)
    return flat[0][some], flat[1][some]


def _one_minus_ratio(error: np.ndarray, variance: np.ndarray) -> np.ndarray:
    varies = np.asarray(variance) > 0
    ratio = np.divide(error, variance, out=np.full(np.shape(error), np.nan), where=varies)
    return 1 - ratio


def _mean_of_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def poisson_log_likelihood(counts: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return the log probability of counts, without the factorial term, in nats.

    Parameters
    ----------
    counts : spikes per bin.
    rates : expected spikes per bin, of a shape that broadcasts.
    """
    rates = np.asarray(rates, dtype=float)
    return xlogy(counts, np.maximum(rates, _SMALLEST_RATE)) - rates


def bits_per_spike(
    counts: np.ndarray,
    rates: np.ndarray,
    *,
    channels: np.ndarray | None = None,
    bins: np.ndarray | None = None,
) -> float:
    """Return how many bits per spike inferred rates tell beyond each neuron's mean rate.

    Restricted to `channels` that the encoders never saw it is NLB's co-bps; restricted to `bins`
    that they never saw it is fp-bps.

    Parameters
    ----------
    counts : (trials, bins, channels) spikes per bin.
    rates : (trials, bins, channels) expected spikes per bin (spikes/s x bin width in s).
    channels : (channels,) mask or 0-based numbers; all by default.
    bins : (bins,) mask or 0-based numbers; all by default.

    Returns
    -------
    float
        NaN without a spike.

    Raises
    ------
    DataError
        The shapes differ, or a rate is negative.
    """
    counts, rates = np.asarray(counts), np.asarray(rates)
    if counts.shape != rates.shape:
        raise DataError(f"shapes differ: counts {counts.shape}, rates {rates.shape}")
    some_bins = slice(None) if bins is None else bins
    some_channels = slice(None) if channels is None else channels
    counts, rates = _known_in_both(
        counts[:, some_bins][..., some_channels], rates[:, some_bins][..., some_channels]
    )
    if (rates < 0).any():
        raise DataError("is negative; a rate is at least 0", field="rates")
    n_spikes = np.nansum(counts)
    if not n_spikes > 0:
        return float("nan")
    known = ~np.isnan(counts)
    # A mean that is known to be from the same bins needs no floor: no spike, no penalty.
    means = np.nansum(counts, axis=0) / np.maximum(known.sum(axis=0), 1)
    with_model = poisson_log_likelihood(counts, rates)
    with_means = xlogy(counts, np.where(means > 0, means, 1)) - means
    return float(np.nansum(with_model - with_means) / n_spikes / np.log(2))


def smooth(values: np.ndarray, sd_bins: float) -> np.ndarray:
    """Smooth along time with a Gaussian, its ends reflected.

    Parameters
    ----------
    values : (trials or conditions, bins, channels).
    sd_bins : standard deviation in bins; 0 changes nothing.
    """
    values = np.asarray(values, dtype=float)
    return gaussian_filter1d(values, sd_bins, axis=1, mode="reflect") if sd_bins > 0 else values


def psth_r2(
    counts: np.ndarray,
    rates: np.ndarray,
    condition_ids: np.ndarray,
    *,
    sd_bins: float = 0,
    min_trials: int = 1,
) -> Agreement:
    """Return the R2 of condition-averaged rates against condition-averaged spikes.

    As in NLB the average over channels is that of each channel's R2 over all conditions and bins;
    the spikes' averages may be smoothed, which says by how much of the noise they are freed.

    Parameters
    ----------
    counts, rates : (trials, bins, channels), in the same unit.
    condition_ids : (trials,).
    sd_bins : standard deviation of the Gaussian that smooths the spikes' averages, in bins.
    min_trials : conditions with fewer trials are left out.
    """
    unknown = np.isnan(rates) | np.isnan(np.asarray(counts, dtype=float))
    data = average_by_condition(np.where(unknown, np.nan, counts), condition_ids)
    model = average_by_condition(np.where(unknown, np.nan, rates), condition_ids)
    enough = data.n >= min_trials
    return r2(smooth(data.mean[enough], sd_bins), model.mean[enough])


def psth_r2_of_evaluation(
    counts: np.ndarray,
    rates: np.ndarray,
    condition_ids: np.ndarray,
    evaluated: np.ndarray,
    *,
    sd_bins: float,
) -> Agreement:
    """Return the R2 of condition averages as the Neural Latents Benchmark defines it.

    The target is the average of smoothed spikes over all trials of a condition, the prediction that
    of the rates over the evaluated trials alone; conditions without one of them are left out; R2
    of each channel over conditions and bins, and the uniform mean over channels
    (`mean_over_channels`). The benchmark smooths 1 ms data beyond the trials' ends, by a kernel cut
    at 3 s.d.; here it is the trials' own bins, their ends reflected, so figures differ a little.

    Parameters
    ----------
    counts, rates : (trials, bins, channels), in the same unit.
    condition_ids : (trials,).
    evaluated : 0-based trials.
    sd_bins : standard deviation of the Gaussian that smooths each trial's spikes, in bins.
    """
    known = ~np.isnan(rates).all(axis=(1, 2))
    data = average_by_condition(np.asarray(counts, dtype=float)[known], condition_ids[known])
    model = average_by_condition(rates[evaluated], condition_ids[evaluated])
    place = {condition: row for row, condition in enumerate(data.ids.tolist())}
    there = [i for i, condition in enumerate(model.ids.tolist()) if condition in place]
    if not there:
        return Agreement(np.nan, np.nan, np.full(rates.shape[-1], np.nan))
    # Averaging and smoothing may change places: both are sums.
    wanted = smooth(data.mean[[place[model.ids.tolist()[i]] for i in there]], sd_bins)
    return r2(wanted, model.mean[there])


def gaussian_kl(
    post_mean: np.ndarray, post_logvar: np.ndarray, prior_mean: np.ndarray, prior_logvar: np.ndarray
) -> np.ndarray:
    """Return the KL divergence of diagonal Gaussians, posterior from prior, in nats.

    Of each dimension by itself; their sum over the last axis is LFADS' cost of the initial
    condition (lfads_model.md 4.8).
    """
    return 0.5 * (
        prior_logvar
        - post_logvar
        + np.exp(post_logvar - prior_logvar)
        + (post_mean - prior_mean) ** 2 * np.exp(-prior_logvar)
        - 1
    )
