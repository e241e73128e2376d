import h5py
import numpy as np
import pytest

from lfads_nb.datasets import read_counts, write_counts
from lfads_nb.datasets.hdf5_layout import peek_layout, read_metadata
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.errors import DataError


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"condition_ids": np.array(["left", "", "rechts ü"] * 4)},
        {"condition_ids": [1.0, np.nan, 2.5] * 4},
        {"condition_ids": None, "truth": None, "external_inputs": None, "trial_columns": {}},
        {"trial_columns": {"a/b": np.arange(12), "text": np.array(["x", "yy", ""] * 4)}},
        {"metadata": {"subject": "<b>", "generator": {"seed": 1, "ranges": [1, 2]}}},
    ],
)
def test_round_trip(tmp_path, make_counts, assert_same, fields):
    counts = make_counts(**fields)
    path = write_counts(tmp_path / "new" / "day1.h5", counts)
    again = read_counts(path)
    assert_same(again, counts)
    assert again.name == "day1"
    assert again.counts.dtype == counts.counts.dtype


def test_missing_and_continuous_survive(tmp_path, make_counts, assert_same):
    values = np.random.default_rng(0).standard_normal((12, 20, 4))
    values[2, 3] = np.nan
    counts = make_counts().from_bins(values, 5.0, continuous=True, allow_missing=True)
    assert_same(read_counts(write_counts(tmp_path / "a.h5", counts)), counts)


def test_equal_truth_is_stored_once(tmp_path, make_counts):
    path = write_counts(tmp_path / "a.h5", make_counts())
    with h5py.File(path) as file:
        assert file["truth"].shape == (3, 20, 4)
        assert file["truth_row"].shape == (12,)
        assert file["counts"].compression == "gzip"


def test_peek_says_the_same_as_reading(tmp_path, make_counts):
    counts = make_counts()
    path = write_counts(tmp_path / "a.h5", counts)
    assert peek_layout(path) == DatasetInfo.from_counts(counts)
    assert peek_layout(path).mean_rate_hz == pytest.approx(counts.mean_rate_hz)
    assert peek_layout(path).save_tags == ("1", "2")
    assert peek_layout(path).date == "2024-05-06"
    assert read_metadata(path) == counts.metadata


def test_extra_arrays_are_kept_for_others(tmp_path, make_counts):
    path = write_counts(tmp_path / "a.h5", make_counts(), extra={"W": np.eye(3)})
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["extra/W"], np.eye(3))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, make_counts):
    path = write_counts(tmp_path / "a.h5", make_counts())
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_counts(path, make_counts(seed=1), extra={"bad": object()})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_newer_schema_is_refused_in_words(tmp_path, make_counts):
    path = write_counts(tmp_path / "a.h5", make_counts())
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = 99
    with pytest.raises(DataError, match=r"schema 99.*Update lfads_nb"):
        read_counts(path)
