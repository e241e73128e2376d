"""A run keeps the colour of its curve while other runs come and go."""

from __future__ import annotations

from lfads_nb.widgets.panels.loss_curves import LossCurves


def colours_of(curves, *names):
    curves._logs = [(name, name, None) for name in names]
    return dict(zip(names, curves._steady_colours(), strict=True))


def test_a_runs_colour_stays_when_others_come_and_go():
    curves = LossCurves()
    first = colours_of(curves, "a", "b", "c")
    assert len(set(first.values())) == 3
    fewer = colours_of(curves, "b", "c")
    assert fewer == {name: first[name] for name in "bc"}
    more = colours_of(curves, "d", "b", "e", "c")
    assert {name: more[name] for name in "bc"} == fewer
    assert len(set(more.values())) == 4
    assert more["d"] == first["a"]  # what is free is given away again
