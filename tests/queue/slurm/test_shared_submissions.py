"""What a colleague has written into the folder of a submission ends no job and runs nothing."""

import json
import os
import subprocess
import sys

import pytest

from lfads_nb.queue.batches import passed_on
from lfads_nb.queue.slurm import scheduler
from lfads_nb.queue.slurm.cancelling import cancel_submitted
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.submission import Submission, Work, jobs_folder
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status

SQUEUE = "#!/bin/sh\ncat {lines}\n"
SCANCEL = '#!/bin/sh\necho "$*" >> {cancelled}\n'
SACCT = "#!/bin/sh\nexit 1\n"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Stand-ins for SLURM's programs: file of what `squeue` says, file of what was cancelled."""
    lines, cancelled = tmp_path / "lines", tmp_path / "cancelled"
    cancelled.touch()
    for name, text in {
        "squeue": SQUEUE,
        "scancel": SCANCEL,
        "sacct": "#!/bin/sh\nexit 1\n",
    }.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(lines=lines, cancelled=cancelled))
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    scheduler.shared_jobs.cache_clear()
    yield lines, cancelled
    scheduler.shared_jobs.cache_clear()


@pytest.mark.parametrize(
    ("called", "signalled"), [("thesis", []), ("lfads-KEY", ["--batch --signal=INT 777_0"])]
)
def test_cancelling_a_received_run_leaves_my_own_jobs_alone_whatever_number_it_names(
    folder, programs, called, signalled
):
    lines, cancelled = programs
    lines.write_text(f"777_0|RUNNING|None|N/A|n1|{called}\n")
    submission = Submission(jobs_folder(folder) / "KEY")
    submission.path.mkdir(parents=True)
    submission.save_job("777", 1.0)
    write_status(folder, RunStatus(RunState.QUEUED, submission=submission.mark(0)))
    cancel_submitted([folder])
    assert cancelled.read_text().splitlines() == signalled
    assert read_status(folder).state is RunState.CANCELLED


def test_a_job_whose_orders_a_colleague_changed_starts_no_program(folder, tmp_path):
    witness, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {witness}\n")
    program.chmod(0o755)
    submission = Submission(jobs_folder(folder) / "KEY")
    submission.path.mkdir(parents=True)
    run = folder.path.relative_to(jobs_folder(folder).parent)
    work = Work((str(run),), sys.executable, environment=passed_on())
    submission.write(work, Slurm())
    write_status(folder, RunStatus(RunState.QUEUED, submission=submission.mark(0)))
    content = json.loads(submission.work_json.read_text())
    submission.work_json.write_text(json.dumps({**content, "python": str(program)}))
    job = {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_JOB_ID": "888"}
    done = subprocess.run(
        ["bash", str(submission.script)], env={**os.environ, **job}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "is not what was submitted" in done.stdout
    assert not witness.exists()
