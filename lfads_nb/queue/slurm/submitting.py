"""Submitting runs as an array: what is neither done nor queued, and nothing twice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from lfads_nb.errors import LfadsError, QueueError
from lfads_nb.queue.batches import LaunchOptions
from lfads_nb.queue.home import new_id
from lfads_nb.queue.marking import is_wanted, mark_queued
from lfads_nb.queue.population_launch import is_population, member_options
from lfads_nb.queue.reading import current_status
from lfads_nb.queue.retraining import withdraw
from lfads_nb.queue.rungs import is_stopped_early
from lfads_nb.queue.slurm.scheduler import Jobs, run_program, shared_jobs, submit_script
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.states import job_at_work
from lfads_nb.queue.slurm.submission import Submission, Work, jobs_folder, relative_runs
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status
from lfads_nb.sweep.folders import RunFolder

MOST_IN_ARRAY = 1000
"""Clusters take arrays of up to 1001 unless they say otherwise."""


@dataclass(frozen=True)
class Submitted:
    """What became of a launch: the arrays that were submitted, and what was left alone.

    `scripts` is what SLURM was given, or would be in a dry run; `jobs` the ids of the arrays.
    """

    runs: tuple[RunFolder, ...]
    left_alone: dict[Path, str]
    jobs: tuple[str, ...]
    scripts: tuple[str, ...]


def submit(
    folders: Sequence[RunFolder],
    slurm: Slurm,
    options: LaunchOptions,
    *,
    dry_run: bool = False,
    jobs: Jobs | None = None,
) -> Submitted:
    """Submit what is neither done nor queued, as one array for each thousand runs.

    A population is one job, in which its members take their turns.

    Parameters
    ----------
    folders : prepared runs of one collection.
    slurm : what each job asks for.
    options : how runs are executed; what is said of devices does not count.
    dry_run : change nothing and submit nothing.

    Raises
    ------
    QueueError
        SLURM cannot be asked, or refuses: then nothing is queued.
    """
    if not folders:
        return Submitted((), {}, (), ())
    collection = jobs_folder(folders[0])
    if any(jobs_folder(folder) != collection for folder in folders):
        raise QueueError("the runs of one submission belong to one collection")
    _refuse_path(collection)
    jobs = jobs or shared_jobs()
    if dry_run:
        wanted, left = _choose(folders, options, jobs)
        parts = _parts(wanted)
        scripts = [
            Submission(collection / "KEY").script_text(_work(part, slurm, options), slurm)
            for part in parts
        ]
        return Submitted(tuple(wanted), left, (), tuple(scripts))
    run_program("sbatch", "--version")
    with _alone(collection):
        jobs.look(now=True)
        if not jobs.answers:
            raise QueueError("SLURM does not answer (squeue), so nothing was submitted")
        _adopt(collection, jobs)
        wanted, left = _choose(folders, options, jobs)
        done = [_submit_part(collection, part, slurm, options) for part in _parts(wanted)]
    ids = tuple(job for job, _ in done)
    return Submitted(tuple(wanted), left, ids, tuple(script for _, script in done))


def _parts(folders: Sequence[RunFolder]) -> list[list[RunFolder]]:
    return [list(folders[i : i + MOST_IN_ARRAY]) for i in range(0, len(folders), MOST_IN_ARRAY)]


def _refuse_path(folder: Path) -> None:
    text = str(folder)
    if "\\" in text or "%" in text or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise QueueError(
            f"SLURM cannot write its logs into {text!r}: it takes the sign % and the backslash in "
            "a path for something else. Rename that folder"
        )


def _choose(
    folders: Sequence[RunFolder], options: LaunchOptions, jobs: Jobs
) -> tuple[list[RunFolder], dict[Path, str]]:
    """Part what is to be submitted from what is left alone, and say why."""
    wanted, left = [], {}
    for folder in folders:
        status = current_status(folder, jobs=jobs)
        if status.state.is_active and not _is_lost(folder, status):
            left[folder.path] = f"is {status.state.value} already"
        elif job := job_at_work(folder, read_status(folder), jobs):
            left[folder.path] = f"is SLURM's: {status.reason or f'it has job {job}'}"
        elif not is_wanted(folder, options):
            left[folder.path] = "was stopped early" if is_stopped_early(folder) else "is done"
        else:
            wanted.append(folder)
    return wanted, left


def _is_lost(folder: RunFolder, status: RunStatus) -> bool:
    """Whether a run waits for a submission that never reached SLURM: its process was killed."""
    submission = Submission.of_mark(folder, status.submission)
    waits = status.state is RunState.QUEUED and submission is not None
    return waits and submission is not None and submission.job() is None


def _adopt(collection: Path, jobs: Jobs) -> None:
    """Write down the id of an array whose submission was killed before it could."""
    for path in collection.iterdir():
        submission = Submission(path)
        if submission.work_json.exists() and not submission.job_json.exists():
            job = jobs.named(submission.job_name)
            if job is not None:
                submission.save_job(job, time.time())


def _work(folders: Sequence[RunFolder], slurm: Slurm, options: LaunchOptions) -> Work:
    has_population = any(map(is_population, folders))
    members = asdict(member_options(options, share_gpus=True)) if has_population else {}
    return Work(
        relative_runs(folders), options.python, options.runner, options.template, options.mode,
        slurm.requeue, dict(options.environment), members, asdict(slurm),
    )  # fmt: skip


def _submit_part(
    collection: Path, folders: Sequence[RunFolder], slurm: Slurm, options: LaunchOptions
) -> tuple[str, str]:
    submission = Submission(collection / new_id())
    submission.path.mkdir()
    before: dict[RunFolder, RunStatus] = {}
    try:
        # Marked first: a job may start before `sbatch` returns, and looks for its mark.
        for folder in folders:
            status = read_status(folder)
            if mark_queued(folder, options, submission=submission.mark(len(before))):
                before[folder] = status
        submission.write(_work(list(before), slurm, options), slurm)
        submitted = time.time()
        job = submit_script(submission.script.name, str(submission.path))
        if not job.isdecimal():
            raise QueueError(f"sbatch said {job!r} where the job's number should be")
    except BaseException as error:
        for index, (folder, status) in enumerate(before.items()):
            if read_status(folder).submission == submission.mark(index):
                write_status(folder, status)
                withdraw(folder)
        shutil.rmtree(submission.path, ignore_errors=True)
        if isinstance(error, LfadsError):
            raise QueueError(f"SLURM did not take the runs, and none is queued: {error}") from None
        raise
    submission.save_job(job, submitted)
    return job, submission.script.read_text(encoding="utf-8")


@contextmanager
def _alone(collection: Path) -> Iterator[None]:
    """Let one process submit at a time, on whichever login node."""
    collection.mkdir(exist_ok=True)
    with FileLock(collection / ".submitting", mode=0o666):
        yield
