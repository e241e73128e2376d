"""Some of what the queue must survive, with real processes and real kernels.

Each ends with all runs done and finished work not done again.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import make_run_folder, start_runner, wait_for, write_template

pytestmark = pytest.mark.processes

# Trains until told to stop, from where the last attempt was: what a checkpoint does.
WAITING = """
import time
from lfads_nb.sweep.progress import TrainProgress
def train(run, params, datasets, on_progress):
    note(run, 'trained')
    while not (run.path / 'go').exists():
        on_progress(TrainProgress(1, 1, 0.5, None, *[0.0] * 10))
        time.sleep(0.05)
run_stage(run_dir, 'training', train)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path_factory.mktemp("home"))})
    yield home
    Queue([], home=home).stop_server()


class Rig:
    """Two runs in training."""

    def __init__(self, root, home):
        self.template = write_template(root / "waiting.ipynb", training=WAITING)
        self.folders = [make_run_folder(root / "runs", f"run{i}") for i in range(2)]
        self.queue = Queue(self.folders, home=home)
        self.home = home


@pytest.fixture
def rig(tmp_path, home):
    return Rig(tmp_path, home)


def test_the_runs_go_on_when_the_notebook_that_launched_them_is_killed(rig):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from lfads_nb.queue.api import Queue; from lfads_nb.queue.home import QueueHome\n"
        "from lfads_nb.sweep.folders import RunFolder\n"
        "home, template, *runs = sys.argv[1:]\n"
        "queue = Queue([RunFolder(Path(r)) for r in runs], home=QueueHome(Path(home)))\n"
        "queue.launch(template=template)\n"
        "time.sleep(600)\n"
    )
    Queue([], home=rig.home).stop_server()
    paths = [str(folder.path) for folder in rig.folders]
    launcher = subprocess.Popen(
        [sys.executable, "-c", code, str(rig.home.path), str(rig.template), *paths],
        cwd=Path(__file__).parents[2],
    )
    wait_for(lambda: all(s.progress.get("epoch") for s in rig.queue.states()), timeout=120)
    launcher.kill()
    launcher.wait()
    for folder in rig.folders:
        (folder.path / "go").touch()
    wait_for(lambda: [s.state for s in rig.queue.states()] == [RunState.DONE] * 2)
    assert [s.attempt for s in rig.queue.states()] == [1, 1]


def test_a_notebook_that_raises_in_each_stage(tmp_path):
    stages = ("training", "sampling", "exporting")
    folders = [make_run_folder(tmp_path / "runs", stage) for stage in stages]
    runners = [
        start_runner(
            folder,
            write_template(
                tmp_path / f"{stage}.ipynb",
                **{
                    stage: "def bad(run, params, datasets): raise OSError('the moon')\n"
                    f"run_stage(run_dir, '{stage}', bad)"
                },
            ),
        )
        for folder, stage in zip(folders, stages, strict=True)
    ]
    assert [runner.wait(timeout=120) for runner in runners] == [1, 1, 1]
    for folder, stage in zip(folders, stages, strict=True):
        assert read_status(folder).reason == f"{stage} failed: OSError: the moon"
        assert not folder.done.exists()
    good = write_template(tmp_path / "good.ipynb")
    assert [start_runner(f, good).wait(timeout=120) for f in folders] == [0, 0, 0]
    trained = [(folder.path / "trained.txt").read_text() for folder in folders]
    assert trained == ["trained\n"] * 3


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True
    )
    if made.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_read_only_folder_is_refused_and_left_alone(small_disk, home, template):
    folder = make_run_folder(small_disk / "runs")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    before = sorted(path.name for path in folder.path.iterdir())
    from lfads_nb.errors import RunFolderError

    with pytest.raises(RunFolderError, match="Read-only file system"):
        Queue([folder], home=home).launch(template=str(template))
    assert start_runner(folder, template).wait(timeout=60) == 1
    assert sorted(path.name for path in folder.path.iterdir()) == before


def test_damaged_outputs_of_a_finished_run_are_made_again_without_training(folder, home, tmp_path):
    template = write_template(
        tmp_path / "t.ipynb",
        exporting="import h5py\n"
        "def export(run, params, datasets):\n"
        "    run.output.mkdir(exist_ok=True); h5py.File(run.model_params, 'w').close()\n"
        "run_stage(run_dir, 'exporting', export)",
    )
    assert start_runner(folder, template).wait(timeout=120) == 0
    folder.model_params.write_bytes(folder.model_params.read_bytes()[:300])
    queue = Queue([folder], home=home)
    queue.launch(template=str(template))
    wait_for(lambda: queue.states()[0].attempt == 2 and queue.states()[0].state.is_ended)
    assert folder.done.exists()
    h5py.File(folder.model_params).close()
    assert (folder.path / "trained.txt").read_text() == "trained\n"


def test_a_clock_that_jumps_changes_nothing(folder, template):
    status = {
        "schema": 1, "state": "interrupted", "heartbeat": 4e9, "finished_stages": ["training"],
        "times": {"queued": "2099-01-01T00:00:00+00:00", "started": "2099-01-01T00:00:00+00:00"},
    }  # fmt: skip
    folder.status_json.write_text(json.dumps(status))
    os.utime(folder.status_json, (4e9, 4e9))
    assert start_runner(folder, template).wait(timeout=120) == 0
    assert not (folder.path / "trained.txt").exists()
    assert read_status(folder).state is RunState.DONE
