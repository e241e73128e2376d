"""Cancelling what was submitted: a mark in the folder first, then a word to SLURM."""

from __future__ import annotations

from collections.abc import Sequence

from lfads_nb.queue.ends import record_end
from lfads_nb.queue.slurm.scheduler import cancel_jobs, shared_jobs
from lfads_nb.queue.slurm.submission import Submission, read_mark
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.queue.stopping import ask_to_stop
from lfads_nb.sweep.folders import RunFolder


def is_submitted(folder: RunFolder) -> bool:
    """Whether a run waits for SLURM, runs there, or did so last."""
    return bool(read_status(folder).submission)


def cancel_submitted(folders: Sequence[RunFolder]) -> None:
    """Cancel runs wherever they are; a job that starts nevertheless finds the mark, and leaves.

    Raises
    ------
    QueueError
        SLURM cannot be told from here. The marks are set all the same: jobs that start then leave
        at once.
    """
    jobs: dict[str, str] = {}
    for folder in folders:
        status = read_status(folder)
        if status.state.is_running:
            ask_to_stop(folder, RunState.CANCELLED)
        elif status.state is RunState.QUEUED:
            record_end(folder, RunState.CANCELLED, "it was cancelled before it started")
        submission = Submission.of_mark(folder, status.submission)
        taken = submission.job() if submission is not None else None
        if (
            submission is not None
            and taken is not None
            and (status.state.is_active or status.state is RunState.INTERRUPTED)
        ):
            jobs[f"{taken.job}_{read_mark(status.submission)}"] = submission.job_name
    cancel_jobs(jobs, shared_jobs())
