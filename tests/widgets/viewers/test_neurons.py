from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.widgets.viewers import NeuronsViewer, RatesViewer, Selection
from lfads_nb.widgets.viewers.panel_grid import COLUMNS, HEIGHT, PER_PAGE


def heights(viewer, panel):
    """The curves of a panel, as parts of its height: (conditions, bins)."""
    layer, panels = viewer.plot.layer, viewer._panels
    n_curves = layer.n_lines // len(panels.neurons)
    drawn = layer.drawn_lines()[panel * n_curves : (panel + 1) * n_curves]
    return (drawn - panels.floors[panel]) / HEIGHT


def means(run, values, neuron, trials=slice(None)):
    ids = run.session.condition_ids[trials]
    values = values[trials][..., neuron] * 1000 / run.params.spike_bin_ms
    return np.stack([values[ids == c].mean(axis=0) for c in np.unique(ids)])


def test_panels_hold_the_condition_averages_of_the_file(open_run):
    run, pm = open_run()
    viewer = NeuronsViewer(pm)
    rates = run.session.outputs["output_dist_params"]
    for neuron in (0, 4, 8):
        expected = means(run, rates, neuron)
        np.testing.assert_allclose(
            heights(viewer, neuron), expected / expected.max(), atol=2e-6, rtol=1e-5
        )
    assert viewer.plot.layer.names[5] == "neuron 1, condition 1"
    peak = means(run, rates, 2).max()
    assert viewer.names.text[2] == f"neuron 2, to {peak:.3g} spikes/s"


def test_one_scale_tells_busy_neurons_from_quiet_ones(open_run):
    run, pm = open_run()
    viewer = NeuronsViewer(pm)
    viewer.one_scale.value = True
    rates = run.session.outputs["output_dist_params"]
    all_means = np.stack([means(run, rates, n) for n in range(pm.n_neurons)])
    np.testing.assert_allclose(
        heights(viewer, 3), all_means[3] / all_means.max(), atol=2e-6, rtol=1e-5
    )


def test_truth_is_drawn_on_the_scale_of_the_rates(open_run):
    run, pm = open_run()
    viewer = NeuronsViewer(pm, trials="valid")
    viewer.overlay_toggles["true rate"].value = True
    truth = means(run, run.session.truth, 0, run.session.inds["valid"])
    lines = viewer.overlays["true rate"]
    expected = -1 + HEIGHT * truth / viewer._panels.peaks[0]
    np.testing.assert_allclose(lines.y[:4], expected, rtol=1e-5, atol=2e-6)
    assert lines.y.max() <= 0


def test_averages_that_are_smoothed_are_those_of_smoothed_trials(open_run):
    _, pm = open_run()
    selection = Selection()
    rates = RatesViewer(pm, selection=selection)
    rates.bundle.toggles["smoothed data"].value = True
    viewer = NeuronsViewer(pm, selection=selection)
    viewer.overlay_toggles["smoothed data"].value = True
    drawn = (viewer.overlays["smoothed data"].y[:4] + 1) / HEIGHT * viewer._panels.peaks[0]
    np.testing.assert_allclose(drawn, rates.bundle.overlays["smoothed data"].y, atol=1e-3)


def test_a_click_on_a_panel_chooses_its_neuron_everywhere(open_run):
    _, pm = open_run()
    viewer = NeuronsViewer(pm)
    rates = RatesViewer(pm, selection=viewer.selection)
    viewer._choose(2.4, -1.3)
    assert viewer.selection.neuron == COLUMNS + 2
    assert f"Neuron {COLUMNS + 2}" in rates.plot._key.value
    assert viewer.frame.visible
    viewer._choose(4.5, -1.5)  # a place without a panel: there are nine neurons
    assert viewer.selection.neuron == COLUMNS + 2


@pytest.fixture
def many(open_run):
    return open_run(n_neurons=47, n_trials=20)


def test_pages_turn_and_follow_the_neuron_that_is_chosen_elsewhere(many):
    _, pm = many
    viewer = NeuronsViewer(pm)
    assert viewer.pages.options == ["1 to 20 of 47", "21 to 40 of 47", "41 to 47 of 47"]
    viewer.pages.index = 2
    assert viewer._panels.neurons.tolist() == list(range(40, 47))
    assert viewer.selection.neuron == 0
    assert not viewer.frame.visible
    viewer.selection.neuron = 25
    assert viewer.pages.index == 1
    assert viewer.frame.visible


def test_neurons_are_sorted_over_all_pages(many):
    _, pm = many
    viewer = NeuronsViewer(pm)
    viewer.order.value = "mean rate"
    order = np.argsort(-np.nanmean(pm.rates, axis=(0, 1)))
    assert viewer._panels.neurons[:5].tolist() == order[:5].tolist()
    viewer.pages.index = 1
    assert viewer._panels.neurons.tolist() == order[PER_PAGE : 2 * PER_PAGE].tolist()


def test_picked_trials_stand_out_in_every_panel(open_run):
    run, pm = open_run()
    viewer = NeuronsViewer(pm)
    viewer.selection.pick(7)
    layer = viewer.plot.layer
    assert len(layer.highlight) == pm.n_neurons
    assert "trial 7" in layer.names[layer.highlight[0]]
    rates = run.session.outputs["output_dist_params"][7, :, 0] * 1000 / run.params.spike_bin_ms
    drawn = heights(viewer, 0)[-1] * viewer._panels.peaks[0]
    np.testing.assert_allclose(drawn, rates, rtol=1e-4, atol=1e-3)
