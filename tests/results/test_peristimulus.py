"""Data and model around an event, against averages made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.results import metrics
from lfads_nb.results.peristimulus import peristimulus
from lfads_nb.results.peristimulus_figure import peristimulus_figure

IDS = np.array([1, 1, 1, 2, 2])


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.poisson(2.0, (5, 12, 3)).astype(float), rng.gamma(2.0, 1.0, (5, 12, 3))


def test_averages_errors_and_spread_are_those_of_the_trials(arrays):
    spikes, rates = arrays
    found = peristimulus(spikes, rates, IDS, sd_bins=1.5)
    smoothed = metrics.smooth(spikes, 1.5)
    np.testing.assert_allclose(found.data.mean[0], smoothed[:3].mean(axis=0))
    sem = smoothed[:3].std(axis=0, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(found.data.sem[0], sem)
    np.testing.assert_allclose(found.model.mean[1], rates[3:].mean(axis=0))
    np.testing.assert_allclose(found.spread[1], rates[3:].std(axis=0, ddof=1))
    expected = metrics.r2(smoothed[:3].mean(axis=0), rates[:3].mean(axis=0)).per_channel
    np.testing.assert_allclose(found.agreement()[0], expected)


def test_what_is_missing_in_one_is_left_out_of_both(arrays):
    spikes, rates = arrays
    rates[1] = np.nan
    spikes[0, 4] = np.nan
    found = peristimulus(spikes, rates, IDS, sd_bins=1.0)
    assert found.data.n.tolist() == found.model.n.tolist() == [2, 2]
    np.testing.assert_allclose(found.model.mean[0, 4], rates[2, 4])
    np.testing.assert_allclose(found.model.mean[0, 5], rates[[0, 2], 5].mean(axis=0))
    assert np.isfinite(found.data.mean).all()
    constant = peristimulus(np.where(np.isnan(spikes), np.nan, 3.0), rates, IDS, sd_bins=1.0)
    np.testing.assert_allclose(constant.data.mean, 3.0)


def test_a_condition_of_one_trial_has_no_spread(arrays):
    spikes, rates = arrays
    found = peristimulus(spikes, rates, np.array([1, 1, 1, 1, 2]), sd_bins=0)
    assert np.isnan(found.spread[1]).all()
    assert np.isnan(found.data.sem[1]).all()


def test_the_figure_has_a_panel_for_each_neuron_and_condition(make_run):
    run = make_run(n_conditions=3)
    figure = peristimulus_figure(run.folder, neurons=[4, 1], conditions=[0, 2])
    axes = [each for part in figure.subfigs for each in part.axes]
    assert len(axes) == 4
    ids, rates = run.session.condition_ids, run.session.outputs["output_dist_params"]
    expected = rates[ids == 2][..., 4].mean(axis=0) * 1000 / run.params.spike_bin_ms
    np.testing.assert_allclose(axes[1].lines[1].get_ydata(), expected, rtol=1e-5)
    assert axes[0].get_ylabel().startswith("neuron 4\nR²")
    words = figure.subfigs[0].get_suptitle()
    assert "R² of condition averages" in words
    assert "NLB" in words


def test_without_conditions_the_figure_says_so(make_run):
    figure = peristimulus_figure(make_run(conditions=None).folder)
    assert "no conditions" in figure.subfigs[0].texts[0].get_text()


def test_a_run_that_was_not_sampled_has_no_figure(make_run):
    run = make_run()
    for path in run.folder.output.glob("*posterior*"):
        path.unlink()
    with pytest.raises(RunFolderError):
        peristimulus_figure(run.folder)
