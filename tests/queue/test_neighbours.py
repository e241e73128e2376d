"""Two queues, a run started by hand, folders that are moved: nothing is done twice, and nothing
dies of its neighbour.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest

from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome, read_json_file
from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.run_lock import lock_path, read_holder
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status
from tests.queue.tiny_runs import (
    make_run_folder,
    marked_processes,
    start_runner,
    wait_for,
    write_template,
)

pytestmark = pytest.mark.processes
RUNNER = "tests.queue.quick_runner"

WAITING = """
import time
from lfads_nb.sweep.progress import TrainProgress
def train(run, params, datasets, on_progress):
    run.output.mkdir(exist_ok=True)
    while not (run.path / 'go').exists():
        on_progress(TrainProgress(1, 1, 0.5, None, *[0.0] * 10))
        time.sleep(0.05)
run_stage(run_dir, 'training', train)
"""


@pytest.fixture
def homes(tmp_path):
    homes = [QueueHome.find({"LFADS_NB_HOME": str(tmp_path / name)}) for name in ("one", "two")]
    yield homes
    for home in homes:
        Queue([], home=home).stop_server()


@pytest.fixture
def waiting(tmp_path):
    """A run that trains until there is a file `go`."""
    folder = make_run_folder(tmp_path / "runs")
    (folder.path / "behaviour.json").write_text(json.dumps({"wait": True}))
    yield folder
    for process in marked_processes(folder):
        process.kill()


def starts(folder):
    return len((folder.path / "starts.txt").read_text().split())


def is_training(folder):
    holder = read_holder(folder)
    return read_status(folder).state is RunState.TRAINING and holder and holder.is_alive


def test_a_planted_lock_that_names_another_process_gets_nobody_killed(folder, homes):
    unrelated = subprocess.Popen(["sleep", "600"])
    try:
        planted = json.dumps(asdict(ProcessId.of(unrelated.pid)))
        queue = Queue([folder], home=homes[0])
        for state in (RunState.TRAINING, RunState.QUEUED):
            lock_path(folder).write_text(planted)
            process = ProcessId.of(unrelated.pid)
            write_status(
                folder,
                RunStatus(state, pid=process.pid, pid_started=process.started, host=process.host),
            )
            queue.cancel()
            assert not wait_for_end(unrelated)
    finally:
        unrelated.kill()
        unrelated.wait()


def wait_for_end(process, timeout=1.0):
    try:
        process.wait(timeout=timeout)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_two_homes_with_the_same_waiting_run_train_it_once(waiting, homes):
    queues = [Queue([waiting], home=home) for home in homes]
    for queue in queues:
        queue.pause_all()
        queue.launch(runner=RUNNER)
    queues[0].resume_all()
    wait_for(lambda: is_training(waiting))
    first = read_holder(waiting)
    queues[1].resume_all()
    wait_for(lambda: "works on it" in str(read_json_file(homes[1].news_json)))
    assert first.is_alive
    # Neither a pause nor the end of the second queue means the first one's run.
    queues[1].stop_server()
    queues[1].launch(runner=RUNNER)
    assert first.is_alive
    (waiting.path / "go").touch()
    for home in homes:
        wait_for(lambda home=home: not list(home.batches.glob("*.json")))
    assert read_status(waiting).state is RunState.DONE
    assert starts(waiting) == 1


def test_a_run_started_by_hand_is_left_alone_when_the_queue_reaches_it(waiting, homes):
    queue = Queue([waiting], home=homes[0])
    queue.pause_all()
    queue.launch(runner=RUNNER)
    by_hand = start_runner(waiting, "", runner=RUNNER)
    wait_for(lambda: is_training(waiting))
    queue.resume_all()
    wait_for(lambda: "works on it" in str(read_json_file(homes[0].news_json)))
    queue.stop_server()
    assert not wait_for_end(by_hand)
    queue.launch(runner=RUNNER)
    (waiting.path / "go").touch()
    assert by_hand.wait(timeout=90) == 0
    wait_for(lambda: not list(homes[0].batches.glob("*.json")))
    assert starts(waiting) == 1


def test_a_folder_deleted_and_prepared_again_is_not_declared_done_by_the_old_process(tmp_path):
    template = write_template(tmp_path / "waiting.ipynb", training=WAITING)
    folder = make_run_folder(tmp_path / "runs")
    runner = start_runner(folder, template)
    wait_for(lambda: read_status(folder).progress.get("epoch"))
    os.rename(folder.path, tmp_path / "aside")
    shutil.rmtree(tmp_path / "aside")
    make_run_folder(tmp_path / "runs")
    before = sorted(path.name for path in folder.path.iterdir())
    (folder.path / "go").touch()
    assert runner.wait(timeout=90) == 4
    (folder.path / "go").unlink()
    assert sorted(path.name for path in folder.path.iterdir()) == before
    assert not marked_processes(folder)


def test_a_renamed_folder_says_so_and_none_is_made_in_its_old_place(tmp_path):
    template = write_template(tmp_path / "waiting.ipynb", training=WAITING)
    folder = make_run_folder(tmp_path / "runs")
    runner = start_runner(folder, template)
    wait_for(lambda: read_status(folder).progress.get("epoch"))
    renamed = type(folder)(folder.path.with_name("renamed"))
    os.rename(folder.path, renamed.path)
    assert runner.wait(timeout=90) == 4
    assert not folder.path.exists()
    status = read_status(renamed)
    assert status.state is RunState.INTERRUPTED
    assert "renamed" in status.reason
    assert "renamed" in renamed.log.read_text()
    assert not list(renamed.path.glob(".*"))


def test_a_queued_run_whose_folder_is_deleted_is_forgotten_in_words(waiting, homes):
    queue = Queue([waiting], home=homes[0])
    queue.launch(runner=RUNNER)
    wait_for(lambda: is_training(waiting))
    shutil.rmtree(waiting.path)
    wait_for(lambda: not list(homes[0].batches.glob("*.json")))
    assert not waiting.path.exists()
    assert "deleted or renamed" in homes[0].log.read_text()


def test_a_stop_request_left_by_a_hung_server_does_not_end_the_next(waiting, homes):
    queue = Queue([waiting], home=homes[0])
    queue.launch(runner=RUNNER)
    wait_for(lambda: is_training(waiting))
    hung = queue.home.server_process()
    os.kill(hung.pid, signal.SIGSTOP)
    with pytest.raises(Exception, match="does not end"):
        queue.stop_server(timeout_s=0.5)
    os.kill(hung.pid, signal.SIGKILL)
    wait_for(lambda: not hung.is_alive and not marked_processes(waiting))
    queue.launch(runner=RUNNER)
    wait_for(lambda: is_training(waiting) and queue.is_served)
    (waiting.path / "go").touch()
    wait_for(lambda: read_status(waiting).state is RunState.DONE)
    assert queue.is_served


def test_the_terminal_says_why_a_running_run_is_not_run_again(waiting):
    by_hand = start_runner(waiting, "", runner=RUNNER)
    wait_for(lambda: is_training(waiting))
    again = subprocess.run(
        [sys.executable, "-m", "lfads_nb", "run", str(waiting.path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert again.returncode == 75
    assert f"process {by_hand.pid}" in again.stderr
    assert len(again.stderr.strip().splitlines()) == 1
    assert is_training(waiting)
    (waiting.path / "go").touch()
    assert by_hand.wait(timeout=90) == 0


def test_a_server_whose_home_was_deleted_ends_and_eats_no_request_of_the_next(waiting, homes):
    queue = Queue([waiting], home=homes[0])
    queue.launch(runner=RUNNER)
    wait_for(lambda: is_training(waiting))
    first = homes[0].server_process()
    shutil.rmtree(homes[0].path, ignore_errors=True)
    homes[0].make()
    wait_for(lambda: not first.is_alive)
    assert read_status(waiting).state is RunState.INTERRUPTED
    (waiting.path / "go").touch()
    queue.launch(runner=RUNNER)
    wait_for(lambda: read_status(waiting).state is RunState.DONE)
    queue.stop_server()
