from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.results.variability import (
    copied_share,
    drift_share,
    rate_spread,
    variability_share,
    within_condition_share,
)


@pytest.fixture
def poisson():
    """Rates that differ between trials and change fast, and spikes drawn from them."""
    rng = np.random.default_rng(0)
    time = np.linspace(0, 1, 40)[:, None]
    phase = rng.uniform(0, 2 * np.pi, (300, 1, 12))
    rates = 0.4 * np.exp(0.8 * np.sin(2 * np.pi * 4 * time + phase))
    return rng.poisson(rates).astype(float), rates


def test_rates_that_are_the_same_in_every_trial_have_no_spread(poisson):
    _, rates = poisson
    assert rate_spread(np.repeat(rates[:1], 20, axis=0)) == pytest.approx(0)
    expected = rates.var(axis=0).mean() / rates.mean() ** 2
    assert rate_spread(rates) == pytest.approx(expected)
    assert np.isnan(rate_spread(rates[:1]))


def test_copied_spikes_are_found_and_fast_true_rates_are_not(poisson):
    counts, rates = poisson
    assert copied_share(counts, rates) == pytest.approx(0, abs=0.03)
    assert copied_share(counts, counts) == pytest.approx(1)
    assert copied_share(counts, rates + 0.4 * (counts - rates)) == pytest.approx(0.4, abs=0.05)
    noisy = rates * np.exp(np.random.default_rng(1).normal(0, 0.5, rates.shape))
    assert copied_share(counts, noisy + 0.4 * (counts - rates)) == pytest.approx(0.4, abs=0.1)


def test_the_share_of_variability_is_that_beyond_poisson(poisson):
    counts, rates = poisson
    assert variability_share(counts, rates, 4) == pytest.approx(1, abs=0.15)
    halved = rates.mean(axis=0) + 0.5 * (rates - rates.mean(axis=0))
    assert variability_share(counts, halved, 4) == pytest.approx(0.25, abs=0.05)
    same = np.random.default_rng(2).poisson(0.5, counts.shape)
    assert np.isnan(variability_share(same, rates, 4))


def test_trials_of_a_condition_that_are_alike_leave_nothing_within_conditions(poisson):
    _, rates = poisson
    ids = np.arange(len(rates)) % 5
    averages = np.stack([rates[ids == i].mean(axis=0) for i in range(5)])[ids]
    assert within_condition_share(averages, ids) == pytest.approx(0, abs=1e-12)
    assert within_condition_share(rates, ids) > 0.9
    assert np.isnan(within_condition_share(rates, np.zeros(len(rates))))


def test_drift_is_what_the_order_of_trials_tells_unless_conditions_came_in_blocks(poisson):
    _, rates = poisson
    order = np.arange(len(rates))
    drifting = rates + 5 * (order / len(order))[:, None, None]
    assert drift_share(drifting, order) > 0.9
    assert drift_share(rates, order) < 0.05
    assert np.isnan(drift_share(drifting, order, order // 60))
    assert drift_share(drifting, order, order % 5) > 0.9
