"""Turns taken by a process that stays warm; real processes with a tiny model."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.queue.warm import WarmWorker, WarmWorkerEndedError
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.turns import TurnRequest
from tests.model.small_runs import small_params, write_inputs

pytestmark = [pytest.mark.training, pytest.mark.processes]


def member(path: Path) -> RunFolder:
    run = write_inputs(path)
    RunRecord("population", "one", small_params(), ("one",)).save(run)
    return run


def request(run: RunFolder, generation=0, *, epochs=2, **settings) -> TurnRequest:
    values = {"learning_rate_init": 0.004, "keep_prob": 0.8, **settings}
    return TurnRequest(run.path, generation, values, generation * epochs, epochs, None, 1)


@pytest.fixture
def worker(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with WarmWorker(None, threads=1, log=tmp_path / "worker.log") as worker:
        yield worker


def test_one_process_takes_one_turn_after_another(worker, tmp_path):
    seen = []
    run = member(tmp_path / "a")
    first = worker.take_turn(request(run), on_progress=seen.append)
    pid = worker.pid
    second = worker.take_turn(request(run, 1, keep_prob=0.5))
    assert (first.epoch, second.epoch) == (2, 4)
    assert [p.epoch for p in seen][-1] == 1
    assert worker.pid == pid
    # An error is that of the turn, in its own words, and the next turn goes on.
    with pytest.raises(RunFolderError, match="no whole checkpoint of the weights after 10 epochs"):
        worker.take_turn(request(run, 5))
    assert worker.pid == pid
    assert worker.take_turn(request(run, 2)).epoch == 6
    check_that_closing_ends_a_turn_at_once(worker, member(tmp_path / "b"))


def check_that_closing_ends_a_turn_at_once(worker, run):
    begun = threading.Event()
    raised = []

    def take():
        try:
            worker.take_turn(request(run, epochs=100_000), on_progress=lambda _: begun.set())
        except WarmWorkerEndedError as error:
            raised.append(error)

    thread = threading.Thread(target=take)
    thread.start()
    assert begun.wait(120)
    pid = worker.pid
    worker.close()
    thread.join(30)
    assert raised
    assert not psutil.pid_exists(pid)
    with pytest.raises(WarmWorkerEndedError):
        worker.take_turn(request(run, epochs=100_000))


def test_a_turn_whose_process_is_killed_is_taken_by_a_new_one(worker, tmp_path):
    killed = []

    def kill(_progress):
        if not killed:
            killed.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    run, other = member(tmp_path / "a"), member(tmp_path / "b")
    result = worker.take_turn(request(run), on_progress=kill)
    assert result.epoch == 2
    assert worker.pid != killed[0]
    through = worker.take_turn(request(other))
    assert through.valid == result.valid
    assert run.fit_log.read_text() == other.fit_log.read_text()


PARENT = """
import sys
from pathlib import Path
from lfads_nb.queue.warm import WarmWorker
from lfads_nb.sweep.turns import TurnRequest
worker = WarmWorker(None, threads=1, log=Path(sys.argv[2]))
worker.start()
print(worker.pid, flush=True)
request = TurnRequest(Path(sys.argv[1]), 0, {"keep_prob": 0.8}, 0, 100_000, None, 1)
worker.take_turn(request, on_progress=lambda p: print("epoch", flush=True))
"""


def test_it_dies_with_its_parent_in_the_middle_of_a_turn(tmp_path):
    run = member(tmp_path / "a")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(run.path), str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as parent:
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline().strip() == "epoch"
        parent.kill()
    for _ in range(200):
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.1)
                continue
        return
    pytest.fail("the warm process outlived its parent by 20 s")
