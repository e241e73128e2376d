"""Figures of validation trials while training goes on, and the best epoch chosen by any of them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.datasets.behavior import Signal, write_signals
from lfads_nb.errors import ParamsError
from lfads_nb.model import stages
from lfads_nb.model.architecture import architecture_of
from lfads_nb.model.inputs import read_sessions
from lfads_nb.model.training_setup import set_up
from lfads_nb.model.validation_metrics import _decoding_r2, _pooled_r2
from lfads_nb.results.fit_log import FitLog
from tests.model.small_runs import small_params, write_inputs

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("op_by_op")]


def write_run(path, *, behavior=True, truth=True):
    """A run folder whose trials have a truth and a behaviour."""
    rng = np.random.default_rng(0)
    run = write_inputs(path)
    with h5py.File(run.input_file("one"), "r+") as file:
        file["train_inds"], file["valid_inds"] = np.arange(1.0, 21), np.arange(21.0, 27)
        if truth:
            for split in ("train", "valid"):
                file[f"{split}_truth"] = file[f"{split}_data"][()] + 0.1
        if behavior:
            counts = np.concatenate([file["train_data"][()], file["valid_data"][()]])
            hand = counts.astype(float) @ rng.normal(size=(6, 2))
            hand[3, 2] = np.nan
            write_signals(file.create_group("behavior"), {"hand": Signal(hand, unit="mm/s")})
    return run


def train(run, **changes):
    params = small_params(**changes)
    return stages.train(run, params, ("one",)), params


def test_figures_are_logged_every_few_epochs(tmp_path):
    run = write_run(tmp_path)
    train(run, max_epochs=5, metrics_every=2)
    log = FitLog.read(run.fit_log)
    for name in ("r2_truth", "r2_decoding"):
        assert np.isfinite(log[name]).tolist() == [False, True, False, True, False]
    assert np.isfinite(log["bps"]).all()


def test_without_the_option_nothing_is_logged_and_nothing_changes(tmp_path):
    logs = []
    for name, every in (("a", 0), ("b", 1)):
        run = write_run(tmp_path / name)
        train(run, max_epochs=3, metrics_every=every)
        logs.append(FitLog.read(run.fit_log))
    assert not logs[0].extra
    np.testing.assert_array_equal(logs[0].total_train, logs[1].total_train)
    np.testing.assert_array_equal(logs[0].total_valid, logs[1].total_valid)


@pytest.mark.parametrize("select_by", ["bps", "r2_truth", "recon_valid"])
def test_the_best_epoch_is_chosen_by_the_figure_that_is_named(tmp_path, select_by):
    run = write_run(tmp_path)
    summary, params = train(
        run, max_epochs=8, select_by=select_by, metrics_every=1, kl_increase_steps=3,
        l2_increase_steps=3, learning_rate_init=0.03,
    )  # fmt: skip
    log = FitLog.read(run.fit_log, select_by=params.select_by)
    assert summary.best_epoch == log.epoch[log.lve_index]
    assert summary.best_total_valid == pytest.approx(log.total_valid_lve, abs=0.01)
    values = log[select_by][log.ramps_ended]
    best = values.min() if select_by == "recon_valid" else values.max()
    assert log.lve(select_by) == best


@pytest.mark.parametrize(
    ("select_by", "says"),
    [
        ("r2_decoding", "needs behaviour with the data"),
        ("r2_truth", "needs true rates with the data"),
        ("co_bps", "needs heldout_channels"),
        ("fp_bps", "needs forward_prediction_bins"),
    ],
)
def test_a_figure_that_the_data_cannot_give_is_refused_at_the_start(tmp_path, select_by, says):
    run = write_run(tmp_path, behavior=False, truth=False)
    with pytest.raises(ParamsError, match=says):
        train(run, select_by=select_by)


def test_decoding_is_fitted_on_training_trials_and_judged_on_others():
    rng = np.random.default_rng(0)
    rates, weights = rng.random((30, 20, 5)), rng.normal(size=(5, 2))
    hand = rates @ weights
    assert _decoding_r2(rates[:20], hand[:20], rates[20:], hand[20:]) > 0.99
    other = rng.normal(size=hand.shape)
    assert _decoding_r2(rates[:20], other[:20], rates[20:], other[20:]) < 0.05
    constant = np.zeros_like(hand)
    assert _decoding_r2(rates[:20], constant[:20], rates[20:], constant[20:]) is None
    assert _pooled_r2(hand, hand) == 1


def test_the_figures_are_those_of_the_posterior_means(tmp_path):
    run = write_run(tmp_path)
    params = small_params(metrics_every=1)
    sessions = read_sessions(run, params, ("one",))
    training = set_up(run, architecture_of(params, ["one"], [6], 7, aligned=False), sessions)
    figures = training.metrics.figures()
    rates = training.metrics._sampler.means(sessions[0].splits["valid"], 0)["output_dist_params"]
    assert figures["r2_truth"] == pytest.approx(_pooled_r2(sessions[0].truth["valid"], rates))
    assert set(figures) == {"r2_truth", "r2_decoding"}
