import numpy as np
import pytest

from lfads_nb.datasets import Counts
from lfads_nb.datasets.data_quality import inspect, remarks


def counts_of(spikes, **fields):
    return Counts.from_bins(np.asarray(spikes), bin_ms=10.0, **fields)


def test_rates_are_spikes_per_second():
    spikes = np.zeros((2, 5, 2), dtype=int)
    spikes[:, :, 1] = 1
    quality = inspect(counts_of(spikes))
    assert quality.rates_hz == pytest.approx([0.0, 100.0])
    assert quality.dead == [0]
    assert quality.trial_rates_hz == pytest.approx([50.0, 50.0])
    assert np.isnan(quality.fano[0])


def test_channels_with_the_same_spikes_are_found():
    rng = np.random.default_rng(0)
    spikes = rng.poisson(0.5, (10, 20, 4))
    spikes[:, :, 3] = spikes[:, :, 1]
    quality = inspect(counts_of(spikes))
    assert quality.alike == [(1, 3)]
    assert any("1 and 3" in text for text in remarks(quality))


def test_missing_bins_count_as_not_recorded():
    spikes = np.ones((3, 4, 2))
    spikes[0, 2:] = np.nan
    quality = inspect(counts_of(spikes, allow_missing=True))
    assert quality.rates_hz == pytest.approx([100.0, 100.0])
    assert quality.recorded_ms.tolist() == [20.0, 40.0, 40.0]
    assert any("20 to 40 ms" in text for text in remarks(quality))


def test_conditions_are_counted():
    quality = inspect(
        counts_of(np.ones((5, 4, 1), dtype=int), condition_ids=np.array([1, 1, 1, 2, np.nan]))
    )
    assert list(quality.trials_per_condition.values()) == [3, 1]
    assert quality.n_without_condition == 1
    assert len(remarks(quality)) == 2


def test_good_data_need_no_remark():
    rng = np.random.default_rng(1)
    assert remarks(inspect(counts_of(rng.poisson(0.5, (30, 20, 5))))) == []
