from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.widgets.viewers import RatesViewer, Selection
from lfads_nb.widgets.viewers.viewed import Viewed


def stored_rates(run, neuron):
    """The rates of a neuron as the files hold them, in trial order, in spikes/s."""
    session = run.session
    rates = np.full(session.counts.shape[:2], np.nan)
    for split, trials in session.inds.items():
        path = run.folder.posterior_means(session.name, split)
        with h5py.File(path) as file:
            rates[trials] = file["output_dist_params"][..., neuron] * 1000 / run.params.spike_bin_ms
    return rates


def test_the_lines_are_the_rates_of_the_file(open_run):
    run, pm = open_run()
    viewer = RatesViewer(pm, neuron=4)
    drawn = viewer.plot.layer.drawn_lines()
    np.testing.assert_allclose(drawn, stored_rates(run, 4), rtol=1e-6)
    viewer.neuron.index = 2
    assert viewer.selection.neuron == 2
    np.testing.assert_allclose(viewer.plot.layer.drawn_lines(), stored_rates(run, 2), rtol=1e-6)


def test_averages_and_truth_are_those_of_the_conditions_that_are_shown(open_run):
    run, pm = open_run()
    viewer = RatesViewer(pm, neuron=1, shown=("0", "3"), trials="train")
    ids = run.session.condition_ids
    in_training = np.isin(np.arange(len(ids)), run.session.inds["train"])
    rates = stored_rates(run, 1)
    expected = np.stack([rates[(ids == c) & in_training].mean(axis=0) for c in (0, 3)])
    np.testing.assert_allclose(viewer.bundle.averages.y, expected, rtol=1e-6)
    truth = run.session.truth[..., 1] * 1000 / run.params.spike_bin_ms
    expected = np.stack([truth[(ids == c) & in_training].mean(axis=0) for c in (0, 3)])
    np.testing.assert_allclose(viewer.bundle.overlays["true rate"].y, expected, rtol=1e-6)
    colours = viewer.viewed.conditions.colours
    assert viewer.bundle.averages.colours == [colours[0], colours[3]]


def test_the_legend_takes_conditions_away(open_run):
    run, pm = open_run()
    viewer = RatesViewer(pm)
    viewer.legend.shown = [True, False, False, True]
    assert viewer.selection.shown == ("0", "3")
    kept = np.isin(run.session.condition_ids, [0, 3])
    np.testing.assert_allclose(
        viewer.plot.layer.drawn_lines(), stored_rates(run, 0)[kept], rtol=1e-6
    )
    viewer.legend.shown = [False] * 4
    assert "No condition is shown" in viewer.plot.emptiness
    assert viewer.plot.layer.n_lines == 0
    viewer.legend.shown = [True] * 4
    assert viewer.plot.emptiness == ""


def test_spikes_are_sorted_by_condition(open_run):
    run, pm = open_run()
    viewer = RatesViewer(pm, neuron=3)
    order = np.argsort(run.session.condition_ids, kind="stable")
    spikes = run.session.counts[order][..., 3]
    np.testing.assert_array_equal(viewer.raster.layer.drawn_image() > 0, spikes > 0)


def test_a_click_picks_a_trial_for_all_viewers(open_run):
    _, pm = open_run()
    shared = Selection()
    first, second = RatesViewer(pm, selection=shared), RatesViewer(pm, selection=shared)
    first.plot.layer._receive(
        None, {"event": "pick", "line": 7, "extend": False, "x": 0, "y": 0}, []
    )
    assert shared.picked == (7,)
    assert second.plot.layer.highlight == [7]
    first.plot.layer._receive(
        None, {"event": "pick", "line": 9, "extend": True, "x": 0, "y": 0}, []
    )
    assert shared.picked == (7, 9)
    assert "trial 7" in second.plot._note.value
    low, high = (
        np.frombuffer(edge, "<f4").reshape(2, -1)
        for edge in (second.plot.layer.band_low, second.plot.layer.band_high)
    )
    rates = pm.rates[[7, 9]][..., 0]
    np.testing.assert_allclose(low, rates - pm.rates_sd[[7, 9]][..., 0], rtol=1e-5)
    np.testing.assert_allclose(high, rates + pm.rates_sd[[7, 9]][..., 0], rtol=1e-5)
    first.plot.layer._receive(
        None, {"event": "pick", "line": -1, "extend": False, "x": 0, "y": 0}, []
    )
    assert shared.picked == ()


def test_a_time_window_shows_its_bins_only(open_run):
    _, pm = open_run()
    viewer = RatesViewer(pm, time_window=(-50.0, 0.0))
    np.testing.assert_allclose(
        np.frombuffer(viewer.plot.layer.x, "<f4"),
        pm.time_ms[(pm.time_ms >= -50) & (pm.time_ms <= 0)],
    )
    assert (viewer.plot.x_scale.min, viewer.plot.x_scale.max) == (-50, 10)


def test_standard_errors_are_drawn_around_the_averages(open_run):
    run, pm = open_run()
    viewer = RatesViewer(pm, shown=("1",))
    viewer.bundle.toggles["± s.e.m."].value = True
    rates = stored_rates(run, 0)[run.session.condition_ids == 1]
    sem = rates.std(axis=0, ddof=1) / np.sqrt(len(rates))
    high = np.frombuffer(viewer.plot.layer.band_high, "<f4")
    np.testing.assert_allclose(high, rates.mean(axis=0) + sem, rtol=1e-5)


def test_what_is_missing_is_said(open_run):
    _, pm = open_run(conditions=None, rows=5)
    viewer = RatesViewer(pm)
    assert viewer.viewed.conditions.labels == ("all trials",)
    assert viewer.plot.layer.n_lines == 10  # five of each split were sampled so far
    viewer.selection.trials = "picked"
    assert "No trial is picked" in viewer.plot.emptiness


def test_the_code_makes_the_same_picture(open_run):
    _, pm = open_run()
    viewer = RatesViewer(pm, neuron=5, shown=("2",), trials="valid", time_window=(0.0, 50.0))
    code = viewer.plot.tools.code.replace("run.posterior_means()", "pm")
    namespace = {"pm": pm}
    exec(code.replace("\n\nRatesViewer(", "\n\nagain = RatesViewer("), namespace)
    again = namespace["again"]
    np.testing.assert_array_equal(again.plot.layer.drawn_lines(), viewer.plot.layer.drawn_lines())
    assert again.plot.x_scale.max == viewer.plot.x_scale.max


def test_saved_pictures_are_named_after_what_they_show(open_run):
    run, pm = open_run()
    name = RatesViewer(pm, neuron=5).plot.tools.file_name
    assert name.startswith("rates_neuron5_dataset001")
    assert run.params.param_name in name


def test_names_of_conditions_stay_text(open_run):
    _, pm = open_run(conditions="text")
    viewer = RatesViewer(pm)
    assert viewer.legend.labels[0] == "reach <0>"
    assert "reach <0>" in viewer.plot.layer.names[0]
    viewer.selection.pick(0)
    assert "reach &lt;0&gt;" in viewer.plot._note.value


def test_a_selection_has_no_other_parts(open_run):
    _, pm = open_run()
    with pytest.raises(TypeError, match="neurone"):
        RatesViewer(pm, neurone=3)


def test_colouring_by_another_column_starts_with_its_groups(open_run):
    _, pm = open_run()
    viewed = Viewed(pm, colour_by="split")
    assert viewed.selection.shown == ("train", "valid")
    viewed.selection.colour_by = "condition"
    assert viewed.selection.shown == ("0", "1", "2", "3")
    viewed.selection.colour_by = None
    assert viewed.conditions.labels == ("all trials",)
    assert len(viewed.trials()) == pm.n_trials


def test_a_bug_while_drawing_is_shown_and_not_swallowed(open_run, monkeypatch, caplog):
    _, pm = open_run()
    viewer = RatesViewer(pm)
    monkeypatch.setattr(viewer.bundle, "draw", lambda *args, **more: 1 / 0)
    viewer.selection.neuron = 1
    assert "ZeroDivisionError" in viewer.plot.emptiness
    assert "could not draw" in caplog.text


def test_a_closed_viewer_follows_no_more(open_run):
    _, pm = open_run()
    viewer = RatesViewer(pm)
    selection = viewer.selection
    before = viewer.plot.layer.y
    viewer.close()
    selection.neuron = 3
    assert viewer.plot.layer.y == before


def test_many_conditions_lie_below_each_other(open_run):
    run, pm = open_run(n_conditions=12)
    viewer = RatesViewer(pm, neuron=4)
    shown = viewer.selection.shown
    assert len(shown) == 8
    trials = np.flatnonzero(np.isin(run.session.condition_ids.astype(str), shown))
    rates, rows = stored_rates(run, 4)[trials], viewer.bundle._rows
    drawn = viewer.plot.layer.drawn_lines()
    floors = (drawn - rates).mean(axis=1)
    np.testing.assert_allclose(drawn, rates + floors[:, None], atol=1e-3)
    conditions = run.session.condition_ids[trials]
    order = [floors[conditions == condition].mean() for condition in range(8)]
    np.testing.assert_allclose(np.diff(order), -rows.step, rtol=1e-4)
    # No row reaches into the next, and each is named at its zero.
    assert (drawn >= floors[:, None] - 1e-3).all()
    assert (drawn < floors[:, None] + rows.step).all()
    ticks = dict(zip(viewer.plot.y_axis.tick_values, shown, strict=True))
    np.testing.assert_allclose(list(ticks), order, atol=1e-3)
    assert viewer.plot.y_axis.tick_labels == {f"{at:g}": name for at, name in ticks.items()}
    viewer.bundle.arrangement.value = "overlaid"
    np.testing.assert_allclose(viewer.plot.layer.drawn_lines(), rates, rtol=1e-6)
    assert viewer.plot.y_axis.tick_values is None
    viewer.selection.shown = ("2",)
    viewer.bundle.arrangement.value = "rows"
    assert viewer.bundle._rows is None


def test_time_zero_is_marked_in_every_plot_of_the_same_time(open_run):
    _, pm = open_run(behavior=True)
    viewer = RatesViewer(pm)
    assert pm.time_ms[0] < 0 < pm.time_ms[-1]
    for plot in viewer.plots:
        assert plot._event.x.tolist() == [[0, 0]]
    viewer.selection.time_window = (20.0, 60.0)
    assert not any(plot._event.visible for plot in viewer.plots)


def test_the_legend_keeps_its_choice_while_another_column_is_looked_at(open_run):
    _, pm = open_run()
    viewer = RatesViewer(pm, shown=("1", "2"))
    viewer.selection.colour_by = "costs" if "costs" in viewer.viewed.source.frame else None
    assert viewer.selection.shown != ("1", "2")
    viewer.selection.colour_by = "condition"
    assert viewer.selection.shown == ("1", "2")
