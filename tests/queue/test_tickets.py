"""Tickets of runs on a cluster: who may start a run, without a cluster."""

import pickle
import sys

import pytest

from lfads_nb.queue import task as task_module
from lfads_nb.queue.task import BEGUN_BEFORE, RunTask, execute_task
from lfads_nb.queue.tickets import Ticket, UnsharedFolderError
from lfads_nb.sweep.folders import RunFolder
from tests.queue.tiny_runs import make_run_folder

RUNNER = "tests.queue.quick_runner"


def test_a_ticket_is_taken_once_and_not_after_it_was_withdrawn(tmp_path):
    folder = make_run_folder(tmp_path / "runs")
    first, second = Ticket(folder, "a"), Ticket(folder, "b")
    first.issue()
    assert not first.is_taken
    assert first.take("tls://one")
    assert first.is_taken
    assert not Ticket(folder, "a").take("tls://another")
    assert not first.withdraw()
    second.issue()
    assert second.withdraw()
    assert not second.take("tls://one")
    second.remove()
    assert not list(folder.path.glob(".lfads-ticket*"))
    with pytest.raises(UnsharedFolderError, match=r"tls://one .*is another folder there"):
        Ticket(folder, "c").take("tls://one")
    gone = RunFolder(tmp_path / "nowhere")
    with pytest.raises(UnsharedFolderError, match="No such file"):
        Ticket(gone, "c").take("tls://one")


def test_an_unshared_folder_is_told_across_machines():
    error = pickle.loads(pickle.dumps(UnsharedFolderError("tls://n1:1", "No such file (/x)")))
    assert (error.worker, error.problem) == ("tls://n1:1", "No such file (/x)")
    assert "the worker tls://n1:1 of the cluster" in str(error)


def test_a_run_that_dask_gives_to_a_second_worker_is_not_started_again(tmp_path, monkeypatch):
    folder = make_run_folder(tmp_path / "runs")
    ticket = Ticket(folder, "a")
    ticket.issue()
    ticket.take("tls://first")
    monkeypatch.setattr(task_module, "_own_address", lambda: "tls://second")
    task = RunTask(
        str(folder.path), "", 1, "all", None, sys.executable, RUNNER, {}, attempt="a",
        has_ticket=True,
    )  # fmt: skip
    assert execute_task(task) == BEGUN_BEFORE
    assert not (folder.path / "starts.txt").exists()
