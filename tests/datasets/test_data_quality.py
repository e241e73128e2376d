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


def remark(spikes, **fields):
    return remarks(inspect(counts_of(spikes, **fields)))


def poisson(rate=0.5, shape=(60, 20, 5), seed=3):
    return np.random.default_rng(seed).poisson(rate, np.shape(rate) or shape)


def test_empty_trials_are_listed():
    spikes = poisson()
    spikes[[4, 17]] = 0
    assert remark(spikes) == ["2 of 60 trials without any spike: 4, 17"]


def test_trials_in_which_nothing_was_recorded_are_not_called_empty():
    spikes = poisson().astype(float)
    spikes[4] = np.nan
    quality = inspect(counts_of(spikes, allow_missing=True))
    assert quality.silent_trials == []
    assert quality.missing == pytest.approx(1 / 60)
    assert any("1.67 % of the bins are missing" in text for text in remarks(quality))


@pytest.mark.parametrize(("end", "verb"), [(0.25, "falls by"), (1.2, "rises by")])
def test_drift_of_the_rate_over_the_session(end, verb):
    rate = np.linspace(0.5, end, 60)[:, None, None] * np.ones((60, 20, 5))
    (said,) = remark(poisson(rate))
    assert verb in said
    assert "drift" in said


def test_few_trials_or_conditions_in_turn_are_no_drift():
    assert remark(poisson(np.linspace(0.5, 0.2, 12)[:, None, None] * np.ones((12, 20, 5)))) == []
    blocks = np.tile([0.2, 0.8], 30)[:, None, None] * np.ones((60, 20, 5))
    assert remark(poisson(blocks), condition_ids=[0, 1] * 30) == []


def test_channels_that_follow_each_other_without_being_copies():
    spikes = poisson()
    spikes[:, :, 3] = spikes[:, :, 1] + (np.random.default_rng(0).random((60, 20)) < 0.1)
    quality = inspect(counts_of(spikes))
    assert (quality.alike, quality.following) == ([], [(1, 3)])
    assert any("crosstalk perhaps: 1 and 3" in text for text in remarks(quality))


def test_a_common_mode_on_all_channels():
    spikes = poisson(0.3) + poisson(0.2, (60, 20, 1), seed=4)
    (said,) = remark(spikes)
    assert "all channels follow each other" in said


def test_common_tuning_is_no_common_mode():
    rng = np.random.default_rng(0)
    course = 0.2 + 1.5 * rng.random((2, 20, 1)) ** 2  # steep, and the same in all channels
    ids = np.arange(60) % 2
    spikes = rng.poisson(np.repeat(course[ids], 5, axis=2))
    assert remark(spikes, condition_ids=ids) == []


def test_fano_factors_of_units_that_come_and_go_and_of_rates():
    spikes = poisson()
    spikes[::2, :, 2] = 0
    spikes[1::2, :, 2] *= 4
    assert any("above 5" in text and text.endswith("perhaps: 2") for text in remark(spikes))
    smooth = np.full((60, 20, 5), 2)
    smooth[:, :10] = 1
    assert any("more regular than neurons" in text for text in remark(smooth))


def test_fano_factors_are_about_the_mean_of_each_condition():
    ids = np.arange(400) % 2
    spikes = poisson(np.array([0.1, 3.0])[ids][:, None, None] * np.ones((400, 20, 5)))
    quality = inspect(counts_of(spikes, condition_ids=ids))
    assert quality.fano == pytest.approx(np.ones(5), abs=0.25)
    alone = inspect(counts_of(spikes[:5], condition_ids=np.arange(5)))
    assert np.isnan(alone.fano).all()


@pytest.mark.parametrize("per_bin", [1e-5, 12.0])
def test_rates_that_no_recording_has(per_bin):
    spikes = poisson(per_bin, (60, 200, 5))
    spikes[0, 0, 0] = 1
    assert "which no recording has" in remark(spikes)[0]
    assert remark(np.zeros((30, 4, 2), int))[0] == "no spike in any trial"


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 2), (2, 1, 4), (30, 1, 1)])
def test_the_smallest_sessions_can_be_looked_at(shape):
    assert isinstance(remark(poisson(shape=shape)), list)
    missing = np.full(shape, np.nan)
    assert isinstance(remark(missing, allow_missing=True), list)
