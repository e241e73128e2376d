"""What a real run must survive: its notebook, its kernel, its disk and its files at fault.

Each ends with all runs done and finished work not done again.
"""

import json
import os
import re
import resource
import signal
import subprocess

import h5py
import nbformat
import pytest

from lfads_nb.queue.api import Queue
from lfads_nb.queue.open_files import FEWEST
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import (
    leave_checkpoint,
    make_run_folder,
    marked_processes,
    start_runner,
    wait_for,
    write_template,
)

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


def kernel_of(folder):
    return next(
        p for p in marked_processes(folder) if "lfads_nb.queue.kernel" in " ".join(p.cmdline())
    )  # fmt: skip


def assert_nothing_is_left(folder):
    assert not marked_processes(folder)
    assert not list(folder.path.glob(".*"))


def test_a_kernel_that_is_told_to_end(tmp_path):
    template = write_template(tmp_path / "waiting.ipynb", training=WAITING)
    folders = [make_run_folder(tmp_path / "runs", name) for name in ("INT", "TERM")]
    runners = [start_runner(folder, template) for folder in folders]
    for folder in folders:
        wait_for(lambda folder=folder: read_status(folder).progress.get("epoch"))
    kernel_of(folders[0]).send_signal(signal.SIGINT)
    kernel_of(folders[1]).send_signal(signal.SIGTERM)
    assert [runner.wait(timeout=60) for runner in runners] == [1, 1]
    reasons = [read_status(folder).reason for folder in folders]
    assert reasons[0].startswith("training failed: KeyboardInterrupt")
    assert reasons[1] == "training failed: the kernel died of signal 15"
    for folder in folders:
        assert "This run failed" in nbformat.read(folder.notebook, as_version=4).cells[1].source
        (folder.path / "go").touch()
    runners = [start_runner(folder, template) for folder in folders]
    assert [runner.wait(timeout=60) for runner in runners] == [0, 0]
    for folder in folders:
        assert_nothing_is_left(folder)


STUBBORN = """
import os, signal, subprocess, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
def train(run, params, datasets):
    note(run, 'trained')
    if (run.path / 'go').exists(): return
    code = 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)'
    subprocess.Popen([sys.executable, '-c', code], start_new_session=True)
    (run.path / 'stuck').touch(); time.sleep(600)
run_stage(run_dir, 'training', train)
"""


def test_a_run_that_ignores_every_request_is_ended_by_force(tmp_path, home):
    template = write_template(tmp_path / "stubborn.ipynb", training=STUBBORN)
    folders = [make_run_folder(tmp_path / "runs", f"run{i}") for i in range(2)]
    queue = Queue(folders, home=home)
    queue.launch(template=str(template))
    wait_for(lambda: all((folder.path / "stuck").exists() for folder in folders))
    # One whose kernel is deaf, and one whose runner cannot even look.
    os.kill(read_holder(folders[1]).pid, signal.SIGSTOP)
    queue.cancel()
    wait_for(lambda: not any(map(marked_processes, folders)))
    wait_for(lambda: {status.state for status in queue.states()} == {RunState.CANCELLED})
    assert "was cancelled" in folders[0].notebook.read_text()
    for folder in folders:
        (folder.path / "go").touch()
    queue.launch(template=str(template))
    wait_for(lambda: all(folder.done.exists() for folder in folders))
    wait_for(lambda: not any(status.state.is_active for status in queue.states()))
    for folder in folders:
        wait_for(lambda folder=folder: not marked_processes(folder))
        assert_nothing_is_left(folder)


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


RUNS_OUT = {
    "memory": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)); bytearray(2**34)",
        "training failed: MemoryError: .*ran out: run fewer at once, or make the model",
    ),
    "files": (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
        "[open('/dev/null') for _ in range(100)]",
        "training failed: OSError: .*Too many open files.*`ulimit -n 4096`",
    ),
    "abort": ("import os; os.abort()", r"training failed: .*gave up \(signal 6\).*memory"),
    "kill": (
        "import os; os.kill(os.getpid(), 9)",
        r"training failed: .*killed \(signal 9\).*ran out of memory: run fewer at once",
    ),
}


@pytest.mark.parametrize("what", RUNS_OUT)
def test_a_run_whose_memory_or_files_run_out_says_what_to_change_and_goes_on_later(
    folder, tmp_path, what
):
    cell, said = RUNS_OUT[what]
    short = f"def short(run, params, datasets): {cell}\nrun_stage(run_dir, 'training', short)"
    runner = start_runner(folder, write_template(tmp_path / "short.ipynb", training=short))
    assert runner.wait(timeout=300) == 1
    status = read_status(folder)
    assert status.state is RunState.FAILED
    assert re.match(said, status.reason), status.reason
    assert start_runner(folder, write_template(tmp_path / "t.ipynb")).wait(timeout=300) == 0
    assert_nothing_is_left(folder)


@pytest.mark.parametrize("n_files", [24, 64])
def test_a_runner_that_may_open_few_files_works_or_says_how_to_have_more(folder, template, n_files):
    few = (resource.RLIMIT_NOFILE, (n_files, n_files))
    runner = start_runner(folder, template, begin=lambda: resource.setrlimit(*few))
    code, status = runner.wait(timeout=200), read_status(folder)
    assert (code, status.state) in ((0, RunState.DONE), (1, RunState.FAILED))
    if n_files < FEWEST:
        assert status.reason.startswith(
            f"the run could not start: this account may open only {n_files} files at once"
        )
    if code:
        assert "ulimit -n" in status.reason, status.reason
    assert start_runner(folder, template).wait(timeout=300) == 0


def test_a_runner_allows_itself_as_many_files_as_it_may(folder, template):
    few = (resource.RLIMIT_NOFILE, (24, 4096))
    runner = start_runner(folder, template, begin=lambda: resource.setrlimit(*few))
    assert runner.wait(timeout=200) == 0


FILLS_THE_DISK = """
from lfads_nb.atomic_files import replacing
import time
def fill(run, params, datasets, on_progress):
    with open(run.path / 'rubbish', 'wb') as file:
        try:
            while True: file.write(b'x' * 4096); file.flush()
        except OSError: pass
    for n in range(3):
        on_progress(0.1 * n); time.sleep(1.1)
    with replacing(run.path / 'weights') as beside:
        beside.write_bytes(b'x' * 10000)
run_stage(run_dir, '{stage}', fill)
"""


@pytest.mark.parametrize("stage", ["training", "exporting"])
def test_a_full_disk_while_working_and_while_saving_the_status(small_disk, tmp_path, stage):
    folder = make_run_folder(small_disk / "runs")
    cell = FILLS_THE_DISK.replace("{stage}", stage)
    filling = write_template(tmp_path / "filling.ipynb", **{stage: cell})
    assert start_runner(folder, filling).wait(timeout=120) == 1
    status = read_status(folder)
    assert status.state is RunState.FAILED
    assert f"{stage} failed: OSError: [Errno 28] No space left" in status.reason
    assert not (folder.path / "weights").exists()
    nbformat.validate(nbformat.read(folder.notebook, as_version=4))
    (folder.path / "rubbish").unlink()
    assert start_runner(folder, write_template(tmp_path / "good.ipynb")).wait(timeout=120) == 0
    assert (folder.path / "trained.txt").read_text() == "trained\n"
    assert_nothing_is_left(folder)


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
    template = write_template(tmp_path / "t.ipynb")
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
    leave_checkpoint(folder)
    folder.status_json.write_text(json.dumps(status))
    os.utime(folder.status_json, (4e9, 4e9))
    assert start_runner(folder, template).wait(timeout=120) == 0
    assert not (folder.path / "trained.txt").exists()
    assert read_status(folder).state is RunState.DONE
