"""A full disk ends nothing but the file that was being written, and is told in one sentence."""

import re
import shutil

import h5py
import numpy as np
import pytest

from lfads_nb import DatasetCollection, RunCollection, RunParams, RunSpec
from lfads_nb.atomic_files import make_room, write_text
from lfads_nb.datasets import Counts, write_counts
from lfads_nb.errors import DiskFullError
from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.queue.notebook import default_template
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import start_runner, write_template


def counts(n_trials=200):
    rng = np.random.default_rng(0)
    return Counts(rng.poisson(0.3, (n_trials, 100, 30)), time_ms=np.arange(100) * 10.0)


def files_of(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != "filler")


SENTENCE = r"no room for .*: it needs [\d.]+ [kMG]?B.*, and [\d.]+ \w+ are free on its disk"


@pytest.mark.parametrize("n_free", [0, 4, 16, 48, 80])
def test_hdf5_on_a_full_disk_says_what_it_needs_and_leaves_nothing(small_disk, leave_free, n_free):
    leave_free(small_disk, n_free)
    with pytest.raises(DiskFullError, match=SENTENCE if n_free else "no room"):
        write_counts(small_disk / "session.h5", counts())
    assert not files_of(small_disk)


def test_what_it_needs_and_what_is_free_are_right(small_disk, leave_free, tmp_path):
    size = write_counts(tmp_path / "session.h5", counts()).stat().st_size
    leave_free(small_disk, 64)
    with pytest.raises(DiskFullError) as raised:
        write_counts(small_disk / "session.h5", counts())
    needs, free = map(float, re.findall(r"([\d.]+) kB", str(raised.value)))
    assert needs == pytest.approx(size / 1000, rel=0.02)
    assert free == pytest.approx(64 * 1.024, rel=0.1)
    leave_free(small_disk, size // 1024 + 8)
    write_counts(small_disk / "session.h5", counts())


def test_an_older_file_stays_and_code_inside_may_fail_as_it_likes(small_disk, leave_free):
    path = small_disk / "a.h5"
    with writing_hdf5(path) as file:
        file["x"] = np.arange(10)
    leave_free(small_disk, 16)
    with pytest.raises(DiskFullError), writing_hdf5(path) as file:
        _write_much(file)
    with pytest.raises(ZeroDivisionError), writing_hdf5(path) as file:
        file["x"] = 1 / 0
    with h5py.File(path) as file:
        assert list(file["x"]) == list(range(10))


def _write_much(file):
    for number in range(200):
        file[f"group{number}/x"] = np.arange(1000)
    file.flush()
    file["group0/x"][...]


def test_text_and_room_on_a_full_disk(small_disk, leave_free):
    leave_free(small_disk, 8)
    with pytest.raises(DiskFullError, match=r"needs 100 kB, and 8.19 kB are free"):
        write_text(small_disk / "a.html", "x" * 100_000)
    with pytest.raises(DiskFullError, match=r"needs 100 kB, and 8.19 kB are free"):
        make_room(small_disk / "b", 100_000)
    assert not files_of(small_disk)


def test_a_collection_on_a_full_disk(small_disk, leave_free, tmp_path):
    write_counts(tmp_path / "data" / "session.h5", counts())
    datasets = DatasetCollection(tmp_path / "data")
    dataset = datasets.add("session.h5")
    collection = RunCollection(small_disk, "c", datasets)
    collection.add_params(RunParams(spike_bin_ms=10, factors_dim=4))
    collection.add_run_spec(RunSpec(dataset.single_run_name, datasets, [dataset]))
    for n_free in (0, 8, 40, 200):
        leave_free(small_disk, n_free)
        with pytest.raises(DiskFullError, match="no room"):
            collection.prepare()
        assert not [name for name in files_of(small_disk) if name.startswith(".")]
        assert not list(small_disk.rglob("lfads_session.h5")) or n_free > 100
    leave_free(small_disk, 600)
    collection.prepare()
    assert collection.runs[0].is_prepared
    leave_free(small_disk, 0)
    with pytest.raises(DiskFullError, match="no room"):
        collection.save()
    assert RunCollection.load(collection.path).runs[0].is_prepared


FILL = """
import os
def fill(n_kilobytes):
    disk = os.statvfs(run_dir)
    room = disk.f_bavail * disk.f_bsize - 1024 * n_kilobytes
    with open(os.path.join(run_dir, 'filler'), 'wb') as file:
        file.write(bytes(max(0, room)))
from lfads_nb.model import preview_writer, stages
"""


@pytest.fixture
def real_run(small_disk, tmp_path):
    """A prepared run of two sessions, tiny, on a disk of its own."""
    for name in ("a", "b"):
        write_counts(tmp_path / "data" / f"{name}.h5", counts(40))
    datasets = DatasetCollection(tmp_path / "data")
    sessions = [datasets.add(f"{name}.h5") for name in ("a", "b")]
    collection = RunCollection(small_disk, "c", datasets)
    params = RunParams(
        spike_bin_ms=50, batch_size=8, co_dim=0, factors_dim=3, gen_dim=8, ic_dim=4, ic_enc_dim=4,
        max_epochs=12, kl_increase_steps=4, l2_increase_steps=4, num_samples_posterior=4,
        device="/cpu:0",
    )  # fmt: skip
    collection.add_params(params)
    collection.add_run_spec(RunSpec("both", datasets, sessions))
    collection.prepare()
    return collection.runs[0]


def epochs_trained(folder):
    return [int(line.split(",")[1]) for line in folder.fit_log.read_text().splitlines()]


@pytest.mark.processes
@pytest.mark.training
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("small_disk", [6], indirect=True)
@pytest.mark.parametrize("stage", ["training", "sampling", "exporting"])
def test_a_training_is_not_lost_to_a_disk_that_fills_up(real_run, tmp_path, stage):
    folder = real_run.folder
    functions = {
        "training": "train", "sampling": "sample_posterior", "exporting": "export_weights"
    }  # fmt: skip
    cells = {name: f"run_stage(run_dir, {name!r}, stages.{f})" for name, f in functions.items()}
    if stage == "training":
        # Room for some checkpoints; previews, which come with every epoch here, find none.
        cells[stage] = (
            f"{FILL}preview_writer.SECONDS_BETWEEN, preview_writer.COST_SHARE = 0.0, 1e9\n"
            f"fill(400)\n{cells[stage]}"
        )
    else:
        cells["training"] = f"{FILL}{cells['training']}"
        cells[stage] = f"fill(12)\n{cells[stage]}"
    filling = write_template(tmp_path / "filling.ipynb", **cells)
    runner = start_runner(folder, filling)
    assert runner.wait(timeout=800) == 1, folder.log.read_text()[-2000:]
    status = read_status(folder)
    assert status.state is RunState.FAILED
    assert re.search(rf"{stage} failed: DiskFullError: {SENTENCE}", status.reason)
    assert not [name for name in files_of(real_run.folder.path) if name.startswith(".writing")]
    trained = folder.fit_log.read_bytes()
    (folder.path / "filler").unlink()
    if stage != "training":
        assert "training" in status.finished_stages
        assert epochs_trained(folder) == list(range(12))
    shutil.copy(folder.fit_log, tmp_path)
    assert start_runner(folder, default_template()).wait(timeout=800) == 0
    assert folder.done.exists()
    assert epochs_trained(folder) == list(range(12))
    if stage != "training":
        assert folder.fit_log.read_bytes() == trained
        assert folder.log.read_text().count("Stopping optimization") == 1
    assert real_run.posterior_means().sessions[1].rates.shape[0] == 40
