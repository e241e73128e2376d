import dataclasses
import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.errors import QueueError, RunFolderError
from lfads_nb.queue import status as status_module
from lfads_nb.queue.status import (
    LEGAL_MOVES,
    RunState,
    RunStatus,
    keep_room,
    move_status,
    read_status,
    write_status,
)

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def test_what_is_written_is_read(folder):
    status = RunStatus(
        RunState.TRAINING, stage="training", progress={"epoch": 3}, pid=7, pid_started=1.5,
        host="here", device="GPU 0", times={"queued": NOW.isoformat()},
        finished_stages=("training",),
        reason="ü", attempt=2, heartbeat=1.0,
    )  # fmt: skip
    write_status(folder, status)
    assert read_status(folder) == status


def test_without_a_status_the_other_files_tell(folder, tmp_path):
    assert read_status(folder).state is RunState.PREPARED
    folder.done.touch()
    assert read_status(folder).state is RunState.DONE
    assert read_status(type(folder)(tmp_path / "nowhere")).state is RunState.NEW


@given(content=st.binary(max_size=60))
def test_no_content_of_the_file_ends_in_an_exception(tmp_path_factory, content):
    folder = status_module.RunFolder(tmp_path_factory.mktemp("run"))
    folder.status_json.write_bytes(content)
    assert read_status(folder).state is RunState.INTERRUPTED


@pytest.mark.parametrize(
    "content",
    [{"schema": 2, "state": "done"}, {"schema": 1, "state": "dancing"}, {"schema": 1}, [],
     {"schema": 1, "state": "done", "progress": 3}, {"schema": 1, "state": "done", "times": None}],
)  # fmt: skip
def test_a_status_that_makes_no_sense_says_so_and_finished_runs_stay_done(folder, content):
    folder.status_json.write_text(json.dumps(content))
    assert "cannot be read" in read_status(folder).reason
    assert read_status(folder).state is RunState.INTERRUPTED
    folder.done.touch()
    assert read_status(folder).state is RunState.DONE


def test_only_legal_moves_are_made():
    assert RunStatus(RunState.QUEUED).moved(RunState.TRAINING, now=NOW).times["training"]
    with pytest.raises(QueueError, match="prepared cannot become done"):
        RunStatus(RunState.PREPARED).moved(RunState.DONE, now=NOW)


def test_every_state_has_its_moves_and_none_is_a_dead_end():
    assert set(LEGAL_MOVES) == set(RunState)
    assert all(LEGAL_MOVES.values())


def test_an_end_has_its_time(folder):
    status = RunStatus(RunState.TRAINING).moved(RunState.FAILED, now=NOW, reason="x")
    assert status.times == {"failed": NOW.isoformat(), "ended": NOW.isoformat()}
    write_status(folder, status)
    assert move_status(folder, RunState.QUEUED).times["queued"]


def test_a_full_disk_leaves_room_for_the_last_status(folder, monkeypatch):
    keep_room(folder)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(status_module, "_replace_file", full)
    status = RunStatus(RunState.FAILED, reason="the disk is full")
    with pytest.raises(RunFolderError, match=r"no room for .*status.json: it needs \d+ bytes"):
        write_status(folder, RunStatus(RunState.TRAINING), use_reserve=False)
    write_status(folder, status)
    assert read_status(folder) == status
    with pytest.raises(RunFolderError, match=r"no room for .*status.json: it needs \d+ bytes"):
        write_status(folder, dataclasses.replace(status, reason="again"))
    assert read_status(folder) == status
