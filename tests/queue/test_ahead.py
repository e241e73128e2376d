"""Runs whose process starts ahead of their turn: real processes, notebooks of a second."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lfads_nb.queue.ahead import AheadProcesses
from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.processes import new_attempt, run_marks
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import make_run_folder, marked_processes, wait_for, write_template

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]

# Samples until told to go on: in this time the process of the next run starts.
SAMPLING = """
import time
def sample(run, params, datasets):
    while not (run.path / 'go').exists():
        time.sleep(0.05)
    leave_means(run, params, datasets)
run_stage(run_dir, 'sampling', sample)
"""


def start_ahead(folder, template):
    attempt = new_attempt()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "-1",
        **run_marks(folder.path, attempt),
    }
    processes = AheadProcesses()
    command = [
        sys.executable, "-m", "lfads_nb.queue.runner", str(folder.path),
        "--template", str(template), "--device", "cpu", "--threads", "1", "--ahead",
    ]  # fmt: skip
    processes.start(attempt, command, environment=environment, cwd=str(folder.path))
    return processes, attempt


def kernels_of(folder):
    return [p for p in marked_processes(folder) if "lfads_nb.queue.kernel" in " ".join(p.cmdline())]


def test_a_run_begins_in_the_kernel_that_waits_for_it(folder, template):
    processes, attempt = start_ahead(folder, template)
    (kernel,) = wait_for(lambda: kernels_of(folder))
    time.sleep(0.5)
    # Nothing of it is seen from outside yet.
    assert read_status(folder).state is RunState.PREPARED
    assert read_holder(folder) is None
    assert not folder.notebook.exists()
    runner = processes.take(attempt)
    assert processes.take(attempt) is None
    assert runner.wait(90) == 0
    status = read_status(folder)
    assert (status.state, status.attempt, status.attempt_id) == (RunState.DONE, 1, attempt)
    assert f"pid {runner.pid} " in folder.log.read_text()
    assert not kernel.is_running()
    assert not marked_processes(folder)


def test_one_whose_turn_does_not_come_leaves_no_trace(folder, template):
    before = sorted(folder.path.rglob("*"))
    processes, attempt = start_ahead(folder, template)
    (kernel,) = wait_for(lambda: kernels_of(folder))
    processes.end(attempt)
    wait_for(lambda: not marked_processes(folder))
    assert not kernel.is_running()
    assert sorted(p for p in folder.path.rglob("*") if p != folder.log) == before
    assert read_status(folder).state is RunState.PREPARED
    assert processes.take(attempt) is None


def test_a_kernel_that_died_while_it_waited_is_replaced(folder, template):
    processes, attempt = start_ahead(folder, template)
    (kernel,) = wait_for(lambda: kernels_of(folder))
    kernel.kill()
    runner = processes.take(attempt)
    assert runner.wait(90) == 0
    assert read_status(folder).state is RunState.DONE


def test_a_runner_that_died_while_it_waited_is_not_begun_in(folder, template):
    processes, attempt = start_ahead(folder, template)
    (kernel,) = wait_for(lambda: kernels_of(folder))
    os.kill(kernel.ppid(), signal.SIGKILL)
    wait_for(lambda: not marked_processes(folder))
    assert processes.take(attempt) is None
    assert read_status(folder).state is RunState.PREPARED


PARENT = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from lfads_nb.sweep.folders import RunFolder
from tests.queue.test_ahead import start_ahead
start_ahead(RunFolder(Path(sys.argv[1])), sys.argv[2])
print("started", flush=True)
sys.stdin.read()
"""


def test_it_dies_with_the_worker_that_started_it(folder, template):
    command = [sys.executable, "-c", PARENT.format(root=str(ROOT)), str(folder.path), str(template)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        wait_for(lambda: kernels_of(folder))
        parent.kill()
    wait_for(lambda: not marked_processes(folder))


@pytest.fixture
def queue(tmp_path):
    folders = [make_run_folder(tmp_path / f"run{i}", seed=i) for i in range(3)]
    queue = Queue(folders, home=QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")}))
    yield queue
    queue.cancel()
    wait_for(lambda: not any(s.state.is_active for s in queue.states()), timeout=60)
    queue.stop_server(timeout_s=60)


def launch(queue, tmp_path, **options):
    template = write_template(tmp_path / "samples.ipynb", sampling=SAMPLING)
    queue.launch(template=str(template), max_tasks_simultaneously=1, **options)
    wait_for(lambda: queue.states()[0].state is RunState.SAMPLING)


def test_the_queue_starts_the_next_run_while_one_samples(queue, tmp_path):
    first, second, third = queue.folders
    launch(queue, tmp_path)
    (kernel,) = wait_for(lambda: kernels_of(second))
    assert read_status(second).state is RunState.QUEUED
    assert not kernels_of(third)
    # What is cancelled meanwhile makes room for the one after it.
    queue.cancel(1)
    (kernel,) = wait_for(lambda: kernels_of(third))
    wait_for(lambda: not kernels_of(second))
    runner = kernel.ppid()
    (first.path / "go").touch()
    (third.path / "go").touch()
    wait_for(lambda: queue.states()[2].state.is_ended)
    assert [s.state.value for s in queue.states()] == ["done", "cancelled", "done"]
    assert queue.states()[2].pid == runner
    wait_for(lambda: not any(marked_processes(f) for f in queue.folders))
    assert not list(queue.home.ahead.iterdir())


def test_a_launch_without_it_starts_each_run_when_its_turn_comes(queue, tmp_path):
    launch(queue, tmp_path, ahead=False)
    time.sleep(3.0)
    assert not marked_processes(queue.folders[1])


def test_the_run_ahead_survives_the_death_of_the_one_before_it(queue, tmp_path):
    _, second, third = queue.folders
    launch(queue, tmp_path)
    (kernel,) = wait_for(lambda: kernels_of(second))
    for folder in (second, third):
        (folder.path / "go").touch()
    runner = kernel.ppid()
    psutil.Process(queue.states()[0].pid).kill()
    wait_for(lambda: queue.states()[2].state.is_ended)
    assert [s.state.value for s in queue.states()] == ["interrupted", "done", "done"]
    assert queue.states()[1].pid == runner
