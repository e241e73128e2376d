import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.datasets.conditions import (
    as_condition_ids,
    condition_averages,
    condition_label,
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
    [
        np.array([1, "a"], dtype=object),
        [1j],
        np.ones((2, 3)),
        [np.inf, 1.0],
        [{}, {}],
        {"a", "b"},
        2**70,
    ],
)
def test_other_ids_are_refused(given):
    with pytest.raises(DataError):
        as_condition_ids(given)


NAN = float("nan")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["left", NAN, "right"], ["left", "", "right"]),
        (["left", None, "right"], ["left", "", "right"]),
        (np.array(["left", None, NAN], dtype=object), ["left", "", ""]),
        ([None, "a"], ["", "a"]),
        ([1, None, 2], [1, None, 2]),
        ([np.int64(1), np.float32(2)], [1, 2]),
        ([1, [], 2], [1, None, 2]),
        ([np.array([[1.0]]), np.zeros((0, 0)), np.array([[2.0]])], [1, None, 2]),
        ([np.array(["left"]), np.array([], dtype="U1")], ["left", ""]),
        (
            [b"links", "m\xfcde".encode("latin-1"), "m\xfcde".encode()],
            ["links", "m\xfcde", "m\xfcde"],
        ),
        (np.ma.masked_equal([1, 2, 9], 9), [1, 2, None]),
        (np.ma.array(["a", "b"], mask=[False, True]), ["a", ""]),
        (pd.Series([1, None, 2], dtype="Int64"), [1, None, 2]),
        (pd.Series(["a", pd.NA], dtype="string"), ["a", ""]),
        (pd.Series(pd.Categorical(["a", None, "b"])), ["a", "", "b"]),
        (pd.Categorical([1, 2, 1]), [1, 2, 1]),
        (pd.Series([True, False]), [1, 0]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (pd.Series([pd.Timestamp("2024-05-06"), pd.NaT]), ["2024-05-06T00:00:00", ""]),
        (["1", "2"], ["1", "2"]),
        (["nan", "left"], ["nan", "left"]),  # text stays text
        ("left", ["left"]),
        (3, [3]),
        ([None, NAN], [None, None]),
        ((i for i in (1, 2)), [1, 2]),
        ([], []),
    ],
)
def test_none_means_none_numbers_stay_numbers_text_stays_text(given, expected):
    ids = as_condition_ids(given)
    assert [None if value != value else value for value in ids.tolist()] == expected
    np.testing.assert_array_equal(as_condition_ids(ids), ids)


@pytest.mark.parametrize(
    ("given", "trial"),
    [
        ([1, "left"], 1),
        ([None, "left", 2], 2),
        (np.array([1, "left"]), 0),
        (np.array(["left", NAN, "right"]), 1),
        (np.array(["left", 1.5]), 1),
        (pd.Series(["left", 1]), 1),
        ([b"left", 1], 1),
        ([1, [2, 3]], 1),
    ],
)
def test_text_among_numbers_is_refused_in_every_form(given, trial):
    with pytest.raises(DataError) as error:
        as_condition_ids(given, dataset="day1")
    assert (error.value.dataset, error.value.field) == ("day1", "condition_ids")
    assert error.value.trial == trial


@pytest.mark.parametrize(
    "given", [np.array([2**63], dtype=np.uint64), [2**64, 1], [2**60 + 1, None]]
)
def test_ids_too_large_to_keep_are_refused(given):
    with pytest.raises(DataError, match="too large"):
        as_condition_ids(given)


@given(
    st.lists(
        st.one_of(
            st.none(), st.integers(), st.floats(), st.text(), st.binary(), st.booleans(),
            st.dates(), st.lists(st.integers(), max_size=2),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_any_list_is_ids_or_refused(values):
    try:
        ids = as_condition_ids(values)
    except DataError:
        return
    assert ids.shape == (len(values),)
    for value, kept in zip(values, ids.tolist(), strict=True):
        if value is None or value != value or value in ("", b""):
            assert kept == "" or kept != kept
        elif isinstance(value, str | int | float):
            assert kept == value


def test_labels_of_whole_numbers_have_no_point():
    ids = as_condition_ids([1, 2.0, None])
    assert [condition_label(value) for value in unique_conditions(ids).tolist()] == ["1", "2"]
    assert [condition_label(v) for v in (0.1, "left", np.int64(3))] == ["0.1", "left", "3"]


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
