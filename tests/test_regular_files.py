"""Files that others made: FIFOs, devices, links, deep JSON, HDF5 that leads elsewhere."""

import errno
import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from lfads_nb.datasets import Dataset, DatasetCollection, read_counts, write_counts
from lfads_nb.datasets.matfiles import read_mat
from lfads_nb.datasets.npzfiles import read_npz
from lfads_nb.errors import DataError, RunFolderError
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.regular_files import check_regular, open_regular, read_json, read_tail
from lfads_nb.results.trial_arrays import open_hdf5 as open_results
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord
from tests.sweep.conftest import small_counts


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "session.h5"
    os.mkfifo(path)
    return path


def test_a_fifo_is_refused_rather_than_hung_on(fifo):
    for read in (
        open_regular, check_regular, read_json, open_hdf5, read_npz, read_mat, read_counts,
        lambda path: open_regular(path, append=True),
    ):  # fmt: skip
        with pytest.raises((OSError, DataError), match=r"no regular file|pipe or device"):
            read(fifo)
    assert read_tail(fifo, 100) == ""


def test_a_dataset_that_is_a_fifo_or_a_device_has_a_problem_in_the_table(fifo, tmp_path):
    datasets = DatasetCollection(tmp_path)
    datasets.add("session.h5")
    datasets.add("/dev/zero", name="zero")
    datasets.add(str(tmp_path), name="folder")
    problems = datasets.info_table()["problem"]
    assert "pipe or device" in problems["session"]
    assert "pipe or device" in problems["zero"]
    assert "it is a folder" in problems["folder"]


@pytest.mark.parametrize("name", ["run.json", "status.json", "lfads.out", "run.ipynb"])
def test_no_command_hangs_on_a_fifo_in_a_run_folder(tmp_path, name):
    folder = tmp_path / "param_ABCDEF" / "single"
    folder.mkdir(parents=True)
    os.mkfifo(folder / name)
    run = RunFolder(folder)
    assert read_status(run).state in (RunState.INTERRUPTED, RunState.PREPARED, RunState.NEW)
    with pytest.raises(RunFolderError):
        RunRecord.load(run)


def test_deep_json_huge_numbers_and_half_characters_are_value_errors(tmp_path):
    path = tmp_path / "a.json"
    for text in ("[" * 200_000, '{"a":' * 100_000, '"\\ud800"', "[1" + "0" * 10_000 + "]", "\xff"):
        path.write_text(text, encoding="latin-1")
        with pytest.raises(ValueError, match=r"."):
            read_json(path)
    path.write_text('"\\u00e9 \\ud83d\\ude00"')
    assert read_json(path) == "é 😀"
    with pytest.raises(OSError, match="more than 5 bytes"):
        read_json(path, at_most=5)


def secret_file(tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["spikes"] = np.ones((4, 3, 2))
    return secret


def leading_out(tmp_path, kind):
    path, secret = tmp_path / f"{kind}.h5", secret_file(tmp_path)
    (tmp_path / "raw.bin").write_bytes(np.ones(24).tobytes())
    with h5py.File(path, "w") as file:
        file.create_group("inside")
        if kind == "external link":
            file["inside/counts"] = h5py.ExternalLink(str(secret), "/spikes")
        elif kind == "link at the top":
            file["train_data"] = h5py.ExternalLink(str(secret), "/spikes")
        elif kind == "external storage":
            raw = [(str(tmp_path / "raw.bin"), 0, 24 * 8)]
            file.create_dataset("counts", (4, 3, 2), "f8", external=raw)
        else:
            layout = h5py.VirtualLayout((4, 3, 2), "f8")
            layout[...] = h5py.VirtualSource(str(secret), "spikes", (4, 3, 2))
            file.create_virtual_dataset("counts", layout)
    return path


KINDS = ["external link", "link at the top", "external storage", "virtual dataset"]


@pytest.mark.parametrize("kind", KINDS)
def test_hdf5_that_leads_into_another_file_is_refused(tmp_path, kind):
    path = leading_out(tmp_path, kind)
    with pytest.raises(OSError, match="leads into another file"):
        open_hdf5(path)
    with pytest.raises(RunFolderError, match="leads into another file"):
        open_results(path).__enter__()


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_that_leads_into_another_file_is_refused(tmp_path, kind):
    """Our own layout, and one of its arrays elsewhere."""
    path = write_counts(tmp_path / "a.h5", small_counts())
    other = leading_out(tmp_path, kind)
    with h5py.File(path, "r+") as file, h5py.File(other) as source:
        names = [name for name in source if name != "inside"]
        if names and kind != "link at the top":
            source.copy(names[0], file, name="foreign")
        else:
            file["foreign"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/spikes")
    for read in (read_counts, lambda p: Dataset(None, p).info):
        with pytest.raises(DataError, match="leads into another file"):
            read(path)


def test_a_matlab_cell_stored_elsewhere_is_refused(tmp_path):
    path = tmp_path / "a.mat"
    (tmp_path / "raw.bin").write_bytes(np.ones(4).tobytes())
    with h5py.File(path, "w") as file:
        inside = file.create_dataset(
            "#refs#/a", (2, 2), "f8", external=[(str(tmp_path / "raw.bin"), 0, 32)]
        )
        cell = file.create_dataset("counts", (1, 1), h5py.ref_dtype)
        cell[0, 0] = inside.ref
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
    with pytest.raises((DataError, OSError), match="leads into another file"):
        read_mat(path)


def test_an_external_link_to_a_fifo_does_not_hang_a_scan(tmp_path, fifo):
    with h5py.File(tmp_path / "trap.h5", "w") as file:
        for name in ("train_data", "counts", "spikes"):
            file[name] = h5py.ExternalLink(str(fifo), "/x")
    table = DatasetCollection(tmp_path)
    table.add("trap.h5")
    assert "leads into another file" in table.info_table().loc["trap", "problem"]


@pytest.mark.processes
def test_a_log_that_is_a_link_is_not_followed(tmp_path):
    """In a folder that a group can write to, another member could put one there."""
    from tests.queue.tiny_runs import make_run_folder, start_runner, write_template

    folder = make_run_folder(tmp_path / "runs")
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    folder.log.symlink_to(precious)
    assert read_tail(folder.log, 100) == ""
    runner = start_runner(folder, write_template(tmp_path / "template.ipynb"))
    assert runner.wait(timeout=60) == 1
    assert precious.read_text() == "mine\n"
    assert "it is a link, which is not followed" in read_status(folder).reason


def test_marks_and_notes_that_are_links_are_replaced_not_followed(tmp_path):
    from lfads_nb.model.fit_log import EpochFigures, append_line
    from lfads_nb.queue.stopping import ask_to_stop, asked_to_stop, stop_note

    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    folder = RunFolder(tmp_path / "run")
    folder.output.mkdir(parents=True)
    stop_note(folder).symlink_to(precious)
    ask_to_stop(folder, RunState.CANCELLED)
    assert asked_to_stop(folder) is RunState.CANCELLED
    folder.fit_log.symlink_to(precious)
    figures = EpochFigures(1, 1, (1, 1), (1, 1), (1, 1), 0, 0, 0, 0.1)
    with pytest.raises(OSError, match="not followed"):
        append_line(folder.fit_log, figures)
    assert precious.read_text() == "mine\n"


def test_a_command_on_a_folder_with_a_fifo_for_a_collection_ends(tmp_path):
    os.mkfifo(tmp_path / "collection.json")
    done = subprocess.run(
        [sys.executable, "-m", "lfads_nb", "status", str(tmp_path)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no regular file" in done.stderr
    assert json.dumps("Traceback")[1:-1] not in done.stderr


def test_an_array_that_claims_a_terabyte_is_refused_before_it_is_made(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("small", data=np.ones(3))
        file.create_dataset("inside/huge", (10**6, 10**5, 10), "u1", chunks=(100, 100, 10))
    open_hdf5(path).close()
    with pytest.raises(OSError, match=r"/inside/huge claims 1e\+03 GB, but 0 bytes"):
        open_hdf5(path, check_sizes=True)
    with pytest.raises(RunFolderError, match="inside/huge claims"):
        open_results(path).__enter__()


def test_a_file_that_is_damaged_inside_is_an_os_error(tmp_path):
    path = write_counts(tmp_path / "a.h5", small_counts())
    content = bytearray(path.read_bytes())
    place = content.index(b"SNOD")
    content[place : place + 4] = b"DONS"
    path.write_bytes(content)
    with pytest.raises(OSError, match="it is damaged"):
        open_hdf5(path)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE])
def test_a_disk_that_does_not_answer_cancels_no_run(tmp_path, monkeypatch, code):
    from lfads_nb.queue import stopping

    def fail(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(stopping, "open_regular", fail)
    assert stopping.asked_to_stop(RunFolder(tmp_path)) is None
