"""A real training on the reaching demo: what it adds to decoding over the spikes themselves."""

from __future__ import annotations

import pytest

from lfads_nb import DatasetCollection, RunCollection, RunSpec, generate_demo_datasets
from lfads_nb.model import stages
from lfads_nb.sweep.starting_points import starting_point

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]


def test_the_hand_is_decoded_better_from_lfads_rates_than_from_smoothed_spikes(tmp_path):
    (file,) = generate_demo_datasets(
        tmp_path / "data", 1, kind="reaching", trials_per_condition=(40, 40), channels=(80, 80)
    )
    datasets = DatasetCollection(tmp_path / "data")
    dataset = datasets.add(file.name)
    base, _ = starting_point([dataset.info], spike_bin_ms=20, seed=0)
    ramp = base.kl_increase_steps // 5
    params = base.copy(
        max_epochs=120, kl_increase_steps=ramp, l2_increase_steps=ramp, learning_rate_init=0.01,
        kl_ic_weight=0.1, kl_co_weight=0.1, coordinated_dropout_rate=0.3, num_samples_posterior=16,
        test_fraction=0.2,
    )  # fmt: skip
    collection = RunCollection(tmp_path / "runs", "reaches", datasets)
    collection.add_run_spec(RunSpec("one", datasets, [dataset]))
    collection.add_params(params)
    collection.prepare()
    (run,) = collection.runs
    stages.train(run.folder, params, run.spec.dataset_names)
    stages.export_weights(run.folder, params, run.spec.dataset_names)
    stages.sample_posterior(run.folder, params, run.spec.dataset_names)
    # On trials that neither trained the model nor chose its weights.
    found = run.decode("hand_vel", sources=["rates"], n_permutations=0, evaluate="test")
    rates, smoothed, raw = (
        found.by_source[name].mean_r2 for name in ("rates", "smoothed spikes", "raw counts")
    )
    assert rates > 0.8
    assert rates > smoothed + 0.03
    assert smoothed > raw + 0.1
