import numpy as np
import pytest

from lfads_nb.results.compare import compare
from lfads_nb.results.decoding import LabelResult, SignalResult, decode_run
from lfads_nb.results.decoding.record import decode_folder
from lfads_nb.widgets.viewers.decoding import DecodingViewer
from lfads_nb.widgets.viewers.leaderboard import make_leaderboard


@pytest.fixture
def viewer(open_run):
    _, pm = open_run(behavior=True, n_trials=80)
    made = DecodingViewer(pm)
    made.lag.value, made.chance.value = "0", 0
    return made


def decoded(viewer, target):
    viewer.target.value = target
    viewer.go.click()
    viewer.task.join(60)
    assert viewer.task.notice.value == "" or not viewer.task.is_busy
    return viewer.result


def test_before_anything_was_decoded_it_says_what_to_do(viewer):
    assert "press Decode" in viewer.traces[0].emptiness
    assert viewer.target.options == ("hand_vel", "condition")
    assert (viewer.target.value, viewer.groups.value) == ("hand_vel", "– nothing –")
    assert "test trials" not in viewer.judged_by.options


def test_traces_are_those_of_the_call_that_it_shows(viewer):
    result = decoded(viewer, "hand_vel")
    assert isinstance(result, SignalResult)
    pm = viewer.viewed.source.pm
    assert viewer.source.value == "rates"
    again = decode_run(pm, "hand_vel", **viewer.options)
    viewer.source.value = "factors"
    viewer.trial.index = 2
    trial = result.trials[2]
    expected = [result.actual[trial, :, 1], again.by_source["factors"].predicted[trial, :, 1]]
    np.testing.assert_allclose(viewer.traces[1].layer.drawn_lines(), expected, rtol=1e-5)
    assert viewer.traces[2].layout.display == "none"
    assert f"{again.by_source['factors'].mean_r2:.3f}" in viewer.table.value
    assert "smoothed spikes" in viewer.table.value
    assert "judged by 16 others (validation)" in viewer.table.value
    assert "lag_ms=0.0" in viewer._code()


@pytest.mark.slow
def test_conditions_show_who_was_taken_for_whom(viewer):
    result = decoded(viewer, "condition")
    assert isinstance(result, LabelResult)
    viewer.source.value = "factors"
    assert "from factors" in viewer.confusion.value
    assert viewer.confusion.value.count("<tr>") == 5
    assert all(plot.layout.display == "none" for plot in viewer.traces)


def test_a_lag_that_is_no_number_is_said(viewer):
    viewer.lag.value = "soon"
    viewer.target.value = "hand_vel"
    viewer.go.click()
    viewer.task.join(20)
    assert "give ms" in viewer.task.notice.value
    assert not viewer.go.disabled


def test_nothing_to_decode_is_said(open_run):
    _, pm = open_run(conditions=None)
    made = DecodingViewer(pm)
    assert "neither behaviour nor conditions" in made.traces[0].emptiness
    assert made.go.disabled


def test_the_leaderboard_says_what_was_decoded(open_run):
    run, _ = open_run(behavior=True, n_trials=60)
    decode_folder(run.folder.path, "hand_vel", n_permutations=0, sources=["rates"])
    table = compare([run.folder.path])
    made = make_leaderboard(table, {str(table.index[0]): "run"})
    assert "R² decoding: hand_vel" in [each["title"] for each in made.columns]
