from __future__ import annotations

import numpy as np

from lfads_nb.widgets.viewers.condition_rows import ConditionRows


def test_values_stay_within_the_rows_of_their_conditions():
    rows = ConditionRows(np.array([1, 4, 7]), low=-2.0, high=3.0)
    lift = rows.lift(np.array([1, 4, 7, 1]))
    assert (np.diff(lift[:3]) == -rows.step).all()
    assert lift[3] == lift[0]
    low, high = rows.limits
    assert low < 0  # room for the last row's name beside the corner of the axes
    assert high == 3 * rows.step
    assert lift[2] - 2 == 0
    assert lift[0] + 3 < rows.limits[1]


def test_names_stand_at_zero_and_long_ones_are_shortened():
    rows = ConditionRows(np.array([0, 1]), low=-2.0, high=3.0)
    ticks = rows.ticks(["left", "a long way to the right"])
    assert list(ticks.values()) == ["left", "a long w…"]
    np.testing.assert_allclose(list(ticks), rows.lift(np.array([0, 1])), rtol=1e-5)
    above = ConditionRows(np.array([0, 1]), low=5.0, high=9.0)
    assert min(above.ticks(["a", "b"])) == 0


def test_of_very_many_conditions_some_are_named():
    rows = ConditionRows(np.arange(200), low=0.0, high=1.0)
    ticks = rows.ticks([str(i) for i in range(200)])
    assert len(ticks) <= 45
    assert next(iter(ticks.values())) == "0"


def test_values_that_do_not_vary_have_rows_too():
    assert ConditionRows(np.array([0, 1]), low=2.0, high=2.0).step > 0
