import os

import h5py
import numpy as np
import pytest

from lfads_nb.datasets import peek_info, read_counts, recognise_format, write_counts
from lfads_nb.errors import DataError


def test_there_is_no_file(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_counts(tmp_path / "none.h5")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match="Is a directory"):
        peek_info(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a.h5").touch(mode=0)
    with pytest.raises(DataError, match="Permission denied"):
        recognise_format(tmp_path / "a.h5")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 not a zip", b"\x89HDF\r\n\x1a\n"])
def test_unknown_content_lists_the_known_formats(tmp_path, content):
    (tmp_path / "a.xyz").write_bytes(content)
    with pytest.raises(DataError, match=r"known formats|cannot be read") as error:
        recognise_format(tmp_path / "a.xyz")
    assert error.value.dataset == "a"


def test_other_hdf5_files_are_unknown(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
    with pytest.raises(DataError, match="Pass a loader"):
        read_counts(tmp_path / "a.h5")


def test_nwb_files_are_recognised_and_say_what_they_need(tmp_path):
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
    assert recognise_format(tmp_path / "a.nwb") == "nwb"
    for look in (read_counts, peek_info):
        with pytest.raises(DataError, match="read_nwb, align_to="):
            look(tmp_path / "a.nwb")


def test_our_format_does_not_depend_on_the_name(tmp_path, make_counts):
    path = write_counts(tmp_path / "spikes.dat", make_counts())
    assert recognise_format(path) == "lfads_nb"
    assert recognise_format(str(path)) == "lfads_nb"


def test_a_truncated_file_is_damaged_not_a_traceback(tmp_path, make_counts):
    whole = write_counts(tmp_path / "a.h5", make_counts()).read_bytes()
    for n_bytes in (len(whole) // 2, len(whole) - 10):
        (tmp_path / "a.h5").write_bytes(whole[:n_bytes])
        with pytest.raises(DataError, match=r"damaged|cannot be read"):
            read_counts(tmp_path / "a.h5")


def test_a_file_that_lacks_parts_is_incomplete(tmp_path, make_counts):
    path = write_counts(tmp_path / "a.h5", make_counts())
    with h5py.File(path, "r+") as file:
        del file["time_ms"]
    with pytest.raises(DataError, match=r"damaged or incomplete.*time_ms"):
        read_counts(path)


def test_a_truncated_mat_file(tmp_path):
    from tests.datasets.matlab_files import write_mat5

    write_mat5(tmp_path / "a.mat", {"spikes": np.random.default_rng(0).random((5, 4, 30))})
    whole = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged"):
        read_counts(tmp_path / "a.mat")
