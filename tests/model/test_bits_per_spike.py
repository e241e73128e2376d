from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lfads_nb.model.bits_per_spike import NullModel
from lfads_nb.model.inputs import Trials
from tests.model.small_runs import small_architecture, trials


def test_mean_rates_give_no_bits_and_better_ones_give_what_they_explain():
    rates = np.random.default_rng(0).gamma(1.0, 1.0, (30, 7, 6))
    counts = np.random.default_rng(1).poisson(rates)
    data = Trials(counts, np.zeros((30, 7, 0)))
    null = NullModel(small_architecture(), [data])

    def bits(predicted):
        log_p = stats.poisson.logpmf(counts, predicted).sum()
        return null.bits_per_spike({"seen": log_p, "heldout": 0.0, "forward": 0.0})

    assert bits(np.broadcast_to(counts.mean(axis=(0, 1)), counts.shape)) == {
        "bps": pytest.approx(0.0, abs=1e-9)
    }
    assert bits(rates)["bps"] > 0.1


def test_parts_are_those_that_the_encoders_do_not_see():
    architecture = small_architecture(heldout_channels=2, forward_prediction_bins=3)
    data = trials(10, 7, 6)
    null = NullModel(architecture, [data])
    parts = {
        "seen": data.counts[:, :4, :4], "heldout": data.counts[:, :4, 4:],
        "forward": data.counts[:, 4:],
    }  # fmt: skip
    log_p = {
        name: stats.poisson.logpmf(x, np.broadcast_to(x.mean(axis=(0, 1)), x.shape)).sum()
        for name, x in parts.items()
    }
    bits = null.bits_per_spike(log_p)
    assert set(bits) == {"bps", "co_bps", "fp_bps"}
    assert all(abs(value) < 1e-9 for value in bits.values())


def test_missing_bins_are_left_out():
    data = trials(10, 7, 6)
    counts = data.counts.astype(float)
    counts[:, 5:] = np.nan
    cut = Trials(counts[:, :5], data.external_inputs[:, :5])
    whole = Trials(counts, data.external_inputs)
    log_p = {"seen": -100.0, "heldout": 0.0, "forward": 0.0}
    assert NullModel(small_architecture(), [whole]).bits_per_spike(log_p) == pytest.approx(
        NullModel(small_architecture(n_bins=5), [cut]).bits_per_spike(log_p)
    )
