"""The page on dynamics: its code runs on a trained run, and its step is the generator's."""

from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from tests.docs.test_pages import code_blocks
from tests.model.conftest import op_by_op  # noqa: F401

PARAMS = RunParams(
    spike_bin_ms=10, factors_dim=3, gen_dim=5, ic_dim=4, ic_enc_dim=4, co_dim=0, batch_size=8,
    device="/cpu:0", max_epochs=2, kl_increase_steps=2, l2_increase_steps=2,
    posterior_mean_kind="posterior_push_mean", gen_cell_rec_weight_scale=2.0,
)  # fmt: skip


@pytest.fixture
def run(tmp_path, op_by_op):  # noqa: F811
    from lfads_nb.model import stages

    rng = np.random.default_rng(0)
    datasets = DatasetCollection(tmp_path / "datasets")
    wave = np.sin(np.arange(12)[:, None] / 2 + np.arange(6) + (np.arange(40) % 4)[:, None, None])
    counts = Counts.from_bins(rng.poisson(np.exp(wave)), 10.0, condition_ids=np.arange(40) % 4)
    write_counts(tmp_path / "datasets" / "one.h5", counts)
    datasets.add("one.h5")
    rc = RunCollection(tmp_path / "runs", "c", datasets, params=[PARAMS])
    rc.add_run_spec(RunSpec("single", datasets, [0]))
    rc.prepare()
    for stage in (stages.train, stages.sample_posterior, stages.export_weights):
        stage(rc.runs[0].folder, rc.runs[0].params, rc.runs[0].spec.dataset_names)
    return rc.runs[0]


@pytest.mark.training
def test_every_line_runs_and_the_step_is_that_of_the_trained_generator(run):
    names = {"run": run}
    for block in code_blocks("dynamics.md"):
        exec(compile(block, "docs/dynamics.md", "exec"), names)
    step, pm = names["step"], names["pm"]
    states = pm.field("generator_states").load().astype(float)
    np.testing.assert_allclose(step(states[:, :-1]), states[:, 1:], atol=1e-5)
    factors = states @ names["weights"].gen_to_factors_W_normalized
    np.testing.assert_allclose(factors, pm.field("factors").load(), atol=1e-5)

    points = names["points"]
    assert len(points)
    np.testing.assert_allclose(step(points), points, atol=1e-6)
    settled = states[0, -1]
    for _ in range(2000):
        settled = step(settled)
    if np.allclose(step(settled), settled, atol=1e-9):  # where the path ends, a point was found
        assert np.linalg.norm(points - settled, axis=1).min() < 1e-3
    assert names["plane"].shape == (4, 12, 2)
    assert names["found"].r2_skew <= names["found"].r2_best
