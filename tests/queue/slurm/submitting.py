"""What tests on a real SLURM do again and again."""

import json
import time

from lfads_nb.queue.api import Queue
from lfads_nb.queue.slurm.settings import Slurm
from tests.queue.tiny_runs import make_run_folder
from tests.queue.tiny_runs import wait_for as wait_some_time_for

RUNNER = "tests.queue.quick_runner"
ODD = 'it\'s a "lab" $(touch injected) & `id`; x'


def make_queue(root, home, n, **behaviour):
    folders = [make_run_folder(root, name=f"run{i}") for i in range(n)]
    for folder in folders:
        (folder.path / "behaviour.json").write_text(json.dumps(behaviour))
    return Queue(folders, home=home)


def wait_for(condition, timeout=120.0):
    # SLURM looks at its queue every few seconds, and a busy machine takes its time.
    return wait_some_time_for(condition, timeout=timeout)


def starts(folder):
    path = folder.path / "starts.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def states(queue):
    return [status.state for status in queue.states()]


def submit(queue, **asked):
    return queue.submit(Slurm(cpus=1, mem="100M", **asked), runner=RUNNER)


def jobs_of(real, job):
    return real.ask("squeue", "-h", "-r", "-j", job, "-o", "%T").split()


def start_now(real, job, *, minutes=60):
    """Spare a job that is queued again the two minutes that SLURM would let pass.

    SLURM takes no change while a job is still on its way back into the queue, and then the job also
    keeps the limit of time that ended it: so it is told again until the job runs. A node refuses a
    job that starts within the second in which it ended (`Job credential revoked`): those two
    minutes are for that.
    """
    deadline, gone, was_queued = time.monotonic() + 150, 0, False
    while time.monotonic() < deadline and gone < 3:
        found = jobs_of(real, job)
        gone = 0 if found else gone + 1  # over already, or not answered
        if was_queued and set(found) == {"RUNNING"}:
            return
        if set(found) == {"PENDING"}:
            if not was_queued:
                time.sleep(2.0)
            was_queued = True
            real.ask("scontrol", "update", f"JobId={job}", f"TimeLimit={minutes}", "StartTime=now")
        time.sleep(1.0)
