"""The queue as a whole, with processes that stand in for runs."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.api import Queue
from lfads_nb.queue.batches import Batch, LaunchOptions, passed_on
from lfads_nb.queue.home import read_json_file
from lfads_nb.queue.processes import ProcessId, this_host
from lfads_nb.queue.status import RunState, move_status, read_status, write_status
from tests.queue.tiny_runs import make_run_folder, wait_for

pytestmark = pytest.mark.processes
RUNNER = "tests.queue.quick_runner"


@pytest.fixture
def make_queue(home, tmp_path):
    """Makes a queue of runs that behave as told."""
    queues = []

    def make(n, name="single", **behaviour):
        folders = [make_run_folder(tmp_path / name, f"run{i:03d}") for i in range(n)]
        for folder in folders:
            (folder.path / "behaviour.json").write_text(json.dumps(behaviour))
        queues.append(Queue(folders, home=home))
        return queues[-1]

    yield make
    for queue in queues:
        queue.cancel()
    for queue in queues:
        wait_for(lambda queue=queue: not any(s.state.is_active for s in queue.states()))


def states(queue):
    return {status.state for status in queue.states()}


def starts(folder):
    path = folder.path / "starts.txt"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def let_go(queue):
    for folder in queue.folders:
        (folder.path / "go").touch()


def ended(queue):
    wait_for(lambda: not any(status.state.is_active for status in queue.states()))
    return [status.state.value for status in queue.states()]


def test_two_launches_at_once_train_every_run_once(make_queue, home):
    queue = make_queue(6)
    code = (
        "import sys; from pathlib import Path\n"
        "from lfads_nb.queue.api import Queue; from lfads_nb.queue.home import QueueHome\n"
        "from lfads_nb.sweep.folders import RunFolder\n"
        "folders = [RunFolder(Path(p)) for p in sys.argv[2:]]\n"
        f"Queue(folders, home=QueueHome(Path(sys.argv[1]))).launch(runner={RUNNER!r})\n"
    )
    paths = [str(folder.path) for folder in queue.folders]
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(home.path), *paths], cwd=Path(__file__).parents[2]
    )
    queue.launch(runner=RUNNER)
    assert other.wait(timeout=60) == 0
    assert ended(queue) == ["done"] * 6
    assert [len(starts(folder)) for folder in queue.folders] == [1] * 6
    queue.launch(runner=RUNNER)
    assert ended(queue) == ["done"] * 6
    assert [len(starts(folder)) for folder in queue.folders] == [1] * 6
    wait_for(lambda: not list(home.batches.iterdir()))


def test_order_limit_priority_and_what_a_waiting_run_says(make_queue):
    queue = make_queue(4, wait=True)
    queue.launch(runner=RUNNER, max_tasks_simultaneously=1)
    wait_for(lambda: queue.states()[0].state is RunState.TRAINING)
    queue.set_priority("run003__" + queue.names[3].split("__")[1], 5)
    limit = "1 runs of its launch are running, its limit"
    wait_for(lambda: limit in list(queue.status()["reason"]))
    let_go(queue)
    assert ended(queue) == ["done"] * 4
    order = sorted(range(4), key=lambda i: starts(queue.folders[i]))
    assert order == [0, 3, 1, 2]


def test_pausing_a_running_run_holds_it_until_it_is_resumed(make_queue):
    queue = make_queue(2, wait=True)
    queue.launch(runner=RUNNER)
    wait_for(lambda: queue.states()[0].state is RunState.TRAINING)
    queue.pause(0)
    wait_for(lambda: queue.states()[0].state is RunState.QUEUED)
    wait_for(lambda: queue.status()["reason"].iloc[0] == "paused")
    let_go(queue)
    wait_for(lambda: queue.states()[1].state is RunState.DONE)
    assert queue.states()[0].state is RunState.QUEUED
    queue.resume(0)
    assert ended(queue) == ["done"] * 2
    assert queue.states()[0].attempt == 2


def test_a_paused_queue_starts_nothing(make_queue):
    queue = make_queue(1)
    queue.pause_all()
    wait_for(lambda: read_json_file(queue.home.held_json).get("paused"))
    queue.launch(runner=RUNNER)
    wait_for(lambda: queue.status()["reason"].iloc[0] == "the queue is paused")
    assert not starts(queue.folders[0])
    queue.resume_all()
    assert ended(queue) == ["done"]


def test_failed_runs_are_tried_again_as_often_as_asked_then_by_hand(make_queue):
    queue = make_queue(1, fail=3)
    queue.launch(runner=RUNNER, retries=1)
    wait_for(lambda: queue.states()[0].attempt == 2 and states(queue) == {RunState.FAILED})
    assert "told to fail" in queue.status()["reason"].iloc[0]
    queue.retry(runner=RUNNER)
    wait_for(lambda: queue.states()[0].attempt == 3 and states(queue) == {RunState.FAILED})
    queue.retry(queue.names[0], runner=RUNNER)
    assert ended(queue) == ["done"]


def test_a_retry_while_the_failed_process_is_still_leaving(make_queue):
    queue = make_queue(1, fail=1, linger=1.0)
    queue.launch(runner=RUNNER)
    wait_for(lambda: states(queue) == {RunState.FAILED}, every=0.01)
    queue.retry(runner=RUNNER)
    assert ended(queue) == ["done"]


def test_a_launch_whose_runs_are_queued_before_it_is_saved(make_queue, home):
    queue = make_queue(1, fail=1, linger=1.0)
    queue.launch(runner=RUNNER)
    wait_for(lambda: states(queue) == {RunState.FAILED}, every=0.01)
    with home.exclusive("launch"):
        folder = queue.folders[0]
        process = ProcessId(queue.states()[0].pid, queue.states()[0].pid_started, this_host())
        move_status(folder, RunState.QUEUED)
        wait_for(lambda: not process.is_alive)
        # The server has noticed that the process is gone, and the launch is not yet saved.
        time.sleep(1.5)
        Batch.new([folder.path], LaunchOptions(runner=RUNNER, environment=passed_on())).save(home)
    assert ended(queue) == ["done"]


def test_runs_are_launched_again_right_after_they_were_cancelled(make_queue):
    queue = make_queue(3, wait=True, linger=0.3)
    queue.launch(runner=RUNNER)
    wait_for(lambda: RunState.TRAINING in states(queue))
    queue.cancel()
    running = next(f for f in queue.folders if starts(f))
    wait_for(lambda: read_status(running).state is RunState.CANCELLED, every=0.01)
    let_go(queue)
    queue.launch(runner=RUNNER)
    assert ended(queue) == ["done"] * 3


def test_rerun_runs_what_is_done_again(make_queue):
    queue = make_queue(1)
    queue.launch(runner=RUNNER)
    assert ended(queue) == ["done"]
    queue.launch(runner=RUNNER, rerun=True)
    wait_for(lambda: len(starts(queue.folders[0])) == 2)
    assert ended(queue) == ["done"]


def test_five_hundred_queued_runs_are_cancelled(make_queue, home):
    queue = make_queue(500, wait=True)
    queue.launch(runner=RUNNER)
    wait_for(lambda: RunState.TRAINING in states(queue))
    queue.cancel()
    wait_for(lambda: states(queue) == {RunState.CANCELLED})
    wait_for(lambda: not list(home.batches.iterdir()))
    started = sum(bool(starts(folder)) for folder in queue.folders)
    assert started <= len(Queue.devices())


def test_nothing_listens_in_the_clear_or_beyond_loopback(make_queue, home):
    queue = make_queue(1)
    queue.launch(runner=RUNNER)
    assert ended(queue) == ["done"]
    server = psutil.Process(home.server_process().pid)
    family = [server, *server.children(recursive=True)]
    listening = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a run's process that just ended
            listening += [
                connection.laddr
                for connection in process.net_connections(kind="inet")
                if connection.status == psutil.CONN_LISTEN
            ]
    assert len(listening) >= 3
    assert {address.ip for address in listening} == {"127.0.0.1"}
    for address in listening:
        with socket.create_connection(address, timeout=5) as plain:
            plain.sendall(b"GET /info HTTP/1.0\r\n\r\n")
            plain.settimeout(5)
            try:
                answer = plain.recv(100)
            except ConnectionResetError:
                answer = b""
            # TLS turns a client away that does not speak it, with an alert at most.
            assert answer[:1] in (b"", b"\x15")


def test_launches_that_cannot_work_queue_nothing(make_queue, home):
    queue = make_queue(1)
    with pytest.raises(QueueError, match="GPUs here are: none"):
        queue.launch(runner=RUNNER, gpu_list=[0])
    with pytest.raises(QueueError, match=r"needs 9765.6 GB of memory"):
        queue.launch(runner=RUNNER, gpu_memory_required=1e7)
    with pytest.raises(QueueError, match="unknown option speed"):
        queue.launch(speed=3)
    with pytest.raises(QueueError, match="mode 'some'"):
        queue.launch(mode="some")
    with pytest.raises(QueueError, match=r"not trained yet: run000__.*mode='all'"):
        queue.launch(runner=RUNNER, mode="posterior_mean_only")
    with pytest.raises(QueueError, match="no run 'x'"):
        queue.cancel("x")
    assert states(queue) == {RunState.PREPARED}


def test_a_damaged_status_and_a_dead_process_are_told_and_mended(make_queue):
    queue = make_queue(3)
    for folder, content in zip(queue.folders, ("{", "", '{"schema": 9}'), strict=True):
        folder.status_json.write_text(content)
    assert states(queue) == {RunState.INTERRUPTED}
    assert all("status.json" in reason for reason in queue.status()["reason"])
    write_status(
        queue.folders[0],
        read_status(queue.folders[0]).__class__(
            RunState.TRAINING, pid=2**22 - 3, pid_started=1.0, host=socket.gethostname(),
            stage="training",
        ),
    )  # fmt: skip
    assert "its process died during training" in queue.status()["reason"].iloc[0]
    queue.launch(runner=RUNNER)
    assert ended(queue) == ["done"] * 3


def test_a_damaged_batch_is_set_aside_and_others_are_served(make_queue, home):
    (home.batches / "00000000000000000001-bad.json").write_text("{")
    queue = make_queue(1)
    queue.launch(runner=RUNNER)
    assert ended(queue) == ["done"]
    assert [path.suffix for path in home.batches.glob("*bad*")] == [".damaged"]
    for path in home.batches.glob("*bad*"):
        path.unlink()


def test_a_frozen_server_is_told_of_to_whoever_cancels_and_the_cancel_comes_when_it_wakes(
    make_queue, monkeypatch
):
    monkeypatch.setattr("lfads_nb.queue.reading.ANSWERS_WITHIN_S", 1.0)
    queue = make_queue(1, wait=True)
    queue.launch(runner=RUNNER)
    wait_for(lambda: starts(queue.folders[0]))
    server = psutil.Process(queue.home.server_process().pid)
    server.suspend()
    try:
        queue.cancel()
        wait_for(lambda: "does not answer" in queue.status()["reason"].iloc[0])
        assert states(queue) == {RunState.TRAINING}
    finally:
        server.resume()
    wait_for(lambda: states(queue) == {RunState.CANCELLED})
    assert queue.status()["reason"].iloc[0] == "it was cancelled"
