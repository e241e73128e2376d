from __future__ import annotations

import errno

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfads_nb.errors import RunFolderError
from lfads_nb.results.trial_arrays import SplitRows, TrialArray, open_hdf5

VALUES = np.arange(12 * 5 * 4, dtype=float).reshape(12, 5, 4)
TRAIN, VALID = np.array([1, 2, 3, 5, 7, 8, 11]), np.array([4, 0, 9])


@pytest.fixture(scope="module")
def array(tmp_path_factory):
    """Trials 6 and 10 are in no file."""
    folder = tmp_path_factory.mktemp("array")
    parts = []
    for name, trials in (("train", TRAIN), ("valid", VALID)):
        with h5py.File(folder / name, "w") as file:
            file["x"] = VALUES[trials]
        parts.append(SplitRows(folder / name, "x", trials, n_axes=3))
    return TrialArray(tuple(parts), 12)


EXPECTED = VALUES.copy()
EXPECTED[[6, 10]] = np.nan


def _axis(n):
    positions = st.integers(-n, n - 1)
    return st.one_of(
        positions,
        st.slices(n),
        st.lists(positions, max_size=6),
        st.lists(st.booleans(), min_size=n, max_size=n),
    )


@settings(max_examples=150)
@given(trials=_axis(12), bins=_axis(5), units=_axis(4))
def test_each_axis_is_indexed_as_numpy_does_by_itself(array, trials, bins, units):
    expected, found = EXPECTED, array[trials, bins, units]
    for axis, chosen in reversed(list(enumerate((trials, bins, units)))):
        mask = isinstance(chosen, list) and chosen and isinstance(chosen[0], bool)
        listed = (
            np.array(chosen, dtype=bool if mask else int) if isinstance(chosen, list) else chosen
        )
        expected = expected[(slice(None),) * axis + (listed,)]
    np.testing.assert_array_equal(found, expected)


def test_whole_and_parts_agree_once_it_is_loaded(array):
    before = array[3:9, 2]
    np.testing.assert_array_equal(array.load(), EXPECTED)
    np.testing.assert_array_equal(array[3:9, 2], before)
    np.testing.assert_array_equal(np.asarray(array), EXPECTED)
    assert np.asarray(array, dtype=np.float32).dtype == np.float32
    array.forget()
    np.testing.assert_array_equal(array[3:9, 2], before)


def test_sizes_are_known_without_reading(array):
    assert (array.shape, array.ndim, len(array)) == ((12, 5, 4), 3, 12)
    assert np.flatnonzero(~array.present).tolist() == [6, 10]
    with pytest.raises(IndexError):
        array[np.zeros((2, 2), dtype=int)]


def test_arrays_of_several_sessions_join(array):
    joined = array.concatenated_with(array)
    assert joined.shape == (24, 5, 4)
    np.testing.assert_array_equal(joined[12:], EXPECTED)


def test_whole_numbers_stay_whole_unless_trials_are_missing(tmp_path):
    with h5py.File(tmp_path / "a", "w") as file:
        file["x"] = np.arange(6).reshape(3, 2)
    rows = SplitRows(tmp_path / "a", "x", np.array([2, 0, 1]), n_axes=2)
    assert TrialArray((rows,), 3)[:].tolist() == [[2, 3], [4, 5], [0, 1]]
    assert TrialArray((rows,), 3).dtype.kind == "i"
    assert np.isnan(TrialArray((rows,), 4)[3]).all()


def test_files_that_do_not_fit_together_are_named(tmp_path):
    for name, width in (("a", 2), ("b", 3)):
        with h5py.File(tmp_path / name, "w") as file:
            file["x"] = np.zeros((2, width))
    parts = tuple(SplitRows(tmp_path / n, "x", np.arange(2) + i, 2) for i, n in enumerate("ab"))
    with pytest.raises(RunFolderError, match="different shapes"):
        TrialArray(parts, 4)


def test_a_drive_that_knows_no_locks_is_read_without(tmp_path, monkeypatch):
    path = tmp_path / "a"
    h5py.File(path, "w").close()
    original = h5py.File

    def refusing(*args, **options):
        if options.get("locking", True):
            raise OSError(errno.ENOLCK, "No locks available")
        return original(*args, **options)

    monkeypatch.setattr(h5py, "File", refusing)
    with open_hdf5(path) as file:
        assert list(file) == []


def test_a_file_that_is_missing_or_no_hdf5_is_named(tmp_path):
    with pytest.raises(RunFolderError, match="gone does not exist"):
        open_hdf5(tmp_path / "gone").__enter__()
    (tmp_path / "text").write_text("not HDF5")
    with pytest.raises(RunFolderError, match="text cannot be read as HDF5"):
        open_hdf5(tmp_path / "text").__enter__()
