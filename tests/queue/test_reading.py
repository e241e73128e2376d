"""No public reader of a run's status shows a dead run as running."""

import socket
import time
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from lfads_nb import queue
from lfads_nb.errors import QueueError
from lfads_nb.queue import ends
from lfads_nb.queue.batches import Batch, LaunchOptions
from lfads_nb.queue.home import QueueHome, put_json
from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.progress_view import describe
from lfads_nb.queue.reading import (
    ANSWERS_WITHIN_S,
    SAVED_WITHIN_S,
    STARTS_WITHIN_S,
    StatusReader,
    current_status,
)
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status
from lfads_nb.results.compare import compare
from lfads_nb.results.run_view import RunView
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run import Run
from lfads_nb.widgets.panels.queue_rows import note_of
from tests.queue.tiny_runs import make_run_folder

NOBODY = ProcessId(2**22 - 3, 1.0, socket.gethostname())


def write_running(folder, process):
    write_status(
        folder,
        RunStatus(
            RunState.TRAINING, stage="training", pid=process.pid, pid_started=process.started,
            host=process.host,
        ),
    )  # fmt: skip


@pytest.fixture
def home(tmp_path):
    return QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})


def test_every_reader_tells_a_dead_run_as_interrupted(folder, home, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(home.path.parent))
    write_running(folder, NOBODY)
    run = SimpleNamespace(
        name="single", folder=folder, params=RunView.of(folder).params,
        spec=SimpleNamespace(dataset_names=["ds"]),
    )  # fmt: skip
    told = [
        current_status(folder).state.value,
        Run.status(run).state.value,
        RunView.of(folder).state(),
        compare([run])["state"].iloc[0],
        StatusReader([folder]).read()[0].state.value,
        queue.Queue([folder], home=home).states()[0].state.value,
        queue.status_table([run])["state"].iloc[0],
    ]
    assert told == ["interrupted"] * 7


def test_a_living_run_and_one_of_another_host_are_told_as_running(folder):
    write_running(folder, ProcessId.own())
    assert current_status(folder).state is RunState.TRAINING
    write_running(folder, ProcessId(NOBODY.pid, 1.0, "elsewhere"))
    assert current_status(folder).state is RunState.TRAINING


def test_a_dead_run_is_written_down_where_no_server_does_it(folder, home):
    write_running(folder, NOBODY)
    assert StatusReader([folder], home).read()[0].state is RunState.INTERRUPTED
    assert read_status(folder).state is RunState.INTERRUPTED


def test_only_files_that_changed_are_read(tmp_path):
    folders = [make_run_folder(tmp_path, f"run{i}") for i in range(20)]
    for folder in folders:
        write_status(folder, RunStatus(RunState.QUEUED))
    reader = StatusReader(folders)
    reader.read()
    before = reader.n_files_read
    write_status(folders[7], RunStatus(RunState.CANCELLED))
    states = [status.state for status in reader.read()]
    assert reader.n_files_read == before + 1
    assert [i for i, state in enumerate(states) if state is RunState.CANCELLED] == [7]


def test_a_launch_while_a_dead_run_is_written_down_is_kept(folder, monkeypatch):
    write_running(folder, NOBODY)
    monkeypatch.setattr(
        ends, "end_processes_of", lambda *_: write_status(folder, RunStatus(RunState.QUEUED))
    )
    assert (
        ends.record_end(folder, RunState.INTERRUPTED, "its process died").state is RunState.QUEUED
    )
    write_running(folder, NOBODY)
    ends.record_dead(folder)
    assert read_status(folder).state is RunState.QUEUED


def test_just_after_a_launch_the_queue_is_starting_and_only_later_not_running(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    write_status(folder, RunStatus(RunState.QUEUED))
    now = [(folder.status_json).stat().st_mtime + 1]
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    reader = StatusReader([folder], home, clock=lambda: now[0])
    reader.read()
    assert reader.waits() == ["the queue is starting"]
    assert not reader.is_stalled
    now[0] += 5
    assert reader.waits() == ["the queue is starting"]
    now[0] += STARTS_WITHIN_S
    assert reader.waits() == ["the queue is not running: launch again to go on"]
    assert reader.is_stalled


def test_a_queued_run_that_no_launch_names_does_not_wait_for_ever(folder, home, tmp_path):
    """The process that launched it was killed before its launch was saved."""
    named = make_run_folder(tmp_path / "other")
    Batch.new([named.path], LaunchOptions()).save(home)
    put_json(home.server_json, asdict(ProcessId.own()))
    for run in (folder, named):
        write_status(run, RunStatus(RunState.QUEUED))
    later = [0.0]
    reader = StatusReader([folder, named], home, clock=lambda: time.time() + later[0])
    reader.read()
    assert reader.waits() == ["waits for its turn"] * 2
    later[0] = 2 * SAVED_WITHIN_S
    waits = reader.waits()
    assert "launch it again" in waits[0]
    assert waits[1] == "waits for its turn"


def test_a_queue_that_takes_no_notice_is_told_of_for_what_waits_and_for_what_runs(tmp_path, home):
    waiting, running, done = (make_run_folder(tmp_path, name) for name in ("a", "b", "c"))
    write_status(waiting, RunStatus(RunState.QUEUED))
    write_running(running, ProcessId.own())
    write_status(done, RunStatus(RunState.DONE))
    put_json(home.server_json, asdict(ProcessId.own()))
    later = [0.0]
    reader = StatusReader([waiting, running, done], home, clock=lambda: time.time() + later[0])
    home.post("cancel", runs=[str(running.path)])
    reader.read()
    assert reader.waits() == ["waits for its turn", "", ""]
    later[0] = 2 * ANSWERS_WITHIN_S
    said = reader.waits()
    assert said[0] == said[1] != ""
    assert said[2] == ""
    assert f"kill -9 {ProcessId.own().pid}" in describe(reader.read()[1], said[1])
    (request,) = home.requests()
    request.unlink()
    assert reader.waits() == ["waits for its turn", "", ""]


def test_a_run_whose_folder_was_renamed_says_so_until_it_is_back(tmp_path, home):
    folders = [make_run_folder(tmp_path, "a"), RunFolder(tmp_path / "never made")]
    write_status(folders[0], RunStatus(RunState.CANCELLED))
    reader = StatusReader(folders, home)
    reader.read()
    folders[0].path.rename(tmp_path / "elsewhere")
    gone, never = reader.read()
    assert (gone.state, never) == (RunState.NEW, RunStatus(RunState.NEW))
    assert "renamed or deleted" in note_of(gone, "")
    (tmp_path / "elsewhere").rename(folders[0].path)
    assert reader.read()[0] == RunStatus(RunState.CANCELLED)


def test_a_launch_on_a_full_disk_leaves_runs_as_they_were(small_disk, leave_free, tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(small_disk)})
    folders = [make_run_folder(tmp_path / "runs", name) for name in ("a", "b")]
    write_status(folders[1], RunStatus(RunState.FAILED, reason="the moon"))
    leave_free(small_disk, 0)
    with pytest.raises(QueueError, match="No space left"):
        queue.Queue(folders, home=home).launch()
    assert [read_status(f).state for f in folders] == [RunState.PREPARED, RunState.FAILED]
    assert read_status(folders[1]).reason == "the moon"
