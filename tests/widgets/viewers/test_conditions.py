from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.widgets.viewers.conditions import ALL_TRIALS, group_trials


def group(values, **options):
    return group_trials(values, column="condition", n_trials=len(values), **options)


def test_numbers_and_text_are_groups_in_order():
    conditions = group(np.array([3, 1, 3, 2]))
    assert conditions.labels == ("1", "2", "3")
    assert conditions.group.tolist() == [2, 0, 2, 1]
    assert conditions.sizes.tolist() == [1, 1, 2]
    assert group(np.array(["go", "stop", "go"])).labels == ("go", "stop")


def test_trials_without_condition_belong_to_no_group():
    assert group(np.array([1.0, np.nan, 2.0])).group.tolist() == [0, -1, 1]
    assert group(np.array(["a", ""])).group.tolist() == [0, -1]
    assert group(np.array(["a", None], dtype=object)).group.tolist() == [0, -1]


def test_no_column_puts_all_trials_together():
    conditions = group_trials(None, column=None, n_trials=3)
    assert conditions.labels == (ALL_TRIALS,)
    assert conditions.group.tolist() == [0, 0, 0]


def test_many_fractions_fall_into_ranges_with_equally_many_trials():
    values = np.random.default_rng(0).normal(size=400)
    conditions = group_trials(values, column="reaction time", n_trials=400)
    assert conditions.scheme == "numbers"
    assert len(conditions.labels) == 8
    assert conditions.sizes.tolist() == [50] * 8
    order = [values[conditions.group == i].mean() for i in range(8)]
    assert order == sorted(order)


@pytest.mark.parametrize("unit", [1.0, 180 / np.pi])
def test_angles_close_to_a_circle(unit):
    values = np.arange(8) * np.pi / 4 * unit
    conditions = group_trials(values, column="reach direction", n_trials=8)
    assert conditions.scheme == "angles"
    closing = group_trials(np.append(values, 2 * np.pi * unit), column="angle", n_trials=9)
    assert closing.colours[0] == closing.colours[-1] == conditions.colours[0]


def test_whole_numbers_are_categories_unless_said_otherwise():
    values = np.arange(5)
    assert group(values).scheme == "categories"
    ordered = group(values, scheme="numbers")
    assert ordered.colours != group(values).colours


def test_too_many_texts_are_shown_alike():
    values = np.array([f"trial {i}" for i in range(300)])
    assert group(values).labels == (ALL_TRIALS,)


def test_few_conditions_are_shown_at_first():
    conditions = group(np.arange(65))
    assert conditions.shown_at_first() == tuple(str(i) for i in range(8))
    ordered = group(np.arange(65), scheme="numbers").shown_at_first()
    assert (len(ordered), ordered[0], ordered[-1]) == (8, "0", "64")
    around = group(np.arange(0, 360, 15), scheme="angles").shown_at_first()
    assert around == tuple(str(angle) for angle in range(0, 360, 45))
    assert conditions.is_shown(("3", "64", "gone")).sum() == 2


def test_the_colours_of_numbers_spread_over_those_that_are_shown():
    conditions = group(np.arange(65), scheme="numbers")
    few = conditions.coloured_for(("3", "4", "5"))
    assert few.colours[3:6] == (conditions.colours[0], few.colours[4], conditions.colours[64])
    assert few.colours[64] == few.colours[5]
    categories = group(np.arange(65))
    assert categories.coloured_for(("3", "4")) is categories
