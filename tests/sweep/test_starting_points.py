import math

import pytest

from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.errors import ParamsError
from lfads_nb.sweep import check_params
from lfads_nb.sweep.advice import RunSizes, advise
from lfads_nb.sweep.population import ramp_epochs
from lfads_nb.sweep.starting_points import STEPS_PER_EPOCH, starting_point


def info(n_trials=145, n_channels=45, n_bins=520, bin_ms=1.0):
    return DatasetInfo(n_trials=n_trials, n_channels=n_channels, n_bins=n_bins, bin_ms=bin_ms)


def test_a_real_recording_of_140_reaches_gets_steps_enough():
    params, reasons = starting_point([info()])
    n_train = 145 * 4 // 5
    assert 16 <= params.batch_size <= 36
    assert math.ceil(n_train / params.batch_size) >= STEPS_PER_EPOCH
    assert params.spike_bin_ms == 5
    assert params.factors_dim == 11
    assert params.gen_dim == 64
    assert ramp_epochs(params, [n_train]) == 80
    assert "116 training trials" in reasons["batch_size"]


@pytest.mark.parametrize("n_trials", [30, 145, 600, 5_000])
@pytest.mark.parametrize("n_sessions", [1, 3])
@pytest.mark.parametrize("n_channels", [2, 45, 300])
def test_starting_points_fit_their_data(n_trials, n_sessions, n_channels):
    infos = [info(n_trials, n_channels)] * n_sessions
    params, _ = starting_point(infos)
    named = [(f"s{i}", each) for i, each in enumerate(infos)]
    assert not [p for p in check_params(params, named) if p.severity == "error"]
    assert 8 <= params.batch_size <= 100
    assert ramp_epochs(params, [n_trials * 4 // 5] * n_sessions) == pytest.approx(80, abs=8)


def test_wide_bins_stay_as_they_are_and_changes_win():
    params, _ = starting_point([info(bin_ms=20.0, n_bins=26)], co_dim=0)
    assert params.spike_bin_ms == 20
    assert params.co_dim == 0
    assert starting_point([info()], spike_bin_ms=10).params.spike_bin_ms == 10


def test_too_few_trials_are_said():
    with pytest.raises(ParamsError, match="12 trials is too small"):
        starting_point([info(12)])
    with pytest.raises(ParamsError, match="at least one dataset"):
        starting_point([])


@pytest.mark.parametrize("n_trials", [24, 48, 70, 145, 600, 5_000])
@pytest.mark.parametrize("n_sessions", [1, 3])
@pytest.mark.parametrize("co_dim", [0, 2])
@pytest.mark.parametrize("n_bins", [8, 520])
def test_no_advice_contradicts_a_starting_point(n_trials, n_sessions, co_dim, n_bins):
    infos = [info(n_trials, 30, n_bins=n_bins, bin_ms=5.0)] * n_sessions
    params, reasons = starting_point(infos, co_dim=co_dim)
    advice = {each.about for each in advise(params, RunSizes.of(params, infos))}
    assert not advice & {*reasons, "controller_input_lag"}
    assert params.gen_dim <= max(n_trials * n_sessions * 4 // 5, 16)
