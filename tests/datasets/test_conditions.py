import numpy as np
import pytest

from lfads_nb.datasets.conditions import (
    as_condition_ids,
    condition_averages,
    has_condition,
    unique_conditions,
)
from lfads_nb.errors import DataError


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        ([1, 2, 1], np.int64, [1, 2, 1]),
        (np.array([[1.0], [2.0]]), np.int64, [1, 2]),
        ([0.5, 1.0], np.float64, [0.5, 1.0]),
        ([True, False], np.int64, [1, 0]),
        (["left", "right"], np.str_, ["left", "right"]),
        ([b"left", b"right"], np.str_, ["left", "right"]),
        (np.array(["a", ""], dtype=object), np.str_, ["a", ""]),
        (np.array([1, 2], dtype=object), np.int64, [1, 2]),
    ],
)
def test_ids_in_any_usual_form(given, dtype, expected):
    ids = as_condition_ids(given)
    assert np.issubdtype(ids.dtype, dtype)
    assert ids.tolist() == expected


def test_nan_means_no_condition():
    ids = as_condition_ids([1, np.nan, 2])
    assert has_condition(ids).tolist() == [True, False, True]
    assert unique_conditions(ids).tolist() == [1, 2]
    assert unique_conditions(as_condition_ids(["b", "", "a"])).tolist() == ["a", "b"]


@pytest.mark.parametrize(
    "given",
    [np.array([1, "a"], dtype=object), [1j], np.ones((2, 3)), [np.inf, 1.0], [None, "a"], [{}, {}]],
)
def test_other_ids_are_refused(given):
    with pytest.raises(DataError):
        as_condition_ids(given)


def test_mixed_ids_name_the_trial():
    with pytest.raises(DataError, match="mixes text") as error:
        as_condition_ids(np.array(["a", "b", 3], dtype=object), dataset="day1")
    assert (error.value.dataset, error.value.trial) == ("day1", 2)


def test_averages_leave_out_what_is_missing():
    values = np.array([[1.0, 2.0], [3.0, np.nan], [10.0, 10.0]])
    ids = as_condition_ids(["a", "a", "b"])
    np.testing.assert_allclose(condition_averages(values, ids), [[2, 2], [10, 10]])


def test_averages_of_chosen_conditions_are_nan_for_absent_ones():
    values = np.arange(4, dtype=np.uint8)[:, None]
    averages = condition_averages(values, np.array([0, 0, 1, 1]), [1, 7])
    np.testing.assert_allclose(averages, [[2.5], [np.nan]])
