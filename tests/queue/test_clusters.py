"""Another dask cluster: a real scheduler and several worker processes, on loopback."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from distributed import Client, Security

from lfads_nb.errors import QueueError
from lfads_nb.queue.api import Queue
from lfads_nb.queue.clusters import describe_cluster, probe_folders, recall
from lfads_nb.queue.following import MAX_RESUMES
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.status import RunState, move_status, read_status
from lfads_nb.queue.task import RunTask, execute_task
from lfads_nb.queue.tickets import answer_probe
from tests.queue.tiny_runs import leave_outputs, make_run_folder, wait_for

pytestmark = pytest.mark.processes
RUNNER = "tests.queue.quick_runner"
N_WORKERS = 3


def start_dask(program, *arguments, cwd, log, before=()):
    with log.open("w") as file:
        return subprocess.Popen(
            [*before, sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments],
            cwd=cwd, stdout=file, stderr=file, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip


class Cluster:
    """`dask scheduler` and `dask worker` as a user starts them."""

    def __init__(self, root):
        self.root, self.file, self.workers = root, root / "scheduler.json", []
        root.mkdir(exist_ok=True)
        self.n_started = 0
        self.scheduler = start_dask(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(self.file),
            cwd=root, log=root / "scheduler.log",
        )  # fmt: skip
        wait_for(self.file.exists)
        wait_for(lambda: self.file.read_text().strip().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]

    def add_worker(self, *options, before=()):
        self.n_started += 1
        n = self.n_started
        self.workers.append(
            start_dask(
                "worker",
                self.address,
                "--nthreads",
                "1",
                "--no-dashboard",
                "--no-nanny",
                "--host",
                "127.0.0.1",
                "--local-directory",
                str(self.root / f"scratch{n}"),
                "--name",
                f"worker{n}",
                *options,
                cwd=self.root,
                log=self.root / f"worker{n}.log",
                before=before,
            )
        )

    def close(self):
        for process in (*self.workers, self.scheduler):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    for _ in range(N_WORKERS):
        cluster.add_worker("--resources", "GPU=1")
    yield cluster
    cluster.close()


@pytest.fixture
def make_queue(home, tmp_path):
    def make(n, **behaviour):
        folders = [make_run_folder(tmp_path / "runs", f"run{i}") for i in range(n)]
        for folder in folders:
            (folder.path / "behaviour.json").write_text(json.dumps(behaviour))
        return Queue(folders, home=home)

    return make


def n_running(queue):
    return sum(status.state is RunState.TRAINING for status in queue.states())


def let_go(queue):
    for folder in queue.folders:
        (folder.path / "go").touch()


def ended(queue):
    wait_for(lambda: not any(status.state.is_active for status in queue.states()))
    return [status.state.value for status in queue.states()]


def parents(queue):
    return {psutil.Process(status.pid).ppid() for status in queue.states() if status.pid}


def test_runs_spread_over_the_workers_of_an_address(cluster, make_queue):
    queue = make_queue(N_WORKERS + 2, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    wait_for(lambda: n_running(queue) == N_WORKERS)
    assert parents(queue) == {worker.pid for worker in cluster.workers}
    let_go(queue)
    assert ended(queue) == ["done"] * (N_WORKERS + 2)


def test_a_client_and_resources_and_a_limit(cluster, make_queue):
    queue = make_queue(3, wait=True)
    with Client(cluster.address, set_as_default=False) as client:
        queue.launch(
            runner=RUNNER,
            insecure=True,
            cluster=client,
            resources={"GPU": 1},
            max_tasks_simultaneously=2,
        )
    wait_for(lambda: n_running(queue) == 2)
    let_go(queue)
    assert ended(queue) == ["done"] * 3


def test_cancel_and_retry_on_a_cluster(cluster, make_queue):
    queue = make_queue(2, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    wait_for(lambda: n_running(queue) == 2)
    queue.cancel()
    assert ended(queue) == ["cancelled"] * 2
    let_go(queue)
    queue.retry(runner=RUNNER, insecure=True, cluster=cluster.address)
    assert ended(queue) == ["done"] * 2


def test_a_run_whose_worker_dies_goes_on_with_another(cluster, make_queue):
    queue = make_queue(1, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    wait_for(lambda: n_running(queue) == 1)
    victim = parents(queue).pop()
    os.kill(victim, 9)
    wait_for(lambda: queue.states()[0].attempt == 2 and n_running(queue) == 1)
    assert victim not in parents(queue)
    let_go(queue)
    assert ended(queue) == ["done"]
    process = next(worker for worker in cluster.workers if worker.pid == victim)
    process.wait()
    cluster.workers.remove(process)
    cluster.add_worker("--resources", "GPU=1")  # others need as many as there were


def test_runs_of_a_cluster_that_dies_are_told_and_go_on_elsewhere(make_queue, tmp_path, cluster):
    doomed = Cluster(tmp_path)
    doomed.add_worker()
    queue = make_queue(2, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=doomed.address)
    wait_for(lambda: n_running(queue) == 1)
    doomed.close()
    wait_for(lambda: not any(status.state.is_active for status in queue.states()))
    reason = f"no dask scheduler answers at {doomed.address}"
    assert all(reason in text for text in queue.status()["reason"])
    let_go(queue)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    assert ended(queue) == ["done"] * 2


def test_a_worker_that_does_not_see_the_folders_is_named_and_nothing_is_queued(
    cluster, make_queue, home
):
    queue = make_queue(1)
    root = queue.folders[0].path.parents[1]
    hidden = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none '{root}' && exec \"$@\"", "sh"]
    if subprocess.run([*hidden, "true"], capture_output=True).returncode:
        pytest.skip("hiding a folder from one process needs root")
    with Client(cluster.address, set_as_default=False) as client:
        cluster.add_worker(before=hidden)
        n = len(cluster.workers)
        wait_for(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == n)
        with pytest.raises(QueueError, match=rf"(?s)worker tcp://.*No such file.*{root}.*share"):
            queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
        blind = cluster.workers.pop()
        blind.terminate()
        blind.wait(timeout=90)
    assert queue.states()[0].state is RunState.PREPARED
    assert not list(root.rglob(".lfads-probe*"))


def test_a_cluster_that_cannot_be_used_is_refused_in_words(make_queue, tmp_path):
    queue = make_queue(1)
    with pytest.raises(QueueError, match=r"no dask scheduler answers at tcp://127.0.0.1:9"):
        probe_folders({"address": "tcp://127.0.0.1:9", "security": {}}, queue.folders, connect_s=1)
    with pytest.raises(QueueError, match="got a dict"):
        queue.launch(runner=RUNNER, cluster={"a": 1})
    with pytest.raises(QueueError, match=r"scheduler\.json' is no address"):
        queue.launch(runner=RUNNER, cluster="scheduler.json")
    assert queue.states()[0].state is RunState.PREPARED
    (tmp_path / "probe").write_text("another word")
    assert "is another folder there" in answer_probe(str(tmp_path / "probe"), "word")


def test_a_cluster_object_with_credentials_in_memory_leaves_no_key_files(home):
    security = Security.temporary()
    described = describe_cluster(
        SimpleNamespace(scheduler_address="tls://127.0.0.1:1", security=security), home
    )
    assert described["address"] == "tls://127.0.0.1:1"
    again = Security(**described["security"])
    assert again.require_encryption
    assert again.tls_client_key == security.tls_client_key
    assert not list(home.path.rglob("cluster-*.pem"))


def test_a_tls_cluster_whose_keys_are_gone_is_refused_in_words(tmp_path, home):
    queue = Queue([make_run_folder(tmp_path / "runs")], home=home)
    with pytest.raises(QueueError, match=r"credentials of the dask cluster .* went when it was"):
        queue.launch(cluster="tls://127.0.0.1:9")
    gone = {name: str(tmp_path / "gone.pem") for name in ("tls_ca_file", "tls_client_cert")}
    security = Security(require_encryption=True, tls_client_key=gone["tls_ca_file"], **gone)
    closed = SimpleNamespace(scheduler_address="tls://127.0.0.1:9", security=security)
    with pytest.raises(QueueError, match=r"credentials of .* No such file"):
        queue.launch(cluster=closed)
    assert queue.states()[0].state is RunState.PREPARED


def test_a_cluster_without_tls_is_refused_unless_that_is_said(tmp_path, home):
    queue = Queue([make_run_folder(tmp_path / "runs")], home=home)
    with pytest.raises(QueueError, match=r"tcp://10.0.0.1:8786 has no TLS.*insecure=True"):
        queue.launch(cluster="tcp://10.0.0.1:8786")
    assert queue.states()[0].state is RunState.PREPARED


def test_a_run_cancelled_on_another_login_node_is_not_started_by_a_worker(tmp_path):
    folder = make_run_folder(tmp_path / "runs")
    move_status(folder, RunState.QUEUED)
    move_status(folder, RunState.CANCELLED)
    task = RunTask(str(folder.path), "cpu", 1, "all", None, sys.executable, RUNNER, {})
    assert execute_task(task) != 0
    assert not (folder.path / "starts.txt").exists()
    assert read_status(folder).state is RunState.CANCELLED


def test_a_retry_of_what_was_submitted_to_slurm_does_not_train_here(tmp_path, home):
    folder = make_run_folder(tmp_path / "runs")
    move_status(folder, RunState.QUEUED, submission="key/0")
    move_status(folder, RunState.CANCELLED)
    with pytest.raises(QueueError, match="submitted to SLURM"):
        Queue([folder], home=home).retry()
    assert read_status(folder).state is RunState.CANCELLED


def test_a_launch_waits_for_no_worker_and_the_run_starts_when_one_comes(make_queue, tmp_path):
    empty = Cluster(tmp_path)
    try:
        queue = make_queue(2)
        queue.launch(runner=RUNNER, insecure=True, cluster=empty.address)
        assert [status.state for status in queue.states()] == [RunState.QUEUED] * 2
        wait_for(lambda: "has no worker yet" in queue.status()["reason"].iloc[0])
        empty.add_worker()
        assert ended(queue) == ["done"] * 2
    finally:
        empty.close()


def test_a_worker_that_comes_later_and_does_not_see_the_folders_is_named(make_queue, tmp_path):
    late = Cluster(tmp_path / "late")
    try:
        queue = make_queue(1)
        root = queue.folders[0].path.parents[1]
        hidden = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none '{root}' && exec \"$@\"", "sh"]
        if subprocess.run([*hidden, "true"], capture_output=True).returncode:
            pytest.skip("hiding a folder from one process needs root")
        queue.launch(runner=RUNNER, insecure=True, cluster=late.address)
        late.add_worker(before=hidden)
        assert ended(queue) == ["failed"]
        assert "No such file" in queue.status()["reason"].iloc[0]
        late.add_worker()
        wait_for(lambda: "worker2" in (tmp_path / "late" / "scheduler.log").read_text())
        with Client(late.address, set_as_default=False) as client:
            blind = next(
                address
                for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()
                if worker["name"] == "worker1"
            )
            client.retire_workers([blind])
        queue.retry(runner=RUNNER)  # where it was, without TLS: that was said at its launch
        assert ended(queue) == ["done"]
    finally:
        late.close()


def test_a_run_that_waits_on_a_full_cluster_is_cancelled_at_once(cluster, make_queue):
    queue = make_queue(N_WORKERS + 2, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    wait_for(lambda: n_running(queue) == N_WORKERS)
    waiting = next(i for i, status in enumerate(queue.states()) if status.state is RunState.QUEUED)
    wait_for(lambda: "waits for one of the cluster's" in queue.status()["reason"].iloc[waiting])
    queue.cancel(waiting)
    wait_for(lambda: queue.states()[waiting].state is RunState.CANCELLED)
    assert n_running(queue) == N_WORKERS
    let_go(queue)
    assert ended(queue).count("done") == N_WORKERS + 1
    assert not (queue.folders[waiting].path / "starts.txt").exists()


def test_a_run_cancelled_elsewhere_leaves_the_queue_of_the_cluster(cluster, make_queue, tmp_path):
    queue = make_queue(N_WORKERS + 1, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    wait_for(lambda: n_running(queue) == N_WORKERS)
    waiting = next(i for i, status in enumerate(queue.states()) if status.state is RunState.QUEUED)
    another_login_node = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "another")})
    Queue(queue.folders, home=another_login_node).cancel(waiting)
    assert queue.states()[waiting].state is RunState.CANCELLED
    let_go(queue)
    assert ended(queue).count("done") == N_WORKERS
    assert not (queue.folders[waiting].path / "starts.txt").exists()


def test_runs_that_wait_on_a_cluster_are_paused_and_outlive_the_server(cluster, make_queue, home):
    queue = make_queue(N_WORKERS + 2, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    wait_for(lambda: n_running(queue) == N_WORKERS)
    first, second = (i for i, s in enumerate(queue.states()) if s.state is RunState.QUEUED)
    queue.pause(first)
    wait_for(lambda: queue.status()["reason"].iloc[first] == "paused")
    assert queue.states()[first].state is RunState.QUEUED
    queue.stop_server(timeout_s=60)
    assert queue.states()[second].state is RunState.QUEUED
    queue.resume(first)
    let_go(queue)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    assert ended(queue) == ["done"] * (N_WORKERS + 2)


def test_a_lost_run_reads_as_queued_and_wait_waits_for_it(cluster, make_queue):
    queue = make_queue(1, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    wait_for(lambda: n_running(queue) == 1)
    # What SLURM does to a job first: its run leaves by itself, and nobody wanted that.
    os.kill(queue.states()[0].pid, signal.SIGTERM)
    seen = set()

    def look():
        seen.add(queue.states()[0].state)
        return read_status(queue.folders[0]).attempt == 2

    wait_for(look)
    assert RunState.INTERRUPTED not in seen
    threading.Timer(1.0, let_go, [queue]).start()
    assert list(queue.wait()["state"]) == ["done"]


def test_wait_on_another_login_node_waits_for_a_run_whose_job_just_ended(tmp_path):
    folder = make_run_folder(tmp_path / "runs")
    move_status(folder, RunState.QUEUED, cluster="tls://login1:8786", host="login1")
    move_status(folder, RunState.TRAINING)
    move_status(folder, RunState.INTERRUPTED, reason="its process was asked to end (SIGTERM)")

    def go_on():
        move_status(folder, RunState.QUEUED)
        move_status(folder, RunState.TRAINING)
        leave_outputs(folder)
        folder.done.touch()
        move_status(folder, RunState.DONE)

    threading.Timer(2.0, go_on).start()
    queue = Queue([folder], home=QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "another")}))
    assert list(queue.wait()["state"]) == ["done"]


def test_a_run_that_gets_no_further_with_any_worker_fails_in_words(cluster, make_queue):
    queue = make_queue(1, wait=True)
    queue.launch(runner=RUNNER, insecure=True, cluster=cluster.address)
    for attempt in range(1, MAX_RESUMES + 2):
        wait_for(lambda n=attempt: queue.states()[0].attempt == n and n_running(queue) == 1)
        os.kill(queue.states()[0].pid, signal.SIGTERM)
    assert ended(queue) == ["failed"]
    assert "workers were lost with it" in queue.status()["reason"].iloc[0]


def test_a_retry_goes_to_the_cluster_where_it_was_and_never_here_unasked(
    make_queue, tmp_path, home
):
    first = Cluster(tmp_path / "first")
    first.add_worker()
    queue = make_queue(1, fail=1)
    queue.launch(runner=RUNNER, insecure=True, cluster=first.address)
    assert ended(queue) == ["failed"]
    assert recall(home, first.address)["insecure"] is True
    queue.retry(runner=RUNNER)
    assert ended(queue) == ["done"]
    assert queue.states()[0].cluster == first.address
    first.close()
    move_status(queue.folders[0], RunState.QUEUED)
    move_status(queue.folders[0], RunState.FAILED)
    queue.folders[0].done.unlink(missing_ok=True)
    with pytest.raises(QueueError, match=r"(?s)was launched on.*unasked.*no dask scheduler.*here"):
        queue.retry(runner=RUNNER)
    assert queue.states()[0].state is RunState.FAILED
    queue.retry(runner=RUNNER, here=True)
    assert ended(queue) == ["done"]
    assert queue.states()[0].cluster == ""
