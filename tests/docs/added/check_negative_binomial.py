"""The test that goes with the likelihood."""

from __future__ import annotations

import numpy as np
from keras import ops
from scipy import stats

from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.model import stages
from lfads_nb.model.likelihoods import likelihood_of
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from tests.model.conftest import op_by_op  # noqa: F401

RNG = np.random.default_rng(0)
NAME = "negative_binomial"


def test_its_log_probability_is_that_of_scipy():
    x = RNG.poisson(2.0, (4, 5)).astype(np.float32)
    log_mean, log_shape = (RNG.normal(0, 0.7, (4, 5)).astype(np.float32) for _ in range(2))
    mean, shape = np.exp(log_mean), np.exp(log_shape)
    found = likelihood_of(NAME).log_prob(ops.convert_to_tensor(x), (log_mean, log_shape))
    expected = stats.nbinom.logpmf(x, shape, shape / (shape + mean))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-3, atol=1e-4)


def test_a_run_trains_with_it_and_its_rates_and_variances_are_read(tmp_path, op_by_op):  # noqa: F811
    datasets = DatasetCollection(tmp_path / "datasets")
    counts = Counts.from_bins(RNG.poisson(0.7, (20, 10, 6)), 2.0)
    write_counts(tmp_path / "datasets" / "one.h5", counts)
    datasets.add("one.h5")
    params = RunParams(
        output_dist=NAME, spike_bin_ms=2, factors_dim=3, gen_dim=5, ic_dim=4, ic_enc_dim=4,
        co_dim=0, batch_size=8, device="/cpu:0", max_epochs=2, num_samples_posterior=3,
        kl_increase_steps=2, l2_increase_steps=2,
    )  # fmt: skip
    rc = RunCollection(tmp_path / "runs", "c", datasets, params=[params])
    rc.add_run_spec(RunSpec("single", datasets, [0]))
    rc.prepare()
    run = rc.runs[0]
    for stage in (stages.train, stages.sample_posterior):
        stage(run.folder, run.params, run.spec.dataset_names)
    pm = run.posterior_means()
    assert pm.rates.shape == (20, 10, 6)
    # 0.7 counts in 2 ms are 350 spikes/s; the variance of a bin is above its mean
    assert 100 < np.mean(pm.rates) < 1000
    assert (np.asarray(pm.output_variances) > np.asarray(pm.rates) * 0.002).all()
