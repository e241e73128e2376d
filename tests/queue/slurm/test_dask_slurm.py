"""dask on a real SLURM: jobs that come late, die and are replaced, and who may speak to them."""

import asyncio
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster, Security, Status

import lfads_nb
from lfads_nb.errors import QueueError
from lfads_nb.queue.api import Queue
from lfads_nb.queue.clusters import recall
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.slurm import scheduler
from lfads_nb.queue.status import RunState, read_status
from tests.queue.slurm.real_slurm import RealSlurm, skip_without_slurm
from tests.queue.tiny_runs import make_run_folder
from tests.queue.tiny_runs import wait_for as wait_some_time_for

pytest.importorskip("dask_jobqueue")
pytestmark = [pytest.mark.slurm, pytest.mark.processes, pytest.mark.timeout(600)]
RUNNER = "tests.queue.quick_runner"


@pytest.fixture(scope="module")
def slurm():
    skip_without_slurm()
    folder = Path(tempfile.mkdtemp(prefix="real-slurm-"))
    real = RealSlurm(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(real.conf))
        patch.setattr(scheduler, "POLL_S", 0.5)
        try:
            real.start()
            yield real
        finally:
            real.stop()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def home(slurm, tmp_path_factory):
    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LFADS_NB_HOME", str(root))
        home = QueueHome.find()
        yield home
        Queue([], home=home).stop_server()


@pytest.fixture
def make_cluster(slurm, home):
    made = []

    def make(**asked):
        made.append(lfads_nb.slurm_cluster(**{"mem": "200M", "idle_s": 4, **asked}))
        return made[-1]

    yield make
    addresses = [cluster.scheduler_address for cluster in made]
    for cluster in made:
        cluster.close()
    wait_for(lambda: not jobs_of(slurm))
    wait_for(lambda: not workers_of(addresses))


def wait_for(condition, timeout=150.0):
    return wait_some_time_for(condition, timeout=timeout, every=0.2)


def jobs_of(real):
    lines = real.ask("squeue", "-h", "-o", "%i %T").splitlines()
    return dict(line.split() for line in lines if "COMPLETING" not in line)


def workers_of(addresses):
    """Processes of workers, whether or not SLURM knows of them."""
    lines = (process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if set(addresses) & set(line)]


def make_queue(root, home, n, **behaviour):
    folders = [make_run_folder(root, name=f"run{i}") for i in range(n)]
    for folder in folders:
        (folder.path / "behaviour.json").write_text(json.dumps(behaviour))
    return Queue(folders, home=home)


def let_go(queue):
    for folder in queue.folders:
        (folder.path / "go").touch()


def states(queue):
    return [status.state for status in queue.states()]


def reason(queue, index=0):
    return queue.status()["reason"].iloc[index]


def begun(queue, attempt=1):
    return wait_for(
        lambda: (s := read_status(queue.folders[0])).attempt == attempt and s.state.is_running and s
    )


def test_runs_come_to_jobs_and_jobs_and_keys_go(slurm, home, make_cluster, tmp_path):
    cluster = make_cluster(jobs=2, cpus=2)
    folder = cluster.folder.path
    keys = sorted(folder.glob("*.pem"))
    assert keys
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    queue = make_queue(tmp_path, home, 3, wait=True)
    queue.launch(cluster=cluster, runner=RUNNER)  # no job has started, and none is waited for
    assert states(queue) == [RunState.QUEUED] * 3
    wait_for(lambda: states(queue).count(RunState.TRAINING) == 2)
    assert {s.job for s in queue.states() if s.state.is_running} == set(jobs_of(slurm))
    threads = {
        argument
        for status in queue.states()
        if status.pid
        for argument in psutil.Process(status.pid).cmdline()
        if argument.startswith("--threads")
    }
    assert threads == {"--threads=2"}
    let_go(queue)
    assert list(queue.wait(timeout_s=120)["state"]) == ["done"] * 3
    wait_for(lambda: not jobs_of(slurm))  # given back, though the cluster is open
    assert list(cluster.folder.logs.glob("*.out"))
    assert recall(home, cluster.scheduler_address) is not None
    address = cluster.scheduler_address
    cluster.close()
    assert recall(home, address) is None
    assert not list(home.path.parent.rglob("*.pem")) or not list(folder.glob("*.pem"))
    assert not list(Path.cwd().glob("slurm-*.out"))
    assert not list(tmp_path.rglob("slurm-*.out"))


async def knock(address, security):
    client = Client(address, security=security, timeout=3, set_as_default=False, asynchronous=True)
    try:
        await client
    finally:
        await client.close()


def test_nobody_without_the_key_is_let_in_and_nothing_listens_in_the_clear(
    slurm, home, make_cluster, tmp_path
):
    cluster = make_cluster(jobs=1)
    address = cluster.scheduler_address
    assert address.startswith("tls://127.0.0.1:")
    stranger = Security.temporary()
    for security in (None, stranger, Security(require_encryption=True)):
        with pytest.raises((OSError, TimeoutError, ValueError, TypeError, RuntimeError)):
            asyncio.run(knock(address, security))
    with pytest.raises((OSError, TimeoutError)):
        asyncio.run(knock(address.replace("tls://", "tcp://"), None))
    queue = make_queue(tmp_path, home, 1, wait=True)
    queue.launch(cluster=cluster, runner=RUNNER)
    status = begun(queue)
    worker = psutil.Process(status.pid).parent()
    assert "dask_worker" in " ".join(worker.cmdline())
    for process in (worker, psutil.Process()):
        ports = {c.laddr.ip for c in process.net_connections("tcp") if c.status == "LISTEN"}
        assert ports <= {"127.0.0.1"}
    assert len([c for c in worker.net_connections("tcp") if c.status == "LISTEN"]) == 1
    let_go(queue)
    wait_for(lambda: states(queue) == [RunState.DONE])


def test_a_cluster_whose_scheduler_stumbles_at_its_end_is_closed_all_the_same(
    slurm, make_cluster, monkeypatch
):
    cluster = make_cluster(jobs=1)
    pool, closes = cluster.scheduler.rpc, []
    close = pool.close

    async def stumble():
        closes.append(len(closes))
        if len(closes) < 3:
            raise RuntimeError("Cannot change state of expiring Timeout")
        await close()

    monkeypatch.setattr(pool, "close", stumble)
    cluster.close()
    assert len(closes) >= 3
    assert cluster.status == cluster.scheduler.status == Status.closed
    assert not list(cluster.folder.path.glob("*.pem"))


def test_a_plain_scheduler_is_refused_by_launch(home, tmp_path):
    queue = make_queue(tmp_path, home, 1)
    with (
        LocalCluster(
            n_workers=0, processes=False, protocol="tcp://", host="127.0.0.1",
            dashboard_address=None,
        ) as plain,
        pytest.raises(QueueError, match=r"(?s)has no TLS.*run code as you.*slurm_cluster"),
    ):  # fmt: skip
        queue.launch(cluster=plain)
    assert states(queue) == [RunState.PREPARED]


def test_while_the_cluster_is_full_the_run_says_which_job_waits_for_what(
    slurm, home, make_cluster, tmp_path
):
    others = slurm.ask(
        "sbatch", "--parsable", "--array=0-1", "-c4", "--mem=100M", "--output=/dev/null",
        "--wrap", "sleep 600",
    )  # fmt: skip
    wait_for(lambda: list(jobs_of(slurm).values()) == ["RUNNING"] * 2)
    cluster = make_cluster(jobs=1, cpus=4)
    queue = make_queue(tmp_path, home, 1)
    queue.launch(cluster=cluster, runner=RUNNER)
    text = wait_for(
        lambda: re.search(r"waits: SLURM job (\d+) pending \((Resources|Priority)\)", reason(queue))
    )
    assert text[1] in jobs_of(slurm)
    assert states(queue) == [RunState.QUEUED]
    slurm.ask("scancel", others)
    wait_for(lambda: states(queue) == [RunState.DONE])


@pytest.mark.parametrize(
    ("end", "word"), [("scancel", "CANCELLED"), ("time", "TIMEOUT"), ("node", "NODE_FAIL")]
)
def test_a_run_whose_job_ends_waits_for_another_and_so_does_wait(
    slurm, home, make_cluster, tmp_path, end, word
):
    cluster = make_cluster(jobs=1, cpus=4)
    queue = make_queue(tmp_path, home, 1, wait=True)
    queue.launch(cluster=cluster, runner=RUNNER)
    first = begun(queue).job
    # The next job cannot start before this test has looked.
    slurm.ask("scontrol", "update", "PartitionName=main", "State=DOWN")
    said = []
    waited = threading.Thread(target=lambda: said.append(queue.wait()))
    waited.start()
    seen = set()
    try:
        if end == "scancel":
            slurm.ask("scancel", first)
        elif end == "time":
            slurm.ask("scontrol", "update", f"JobId={first}", "TimeLimit=1")
        else:
            node = slurm.ask("squeue", "-h", "-j", first, "-o", "%N")
            slurm.ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        text = f"its job ended ({word}), waits for another"

        def look():
            seen.update(states(queue))
            return text in reason(queue)

        wait_for(look, timeout=240)
        assert seen <= {RunState.TRAINING, RunState.QUEUED}
        assert waited.is_alive()
    finally:
        slurm.ask("scontrol", "update", "PartitionName=main", "State=UP")
        for node in ("n1", "n2"):
            slurm.ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
    second = begun(queue, attempt=2).job
    assert second != first
    let_go(queue)
    waited.join(timeout=120)
    assert list(said[0]["state"]) == ["done"]


def test_a_run_on_a_node_without_power_goes_on_elsewhere(slurm, home, make_cluster, tmp_path):
    cluster = make_cluster(jobs=1)
    queue = make_queue(tmp_path, home, 1, wait=True)
    queue.launch(cluster=cluster, runner=RUNNER)
    status = begun(queue)
    runner = psutil.Process(status.pid)
    for process in (runner.parent(), runner):  # at once, and neither says a word
        os.kill(process.pid, signal.SIGKILL)
    begun(queue, attempt=2)
    let_go(queue)
    wait_for(lambda: states(queue) == [RunState.DONE])


def test_a_waiting_job_that_somebody_cancels_is_replaced(slurm, home, make_cluster, tmp_path):
    slurm.ask("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        cluster = make_cluster(jobs=1)
        queue = make_queue(tmp_path, home, 1)
        queue.launch(cluster=cluster, runner=RUNNER)
        (first,) = wait_for(lambda: jobs_of(slurm))
        slurm.ask("scancel", first)
        wait_for(lambda: jobs_of(slurm) and first not in jobs_of(slurm))
    finally:
        slurm.ask("scontrol", "update", "PartitionName=main", "State=UP")
    wait_for(lambda: states(queue) == [RunState.DONE])


def test_what_slurm_would_not_take_is_refused_before_anything_is_queued(slurm, home, make_cluster):
    with pytest.raises(QueueError, match=r"would not take such a job.*partition"):
        make_cluster(jobs=1, partition="no_such_partition")
    with pytest.raises(QueueError, match="partition cannot be"):
        make_cluster(jobs=1, partition="a; touch injected")
    with pytest.raises(QueueError, match="cannot be named in a job's script"):
        make_cluster(jobs=1, folder="/tmp/a folder $(touch injected)")
    with pytest.raises(QueueError, match="jobs must be"):
        make_cluster(jobs=0)


def test_a_retry_goes_to_the_jobs_where_the_run_was(slurm, home, make_cluster, tmp_path):
    cluster = make_cluster(jobs=1)
    queue = make_queue(tmp_path, home, 1, fail=1)
    queue.launch(cluster=cluster, runner=RUNNER)
    wait_for(lambda: states(queue) == [RunState.FAILED])
    first = read_status(queue.folders[0])
    assert first.cluster == cluster.scheduler_address
    queue.retry(runner=RUNNER)
    wait_for(lambda: states(queue) == [RunState.DONE])
    again = read_status(queue.folders[0])
    assert again.job
    assert again.cluster == cluster.scheduler_address


def test_keys_that_a_killed_process_left_are_removed_with_the_next_cluster(slurm, tmp_path):
    code = (
        "import lfads_nb, os, signal\n"
        f"c = lfads_nb.slurm_cluster(jobs=1, mem='200M', folder={str(tmp_path)!r})\n"
        "print(c.folder.path, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path.cwd()
    )
    left = Path(done.stdout.strip())
    assert list(left.glob("*.pem")), done.stderr
    cluster = lfads_nb.slurm_cluster(jobs=1, mem="200M", folder=tmp_path)
    assert not list(left.glob("*.pem"))
    cluster.close()
    assert not list(tmp_path.rglob("*.pem"))


def test_other_batch_systems_get_the_same_safety(tmp_path):
    from dask_jobqueue import PBSCluster

    with pytest.raises(QueueError, match="say by which address"):
        lfads_nb.safe_cluster_options(folder=tmp_path)
    safe = lfads_nb.safe_cluster_options(host="127.0.0.1", folder=tmp_path)
    with PBSCluster(cores=4, memory="16GB", walltime="4:00:00", **safe) as cluster:
        assert cluster.scheduler_address.startswith("tls://127.0.0.1:")
        script = cluster.job_script()
        assert "--tls-key" in script
        assert "JobWorker" in script
        assert str(tmp_path) in script
        with pytest.raises((OSError, TimeoutError)):
            Client(cluster.scheduler_address.replace("tls", "tcp"), timeout=2)
