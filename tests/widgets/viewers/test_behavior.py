import numpy as np

from lfads_nb.datasets import Signal
from lfads_nb.widgets.viewers import Viewers
from lfads_nb.widgets.viewers.behavior import BehaviorViewer
from lfads_nb.widgets.viewers.behavior_traces import traces_of
from lfads_nb.widgets.viewers.rates import RatesViewer
from lfads_nb.widgets.viewers.trial import TrialViewer


def test_signals_and_paths_of_the_shown_trials(open_run):
    run, pm = open_run(behavior=True)
    viewer = BehaviorViewer(pm)
    values = run.session.behavior["hand_vel"].values
    assert viewer.choice.options == ("|hand_vel|", "hand_vel x", "hand_vel y")
    viewer.choice.value = "hand_vel y"
    shown = viewer.viewed.trials()
    np.testing.assert_allclose(viewer.plot.layer.drawn_lines(), values[shown, :, 1], rtol=1e-5)
    np.testing.assert_allclose(viewer.path.layer.drawn_lines(), values[shown, :, 1], rtol=1e-5)
    x = np.frombuffer(viewer.path.layer.x, "<f4").reshape(len(shown), -1)
    np.testing.assert_allclose(x, values[shown, :, 0], rtol=1e-5)
    assert viewer.path.x_axis.label == "hand_vel x (mm/s)"
    # one scale for both axes
    spans = [s.max - s.min for s in (viewer.path.x_scale, viewer.path.y_scale)]
    assert abs(spans[0] - spans[1]) < 1e-6 * spans[0]
    click = {"event": "pick", "line": 2, "extend": False, "x": 0, "y": 0}
    viewer.path.layer._receive(None, click, [])
    assert viewer.selection.picked == (int(shown[2]),)


def test_a_session_without_behaviour_says_so(open_run):
    _, pm = open_run()
    assert "no behaviour" in BehaviorViewer(pm).plot.emptiness


def test_trials_are_coloured_by_behaviour(open_run):
    run, pm = open_run(behavior=True)
    viewer = RatesViewer(pm, colour_by="peak |hand_vel|")
    speed = run.session.behavior["hand_vel"].speed
    frame = viewer.viewed.source.frame
    np.testing.assert_allclose(frame["peak |hand_vel|"], speed.max(axis=1), atol=1e-3)
    np.testing.assert_allclose(frame["mean |hand_vel|"], speed.mean(axis=1), atol=1e-3)
    group = viewer.viewed.conditions.group
    slow, fast = (speed.max(axis=1)[group == g].mean() for g in (0, group.max()))
    assert slow < fast


def test_behaviour_stands_under_a_trial_s_rates(open_run):
    run, pm = open_run(behavior=True)
    viewer = TrialViewer(pm, trial=7)
    drawn = viewer.behavior.layer.drawn_lines()
    np.testing.assert_allclose(drawn, run.session.behavior["hand_vel"].values[7].T, rtol=1e-5)
    assert viewer.behavior.y_axis.label == "mm/s"
    assert TrialViewer(open_run()[1]).behavior.layout.display == "none"


def test_behaviour_stands_under_the_rates(open_run):
    run, pm = open_run(behavior=True)
    viewer = RatesViewer(pm)
    speed = run.session.behavior["hand_vel"].speed[viewer.viewed.trials()]
    np.testing.assert_allclose(viewer.behavior.layer.drawn_lines(), speed, rtol=1e-5)
    viewer.signal.value = "– none –"
    # folded away; its menu stays, to have it back
    assert viewer.behavior.stage.layout.display == "none"
    assert viewer.behavior.layout.display is None
    without = RatesViewer(open_run()[1])
    assert without.behavior.layout.display == "none"


def test_one_dimension_has_no_path_and_no_length():
    assert traces_of({"lick": Signal(np.zeros((2, 3, 1)))}) == {"lick": ("lick", 0)}


def test_both_tabs_are_there(open_run):
    run, _ = open_run(behavior=True)
    viewers = Viewers(run.folder)
    assert isinstance(viewers.show("Behaviour"), BehaviorViewer)
    assert type(viewers.show("Decoding")).__name__ == "DecodingViewer"
