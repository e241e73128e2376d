"""Processes that stay warm, with a runner that only writes down what it was asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lfads_nb.queue.warm import WarmProcesses

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
RUNNER = "tests.queue.warm_toy"


@pytest.fixture
def processes():
    processes = WarmProcesses(idle_s=60)
    yield processes
    processes.end_idle()


def start(processes, path, what="write", *, environment=None, device="-1", runner=RUNNER):
    return processes.start(
        runner,
        [str(path), what],
        python=sys.executable,
        environment=environment or {},
        own={"CUDA_VISIBLE_DEVICES": device, "PYTHONPATH": str(ROOT)},
        marks={"LFADS_NB_RUN": str(path), "LFADS_NB_ATTEMPT": what},
        log=path.with_name("log"),
    )


def wait_until(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_next_turn_is_given_to_the_process_of_the_last(processes, tmp_path):
    path = tmp_path / "said"
    first = start(processes, path)
    assert first.wait(60) == 0
    second = start(processes, path, "again")
    assert second.wait(60) == 0
    assert first.poll() == 0
    assert path.read_text() == f"{first.pid} 1 write\n{first.pid} 2 again\n"
    # A GPU of another number, or another environment, is another kind.
    other = start(processes, path, device="1")
    assert other.wait(60) == 0
    assert other.pid != first.pid
    other = start(processes, path, environment={"A": "b"})
    assert other.wait(60) == 0
    assert other.pid != first.pid


@pytest.mark.parametrize(("what", "code"), [("fail", 1), ("die", 7)])
def test_nothing_is_built_upon_a_process_in_which_something_failed(processes, tmp_path, what, code):
    failed = start(processes, tmp_path / "said", what)
    assert failed.wait(60) == code
    assert is_gone(failed.pid)
    after = start(processes, tmp_path / "said")
    assert after.wait(60) == 0
    assert after.pid != failed.pid


def test_a_process_that_cannot_start_says_why_in_the_runs_log(processes, tmp_path):
    run = start(processes, tmp_path / "said", runner="no.such.runner")
    assert run.wait(60) == 1
    assert "No module named 'no'" in (tmp_path / "log").read_text()


def test_two_at_once_have_two_processes_and_a_killed_one_says_so(processes, tmp_path):
    path = tmp_path / "said"
    sleeping = start(processes, path, "sleep")
    wait_until(path.exists)
    with pytest.raises(subprocess.TimeoutExpired):
        sleeping.wait(0.1)
    assert sleeping.poll() is None
    other = start(processes, path)
    assert other.wait(60) == 0
    assert other.pid != sleeping.pid
    sleeping.kill()
    assert sleeping.wait(30) == -signal.SIGKILL
    sleeping.send_signal(signal.SIGTERM)  # nobody is hit


def test_one_with_nothing_to_do_makes_way(tmp_path):
    processes = WarmProcesses(idle_s=0.3)
    run = start(processes, tmp_path / "said")
    assert run.wait(60) == 0
    wait_until(lambda: is_gone(run.pid))
    run = start(processes, tmp_path / "said")
    assert run.wait(60) == 0
    processes.end_idle()
    assert is_gone(run.pid)


PARENT = """
import sys
sys.path.insert(0, {root!r})
from lfads_nb.queue.warm import WarmProcesses
from tests.queue.test_warm import start
from pathlib import Path
run = start(WarmProcesses(), Path(sys.argv[1]), "sleep")
print(run.pid, flush=True)
run.wait()
"""


def test_it_dies_with_its_parent_whatever_it_is_doing(tmp_path):
    path = tmp_path / "said"
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(root=str(ROOT)), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as parent:
        pid = int(parent.stdout.readline())
        wait_until(path.exists)
        parent.kill()
    wait_until(lambda: is_gone(pid))
