"""Where a run is, as its folder and SLURM tell together."""

from __future__ import annotations

import os
from dataclasses import replace

from lfads_nb.queue.slurm.scheduler import Job, Jobs
from lfads_nb.queue.slurm.submission import Submission, read_mark
from lfads_nb.queue.status import RunState, RunStatus, local_now, read_status
from lfads_nb.sweep.folders import RunFolder

_GOES_ON = "submit it again: it goes on from its last checkpoint"
_ENDS = {
    "TIMEOUT": f"its time was over (TIMEOUT); ask for more with --time, or {_GOES_ON}",
    "DEADLINE": f"its deadline passed (DEADLINE); {_GOES_ON}",
    "OUT_OF_MEMORY": "it took more memory than asked for (OUT_OF_MEMORY); ask for more with --mem, "
    "or make the model or its batches smaller",
    "NODE_FAIL": f"its node failed (NODE_FAIL); {_GOES_ON}",
    "BOOT_FAIL": f"its node did not start (BOOT_FAIL); {_GOES_ON}",
    "PREEMPTED": f"another job took its place (PREEMPTED); {_GOES_ON}",
    "CANCELLED": f"it was taken from SLURM's queue (CANCELLED); {_GOES_ON}",
}
_JUST_NOW_S = 60.0


def joined(folder: RunFolder, status: RunStatus, jobs: Jobs) -> tuple[RunStatus, str]:
    """Return a run's status corrected by what SLURM says of its job, and why it waits.

    Parameters
    ----------
    status : as it was just read.
    jobs : asked if its last answer is old.
    """
    is_open = status.state.is_active or status.state is RunState.INTERRUPTED
    submission = Submission.of_mark(folder, status.submission) if is_open else None
    if submission is None:
        return status, ""
    found = submission.job()
    if found is None:
        return status, "it is being submitted to SLURM" if status.state.is_active else ""
    if found.user != os.getuid():
        return status, f"SLURM job {found.job}_{read_mark(status.submission)} of another user"
    number = f"{found.job}_{read_mark(status.submission)}"
    if status.state is not RunState.QUEUED and status.job != number:
        return status, ""  # it was started by hand since
    jobs.look()
    if not jobs.answers:
        return status, f"SLURM job {number} (SLURM cannot be asked here)"
    job = jobs.find(number)
    if job is None and jobs.asked_at < found.submitted + _JUST_NOW_S:
        return status, f"SLURM job {number}: just submitted"
    return _join(folder, status, number, job, submission)


def _join(
    folder: RunFolder, status: RunStatus, number: str, job: Job | None, submission: Submission
) -> tuple[RunStatus, str]:
    if job is not None and job.waits:
        began = status.state is not RunState.QUEUED or bool(status.reason)
        waits = pending_text(job, again=began)
        if status.state is RunState.QUEUED:
            return status, waits
        again = status if status.state.is_ended else replace(status, state=RunState.INTERRUPTED)
        return again.moved(RunState.QUEUED, now=local_now()), waits
    if job is not None and not job.is_over:
        if status.state is RunState.INTERRUPTED:
            return _silent(folder, status, job)
        starts = " starts" if status.state is RunState.QUEUED else ""
        return status, f"SLURM job {number}{starts} on {job.node}" if job.node else ""
    now = read_status(folder)
    moved_on = status.state.is_active and (now.state, now.job) != (status.state, status.job)
    if moved_on or not now.state.is_active:
        return now, ""
    return _ended(now, number, job, submission), ""


def _silent(folder: RunFolder, status: RunStatus, job: Job) -> tuple[RunStatus, str]:
    """Return the status of a run that gives no sign of life, while SLURM has its job running."""
    if not read_status(folder).state.is_running:
        return status, ""  # it has said itself how it ended: its job is about to end
    why = status.reason.partition(";")[0]
    reason = (
        f"{why}; SLURM has not given up its job {job.id} on {job.node} yet, and queues it again "
        "when it does"
    )
    return replace(status, reason=reason), ""


def job_at_work(folder: RunFolder, status: RunStatus, jobs: Jobs) -> str:
    """Return the job that SLURM still has for a run that has not said how it ended; "" for none.

    Parameters
    ----------
    status : as the run's folder has it.
    """
    submission = Submission.of_mark(folder, status.submission) if status.state.is_active else None
    taken = submission.job() if submission is not None else None
    if taken is None or not jobs.answers:
        return ""
    job = jobs.find(f"{taken.job}_{read_mark(status.submission)}")
    return job.id if job is not None and not job.is_over else ""


def pending_text(job: Job, *, again: bool = False) -> str:
    """Say why a job waits, and until when if SLURM knows."""
    before = "its job ended, and waits for another start: " if again else ""
    starts = f", may start at {job.starts.replace('T', ' ')}" if job.starts else ""
    return f"{before}SLURM job {job.id} pending ({job.reason}){starts}"


def _ended(status: RunStatus, number: str, job: Job | None, submission: Submission) -> RunStatus:
    """Return the status of a run whose job is over without a word in the run's folder."""
    if job is None:
        return status.moved(
            RunState.INTERRUPTED,
            now=local_now(),
            reason=f"SLURM does not know its job {number} any more; {_GOES_ON}",
        )
    state = RunState.INTERRUPTED if job.state in _ENDS else RunState.FAILED
    if job.state == "OUT_OF_MEMORY":
        state = RunState.FAILED
    log = submission.log(number)
    why = _ENDS.get(job.state, f"it ended ({job.state}) before the run did; see {log}")
    where = f" on {job.node}" if job.node else ""
    return status.moved(state, now=local_now(), reason=f"SLURM job {number}{where}: {why}")
