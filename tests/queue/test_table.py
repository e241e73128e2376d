"""The table of runs: what stands in each column, for a user who has nothing else to go by."""

import socket
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.status import RunState, RunStatus, write_status
from lfads_nb.queue.table import elapsed_s, status_table, table_row
from lfads_nb.sweep.verdict import Verdict
from tests.queue.tiny_runs import leave_outputs, make_run_folder

NOW = datetime(2025, 1, 2, 12, 0, 0, tzinfo=timezone.utc)
COLUMNS = [
    "state", "stage", "fraction", "epoch", "total_train", "total_valid", "learning_rate", "eta_s",
    "elapsed_s", "device", "attempt", "reason", "training_end", "verdict", "job", "host", "folder",
]  # fmt: skip


def ago(**span):
    return (NOW - timedelta(**span)).isoformat()


TRAINING = RunStatus(
    RunState.TRAINING, stage="training",
    progress={"fraction": 0.25, "epoch": 10, "total_train": 400.0, "total_valid": 410.0,
              "learning_rate": 0.01, "eta_s": 90.0, "best_epoch": 9},
    host="node1", device="GPU 0", times={"started": ago(minutes=5)}, attempt=2, job="123_4",
)  # fmt: skip


def test_a_run_at_work_is_a_row_with_its_stage_costs_time_and_place():
    assert table_row(TRAINING, "", now=NOW) == {
        "state": "training", "stage": "training", "fraction": 0.25, "epoch": 10,
        "total_train": 400.0, "total_valid": 410.0, "learning_rate": 0.01, "eta_s": 90.0,
        "elapsed_s": 300.0, "device": TRAINING.place, "attempt": 2, "reason": "",
        "training_end": "", "job": "123_4", "host": "node1",
    }  # fmt: skip


def test_a_run_that_has_not_begun_has_no_figures():
    row = table_row(RunStatus(RunState.QUEUED), "", now=NOW)
    assert row["state"] == "queued"
    assert [row[name] for name in COLUMNS[2:9]] == [None] * 7


def test_why_a_run_waits_stands_before_why_it_failed_the_last_time():
    failed = RunStatus(RunState.QUEUED, reason="tried again after: out of memory")
    assert table_row(failed, "waits for a free GPU", now=NOW)["reason"] == "waits for a free GPU"
    assert table_row(failed, "", now=NOW)["reason"] == "tried again after: out of memory"


def test_time_counts_from_the_start_to_the_end_or_to_now():
    assert elapsed_s(TRAINING, now=NOW) == 300.0
    ended = {"started": ago(minutes=5), "ended": ago(minutes=2)}
    assert elapsed_s(replace(TRAINING, state=RunState.DONE, times=ended), now=NOW) == 180.0
    # launched again: the end is an earlier attempt's
    assert elapsed_s(replace(TRAINING, times=ended), now=NOW) == 300.0
    no_end = {"started": ago(minutes=5)}
    assert elapsed_s(replace(TRAINING, state=RunState.FAILED, times=no_end), now=NOW) == 300.0


def test_a_run_that_is_queued_again_does_not_count_the_time_since_its_first_start():
    again = {"started": ago(minutes=5), "ended": ago(minutes=4), "queued": ago(minutes=1)}
    assert elapsed_s(replace(TRAINING, state=RunState.QUEUED, times=again), now=NOW) is None


@pytest.mark.parametrize("times", [{}, {"started": "yesterday"}, {"started": 3}])
def test_a_start_that_is_not_known_is_no_time(times):
    assert elapsed_s(replace(TRAINING, times=times), now=NOW) is None


def test_a_clock_that_was_set_back_makes_no_negative_time():
    assert elapsed_s(replace(TRAINING, times={"started": ago(minutes=-5)}), now=NOW) == 0.0


def made(tmp_path, name, status, verdict=None):
    folder = make_run_folder(tmp_path, name)
    if verdict:
        leave_outputs(folder)
        Verdict(praise=verdict).save(folder)
    if status.state is RunState.DONE:
        folder.done.touch()
    write_status(folder, status)
    return SimpleNamespace(name=f"{name} of {folder.path.parent.name}", folder=folder)


def test_each_run_is_a_row_by_its_name_in_the_order_given(tmp_path):
    own = ProcessId.own()
    at_work = replace(
        TRAINING, pid=own.pid, pid_started=own.started, host=socket.gethostname(), job=""
    )
    runs = [
        made(tmp_path, "b", RunStatus(RunState.DONE, training_end="max_epochs"), "It is good."),
        made(tmp_path, "a", RunStatus(RunState.FAILED, reason="out of memory"), "It was good."),
        made(tmp_path, "c", at_work),
    ]
    table = status_table(iter(runs))
    assert list(table.columns) == COLUMNS
    assert table.index.name == "run"
    assert list(table.index) == [run.name for run in runs]
    assert list(table["state"]) == ["done", "failed", "training"]
    assert list(table["folder"]) == [str(run.folder.path) for run in runs]
    assert table["training_end"].iloc[0] == "max_epochs"
    assert table["reason"].iloc[1] == "out of memory"
    assert (table["epoch"].iloc[2], table["fraction"].iloc[2]) == (10, 0.25)
    # a verdict is said of what is done, and of nothing else
    assert table["verdict"].iloc[0].startswith("It is good.")
    assert list(table["verdict"])[1:] == ["", ""]


def test_a_run_that_is_done_and_was_not_judged_has_an_empty_verdict(tmp_path):
    (run,) = [made(tmp_path, "one", RunStatus(RunState.DONE))]
    assert list(status_table([run])["verdict"]) == [""]


def test_no_runs_are_a_table_without_rows():
    assert list(status_table([]).columns) == COLUMNS
    assert len(status_table([])) == 0
