"""What the queue must survive: killed and politely ended processes, at every link of the chain.

After each fault: a relaunch, all runs done, what was finished not done again, nothing left behind.
The runs are stand-ins, watched over as real ones are; what a kernel and a disk can do to a real run
is in `test_run_faults.py`.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lfads_nb.queue.api import Queue
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import RunState
from tests.queue.tiny_runs import make_run_folder, marked_processes, wait_for

pytestmark = pytest.mark.processes
RUNNER = "tests.queue.quick_runner"
INTERRUPTED = [RunState.INTERRUPTED] * 2


class Rig:
    """Two runs in training, and the processes that work for them."""

    def __init__(self, root, home):
        self.folders = [make_run_folder(root / "runs", f"run{i}") for i in range(2)]
        for folder in self.folders:
            (folder.path / "behaviour.json").write_text(json.dumps({"wait": True}))
        self.queue, self.home = Queue(self.folders, home=home), home

    def launch(self):
        self.queue.launch(runner=RUNNER)
        self.wait_for_training()

    def wait_for_training(self):
        wait_for(lambda: self.states == [RunState.TRAINING] * 2 and all(map(self.runner, (0, 1))))

    @property
    def states(self):
        return [status.state for status in self.queue.states()]

    @property
    def starts(self):
        return [len((f.path / "starts.txt").read_text().split()) for f in self.folders]

    def runner(self, index):
        holder = read_holder(self.folders[index])
        return holder.pid if holder is not None and holder.is_alive else None

    def worker(self, index):
        return psutil.Process(self.runner(index)).ppid()

    def server(self):
        return self.home.server_process()

    def processes(self):
        return [p for folder in self.folders for p in marked_processes(folder)]

    def finish(self):
        """Launch again, and see that everything ends well and nothing is left."""
        for folder in self.folders:
            (folder.path / "go").touch()
        self.queue.launch(runner=RUNNER)
        wait_for(lambda: not any(state.is_active for state in self.states))
        assert self.states == [RunState.DONE] * 2
        assert all(folder.done.exists() for folder in self.folders)
        starts = self.starts
        self.queue.launch(runner=RUNNER)
        wait_for(lambda: not list(self.home.batches.glob("*.json")))
        assert self.starts == starts, "finished work is not done again"
        wait_for(lambda: not self.processes())
        left = [f.name for folder in self.folders for f in folder.path.glob(".*")]
        assert not left

    def cut_the_power(self):
        """Kill everything at one moment: all stand still first, so that none acts on an end."""
        server, still = psutil.Process(self.server().pid), set()
        while moving := {server, *server.children(recursive=True), *self.processes()} - still:
            for process in moving:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.suspend()
            still |= moving
        for process in still:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.fixture
def rig(tmp_path, home):
    rig = Rig(tmp_path, home)
    yield rig
    # A test that failed must not leave the next one a queue that is full of runs that wait.
    if any(not folder.done.exists() for folder in rig.folders):
        Queue([], home=home).stop_server()
        for batch in home.batches.glob("*.json"):
            batch.unlink()
    for process in rig.processes():
        process.kill()


def test_a_run_whose_worker_is_killed_goes_on_and_its_neighbour_notices_nothing(rig):
    rig.launch()
    for n, signum in enumerate((signal.SIGKILL, signal.SIGTERM), start=2):
        os.kill(rig.worker(0), signum)
        wait_for(lambda n=n: rig.starts == [n, 1])
        rig.wait_for_training()
    # Ctrl-C reaches every process of a terminal; workers leave it to the server.
    os.kill(rig.worker(0), signal.SIGINT)
    rig.finish()
    assert rig.starts == [3, 1]


def test_runs_whose_server_ends_in_whatever_way_are_interrupted_and_go_on_with_the_next(rig):
    for signum in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        rig.launch()
        server = rig.server()
        family = psutil.Process(server.pid).children(recursive=True)
        os.kill(server.pid, signum)
        wait_for(lambda server=server: not server.is_alive)
        wait_for(lambda: not rig.processes())
        # One that is ending has no marks any more, and is there for some moments.
        wait_for(lambda: rig.states == INTERRUPTED)
        _, alive = psutil.wait_procs(family, timeout=60)
        assert not alive
    assert rig.starts == [3, 3]
    rig.finish()


def test_everything_at_once_as_when_the_power_goes(rig):
    rig.launch()
    rig.cut_the_power()
    wait_for(lambda: not rig.processes() and rig.server() is None)
    wait_for(lambda: rig.states == INTERRUPTED)
    assert "its process died during training" in rig.queue.status()["reason"].iloc[0]
    # What had not reached the disk yet is gone, too.
    rig.folders[0].status_json.write_bytes(b"")
    for batch in rig.home.batches.iterdir():
        batch.write_bytes(b"")
    rig.finish()


def test_a_run_process_that_is_told_to_end_says_so_and_a_killed_one_is_told_of(rig):
    rig.launch()
    os.kill(rig.runner(0), signal.SIGTERM)
    os.kill(rig.runner(1), signal.SIGINT)
    wait_for(lambda: rig.states == [RunState.INTERRUPTED, RunState.CANCELLED])
    assert list(rig.queue.status()["reason"]) == [
        "its process was asked to end (SIGTERM)", "it was cancelled",
    ]  # fmt: skip
    rig.launch()
    os.kill(rig.runner(0), signal.SIGKILL)
    wait_for(lambda: rig.states == [RunState.INTERRUPTED, RunState.TRAINING])
    assert "its process died during training" in rig.queue.status()["reason"].iloc[0]
    rig.finish()
    assert rig.starts == [3, 2]


LAUNCHER = """
import sys, time
from pathlib import Path
from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.sweep.folders import RunFolder
queue = Queue([RunFolder(Path(sys.argv[2]))], home=QueueHome(Path(sys.argv[1])))
queue.launch(runner=sys.argv[3])
print("launched", flush=True)
queue.wait()
"""


def test_runs_go_on_when_the_process_that_launched_them_ends(rig):
    Queue([], home=rig.home).stop_server()
    ends = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    folders = [*rig.folders, make_run_folder(rig.folders[0].path.parents[1], "run2")]
    launchers = [
        subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(rig.home.path), str(folder.path), RUNNER],
            cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        for folder in folders
    ]  # fmt: skip
    with contextlib.ExitStack() as open_launchers:
        for launcher in launchers:
            open_launchers.enter_context(launcher)
            open_launchers.callback(launcher.kill)
        for launcher in launchers:
            assert launcher.stdout.readline() == b"launched\n"
        rig.wait_for_training()
        for launcher, signum in zip(launchers, ends, strict=True):
            launcher.send_signal(signum)
            launcher.wait(timeout=60)
    rig.finish()
    assert rig.starts == [1, 1]
    wait_for(lambda: folders[2].done.exists())
