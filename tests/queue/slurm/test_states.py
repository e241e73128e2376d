"""What SLURM says of a job, joined with what the run's folder says."""

import os
import time

import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue import reading, starting
from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.slurm.scheduler import POLL_S, Jobs
from lfads_nb.queue.slurm.states import joined
from lfads_nb.queue.slurm.submission import Submission, jobs_folder
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status


class FakeSlurm:
    """Answers as `squeue` and `sacct` do."""

    def __init__(self):
        self.lines, self.accounts, self.calls, self.is_down = [], {}, [], False

    def __call__(self, *command, cwd=None):
        self.calls.append(command)
        if self.is_down:
            raise QueueError("SLURM does not answer")
        if command[0] == "squeue":
            return "\n".join(self.lines)
        job = next(c.partition("=")[2] for c in command if c.startswith("--jobs="))
        if job not in self.accounts:
            raise QueueError("there is no sacct here")
        return f"{job}|{self.accounts[job]}"


@pytest.fixture
def slurm():
    return FakeSlurm()


@pytest.fixture
def submitted(folder):
    """A run that waits as element 4 of job 123, submitted long ago."""
    submission = Submission(jobs_folder(folder) / "KEY")
    submission.path.mkdir(parents=True)
    submission.save_job("123", time.time() - 3600)
    write_status(folder, RunStatus(RunState.QUEUED, submission=submission.mark(4)))
    return folder


def look(folder, slurm):
    return joined(folder, read_status(folder), Jobs(slurm))


def test_a_waiting_run_says_why_and_until_when(submitted, slurm):
    slurm.lines = ["123_4|PENDING|Resources|2026-11-27T09:00:00||lfads-KEY"]
    status, wait = look(submitted, slurm)
    assert status.state is RunState.QUEUED
    assert wait == "SLURM job 123_4 pending (Resources), may start at 2026-11-27 09:00:00"


def test_one_call_serves_all_runs_for_a_while(submitted, slurm):
    now = [1000.0]
    jobs = Jobs(slurm, clock=lambda: now[0])
    slurm.lines = ["123_4|PENDING|Priority|N/A||lfads-KEY"]
    for _ in range(50):
        joined(submitted, read_status(submitted), jobs)
    assert len(slurm.calls) == 1
    now[0] += POLL_S
    joined(submitted, read_status(submitted), jobs)
    assert len(slurm.calls) == 2


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        ("TIMEOUT", RunState.INTERRUPTED, "ask for more with --time"),
        ("PREEMPTED", RunState.INTERRUPTED, "another job took its place"),
        ("NODE_FAIL", RunState.INTERRUPTED, "its node failed"),
        ("CANCELLED", RunState.INTERRUPTED, "taken from SLURM's queue"),
        ("OUT_OF_MEMORY", RunState.FAILED, "ask for more with --mem"),
        ("FAILED", RunState.FAILED, "slurm-123_4.out"),
    ],
)
def test_a_job_that_ended_without_a_word_says_how_and_what_to_do(
    submitted, slurm, said, state, words
):
    for place in ("squeue", "sacct"):
        slurm.lines = [f"123_4|{said}|None|N/A|n7|lfads-KEY"] if place == "squeue" else []
        slurm.accounts = {} if place == "squeue" else {"123_4": f"{said} by 0|n7"}
        status, _ = look(submitted, slurm)
        assert status.state is state
        assert "SLURM job 123_4 on n7" in status.reason
        assert words in status.reason
    assert read_status(submitted).state is RunState.QUEUED


def test_a_job_that_nobody_knows_any_more_is_no_queued_run(submitted, slurm):
    status, _ = look(submitted, slurm)
    assert status.state is RunState.INTERRUPTED
    assert "does not know its job 123_4 any more" in status.reason


def test_where_slurm_cannot_be_asked_nothing_is_made_up(submitted, slurm):
    slurm.is_down = True
    status, wait = look(submitted, slurm)
    assert status.state is RunState.QUEUED
    assert wait == "SLURM job 123_4 (SLURM cannot be asked here)"


def test_a_run_of_another_user_is_not_looked_for_among_ones_own_jobs(submitted, slurm, monkeypatch):
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    status, wait = look(submitted, slurm)
    assert status.state is RunState.QUEUED
    assert wait == "SLURM job 123_4 of another user"


def test_a_silent_run_is_said_to_be_that_until_slurm_gives_its_job_up(submitted, slurm):
    gone = ProcessId.own()
    running = RunStatus(
        RunState.TRAINING, stage="training", pid=2**22 - 3, pid_started=1.0, host=gone.host,
        submission="KEY/4", job="123_4",
    )  # fmt: skip
    write_status(submitted, running)
    silent = RunStatus(
        RunState.INTERRUPTED, submission="KEY/4", job="123_4",
        reason="no sign of life from n7; launch it again",
    )  # fmt: skip
    slurm.lines = ["123_4|RUNNING|None|N/A|n7|lfads-KEY"]
    status, _ = joined(submitted, silent, Jobs(slurm))
    assert status.state is RunState.INTERRUPTED
    assert status.reason == (
        "no sign of life from n7; SLURM has not given up its job 123_4 on n7 yet, and queues it "
        "again when it does"
    )
    slurm.lines = ["123_4|PENDING|BeginTime|N/A||lfads-KEY"]
    status, wait = joined(submitted, silent, Jobs(slurm))
    assert status.state is RunState.QUEUED
    assert wait.startswith("its job ended, and waits for another start: SLURM job 123_4 pending")
    slurm.lines = ["123_4|NODE_FAIL|NodeDown|N/A|n7|lfads-KEY"]
    status, _ = joined(submitted, silent, Jobs(slurm))
    assert status.state is RunState.INTERRUPTED
    assert "its node failed (NODE_FAIL); submit it again" in status.reason


def test_a_run_that_is_executed_by_hand_after_its_submission_is_told_as_its_folder_has_it(
    submitted, slurm
):
    slurm.lines = ["123_4|CANCELLED|None|N/A||lfads-KEY"]
    own = ProcessId.own()
    for job in ("", "77"):
        running = RunStatus(
            RunState.TRAINING, stage="training", pid=own.pid, pid_started=own.started,
            host=own.host, submission="KEY/4", job=job,
        )  # fmt: skip
        write_status(submitted, running)
        assert look(submitted, slurm) == (running, "")


def test_who_waits_for_slurm_starts_no_server_on_the_login_node(submitted, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(starting, "_START_S", 0.0)
    monkeypatch.setattr(starting, "ensure_server", started.append)
    jobs = Jobs(FakeSlurm())
    jobs._ask.lines = ["123_4|PENDING|Priority|N/A||lfads-KEY"]
    monkeypatch.setattr(reading, "shared_jobs", lambda: jobs)
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    assert Queue([submitted], home=home).wait(timeout_s=1.2)["state"].tolist() == ["queued"]
    assert started == []
    write_status(submitted, RunStatus(RunState.QUEUED))
    Queue([submitted], home=home).wait(timeout_s=1.2)
    assert started
