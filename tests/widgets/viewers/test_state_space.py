"""Trajectories in three dimensions: what is sent to the browser."""

from __future__ import annotations

import numpy as np

from lfads_nb.widgets.viewers import StateSpaceViewer, Viewers, turning_space
from lfads_nb.widgets.viewers.turning_space import TurningSpace
from tests.widgets.viewers.conftest import PARAMS


def pairwise(points):
    """Distances between all points, which no turn and no shift changes."""
    flat = points.reshape(-1, points.shape[-1])[:40]
    return np.linalg.norm(flat[:, None] - flat[None], axis=-1)


def test_single_dimensions_are_shown_as_they_are_but_for_one_scale(open_run):
    _, pm = open_run()
    view = StateSpaceViewer(pm)
    view.basis.value = "single dimensions"
    drawn = view.space.drawn("trials")
    shown = view.viewed.trials()
    factors = pm.field("factors")[shown][..., :3]
    ratio = pairwise(drawn)[0, 1] / pairwise(factors)[0, 1]
    np.testing.assert_allclose(pairwise(drawn), ratio * pairwise(factors), rtol=1e-3, atol=1e-5)
    assert view.space.axes == ["factor 0", "factor 1", "factor 2"]
    averages = view.space.drawn("averages")
    assert np.abs(averages).max() <= 1.0 + 1e-6
    group = np.frombuffer(view.space.averages_group, "<u2")
    labels = [view.space.labels[i] for i in group]
    assert labels == list(view.selection.shown)


def test_principal_components_keep_distances_and_say_what_they_hold(open_run):
    _, pm = open_run()
    view = StateSpaceViewer(pm)
    assert view.space.axes == ["PC 1", "PC 2", "PC 3"]
    assert "of the variance of the condition averages" in view.note.value
    spread = np.nanvar(view.space.drawn("averages").reshape(-1, 3), axis=0)
    assert spread[0] >= spread[1] >= spread[2]
    view.dims[0].value = 3
    assert view.space.axes[0] == "PC 4"


def test_other_states_and_what_is_selected_are_followed(open_run):
    _, pm = open_run()
    view = StateSpaceViewer(pm)
    if pm.has("generator_states"):
        view.field.value = "generator_states"
        assert "enerator states" in view.space.title
    whole = view.space.n_bins
    view.selection.time_window = (float(pm.time_ms[2]), float(pm.time_ms[5]))
    assert view.space.n_bins == 4 < whole
    first = int(view.viewed.trials()[0])
    view.selection.picked = (first,)
    assert view.space.highlight == [0]
    view.selection.shown = ()
    assert view.space.n_bins == 0
    assert "No condition is shown" in view.why.value
    view.selection.shown = view.viewed.conditions.shown_at_first()
    assert view.why.value == ""


def test_a_million_points_are_thinned_and_that_is_said(open_run, monkeypatch):
    _, pm = open_run()
    whole = StateSpaceViewer(pm).space.n_bins
    monkeypatch.setattr(turning_space, "MOST_POINTS", 100)
    view = StateSpaceViewer(pm)
    assert view.space.n_bins < whole
    assert "th bin is drawn" in view.note.value
    assert len(view.space.drawn("averages")[0]) == view.space.n_bins


def test_gaps_and_a_single_point_do_not_break_the_box():
    space = TurningSpace()
    nothing = np.full((1, 3, 3), np.nan)
    one = np.array([[[1.0, 2.0, 3.0]] * 3])
    space.show(
        nothing, np.zeros(1), one, np.zeros(1),
        time_ms=np.array([-10.0, 0.0, 10.0]), colours=["#000000"], labels=["a"],
    )  # fmt: skip
    np.testing.assert_array_equal(space.drawn("averages"), np.zeros((1, 3, 3)))
    assert space.zero_bin == 1


def test_it_is_a_tab_of_its_own(open_run):
    run, _ = open_run()
    assert isinstance(Viewers(run.folder.path).show("3-D"), StateSpaceViewer)


def test_another_run_lies_over_this_one_in_the_colours_of_its_conditions(open_run):
    _, pm = open_run()
    other = open_run(PARAMS.copy(seed=5))[1]
    view = StateSpaceViewer(pm, references={"seed = 5": other})
    assert view.space.drawn("others").shape == (0, pm.n_bins, 3)
    view.over.value = "seed = 5"
    # The other run inferred the same, which no turn undoes.
    np.testing.assert_allclose(view.space.drawn("others"), view.space.drawn("averages"), atol=1e-4)
    assert view.space.others_group == view.space.averages_group
    assert "Dashed: seed = 5, laid over these (R² 1.00)" in view.note.value
    view.over.value = "nothing"
    assert not view.space.others


def test_sessions_of_a_stitched_run_lie_over_each_other_as_they_are(open_run):
    _, pm = open_run(datasets={"monday": {"seed": 1}, "tuesday": {"seed": 2}})
    view = StateSpaceViewer(pm, shown=("1", "3"))
    view.basis.value = "single dimensions"
    view.over.value = "all sessions"
    assert view.space.drawn("others").shape == (2, view.space.n_bins, 3)
    assert list(np.frombuffer(view.space.others_group, "<u2")) == [1, 3]
    assert "1 other session." in view.note.value
    tuesday = pm.session("tuesday")
    ids = tuesday.condition_ids
    expected = np.stack([tuesday.factors[ids == c].mean(axis=0)[:, :3] for c in (1, 3)])
    drawn = view.space.drawn("others")
    ratio = pairwise(drawn)[0, 5] / pairwise(expected)[0, 5]
    np.testing.assert_allclose(pairwise(drawn), ratio * pairwise(expected), rtol=1e-2, atol=1e-4)


def test_a_space_without_others_can_be_the_only_run(open_run):
    _, pm = open_run()
    assert StateSpaceViewer(pm).over.layout.display == "none"


def test_planes_of_rotation_are_shown_with_what_they_explain(open_run):
    _, pm = open_run()
    view = StateSpaceViewer(pm)
    view.basis.value = "jPCA planes"
    assert view.space.axes == ["jPC 1", "jPC 2", "jPC 3"]
    assert "Rotations explain" in view.note.value
    assert "With each dimension's conditions shuffled they explain" in view.note.value
    assert "of 50 shuffles are as high as the data" in view.note.value
    plane = view.space.drawn("averages")[..., :2].astype(float)
    plane -= plane.mean(axis=(0, 1))
    cross = plane[:, :-1, 0] * np.diff(plane[..., 1]) - plane[:, :-1, 1] * np.diff(plane[..., 0])
    assert cross.sum() > 0  # anticlockwise
    view.selection.shown = ("1",)
    assert "jPCA needs at least 2 conditions" in view.why.value
    view.basis.value = "principal components"
    assert view.why.value == ""


def test_the_axes_of_a_read_out_are_named_by_the_behaviour(open_run):
    _, pm = open_run(behavior=True)
    view = StateSpaceViewer(pm)
    view.basis.value = "read-out of hand_vel"
    assert view.space.axes == ["x", "y", "most of the rest"]
    assert "read out, bin by bin (R² 0." in view.note.value
    moved = pm.behavior["hand_vel"].values[view.viewed.trials()]
    shown = view.space.drawn("trials")
    assert np.corrcoef(shown[..., 0].ravel(), moved[..., 0].ravel())[0, 1] > 0.9


def test_two_factors_go_on_in_time(open_run):
    _, pm = open_run(PARAMS.copy(factors_dim=2))
    for basis in ("principal components", "jPCA planes", "single dimensions"):
        view = StateSpaceViewer(pm)
        view.basis.value = basis
        assert view.space.axes[2] == "time"
        drawn = view.space.drawn("averages")
        assert (np.diff(drawn[..., 2], axis=1) > 0).all()
        # As long as the states are wide.
        extent = np.ptp(drawn.reshape(-1, 3), axis=0)
        np.testing.assert_allclose(extent[2], extent[:2].max(), rtol=1e-4)
