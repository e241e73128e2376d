"""Marks of events other than time zero lie where the trials' columns say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lfads_nb.widgets.viewers import (
    FactorsViewer,
    PeristimulusViewer,
    RatesViewer,
    StateSpaceViewer,
    TrialViewer,
)
from lfads_nb.widgets.viewers.events import event_columns

N = 60
TIMES = np.random.default_rng(5).uniform(-60, 80, N).round(1)
TIMES[7] = np.nan


@pytest.fixture
def opened(open_run):
    return open_run(columns={"reaction_ms": TIMES, "angle": np.arange(N) * 1.5})


def test_only_columns_of_milliseconds_within_the_trial_are_events():
    time = np.arange(-100.0, 100.0, 10)
    frame = pd.DataFrame(
        {"go_ms": [5.0, np.nan], "cue (ms)": [1, 2], "far_ms": [900.0, 900.0],
         "items": [1.0, 2.0], "angle": [0.0, 1.0], "alarms": [3.0, 4.0], "note_ms": ["a", "b"]}
    )  # fmt: skip
    assert list(event_columns(frame, time)) == ["go_ms", "cue (ms)"]


def test_nothing_is_marked_unasked(opened):
    _, pm = opened
    viewer = RatesViewer(pm)
    assert not len(viewer.plot.layer.drawn_dots()[0])


def test_marks_lie_on_the_lines_of_their_trials(opened):
    run, pm = opened
    viewer = RatesViewer(pm, neuron=3, events=("reaction_ms",))
    places, look = viewer.plot.layer.drawn_dots()
    small = look[:, 2] == 3
    assert small.sum() == N - 1
    known = np.flatnonzero(np.isfinite(TIMES))
    np.testing.assert_allclose(places[small, 0], TIMES[known], rtol=1e-5)
    bins = ((TIMES[known] + 100) // 10).astype(int)
    rates = run.session.outputs["output_dist_params"][known, bins, 3] * 100
    np.testing.assert_allclose(places[small, 1], rates, rtol=1e-5)
    medians = [np.nanmedian(TIMES[run.session.condition_ids == c]) for c in range(4)]
    np.testing.assert_allclose(places[~small, 0], medians, rtol=1e-5)


def test_marks_outside_the_time_window_are_not_drawn(opened):
    _, pm = opened
    viewer = RatesViewer(pm, events=("reaction_ms",), time_window=(0.0, 90.0))
    places, _ = viewer.plot.layer.drawn_dots()
    assert len(places)
    assert (places[:, 0] >= 0).all()


def test_the_raster_is_sorted_by_the_column_and_marked(opened):
    run, pm = opened
    viewer = RatesViewer(pm, neuron=3, events=("reaction_ms",))
    viewer.order.value = "reaction_ms"
    order = np.argsort(TIMES, kind="stable")
    spikes = run.session.counts[order][..., 3]
    np.testing.assert_array_equal(viewer.raster.layer.drawn_image() > 0, spikes > 0)
    places, _ = viewer.raster.layer.drawn_dots()
    np.testing.assert_allclose(places[:, 0], np.sort(TIMES)[:-1], rtol=1e-5)
    np.testing.assert_allclose(places[:, 1], N - 0.5 - np.arange(N - 1))
    assert "sorted by reaction_ms" in viewer.raster._note.value


def test_the_bar_offers_events_and_follows_the_selection(opened):
    _, pm = opened
    viewer = RatesViewer(pm)
    bar = viewer.choices
    assert [label for label, _ in bar.events.options] == ["no events", "reaction_ms"]
    bar.events.value = ("reaction_ms",)
    assert viewer.selection.events == ("reaction_ms",)
    viewer.selection.events = ()
    assert bar.events.value == ()
    assert "events=('reaction_ms',)" in RatesViewer(pm, events=("reaction_ms",)).plot.tools.code


def test_sessions_without_times_offer_none(open_run):
    _, pm = open_run()
    viewer = RatesViewer(pm, events=("reaction_ms",))
    assert viewer.choices.events.layout.display == "none"
    assert not len(viewer.plot.layer.drawn_dots()[0])


def test_a_trial_has_a_line_at_its_event(opened):
    _, pm = opened
    viewer = TrialViewer(pm, trial=4, events=("reaction_ms",))
    np.testing.assert_allclose(viewer.rates._events.x, np.full((1, 2), TIMES[4]), rtol=1e-5)
    viewer.selection.trial = 7
    assert not viewer.rates._events.visible


def test_three_dimensions_have_the_event_at_its_bin(opened):
    run, pm = opened
    viewer = StateSpaceViewer(pm, events=("reaction_ms",))
    bins = np.where(np.isnan(TIMES), -1, (np.nan_to_num(TIMES) + 100) // 10).astype(int)
    np.testing.assert_array_equal(np.frombuffer(viewer.space.trial_events, "<i4"), bins)
    medians = [np.nanmedian(TIMES[run.session.condition_ids == c]) for c in range(4)]
    expected = ((np.array(medians) + 100) // 10).astype(int)
    np.testing.assert_array_equal(np.frombuffer(viewer.space.average_events, "<i4"), expected)
    assert "reaction_ms" in viewer.note.value


def test_factors_and_psth_are_marked_too(opened):
    _, pm = opened
    assert len(FactorsViewer(pm, events=("reaction_ms",)).plots[0].layer.drawn_dots()[0])
    assert len(PeristimulusViewer(pm, events=("reaction_ms",)).medians.x) == 4
