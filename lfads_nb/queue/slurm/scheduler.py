"""Asking SLURM: one call for all jobs of this user, and seldom."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lfads_nb.errors import QueueError
from lfads_nb.plain_text import plain_text

log = logging.getLogger(__name__)

POLL_S = 15.0
_PATIENCE_S = 30.0
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD", "REQUEUE_FED")
_WORKING = (
    "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT",
    "RESIZING",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What SLURM says of one element of an array.

    `id` is as SLURM writes it, such as `123_4`; `state` such as `PENDING`; `starts` when it may
    start, "" where that is not known.
    """

    id: str
    state: str
    reason: str = ""
    starts: str = ""
    node: str = ""
    name: str = ""

    @property
    def waits(self) -> bool:
        return self.state in _WAITING

    @property
    def is_over(self) -> bool:
        return self.state not in (*_WAITING, *_WORKING)


def run_program(*command: str, cwd: str | None = None) -> str:
    """Run one of SLURM's programs; return what it prints.

    Raises
    ------
    QueueError
        It is not here, does not answer, or refuses.
    """
    if shutil.which(command[0]) is None:
        raise QueueError(
            f"there is no {command[0]} here: submit to SLURM on a login node of the cluster"
        )
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S,
            cwd=cwd, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise QueueError(
            f"SLURM does not answer ({command[0]}, {_PATIENCE_S:.0f} s): try again later"
        ) from None
    if done.returncode:
        said = plain_text(done.stderr.strip() or done.stdout.strip())
        raise QueueError(f"{command[0]}: {said or f'exit code {done.returncode}'}")
    return done.stdout


class Jobs:
    """This user's jobs as SLURM told of them last.

    Parameters
    ----------
    ask : runs a program of SLURM's.
    clock : the time, in seconds since the epoch.
    """

    def __init__(
        self, ask: Callable[..., str] = run_program, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._ask, self._clock = ask, clock
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, Job | None] = {}
        self.asked_at = float("-inf")
        self.answers = False

    def look(self, *, now: bool = False) -> None:
        """Ask anew if the last answer is old.

        Parameters
        ----------
        now : however young it is.
        """
        if not now and 0 <= self._clock() - self.asked_at < POLL_S:
            return
        self.asked_at = self._clock()
        form = "%i|%T|%r|%S|%N|%j"
        user = str(os.getuid())
        try:
            text = self._ask(
                "squeue", "--noheader", "--array", "--states=all", f"--user={user}", "-o", form
            )
        except QueueError as error:
            log.info("%s", error)
            self.answers = False
            return
        self._jobs, self.answers = {}, True
        for line in text.splitlines():
            parts = plain_text(line.strip()).split("|", 5)
            if len(parts) == 6:
                starts = "" if parts[3] in ("N/A", "Unknown") else parts[3]
                job = Job(parts[0], parts[1], parts[2], starts, parts[4], parts[5])
                self._jobs[job.id] = job

    def find(self, job: str) -> Job | None:
        """Return an element of an array, as `squeue` or else `sacct` knows it."""
        if job in self._jobs:
            return self._jobs[job]
        if job not in self._ended:
            self._ended[job] = self._account(job)
        return self._ended[job]

    def named(self, name: str) -> str | None:
        """Return the id of the array with a name."""
        return next((j.id.partition("_")[0] for j in self._jobs.values() if j.name == name), None)

    def with_name(self, name: str) -> list[Job]:
        """Return the jobs that are called so, as `squeue` told of them last."""
        return [job for job in self._jobs.values() if job.name == name]

    def _account(self, job: str) -> Job | None:
        try:
            text = self._ask(
                "sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}",
                "--format=JobID,State,NodeList",
            )  # fmt: skip
        except QueueError:
            return None  # no accounting here
        for line in text.splitlines():
            parts = plain_text(line.strip()).split("|")
            if len(parts) == 3 and parts[0] == job and parts[1]:
                # "CANCELLED by 1000"
                return Job(job, parts[1].split()[0], node=parts[2])
        return None


@functools.cache
def shared_jobs() -> Jobs:
    """Return what every view in this process asks, so that they ask SLURM once."""
    return Jobs()


def own_job(environment: Mapping[str, str] = os.environ) -> str:
    """Return SLURM's name for the job that this process runs in; "" for none."""
    array, element = (environment.get(f"SLURM_ARRAY_{name}_ID", "") for name in ("JOB", "TASK"))
    return f"{array}_{element}" if array and element else environment.get("SLURM_JOB_ID", "")


def submit_script(name: str, folder: str) -> str:
    """Give a script to SLURM; return the job's id."""
    return run_program("sbatch", "--parsable", name, cwd=folder).strip().split(";")[0]


def cancel_jobs(names: Mapping[str, str], jobs: Jobs) -> None:
    """Take waiting jobs back, and ask running ones to end as cancelled.

    Parameters
    ----------
    names : job -> what it must be called: its number comes from a file in a folder of runs, which
        may have been made by somebody else, or on another cluster.
    jobs : to ask SLURM with.

    Raises
    ------
    QueueError
        SLURM cannot be asked, or refuses.
    """
    if not names:
        return
    jobs.look(now=True)
    if not jobs.answers:
        raise QueueError("SLURM does not answer here: scancel their jobs on a login node")
    known = [(jobs.find(number), name) for number, name in names.items()]
    found = [job for job, name in known if job is not None and not job.is_over and job.name == name]
    if waiting := [job.id for job in found if job.waits]:
        run_program("scancel", *waiting)
    # The shell's place is taken by our own process, which knows what SIGINT means.
    if working := [job.id for job in found if not job.waits]:
        run_program("scancel", "--batch", "--signal=INT", *working)
