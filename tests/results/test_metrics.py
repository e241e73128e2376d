from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, poisson

from lfads_nb.errors import DataError
from lfads_nb.results import metrics


@pytest.fixture
def rates_and_counts():
    rng = np.random.default_rng(3)
    rates = rng.gamma(2, 0.2, (30, 12, 5)) * np.array([0.1, 1, 1, 2, 3])
    return rates, rng.poisson(rates)


def test_r2_of_truth_of_the_mean_and_of_something_between(rates_and_counts):
    truth, _ = rates_and_counts
    assert metrics.r2(truth, truth).pooled == 1
    means = np.broadcast_to(truth.mean(axis=(0, 1)), truth.shape)
    np.testing.assert_allclose(metrics.r2(truth, means).per_channel, 0, atol=1e-12)
    # Channels' own means explain what tells channels apart.
    assert metrics.r2(truth, means).pooled > 0
    noisy = truth + 0.1
    expected = 1 - 0.01 * truth[..., 0].size / ((truth - truth.mean((0, 1))) ** 2).sum((0, 1))
    agreement = metrics.r2(truth, noisy)
    np.testing.assert_allclose(agreement.per_channel, expected)
    assert agreement.mean_over_channels == pytest.approx(expected.mean())
    assert agreement.pooled == pytest.approx(1 - 0.01 / truth.var())


def test_r2_leaves_out_what_is_nan_and_channels_that_never_vary():
    truth = np.random.default_rng(0).normal(size=(10, 4, 3))
    truth[..., 2] = 0.1
    estimate = truth + 0.3
    missing = estimate.copy()
    missing[3:5] = np.nan
    agreement = metrics.r2(truth, missing)
    kept = np.delete(np.arange(10), [3, 4])
    np.testing.assert_allclose(
        agreement.per_channel[:2], metrics.r2(truth[kept], estimate[kept]).per_channel[:2]
    )
    assert np.isnan(agreement.per_channel[2])
    assert np.isfinite(agreement.mean_over_channels)
    assert np.isnan(metrics.r2(np.full((2, 3), np.nan), np.zeros((2, 3))).pooled)
    with pytest.raises(DataError, match="shapes differ"):
        metrics.r2(truth, truth[:5])


def test_bits_per_spike_is_that_of_the_poisson_likelihoods(rates_and_counts):
    rates, counts = rates_and_counts
    means = counts.mean(axis=(0, 1), keepdims=True)
    gain = poisson.logpmf(counts, rates).sum() - poisson.logpmf(counts, means).sum()
    expected = gain / np.log(2) / counts.sum()
    assert metrics.bits_per_spike(counts, rates) == pytest.approx(expected, rel=1e-10)
    assert expected > 0
    assert metrics.bits_per_spike(counts, means * np.ones(counts.shape)) == pytest.approx(0)


def test_bits_per_spike_of_some_channels_and_bins(rates_and_counts):
    rates, counts = rates_and_counts
    held_out = np.array([False, True, False, False, True])
    assert metrics.bits_per_spike(counts, rates, channels=held_out) == pytest.approx(
        metrics.bits_per_spike(counts[..., held_out], rates[..., held_out])
    )
    late = np.arange(9, 12)
    assert metrics.bits_per_spike(counts, rates, bins=late) == pytest.approx(
        metrics.bits_per_spike(counts[:, 9:], rates[:, 9:])
    )


def test_bits_per_spike_leaves_out_missing_trials_and_bins(rates_and_counts):
    rates, counts = rates_and_counts
    with_nan, holes = rates.copy(), counts.astype(float)
    with_nan[7] = np.nan
    holes[9] = np.nan
    kept = np.delete(np.arange(30), [7, 9])
    assert metrics.bits_per_spike(holes, with_nan) == pytest.approx(
        metrics.bits_per_spike(counts[kept], rates[kept])
    )


def test_bits_per_spike_of_silence_and_of_certainty_stays_a_number():
    counts = np.zeros((2, 3, 2), dtype=int)
    assert np.isnan(metrics.bits_per_spike(counts, np.ones((2, 3, 2))))
    counts[0, 0, 0] = 1
    # The second neuron is silent and known to be; the first spiked where its rate was 0.
    value = metrics.bits_per_spike(counts, np.zeros((2, 3, 2)))
    assert np.isfinite(value)
    assert value < -20
    with pytest.raises(DataError, match="negative"):
        metrics.bits_per_spike(counts, -np.ones((2, 3, 2)))


def test_psth_r2_compares_averages(rates_and_counts):
    rates, counts = rates_and_counts
    ids = np.arange(30) % 3
    of_itself = metrics.psth_r2(counts, counts.astype(float), ids)
    assert of_itself.pooled == pytest.approx(1)
    averages = np.stack([counts[ids == i].mean(axis=0) for i in range(3)])
    model = np.stack([rates[ids == i].mean(axis=0) for i in range(3)])
    assert metrics.psth_r2(counts, rates, ids).pooled == pytest.approx(
        metrics.r2(averages, model).pooled
    )
    assert np.isnan(metrics.psth_r2(counts, rates, ids, min_trials=11).pooled)


def test_psth_r2_uses_the_same_trials_on_both_sides(rates_and_counts):
    rates, counts = rates_and_counts
    ids = np.arange(30) % 3
    partial = rates.copy()
    partial[5:] = np.nan
    assert metrics.psth_r2(counts, partial, ids).pooled == pytest.approx(
        metrics.psth_r2(counts[:5], rates[:5], ids[:5]).pooled
    )


def test_smoothing_keeps_the_sum_of_what_is_constant():
    np.testing.assert_allclose(metrics.smooth(np.full((2, 9, 1), 3.0), 2.0), 3.0)
    values = np.random.default_rng(1).normal(size=(2, 9, 1))
    np.testing.assert_array_equal(metrics.smooth(values, 0), values)


@given(mean=st.floats(-3, 3), logvar=st.floats(-4, 2), prior=st.floats(-3, 3), plv=st.floats(-4, 2))
def test_kl_of_gaussians_is_the_integral(mean, logvar, prior, plv):
    sd = np.exp(logvar / 2)
    x, step = np.linspace(mean - 10 * sd, mean + 10 * sd, 4001, retstep=True)
    q = norm(mean, sd).pdf(x)
    log_ratio = norm(mean, sd).logpdf(x) - norm(prior, np.exp(plv / 2)).logpdf(x)
    integral = (q * log_ratio).sum() * step
    assert metrics.gaussian_kl(mean, logvar, prior, plv) == pytest.approx(integral, abs=1e-6)


def test_nlb_s_psth_r2_takes_predictions_from_evaluated_trials_alone():
    rng = np.random.default_rng(0)
    ids = np.arange(40) % 4
    psth = rng.random((4, 30, 5)) * 20
    counts = psth[ids]
    rates = counts.copy()
    evaluated = np.arange(0, 40, 5)
    rates[np.setdiff1d(np.arange(40), evaluated)] = 7.0  # the others' predictions do not matter
    found = metrics.psth_r2_of_evaluation(counts, rates, ids, evaluated, sd_bins=0)
    assert found.mean_over_channels == pytest.approx(1)
    constant = np.broadcast_to(counts.mean(axis=(0, 1)), counts.shape)
    flat = metrics.psth_r2_of_evaluation(counts, constant, ids, evaluated, sd_bins=0)
    np.testing.assert_allclose(flat.per_channel, 0, atol=1e-12)
    # a condition without an evaluated trial is left out, and changes nothing for the others
    some = evaluated[ids[evaluated] != 2]
    other = np.where((ids == 2)[:, None, None], 99.0, counts)
    found = metrics.psth_r2_of_evaluation(other, rates, ids, some, sd_bins=0)
    assert found.mean_over_channels == pytest.approx(1)
    none = metrics.psth_r2_of_evaluation(counts, rates, ids, np.zeros(0, int), sd_bins=0)
    assert np.isnan(none.mean_over_channels)
