"""The process of a pack, with a toy in the place of the training."""

import json
from dataclasses import replace

import pytest

from lfads_nb.errors import TrainingError
from lfads_nb.queue import pack_runner
from lfads_nb.queue.output_limits import MAX_SERVICE_LOG
from lfads_nb.queue.pack_runner import EXIT_ALONE, STOPPED, execute_pack
from lfads_nb.queue.processes import ATTEMPT_MARK
from lfads_nb.queue.run_lock import RunLock, read_holder
from lfads_nb.queue.runner_process import RunnerOptions
from lfads_nb.queue.status import RunState, read_status, reserve_path, write_status
from lfads_nb.queue.stopping import ask_to_stop
from lfads_nb.sweep.progress import TrainSummary
from tests.queue.tiny_runs import leave_checkpoint, make_run_folder, wait_for

OPTIONS = RunnerOptions(device="GPU 0", threads=1)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv(ATTEMPT_MARK, "this-attempt")
    made = [make_run_folder(tmp_path / str(i), seed=i) for i in range(3)]
    for folder in made:
        write_status(folder, replace(read_status(folder), state=RunState.QUEUED))
    return made


def summary(reason="max_epochs=2 reached"):
    return TrainSummary(2, 20, reason, 1, 3.0, 1.0, None)


def trained(member):
    leave_checkpoint(member.folder)
    member.end(summary())


def states(folders):
    return [read_status(folder).state.value for folder in folders]


def test_members_that_have_trained_are_queued_for_the_rest(folders):
    seen = []

    def train(members):
        for member in members:
            status = read_status(member.folder)
            seen.append((status.state.value, status.place, status.attempt))
            assert read_holder(member.folder).attempt == "this-attempt"
        trained(members[0])
        # The first has left, the others are still at it.
        assert read_holder(members[0].folder) is None
        assert states(folders) == ["queued", "training", "training"]
        for member in members[1:]:
            trained(member)

    assert execute_pack(folders, OPTIONS, train=train) == 0
    assert seen == [("training", "3 in one program on GPU 0", 1)] * 3
    for folder in folders:
        status = read_status(folder)
        assert (status.state, status.finished_stages) == (RunState.QUEUED, ("training",))
        assert status.training_end == summary().in_words
        assert (status.pid, status.device, status.pack) == (None, "", 0)
        assert not reserve_path(folder).exists()
        assert "one program of 3 runs" in folder.log.read_text()


def test_what_the_pack_has_sampled_is_not_sampled_again(folders):
    def train(members):
        members[0].note_sampled()
        for member in members:
            trained(member)

    assert execute_pack(folders, OPTIONS, train=train) == 0
    stages = [read_status(folder).finished_stages for folder in folders]
    assert stages == [("training", "sampling"), ("training",), ("training",)]


def test_a_failure_and_a_cancel_leave_the_others_untouched(folders):
    def train(members):
        members[0].end(TrainingError("the cost became nan"))
        ask_to_stop(members[1].folder, RunState.CANCELLED, attempt="this-attempt")
        wait_for(members[1].should_stop)
        assert not members[2].should_stop()
        members[1].end(summary(STOPPED))
        trained(members[2])

    assert execute_pack(folders, OPTIONS, train=train) == 0
    assert states(folders) == ["failed", "cancelled", "queued"]
    assert read_status(folders[0]).reason == "training failed: the cost became nan"
    assert read_status(folders[1]).finished_stages == ()
    assert read_status(folders[2]).finished_stages == ("training",)


def test_the_log_of_a_pack_that_says_too_much_stays_short(folders, tmp_path):
    log = tmp_path / "lfads.out"

    def train(members):
        with log.open("ab") as file:
            file.write(b"first\n" + b"a warning\n" * (MAX_SERVICE_LOG // 4) + b"latest\n")
        for member in members:
            trained(member)

    assert execute_pack(folders, OPTIONS, train=train, pack_log=log) == 0
    content = log.read_bytes()
    assert len(content) < MAX_SERVICE_LOG
    assert content.startswith(b"first\n")
    assert content.endswith(b"latest\n")


def test_the_log_of_a_pack_is_kept_short_while_it_trains(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(pack_runner, "_TICK_S", 0.02)
    monkeypatch.setattr(pack_runner, "_BEAT_S", 0.05)
    log = tmp_path / "lfads.out"

    def train(members):
        log.write_bytes(b"a warning\n" * (MAX_SERVICE_LOG // 4))
        wait_for(lambda: log.stat().st_size < MAX_SERVICE_LOG)
        for member in members:
            trained(member)

    assert execute_pack(folders, OPTIONS, train=train, pack_log=log) == 0


def test_a_pack_that_does_not_fit_into_memory_is_trained_one_by_one(folders):
    def train(members):
        trained(members[2])
        raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")

    assert execute_pack(folders, OPTIONS, train=train) == EXIT_ALONE
    assert states(folders) == ["queued"] * 3
    assert [read_status(f).finished_stages for f in folders] == [(), (), ("training",)]
    assert "goes on alone" in folders[0].log.read_text()
    assert all(read_holder(folder) is None for folder in folders)


def test_a_run_that_another_process_works_on_is_left_out(folders, monkeypatch):
    before = json.loads(folders[0].status_json.read_text())
    with RunLock(folders[0]):
        monkeypatch.setenv(ATTEMPT_MARK, "later-attempt")
        assert execute_pack(folders, OPTIONS, train=lambda ms: [trained(m) for m in ms]) == 0
    assert json.loads(folders[0].status_json.read_text()) == before
    assert [read_status(f).finished_stages for f in folders[1:]] == [("training",)] * 2
