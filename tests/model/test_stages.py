"""Whole stages on tiny folders."""

from __future__ import annotations

import math
import signal
from contextlib import nullcontext

import h5py
import numpy as np
import pytest

from lfads_nb.errors import RunFolderError, TrainingError
from lfads_nb.model import stages, step_reporter
from lfads_nb.model.callbacks import EpochRecorder
from lfads_nb.model.weights import read_model_params
from lfads_nb.queue.rungs import RungJudge
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.halving import Halving, HalvingOrder, read_rungs
from lfads_nb.sweep.more_epochs import MoreEpochs
from tests.model.small_runs import small_params, write_inputs

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("op_by_op")]


def train(run: RunFolder, names=("one",), *, on_progress=None, should_stop=None, **changes):
    return stages.train(
        run, small_params(**changes), names, on_progress=on_progress, should_stop=should_stop
    )


def weights_of(run: RunFolder, **changes) -> dict[str, np.ndarray]:
    stages.export_weights(run, small_params(**changes), ("one",))
    return read_model_params(run.model_params)


def fit_log(run: RunFolder) -> list[dict[str, list[float]]]:
    """Parse a fit log: labels, each followed by its values."""
    epochs = []
    for line in run.fit_log.read_text().splitlines():
        values: dict[str, list[float]] = {}
        for part in (p.strip() for p in line.split(",")):
            if part[0].isalpha() and part not in ("nan", "inf"):
                latest = values.setdefault(part, [])
            else:
                latest.append(float(part))
        epochs.append(values)
    return epochs


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> RunFolder:
    """A run of four epochs with a test split, sampled and exported."""
    run = write_inputs(tmp_path_factory.mktemp("run"), n_test=5)
    params = small_params(max_epochs=4)
    stages.train(run, params, ("one",))
    stages.sample_posterior(run, params, ("one",))
    stages.export_weights(run, params, ("one",))
    return run


def test_training_leaves_what_others_read(trained):
    epochs = fit_log(trained)
    assert [e["epoch"] for e in epochs] == [[0], [1], [2], [3]]
    assert [e["step"] for e in epochs] == [[3], [6], [9], [12]]
    assert all(len(e[name]) == 2 for e in epochs for name in ("total", "recon", "kl"))
    assert trained.hyperparameters(0).exists()
    assert list(trained.tensorboard.rglob("events.out.tfevents.*"))
    assert trained.model_params.exists()


def test_every_split_is_sampled(trained):
    for split, n in (("train", 20), ("valid", 6), ("test", 5)):
        with h5py.File(trained.posterior_means("one", split)) as file:
            assert {name: file[name].shape for name in file} == {
                "factors": (n, 7, 3), "gen_states": (n, 7, 5), "gen_ics": (n, 5),
                "output_dist_params": (n, 7, 6), "prior_g0_mean": (n, 4),
                "prior_g0_logvar": (n, 4), "post_g0_mean": (n, 4), "post_g0_logvar": (n, 4),
                "costs": (n,), "nll_bound_vaes": (n,), "nll_bound_iwaes": (n,),
                "train_steps": (n,),
            }  # fmt: skip
            assert file["factors"].compression == "gzip"
            assert file["factors"].dtype == np.float64


def test_any_trained_folder_can_be_sampled_again(trained, tmp_path):
    stages.sample_folder(trained.path, "posterior_push_mean", output=tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"model_runs_one.h5_{split}_posterior_push_mean" for split in ("test", "train", "valid")
    ]


def test_prior_samples_have_the_keys_of_tf1(trained):
    stages.sample_prior(trained, small_params(), ("one",), n_samples=9)
    with h5py.File(trained.prior_samples) as file:
        assert file["output_dist_params"].shape == (9, 7, 6)
        assert file["factors"].shape == (9, 7, 3)
        assert {"gen_states", "gen_ics", "prior_g0_mean", "prior_g0_logvar"} <= set(file)


def test_resuming_gives_what_an_uninterrupted_training_gives(tmp_path):
    """And so the same seed gives the same numbers, and another one others."""
    through, resumed, other = (write_inputs(tmp_path / name) for name in "abc")
    train(through, max_epochs=5)
    train(resumed, max_epochs=3)
    summary = train(resumed, max_epochs=5)
    assert summary.resumed_from_step == 9
    log = through.fit_log.read_text()
    assert resumed.fit_log.read_text() == log
    a, b = weights_of(through), weights_of(resumed)
    assert all(np.array_equal(a[key], b[key]) for key in a)
    train(other, max_epochs=1, seed=4)
    assert other.fit_log.read_text().splitlines()[0] != log.splitlines()[0]


@pytest.mark.parametrize("co_dim", [0, 2])
def test_a_training_that_was_made_ready_before_is_the_same(tmp_path, co_dim):
    changes = {"co_dim": co_dim, "coordinated_dropout_rate": 0.3, "seed": 3}
    plain, ready = write_inputs(tmp_path / "plain"), write_inputs(tmp_path / "ready")
    train(plain, **changes)
    before = sorted(ready.path.rglob("*"))
    stages.get_ready(ready, small_params(**changes), ("one",))
    assert sorted(ready.path.rglob("*")) == before
    train(ready, **changes)
    assert ready.fit_log.read_text() == plain.fit_log.read_text()
    expected, found = weights_of(plain, **changes), weights_of(ready, **changes)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    # What was made ready is used once, and is not in the way of another setting.
    other = write_inputs(tmp_path / "other")
    stages.get_ready(other, small_params(**changes), ("one",))
    train(other, **{**changes, "gen_dim": 6})
    assert len(fit_log(other)) == 2


def test_a_training_that_has_ended_does_not_start_again(tmp_path):
    run = write_inputs(tmp_path)
    train(run)
    before = run.fit_log.read_text()
    summary = train(run)
    assert "max_epochs=2 reached" in summary.stop_reason
    assert run.fit_log.read_text() == before


def test_more_epochs_give_what_a_training_of_all_of_them_gives(tmp_path):
    through, more = (write_inputs(tmp_path / name) for name in "ab")
    train(through, max_epochs=5)
    train(more, max_epochs=3)
    MoreEpochs(2).save(more.output)
    summary = train(more, max_epochs=3)
    assert summary.stop_reason == "2 more epochs done (5 in all)"
    assert more.fit_log.read_text() == through.fit_log.read_text()
    a, b = weights_of(through), weights_of(more)
    assert all(np.array_equal(a[key], b[key]) for key in a)
    assert train(more, max_epochs=3).epochs == 5
    MoreEpochs(1).save(more.output)
    assert train(more, max_epochs=3).epochs == 6


def test_more_epochs_go_on_after_early_stopping_and_after_the_learning_rate_fell(tmp_path):
    run = write_inputs(tmp_path)
    ends = {
        "max_epochs": 200, "early_stopping_patience": 2, "learning_rate_init": 1e-9,
        "learning_rate_stop": 1e-10, "kl_increase_steps": 0, "l2_increase_steps": 0,
    }  # fmt: skip
    ended = train(run, **ends)
    assert "no better validation likelihood" in ended.stop_reason
    MoreEpochs(3).save(run.output)
    assert train(run, **ends).epochs > ended.epochs + 1
    MoreEpochs(2).save(run.output)
    below = {**ends, "early_stopping_patience": 0, "learning_rate_init": 1.0}
    below["learning_rate_stop"] = 0.5
    assert "2 more epochs done" in train(run, **below).stop_reason


def test_a_sweep_is_halved_and_what_was_stopped_goes_on_as_if_it_had_never_been(tmp_path):
    rates, runs = (0.03, 1e-5, 1e-6), [write_inputs(tmp_path / name) for name in "abc"]
    rule = Halving(2, 3)
    for run in runs:
        HalvingOrder(rule, tuple(other.path for other in runs if other != run)).save(run)

    def judged(run, rate):
        params = small_params(learning_rate_init=rate, learning_rate_stop=1e-9, max_epochs=7)
        return stages.train(run, params, ("one",), judge=RungJudge.of(run))

    ends = [judged(run, rate) for run, rate in zip(runs, rates, strict=True)]
    assert [end.epochs for end in ends] == [7, 3, 3]
    assert ends[1].stop_reason.startswith("stopped early after 3 epochs: place 2 of 2")
    assert [(rung.n, rung.goes_on) for rung in read_rungs(runs[2])] == [(3, False)]
    before = runs[1].fit_log.read_text()
    again = judged(runs[1], rates[1])
    assert (again.stop_reason, again.epochs) == (ends[1].stop_reason, 3)
    assert runs[1].fit_log.read_text() == before

    runs[1].halving_json.unlink()
    assert judged(runs[1], rates[1]).stop_reason == "max_epochs=7 reached"
    through = write_inputs(tmp_path / "through")
    judged(through, rates[1])
    assert runs[1].fit_log.read_text() == through.fit_log.read_text()


def test_more_epochs_without_a_checkpoint_do_not_train_from_the_start(tmp_path):
    run = write_inputs(tmp_path)
    run.output.mkdir()
    MoreEpochs(3).save(run.output)
    with pytest.raises(RunFolderError, match="holds no checkpoint that could go on with 3 more"):
        train(run)
    (run.output / "more_epochs.json").write_text("{}")
    with pytest.raises(RunFolderError, match=r"more_epochs.json cannot be read"):
        train(run)


def test_training_ends_by_the_learning_rate(tmp_path):
    # At once too small a rate to learn: costs rise and fall by chance, and the rate falls.
    summary = train(
        write_inputs(tmp_path), max_epochs=200, learning_rate_init=1e-7,
        learning_rate_stop=0.9e-7, learning_rate_n_to_compare=1, learning_rate_decay_factor=0.8,
    )  # fmt: skip
    assert "learning_rate_stop" in summary.stop_reason


def test_training_ends_when_asked_and_goes_on_later(tmp_path):
    run, asked = write_inputs(tmp_path), []

    def stop_in_second_epoch():
        asked.append(1)
        return len(asked) == 5

    summary = train(run, max_epochs=4, should_stop=stop_in_second_epoch)
    assert summary.stop_reason == "stopped on request"
    assert summary.epochs == 1
    assert train(run, max_epochs=4).epochs == 4
    assert [e["epoch"] for e in fit_log(run)] == [[0], [1], [2], [3]]


@pytest.mark.parametrize("by_interruption", [True, False])
def test_a_training_stopped_within_an_epoch_loses_nothing_but_that(tmp_path, by_interruption):
    through, stopped = write_inputs(tmp_path / "through"), write_inputs(tmp_path / "stopped")
    asked, before = [], signal.getsignal(signal.SIGINT)

    def stop_in_fifth_epoch():
        asked.append(1)
        if len(asked) == 4 * 3 + 2 and by_interruption:
            raise KeyboardInterrupt
        return len(asked) == 4 * 3 + 2

    with pytest.raises(KeyboardInterrupt) if by_interruption else nullcontext():
        train(stopped, max_epochs=6, should_stop=stop_in_fifth_epoch)
    assert signal.getsignal(signal.SIGINT) is before
    train(through, max_epochs=6)
    assert train(stopped, max_epochs=6).resumed_from_step == 4 * 3
    assert stopped.fit_log.read_text() == through.fit_log.read_text()
    a, b = weights_of(through), weights_of(stopped)
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_progress_is_told(tmp_path):
    told = []
    train(write_inputs(tmp_path), on_progress=told.append)
    last = told[-1]
    assert (last.epoch, last.step, last.fraction) == (1, 6, 1.0)
    assert math.isfinite(last.total_valid)
    assert "bps" in last.extra


def test_what_is_done_before_the_first_epoch_is_told_and_then_each_step(tmp_path, monkeypatch):
    monkeypatch.setattr(step_reporter, "SECONDS_BETWEEN_STEPS", 0.0)
    told = []
    stages.train(write_inputs(tmp_path), small_params(), ("one",), on_step=told.append)
    words = [step.doing for step in told]
    assert words[:4] == ["reading the data", "building the model", "compiling", "first epoch"]
    assert words[-1] == "1 of about 2 epochs"
    fractions = [step.fraction for step in told[3:]]
    assert fractions == pytest.approx([n / 6 for n in range(1, 7)])
    assert told[3].eta_s is None  # the step that was compiled says nothing of the pace
    assert all(step.eta_s >= 0 for step in told[4:])


def test_the_best_checkpoint_waits_for_the_ramps(tmp_path, caplog):
    run = write_inputs(tmp_path)
    summary = train(run, kl_increase_steps=100)
    assert summary.best_epoch is None
    stages.export_weights(run, small_params(), ("one",))
    assert "taking the newest one" in caplog.text
    other = train(write_inputs(tmp_path / "b"), max_epochs=4)
    assert other.best_epoch is not None
    assert other.best_epoch >= 1


def test_without_any_weights_nothing_is_sampled(tmp_path):
    with pytest.raises(RunFolderError, match="model_params is missing"):
        stages.sample_posterior(write_inputs(tmp_path), small_params(), ("one",))


def run_with_nan(run, monkeypatch, **changes):
    """Train with a cost that becomes NaN in the second epoch while the rate is too high."""
    seen = []
    plain = EpochRecorder.on_epoch_end

    def spoiled(self, epoch, logs=None):
        if self.training.learning_rate > 0.003 and self.training.state.epoch >= 1:
            logs["total"] = math.nan
            seen.append(self.training.learning_rate)
        plain(self, epoch, logs)

    monkeypatch.setattr(EpochRecorder, "on_epoch_end", spoiled)
    return train(run, max_epochs=4, **changes), seen


def test_a_cost_that_is_not_a_number_ends_training_with_advice(tmp_path, monkeypatch):
    with pytest.raises(TrainingError, match="became nan in epoch 1: lower learning_rate_init"):
        run_with_nan(write_inputs(tmp_path), monkeypatch)


def test_training_returns_to_the_last_checkpoint_at_lower_rates(tmp_path, monkeypatch):
    run = write_inputs(tmp_path)
    summary, seen = run_with_nan(run, monkeypatch, nan_restarts=2)
    assert summary.nan_restarts == 2
    assert seen == pytest.approx([0.01, 0.005])
    assert [e["epoch"] for e in fit_log(run)] == [[0], [1], [2], [3]]


def test_training_gives_up_after_its_restarts(tmp_path, monkeypatch):
    with pytest.raises(TrainingError, match="after 1 restarts at lower rates"):
        run_with_nan(write_inputs(tmp_path), monkeypatch, nan_restarts=1)


def test_weights_that_explode_are_noticed(tmp_path):
    with pytest.raises(TrainingError, match="training cost became"):
        train(write_inputs(tmp_path), learning_rate_init=1e6, max_epochs=5)


OPTIONS = {
    "controller": {"co_dim": 2},
    "causal, rates fed back": {
        "co_dim": 1, "do_causal_controller": True, "feedback_factors_or_rates": "rates",
    },
    "co-smoothing and forward prediction": {
        "heldout_channels": 2, "forward_prediction_bins": 2,
    },
    "coordinated dropout, sample validation": {
        "coordinated_dropout_rate": 0.3, "coordinated_dropout_pass_rate": 0.1,
        "sample_validation_rate": 0.2,
    },
    "gaussian, learned prior, early stopping": {
        "output_dist": "gaussian", "ic_prior_var_max": 1.0, "early_stopping_patience": 1,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_trains(name, tmp_path):
    run = write_inputs(tmp_path)
    summary = train(run, **OPTIONS[name])
    assert summary.epochs == 2
    extra = set(fit_log(run)[0]) - {
        "epoch", "step", "total", "recon", "kl", "l2", "klweight", "l2weight",
    }  # fmt: skip
    assert extra == {
        "co-smoothing and forward prediction": {"bps", "co_bps", "fp_bps"},
        "coordinated dropout, sample validation": {"hidden_nll", "val_hidden_nll"},
    }.get(name, set())


def test_stitched_sessions_with_few_trials_and_missing_bins_train_together(tmp_path):
    counts = np.random.default_rng(0).poisson(1.0, (5, 7, 4)).astype(float)
    counts[0, :3] = np.nan
    write_inputs(tmp_path, "few", n_channels=4, train_data=counts, n_valid=2)
    run = write_inputs(tmp_path, "many")
    summary = train(run, ("few", "many"), ext_input_dim=0)
    # Eight rows a batch: one batch of the small session, three of the other.
    assert summary.steps == 2 * 4
    stages.sample_posterior(run, small_params(), ("few", "many"))
    with h5py.File(run.posterior_means("few", "train")) as file:
        assert file["output_dist_params"].shape == (5, 7, 4)
        assert np.isfinite(file["costs"][:]).all()


def test_training_starts_from_another_runs_weights(trained, tmp_path):
    run = write_inputs(tmp_path)
    changes = {"initial_weights": str(trained.path), "do_train_io_only": True}
    train(run, **changes)
    before, after = read_model_params(trained.model_params), weights_of(run, **changes)
    moved = {key for key in before if not np.array_equal(before[key], after[key])}
    assert {key for key in moved if "step" not in key} == {
        "LFADS_glm_fac_2_logrates_one.h5_W:0",
        "LFADS_glm_fac_2_logrates_one.h5_b:0",
    }
