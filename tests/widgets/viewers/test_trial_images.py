"""A trial's rates as images on one scale."""

from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.results import PosteriorMeans
from lfads_nb.widgets.viewers import RatesViewer, TrialViewer
from lfads_nb.widgets.viewers.trial_images import SMOOTHED, TRUE, neuron_ticks
from tests.results.conftest import make_run  # noqa: F401
from tests.widgets.viewers.conftest import PARAMS


def shown_rates(plot, high):
    """What an image says, from its colours: (neurons, bins)."""
    return (plot.layer.drawn_image().astype(float) - 1) / 255 * high


def test_inferred_and_true_rates_are_images_on_one_scale(open_run):
    run, pm = open_run()
    viewer = TrialViewer(pm, trial=11)
    high = viewer._scale.high
    for field, plot in (("rates", viewer.rates), ("true_rates", viewer.truth)):
        expected = np.minimum(pm.field(field)[11][:, viewer._order].T, high)
        np.testing.assert_allclose(shown_rates(plot, high), expected, atol=high / 250)
        assert f"{high:.3g} spikes/s" in plot._key.value
    # The spikes of a trial are as many, however smooth they are.
    mean = shown_rates(viewer.smoothed, high).mean()
    assert mean == pytest.approx(run.session.counts[11].mean() * 100, rel=0.2)
    assert f"{high:.3g} spikes/s" in viewer.smoothed._key.value


def test_the_scale_fits_each_trial_until_it_is_locked(open_run):
    _, pm = open_run()
    viewer = TrialViewer(pm, trial=11)
    first = viewer._scale
    viewer.selection.trial = 12
    assert viewer._scale.high != first.high
    viewer.lock.value = True
    locked = viewer._scale
    viewer.selection.trial = 13
    assert viewer._scale is locked
    assert f"{locked.high:.3g} spikes/s" in viewer.rates._key.value
    viewer.per_neuron.value = True
    assert viewer._scale.limits == (0, 1)
    assert "largest average" in viewer.truth._key.value


def test_images_can_be_left_out(open_run):
    _, pm = open_run()
    viewer = TrialViewer(pm)
    viewer.wanted[SMOOTHED].value = False
    assert viewer.smoothed.layout.display == "none"
    assert viewer.truth.layout.display is None
    viewer.wanted[TRUE].value = False
    assert viewer.truth.layout.display == "none"
    assert viewer.rates.layout.display is None


def test_rows_are_named_by_their_neurons(open_run):
    _, pm = open_run()
    viewer = TrialViewer(pm)
    viewer.order.value = "mean rate"
    assert viewer.rates.y_axis.tick_labels["8.5"] == str(viewer._order[0])
    assert next(iter(neuron_ticks(np.arange(100)).items())) == (99.5, "0")
    assert len(neuron_ticks(np.arange(100))) <= 8


def test_a_trial_plays_through_those_that_are_shown(open_run):
    run, pm = open_run()
    viewer = TrialViewer(pm, shown=("1",), trial=1)
    shown = np.flatnonzero(run.session.condition_ids == 1)
    assert viewer.play.max == viewer.slider.max
    viewer.play.value = 4
    assert viewer.selection.trial in shown
    assert viewer.slider.value == viewer.trial.index == 4


def test_data_that_are_not_spikes_are_smoothed_in_their_own_unit(make_run):  # noqa: F811
    run = make_run(PARAMS.copy(output_dist="gaussian"))
    pm = PosteriorMeans.open(run.folder, run.params, run.datasets)
    assert "units of the data" in TrialViewer(pm, trial=11).smoothed._key.value
    rates = RatesViewer(pm, neuron=2)
    rates.bundle.toggles["smoothed data"].value = True
    smoothed = rates.bundle.overlays["smoothed data"].y
    assert smoothed.mean() == pytest.approx(run.session.counts[..., 2].mean(), rel=0.1)
