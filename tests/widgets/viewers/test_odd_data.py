"""Odd but legal: one condition, none, names of 200 letters, events that never came."""

from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.widgets.viewers import (
    FactorsViewer,
    PeristimulusViewer,
    RatesViewer,
    StateSpaceViewer,
    TrialViewer,
)

N = 60
VIEWERS = (RatesViewer, PeristimulusViewer, FactorsViewer, StateSpaceViewer, TrialViewer)
LONG = "x" * 200
NEVER, ONCE = np.full(N, np.nan), np.r_[30.0, np.full(N - 1, np.nan)]


def said(viewer):
    """All that a viewer says instead of a picture."""
    why = [viewer.why.value] if isinstance(viewer, StateSpaceViewer) else []
    return " ".join([*(plot.emptiness for plot in viewer.plots), *why])


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize(
    "odd",
    [
        {"n_conditions": 1},
        {"conditions": None},
        {"condition_names": [LONG, LONG + "y", "a", "b"]},
        {"n_conditions": N},
    ],
    ids=["one condition", "no conditions", "long names", "a condition each"],
)
def test_odd_conditions_are_drawn(open_run, viewer, odd):
    shown = viewer(open_run(n_trials=N, **odd)[1])
    assert "could not be drawn" not in said(shown)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_an_event_of_a_single_trial_is_marked_and_one_that_never_came_is_not_offered(
    open_run, viewer
):
    columns = {f"{LONG}_ms": ONCE, "never_ms": NEVER}
    shown = viewer(open_run(n_trials=N, columns=columns)[1])
    assert list(shown.viewed.source.events) == [f"{LONG}_ms"]
    shown.selection.events = (f"{LONG}_ms", "never_ms")
    assert "could not be drawn" not in said(shown)
    shown.selection.events = ()
    assert "could not be drawn" not in said(shown)


def test_a_single_trial_of_a_condition_has_no_spread_but_a_panel(open_run):
    viewer = PeristimulusViewer(open_run(n_trials=N, n_conditions=N)[1])
    layer = viewer.plot.layer
    lines = layer.drawn_lines()
    assert len(lines)
    assert np.isfinite(lines).any()
