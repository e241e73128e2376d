import os
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from lfads_nb.datasets import (
    peek_info,
    read_counts,
    read_hdf5,
    read_mat,
    read_npz,
    read_nwb,
    recognise_format,
    write_counts,
)
from lfads_nb.datasets.readers import FORMATS
from lfads_nb.datasets.session_arrays import NAMES
from lfads_nb.errors import DataError


def test_there_is_no_file(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_counts(tmp_path / "none.h5")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match="it is a folder"):
        peek_info(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a.h5").touch(mode=0)
    with pytest.raises(DataError, match="Permission denied"):
        recognise_format(tmp_path / "a.h5")


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04 not a zip", b"\x89HDF\r\n\x1a\n"])
def test_unknown_content_lists_the_known_formats(tmp_path, content):
    (tmp_path / "a.xyz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.xyz (is in none|is damaged)") as error:
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
    with pytest.raises(
        DataError, match=r"a\.nwb is an NWB file with no units and no table of trials"
    ):
        read_counts(tmp_path / "a.nwb")
    with h5py.File(tmp_path / "a.nwb", "r+") as file:
        file["units/id"] = np.arange(3)
        for column in ("id", "go_time", "tags", "tags_index"):
            file[f"intervals/trials/{column}"] = np.arange(4)
    for look in (read_counts, peek_info):
        with pytest.raises(DataError, match="read_nwb, align_to=") as error:
            look(tmp_path / "a.nwb")
        assert "3 units and table trials with go_time, tags:" in str(error.value)


def test_nwb_1_is_named(tmp_path):
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file["nwb_version"] = "NWB-1.0.6"
    for look in (read_counts, peek_info, read_nwb):
        with pytest.raises(DataError, match=r"a\.nwb is in the old format NWB-1\.0\.6.*NWB 2"):
            look(tmp_path / "a.nwb")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "git lfs pull"),
        (b"/annex/objects/MD5E-s12--ab.h5\n", "datalad get"),
        (b"../.git/annex/objects/Xy/MD5E-s12--ab.h5", "datalad get"),
    ],
)
def test_files_whose_content_was_not_downloaded(tmp_path, content, says):
    (tmp_path / "day1.h5").write_bytes(content)
    for look in (recognise_format, read_counts, peek_info, read_mat, read_hdf5, read_nwb):
        with pytest.raises(DataError, match=rf"day1\.h5.*{says}"):
            look(tmp_path / "day1.h5")


def test_links_to_content_that_was_not_downloaded(tmp_path):
    (tmp_path / "a.h5").symlink_to(".git/annex/objects/Xy/MD5E-s12--ab.h5")
    with pytest.raises(DataError, match=r"a\.h5 is only a pointer.*datalad get"):
        read_counts(tmp_path / "a.h5")
    (tmp_path / "b.h5").symlink_to("elsewhere.h5")
    with pytest.raises(DataError, match=r"b\.h5 is a link to elsewhere\.h5, which is not there"):
        read_counts(tmp_path / "b.h5")


def test_an_hdf5_filter_that_is_not_installed_is_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        item = file.create_dataset(
            "counts", (4, 5, 2), np.int64, chunks=(4, 5, 2), compression="gzip"
        )
        item[...] = 1
        file["bin_ms"] = 10
    raw = (tmp_path / "a.h5").read_bytes()
    # the message of a filter: number 1 (deflate) becomes 32004 (LZ4), as the file would have it
    place = raw.index(b"deflate") - 8
    assert raw[place : place + 2] == b"\x01\x00"
    (tmp_path / "a.h5").write_bytes(raw[:place] + (32004).to_bytes(2, "little") + raw[place + 2 :])
    with pytest.raises(DataError, match=r"a\.h5 is compressed by a filter.*LZ4.*hdf5plugin"):
        read_counts(tmp_path / "a.h5")


def session(**changes):
    counts = np.random.default_rng(0).poisson(1.0, (6, 10, 3))
    arrays = {"counts": counts, "time_ms": 5.0 * np.arange(10), "condition_ids": np.arange(6) % 2}
    return {name: value for name, value in (arrays | changes).items() if value is not None}


def write_hdf5(path, **changes):
    with h5py.File(path, "w") as file:
        for name, value in session(**changes).items():
            file[name] = value
    return path


def test_hdf5_files_with_counts_at_the_top_open_by_themselves(tmp_path):
    path = write_hdf5(tmp_path / "a.h5", subject="Ada")
    assert recognise_format(path) == "hdf5"
    counts = read_counts(path)
    np.testing.assert_array_equal(counts.counts, session()["counts"])
    assert (counts.bin_ms, counts.metadata, counts.notes) == (5, {"subject": "Ada"}, ())
    info = peek_info(path)
    assert (info.n_trials, info.n_bins, info.n_channels, info.bin_ms) == (6, 10, 3, 5)
    assert (info.n_conditions, info.subject) == (2, "Ada")


def test_behaviour_in_hdf5_is_read(tmp_path):
    values = np.random.default_rng(0).standard_normal((6, 10, 2))
    arrays = {"behavior_hand": values, "behavior_hand_unit": "mm/s"}
    counts = read_counts(write_hdf5(tmp_path / "a.h5", **arrays))
    np.testing.assert_allclose(counts.behavior["hand"].values, values)
    assert counts.behavior["hand"].unit == "mm/s"
    assert peek_info(tmp_path / "a.h5").behavior == ("hand",)


def test_conditions_in_hdf5_may_be_bytes_in_latin_1(tmp_path):
    ids = np.array(["m\xfcde".encode("latin-1"), b"wach", b""] * 2)
    counts = read_counts(write_hdf5(tmp_path / "a.h5", condition_ids=ids))
    assert counts.condition_ids.tolist() == ["m\xfcde", "wach", ""] * 2
    ids = np.array(["left", "", "right"] * 2, dtype=object)
    assert read_counts(write_hdf5(tmp_path / "b.h5", condition_ids=ids)).conditions.tolist() == [
        "left", "right",
    ]  # fmt: skip


def test_hdf5_files_in_another_order_or_with_other_names(tmp_path):
    turned = session()["counts"].transpose(2, 1, 0)
    counts = read_counts(write_hdf5(tmp_path / "a.h5", counts=turned))
    np.testing.assert_array_equal(counts.counts, session()["counts"])
    assert "channels x time x trials" in counts.notes[0]
    binned = {"a/binned": session()["counts"]}
    path = write_hdf5(tmp_path / "b.h5", counts=None, time_ms=None, **binned)
    with pytest.raises(DataError, match=r"b\.h5 .*HDF5 with a/binned \(6 x 10 x 3\), cond"):
        read_counts(path)
    with pytest.raises(DataError, match=r"b\.h5.*bin_ms"):
        read_hdf5(path, names={"counts": "a/binned"})
    counts = read_hdf5(path, names={"counts": "a/binned"}, bin_ms=5)
    np.testing.assert_array_equal(counts.counts, session()["counts"])
    with pytest.raises(DataError, match=r"b\.h5 has no array spikes"):
        read_hdf5(path, names={"counts": "spikes"})


def test_a_shape_that_cannot_be_is_refused_before_memory_is_taken(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("counts", (10**6, 10**6, 10), np.uint8, chunks=(10, 10, 10))
        file["bin_ms"] = 1
    with pytest.raises(DataError, match=r"a\.h5.*claims 1e\+04 GB"):
        read_counts(tmp_path / "a.h5")


def test_every_error_of_a_reader_names_the_file(tmp_path, make_counts):
    path = write_hdf5(tmp_path / "day 3.h5", counts=session()["counts"] + 0.5)
    with pytest.raises(DataError, match=r"^day 3\.h5, field 'counts', trial 0:") as error:
        read_counts(path)
    assert (error.value.dataset, error.value.field, error.value.trial) == ("day 3", "counts", 0)


def test_our_format_does_not_depend_on_the_name(tmp_path, make_counts):
    path = write_counts(tmp_path / "spikes.dat", make_counts())
    assert recognise_format(path) == "lfads_nb"
    assert recognise_format(str(path)) == "lfads_nb"


def test_a_truncated_file_is_damaged_not_a_traceback(tmp_path, make_counts):
    whole = write_counts(tmp_path / "a.h5", make_counts()).read_bytes()
    for n_bytes in (len(whole) // 2, len(whole) - 10):
        (tmp_path / "a.h5").write_bytes(whole[:n_bytes])
        with pytest.raises(DataError, match=r"a\.h5 is truncated"):
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
    with pytest.raises(DataError, match=r"a\.mat is truncated"):
        read_counts(tmp_path / "a.mat")


def test_the_docs_name_every_format_and_every_name_of_an_array():
    root = Path(__file__).parents[2]
    docs = (root / "docs" / "data_files.md").read_text()
    for known in FORMATS.values():
        assert known.title in docs
    for names in NAMES.values():
        for name in names:
            assert f"`{name}`" in docs
    readme = (root / "README.md").read_text()
    for word in ("HDF5", ".npz", "MATLAB", "LFADS input", "NLB tensors", "read_nwb"):
        assert word in readme


@pytest.mark.parametrize(
    ("name", "save", "says"),
    [
        ("a.npy", lambda path: np.save(path, np.ones((3, 4, 5))), r"np\.savez"),
        ("a.pkl", lambda path: path.write_bytes(pickle.dumps({"counts": 1})), "pickle"),
        ("a.mat", lambda path: path.write_text("# Created by Octave 8.4\n"), "save -v7"),
        ("a.npz", lambda path: path.write_bytes(b"PK\x03\x04" + bytes(90)), "end is missing"),
        ("a.xlsx", lambda path: zipfile.ZipFile(path, "w").writestr("xl/a.xml", ""), "CSV"),
    ],
)
def test_other_files_are_named_with_what_to_do(tmp_path, name, save, says):
    save(tmp_path / name)
    with pytest.raises(DataError, match=rf"^{name} .*{says}"):
        read_counts(tmp_path / name)


def test_files_with_missing_bins_open_when_that_is_meant(tmp_path):
    counts = session()["counts"].astype(float)
    counts[1, 7:] = np.nan
    np.savez(tmp_path / "a.npz", counts=counts, bin_ms=5)
    write_hdf5(tmp_path / "a.h5", counts=counts)
    scipy.io.savemat(tmp_path / "a.mat", {"spikes": counts.transpose(0, 2, 1)})
    for name, read in (("a.npz", read_npz), ("a.h5", read_hdf5), ("a.mat", read_mat)):
        with pytest.raises(DataError, match=r"^a\..*is NaN.*allow_missing=True"):
            read_counts(tmp_path / name)
        read_again = read(tmp_path / name, allow_missing=True)
        np.testing.assert_array_equal(read_again.counts, counts)


def test_a_time_vector_in_s_is_said(tmp_path):
    counts = read_counts(write_hdf5(tmp_path / "a.h5", time_ms=0.01 * np.arange(10)))
    assert "if the file's times are in s" in counts.notes[0]
    with pytest.raises(DataError, match=r"bin_ms.*one number"):
        read_counts(write_hdf5(tmp_path / "b.h5", time_ms=None, bin_ms=[1.0, 2.0]))
