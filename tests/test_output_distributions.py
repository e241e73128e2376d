"""Every distribution of outputs, from the data through training to report, viewers and export."""

from __future__ import annotations

import warnings

import h5py
import numpy as np
import pytest

from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.results import report
from lfads_nb.results.figure_or_reason import Reason
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from tests.model.conftest import op_by_op  # noqa: F401

with warnings.catch_warnings():
    # bqplot's scales use a form of traitlets that is to go; they say so once, when imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from lfads_nb.widgets.viewers import Viewers

PARAMS = RunParams(
    spike_bin_ms=2, factors_dim=3, gen_dim=5, ic_dim=4, ic_enc_dim=4, ci_enc_dim=3, con_dim=4,
    co_dim=1, batch_size=8, device="/cpu:0", max_epochs=2, num_samples_posterior=3,
    kl_increase_steps=2, l2_increase_steps=2, use_alignment_matrix=False,
)  # fmt: skip
HEADS = {
    "poisson": ("logrates",),
    "gaussian": ("means", "logvars"),
    "gamma": ("logmeans", "logshapes"),
    "zero_inflated_gamma": ("logmeans", "logshapes", "zerologits"),
}


def values_of(output_dist: str) -> np.ndarray:
    """Values of 20 trials x 10 bins x 6 channels that such outputs can have."""
    rng, shape = np.random.default_rng(0), (20, 10, 6)
    values = {
        "poisson": rng.poisson(0.7, shape),
        "gaussian": rng.normal(1, 2, shape),
        "gamma": rng.gamma(2, 0.5, shape),
        "zero_inflated_gamma": rng.gamma(2, 0.5, shape) * (rng.random(shape) < 0.6),
    }
    return values[output_dist]


@pytest.mark.training
@pytest.mark.usefixtures("op_by_op")
@pytest.mark.parametrize("output_dist", HEADS)
def test_an_output_distribution_from_training_through_report_viewers_and_export(
    tmp_path, output_dist
):
    from lfads_nb.model import stages
    from lfads_nb.model.likelihoods import likelihood_of

    datasets = DatasetCollection(tmp_path / "datasets")
    counts = Counts.from_bins(
        values_of(output_dist), 2.0, condition_ids=np.arange(20) % 2,
        continuous=output_dist != "poisson",
    )  # fmt: skip
    write_counts(tmp_path / "datasets" / "one.h5", counts)
    datasets.add("one.h5")
    rc = RunCollection(
        tmp_path / "runs", "c", datasets, params=[PARAMS.copy(output_dist=output_dist)]
    )
    rc.add_run_spec(RunSpec("single", datasets, [0]))
    rc.prepare()
    run = rc.runs[0]
    for stage in (stages.train, stages.sample_posterior, stages.export_weights):
        stage(run.folder, run.params, run.spec.dataset_names)

    pm = run.posterior_means()
    assert np.isfinite(pm.rates).all()
    if output_dist != "gaussian":
        assert (pm.rates > 0).all()
    if output_dist != "poisson":
        assert (pm.output_variances > 0).all()

    heads = HEADS[output_dist]
    assert tuple(head.name for head in likelihood_of(output_dist).heads) == heads
    weights = run.trained_params()
    names = [f"factors_to_{head}_{part}" for head in heads for part in "Wb"]
    found = [n for n in weights.NAMES if n.startswith("factors_to_") and weights[n]]
    assert sorted(found) == sorted(names)
    assert weights[names[0]]["one"].shape == (3, 6)
    assert weights.num_channels_by_dataset == {"one": 6}

    for name in set(report.__all__) - {"alignment_figure", "figure_or_reason", "VerdictPlace"}:
        assert not isinstance(getattr(report, name)(run.folder), Reason), name

    viewers = Viewers(run)
    for title in viewers.tabs.titles:
        shown = viewers.show(title)
        assert "could not be shown" not in str(getattr(shown, "value", "")), title
    weights_viewer = viewers.show("Weights")
    options = [name for _, name in weights_viewer.name.options]
    for name in names:
        weights_viewer.name.value = name
        np.testing.assert_array_equal(weights_viewer.matrix(), weights[name]["one"])
    assert set(names) <= set(options)

    with h5py.File(run.export()[0]) as file:
        for name in names:
            np.testing.assert_array_equal(file[f"{name}/one"], weights[name]["one"])
