"""Runs on a real SLURM: arrays, cancelling, preemption, nodes that fail, several who submit."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.api import Queue
from lfads_nb.queue.slurm.scheduler import shared_jobs
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.submission import jobs_folder
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.sweep.preparing import _train_script
from tests.queue.slurm.submitting import (
    ODD,
    RUNNER,
    jobs_of,
    make_queue,
    start_now,
    starts,
    states,
    submit,
    wait_for,
)
from tests.queue.tiny_runs import make_run_folder

pytestmark = [pytest.mark.slurm, pytest.mark.processes, pytest.mark.xdist_group("real_slurm")]


def test_an_array_of_four_runs_is_done_and_nothing_is_submitted_twice(slurm, tmp_path, home):
    queue = make_queue(tmp_path / ODD, home, 4)
    found = submit(queue, time="10", gres="gpu:1", array_limit=3)
    assert len(found.runs) == 4
    assert len(found.jobs) == 1
    again = submit(queue)
    assert not again.jobs
    assert len(again.left_alone) == 4
    wait_for(lambda: states(queue) == [RunState.DONE] * 4)
    assert not submit(queue).jobs
    assert [starts(folder) for folder in queue.folders] == [1] * 4
    assert not list(Path(tmp_path).rglob("injected"))
    (submission,) = [p for p in jobs_folder(queue.folders[0]).iterdir() if p.is_dir()]
    log = submission / f"slurm-{found.jobs[0]}_0.out"
    wait_for(lambda: "done" in log.read_text())
    assert f"SLURM job {found.jobs[0]}_0 on n" in log.read_text()
    assert not home.batches.exists() or not list(home.batches.iterdir())
    assert home.server_process() is None


def test_two_who_submit_at_once_submit_once(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 2)
    views = [Queue(queue.folders, home=home) for _ in range(4)]
    found = []
    threads = [threading.Thread(target=lambda v=v: found.append(submit(v))) for v in views]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(f.jobs) for f in found) == [0, 0, 0, 1]
    wait_for(lambda: states(queue) == [RunState.DONE] * 2)
    assert [starts(folder) for folder in queue.folders] == [1, 1]


def test_a_waiting_run_says_why_and_is_cancelled_for_good(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 2, wait=True)
    found = submit(queue, array_limit=1)
    wait_for(lambda: states(queue) == [RunState.TRAINING, RunState.QUEUED])
    wait_for(lambda: "JobArrayTaskLimit" in queue._reader.waits()[1])
    assert f"SLURM job {found.jobs[0]}_1 pending" in queue._reader.waits()[1]
    queue.cancel(1)
    assert read_status(queue.folders[1]).state is RunState.CANCELLED
    queue.cancel(0)
    wait_for(lambda: states(queue) == [RunState.CANCELLED] * 2)
    wait_for(lambda: not set(jobs_of(slurm, found.jobs[0])) & {"PENDING", "RUNNING"})
    assert starts(queue.folders[1]) == 0


def test_a_job_that_starts_finds_the_mark_of_who_cancelled_elsewhere(
    slurm, tmp_path, home, monkeypatch
):
    queue = make_queue(tmp_path / "runs", home, 2, wait=True)
    found = submit(queue, array_limit=1)
    wait_for(lambda: states(queue)[0] is RunState.TRAINING)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")  # a machine without SLURM's programs
        with pytest.raises(QueueError, match="login node"):
            Queue(queue.folders, home=home).cancel(1)
    (queue.folders[0].path / "go").touch()
    wait_for(lambda: jobs_of(slurm, found.jobs[0]) in ([], ["COMPLETED"] * 2))
    assert states(queue) == [RunState.DONE, RunState.CANCELLED]
    assert starts(queue.folders[1]) == 0


def test_a_run_whose_job_was_taken_by_scancel_is_submitted_again_as_it_was(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 1, wait=True)
    found = submit(queue)
    wait_for(lambda: starts(queue.folders[0]) == 1)
    slurm.ask("scancel", found.jobs[0])
    wait_for(lambda: states(queue) == [RunState.INTERRUPTED])
    (queue.folders[0].path / "go").touch()
    # Until its processes have left, nobody else may have the run.
    wait_for(lambda: queue.retry(runner=RUNNER) or states(queue)[0] is not RunState.INTERRUPTED)
    wait_for(lambda: states(queue) == [RunState.DONE])
    assert starts(queue.folders[0]) == 2
    scripts = [path.read_text() for path in jobs_folder(queue.folders[0]).glob("*/array.sh")]
    assert len(scripts) == 2
    assert all("#SBATCH --mem=100M" in script for script in scripts)
    assert home.server_process() is None


def test_a_preempted_run_goes_on_when_there_is_room_again(slurm, tmp_path, home):
    low = make_queue(tmp_path / "low", home, 2, wait=True)
    (job,) = low.submit(Slurm(partition="main", cpus=4), runner=RUNNER).jobs
    wait_for(lambda: [starts(f) for f in low.folders] == [1, 1])
    high = make_queue(tmp_path / "high", home, 1, wait=True)
    high.submit(Slurm(partition="urgent", cpus=4), runner=RUNNER)
    wait_for(lambda: starts(high.folders[0]) == 1)
    wait_for(lambda: RunState.QUEUED in states(low))
    assert any("its job ended, and waits" in wait for wait in low._reader.waits())
    for folder in (*low.folders, *high.folders):
        (folder.path / "go").touch()
    wait_for(lambda: states(high) == [RunState.DONE])
    # SLURM itself lets two minutes pass before it starts a preempted job again.
    start_now(slurm, job)
    wait_for(lambda: states(low) == [RunState.DONE] * 2)


@pytest.mark.timeout(600)
def test_a_run_whose_node_lost_its_power_goes_on_on_another(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 1, wait=True)
    (job,) = submit(queue, time="60").jobs
    wait_for(lambda: starts(queue.folders[0]) == 1)
    node = slurm.ask("squeue", "-h", "-j", job, "-o", "%N")
    slurm.cut_power(node)
    try:
        # SLURM itself needs a while to give a node up.
        wait_for(lambda: states(queue) == [RunState.INTERRUPTED])
        assert "SLURM has not given up its job" in queue.states()[0].reason
        assert not submit(queue).jobs
        wait_for(lambda: jobs_of(slurm, job) == ["PENDING"], timeout=200)
        assert states(queue) == [RunState.QUEUED]
        (queue.folders[0].path / "go").touch()
        start_now(slurm, job)
        wait_for(lambda: states(queue) == [RunState.DONE])
        assert starts(queue.folders[0]) == 2
    finally:
        slurm.power_on(node)


@pytest.mark.timeout(600)
def test_a_run_that_may_not_be_queued_again_says_that_its_node_failed(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 1, wait=True)
    (job,) = submit(queue, requeue=False).jobs
    wait_for(lambda: starts(queue.folders[0]) == 1)
    node = slurm.ask("squeue", "-h", "-j", job, "-o", "%N")
    slurm.cut_power(node)
    try:
        words = "its node failed (NODE_FAIL); submit it again"
        wait_for(lambda: words in queue.states()[0].reason, timeout=300)
        assert states(queue) == [RunState.INTERRUPTED]
        (queue.folders[0].path / "go").touch()
        assert submit(queue).jobs
        wait_for(lambda: states(queue) == [RunState.DONE])
    finally:
        slurm.power_on(node)


def test_a_refused_submission_queues_nothing(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 2)
    with pytest.raises(QueueError, match=r"did not take the runs.*partition"):
        submit(queue, partition="no_such_partition")
    assert states(queue) == [RunState.PREPARED] * 2
    assert not [p for p in jobs_folder(queue.folders[0]).iterdir() if p.is_dir()]


def test_a_dry_run_prints_the_script_and_changes_nothing(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 2)
    before = sorted(tmp_path.rglob("*"))
    found = queue.submit(Slurm(partition="main", time="4:00:00", mem="1G"), dry_run=True)
    (script,) = found.scripts
    assert script.startswith("#!/bin/bash\n")
    assert "#SBATCH --array=0-1\n" in script
    assert "#SBATCH --partition=main\n" in script
    assert "--signal=B:USR1@120" in script
    assert sorted(tmp_path.rglob("*")) == before
    assert not found.jobs


def test_a_run_script_given_to_sbatch_finds_its_folder(slurm, tmp_path):
    folder = make_run_folder(tmp_path / ODD)
    folder.train_script.write_text(_train_script())
    seen = tmp_path / "seen.sh"
    seen.write_text('#!/bin/bash\nprintf "%s" "${@: -1}" > "$SEEN"\n')
    seen.chmod(0o755)
    done = subprocess.run(
        ["sbatch", "--wait", f"--output={tmp_path / 'out'}", "lfads_train.sh"],
        cwd=folder.path, check=False, capture_output=True, text=True,
        env={**os.environ, "LFADS_NB_PYTHON": str(seen), "SEEN": str(tmp_path / "arguments")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "arguments").read_text() == str(folder.path)


def test_the_command_submits(slurm, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "lfads_nb", "slurm", str(tmp_path), "--partition", "a;b"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert done.returncode == 1
    assert "partition cannot be 'a;b'" in done.stderr


def test_shared_jobs_ask_once_for_all_views(slurm):
    assert shared_jobs() is shared_jobs()
