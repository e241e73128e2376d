from __future__ import annotations

import numpy as np

from lfads_nb.results import metrics
from lfads_nb.results.run_numbers import AVERAGE_SMOOTHING_MS, session_numbers, smoothing_bins
from lfads_nb.widgets.viewers import PeristimulusViewer, RatesViewer, Selection
from lfads_nb.widgets.viewers.panel_grid import HEIGHT


def rates_of(run):
    return run.session.outputs["output_dist_params"] * 1000 / run.params.spike_bin_ms


def smoothed_spikes(run, pm):
    spikes = run.session.counts * pm.counts_to_rates
    return metrics.smooth(spikes, smoothing_bins(pm, AVERAGE_SMOOTHING_MS))


def drawn(viewer):
    """Lines in spikes/s: (panels, data and model, bins)."""
    panels = viewer._panels
    lines = viewer.plot.layer.drawn_lines().reshape(len(panels.neurons), 2, -1)
    return (lines - panels.floors[:, None, None]) / HEIGHT * panels.peaks[:, None, None]


def bands(viewer):
    panels, layer = viewer._panels, viewer.plot.layer
    found = []
    for edge in (layer.band_low, layer.band_high):
        lines = np.frombuffer(edge, "<f4").reshape(len(panels.neurons), 2, -1)
        heights = (lines - panels.floors[:, None, None]) / HEIGHT
        found.append(heights * panels.peaks[:, None, None])
    return found


def test_a_panel_holds_data_and_model_of_its_condition(open_run):
    run, pm = open_run()
    viewer = PeristimulusViewer(pm, neuron=4)
    lines, (low, high) = drawn(viewer), bands(viewer)
    ids = run.session.condition_ids
    assert lines.shape[0] == 4
    for panel in range(4):
        own = ids == panel
        data, model = smoothed_spikes(run, pm)[own][..., 4], rates_of(run)[own][..., 4]
        np.testing.assert_allclose(lines[panel, 0], data.mean(axis=0), atol=1e-3)
        np.testing.assert_allclose(lines[panel, 1], model.mean(axis=0), atol=1e-3)
        sem = data.std(axis=0, ddof=1) / np.sqrt(own.sum())
        np.testing.assert_allclose(high[panel, 0], data.mean(axis=0) + sem, atol=1e-3)
        lowest = np.maximum(model.mean(axis=0) - model.std(axis=0, ddof=1), 0)
        np.testing.assert_allclose(low[panel, 1], lowest, atol=1e-3)


def test_a_panel_for_each_neuron_of_one_condition(open_run):
    run, pm = open_run()
    selection = Selection()
    viewer = PeristimulusViewer(pm, selection=selection)
    viewer.panels_of.value = "each neuron"
    viewer.condition.value = "2"
    lines, own = drawn(viewer), run.session.condition_ids == 2
    assert lines.shape[0] == pm.n_neurons
    np.testing.assert_allclose(lines[:, 1], rates_of(run)[own].mean(axis=0).T, atol=1e-3, rtol=1e-4)
    rates = RatesViewer(pm, selection=selection)
    viewer._choose(1.5, -0.5)
    assert selection.neuron == rates.neuron.index == 1


def test_the_r2_beside_it_is_that_of_the_report(open_run):
    _, pm = open_run(n_neurons=1)
    viewer = PeristimulusViewer(pm)
    numbers = session_numbers(pm)
    words = viewer.plot._note.value
    assert f"R² of condition averages {numbers.psth_r2:.2f} (all trials)" in words
    assert f"definition {numbers.psth_r2_nlb:.2f}" in words


def test_the_legend_and_the_split_choose_what_is_averaged(open_run):
    run, pm = open_run()
    viewer = PeristimulusViewer(pm, shown=("1",), trials="valid")
    valid = np.isin(np.arange(60), run.session.inds["valid"])
    own = (run.session.condition_ids == 1) & valid
    np.testing.assert_allclose(
        drawn(viewer)[0, 1], rates_of(run)[own][..., 0].mean(axis=0), atol=1e-3
    )
    assert f"1 ({own.sum()} trials)" in viewer.names.text[0]
    viewer.selection.shown = ()
    assert "No condition is shown" in viewer.plot.emptiness


def test_scales_of_their_own_are_named(open_run):
    _, pm = open_run()
    viewer = PeristimulusViewer(pm)
    assert len(set(viewer._panels.peaks)) == 1
    viewer.one_scale.value = False
    assert len(set(viewer._panels.peaks)) == 4
    assert f"to {viewer._panels.peaks[2]:.3g}" in viewer.names.text[2]


def test_sessions_without_conditions_have_one_panel(open_run):
    _, pm = open_run(conditions=None)
    viewer = PeristimulusViewer(pm)
    assert viewer.plot.emptiness == ""
    assert drawn(viewer).shape[0] == 1
