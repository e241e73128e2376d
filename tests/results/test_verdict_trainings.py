"""Verdicts on real trainings: each made to fail in one way, and one that is sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lfads_nb import DatasetCollection, RunCollection, RunParams, RunSpec
from lfads_nb.datasets import Counts
from lfads_nb.datasets.hdf5_layout import write_counts
from lfads_nb.results.verdicts import judge
from lfads_nb.sweep.verdict import Level, Verdict

pytestmark = pytest.mark.training

SMALL = RunParams(
    spike_bin_ms=25, co_dim=0, factors_dim=4, gen_dim=24, ic_dim=24, ic_enc_dim=24, batch_size=40,
    learning_rate_init=0.03, kl_increase_steps=40, l2_increase_steps=40, keep_prob=1.0,
    num_samples_posterior=8, l2_gen_scale=0.0,
)  # fmt: skip


def spikes(n_trials: int) -> Counts:
    """Spikes of 15 neurons that follow one of 8 turning latents, with the true rates."""
    rng = np.random.default_rng(3)
    time = np.linspace(0, 1, 20)[:, None]
    condition = np.arange(n_trials) % 8
    phase = 2 * np.pi * condition / 8 + rng.normal(0, 0.1, n_trials)
    latents = np.sin(2 * np.pi * time + phase[:, None, None] + np.array([0, np.pi / 2]))
    per_bin = 0.75 * np.exp(latents @ rng.normal(0, 0.8, (2, 15)))
    return Counts.from_bins(
        rng.poisson(per_bin), bin_ms=25.0, condition_ids=condition, truth=per_bin
    )


def drifting_spikes(n_trials: int) -> Counts:
    """Spikes of neurons whose rates drift over the session, and do nothing else."""
    rng = np.random.default_rng(3)
    place = np.linspace(-1, 1, n_trials)[:, None, None]
    per_bin = 0.75 * np.exp(place * rng.normal(0, 0.9, 15)) * np.ones((n_trials, 20, 1))
    return Counts.from_bins(rng.poisson(per_bin), bin_ms=25.0)


def partly_silent_spikes(n_trials: int) -> Counts:
    """Spikes as of `spikes`, but none of the first three neurons."""
    made = spikes(n_trials)
    counts = np.where(np.arange(15) < 3, 0, made.counts)
    return Counts.from_bins(counts, bin_ms=25.0, condition_ids=made.condition_ids)


def verdict_on(
    folder: Path, params: RunParams, n_trials: int, make: Callable[[int], Counts] = spikes
) -> Verdict:
    from lfads_nb.model import stages

    write_counts(folder / "made.h5", make(n_trials))
    datasets = DatasetCollection(folder, name="made")
    dataset = datasets.add("made.h5")
    collection = RunCollection(folder / "runs", "made", datasets)
    collection.add_params(params)
    collection.add_run_spec(RunSpec("made", datasets, [dataset]))
    collection.prepare()
    run = collection.runs[0]
    for stage in (stages.train, stages.sample_posterior, stages.export_weights):
        stage(run.folder, run.params, run.spec.dataset_names)
    return judge(run)


def test_a_kl_weight_of_100_collapses_and_is_called(tmp_path):
    verdict = verdict_on(tmp_path, SMALL.copy(kl_ic_weight=100.0, max_epochs=12), 200)
    assert verdict.title == "collapsed"
    assert verdict.level is Level.BAD
    assert "g0 carries nothing" in verdict.text
    assert "Lower kl_ic_weight" in verdict.text
    assert verdict.figures["kl_g0"] < 0.5


def test_no_dropout_and_30_trials_overfit_and_are_called(tmp_path):
    params = SMALL.copy(
        gen_dim=48, ic_dim=48, ic_enc_dim=48, factors_dim=15, batch_size=12, kl_ic_weight=1e-4,
        kl_increase_steps=10, l2_increase_steps=10, learning_rate_init=0.01, max_epochs=200,
    )  # fmt: skip
    verdict = verdict_on(tmp_path, params, 30)
    called = {finding.check for finding in verdict.problems}
    assert {"cost_rose", "far_apart", "worse_than_mean_rates", "copies_spikes"} & called


def test_trials_that_differ_by_drift_alone_are_called(tmp_path):
    params = SMALL.copy(max_epochs=25, kl_ic_weight=0.2)
    verdict = verdict_on(tmp_path, params, 200, drifting_spikes)
    assert [finding.check for finding in verdict.problems] == ["drift_only"]
    assert verdict.figures["drift_share"] > 0.9


def test_silent_neurons_and_a_learning_rate_that_is_far_too_high_are_called(tmp_path):
    params = SMALL.copy(
        max_epochs=18, kl_ic_weight=0.2, learning_rate_init=0.4, learning_rate_n_to_compare=1000,
        kl_increase_steps=5, l2_increase_steps=5,
    )  # fmt: skip
    verdict = verdict_on(tmp_path, params, 200, partly_silent_spikes)
    called = {finding.check: finding for finding in verdict.problems}
    assert "silent_neurons" in called
    # Which of the two it comes to is chance: that far up, rounding decides.
    too_fast = {"oscillates", "diverged"} & set(called)
    assert too_fast
    assert called["silent_neurons"].sentence.startswith("3 of 15 neurons")
    assert all("Lower learning_rate_init" in called[name].change for name in too_fast)


def test_a_sound_training_is_called_sound(tmp_path):
    verdict = verdict_on(tmp_path, SMALL.copy(max_epochs=60, kl_ic_weight=0.2), 200)
    assert not verdict.problems
    assert verdict.text.startswith("Sound:")
