"""The test that goes with the viewer: the numbers behind the picture, and its words."""

from __future__ import annotations

import numpy as np

from lfads_nb.widgets import viewers
from lfads_nb.widgets.viewers.tabs import Viewers


def test_dots_are_the_trials_spikes(open_run):
    run, pm = open_run()
    viewer = viewers.SpikeTotalsViewer(pm)
    expected = run.session.counts.sum(axis=(1, 2))
    drawn = viewer.plot.layer.drawn_lines()
    assert drawn.shape[0] == len(expected)
    np.testing.assert_allclose(drawn.ravel(), expected)
    assert "SpikeTotalsViewer(" in viewer.call()


def test_it_is_never_blank(open_run):
    _, pm = open_run()
    viewer = viewers.SpikeTotalsViewer(pm)
    viewer.selection.shown = ()
    assert "No condition is shown" in viewer.plot.emptiness


def test_it_has_its_tab(open_run):
    run, _ = open_run()
    tabs = Viewers(run.folder)
    assert "Spike totals" in tabs.tabs.titles
    assert isinstance(tabs.show("Spike totals"), viewers.SpikeTotalsViewer)
