"""The folder of one submission: what was given to SLURM, and what SLURM said."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lfads_nb.atomic_files import write_json, write_text
from lfads_nb.errors import QueueError
from lfads_nb.python_commands import module_command
from lfads_nb.queue.runner_process import MODES
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.status import RunStatus
from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import CollectionFolder, RunFolder

SCHEMA = 1
_MARK = re.compile(r"([A-Za-z0-9-]+)/(\d+)")
_JOB = re.compile(r"\d+")


@dataclass(frozen=True)
class Work:
    """What the jobs of a submission do.

    Parameters
    ----------
    runs : folders, relative to the collection's, in the order of the array.
    runner, template, mode, python, environment : see `LaunchOptions`.
    members : how the turns of populations among them are launched, within their jobs.
    slurm : what each job asks for.
    """

    runs: tuple[str, ...]
    python: str
    runner: str = "lfads_nb.queue.runner"
    template: str | None = None
    mode: str = "all"
    requeue: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    slurm: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Tell it from any other: the script has it, which SLURM copies when it is submitted.

        Whoever may write to the collection could else have the jobs do what they like, as another.
        """
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class TakenJob:
    """An array that SLURM took: its id, when (seconds since the epoch), and whose it is."""

    job: str
    submitted: float
    user: int


@dataclass(frozen=True)
class Submission:
    """Every path of a submission."""

    path: Path

    @classmethod
    def of_mark(cls, run: RunFolder, mark: str) -> Submission | None:
        """Return the submission that a run's status names; None if it names none."""
        found = _MARK.fullmatch(mark)
        return cls(jobs_folder(run) / found[1]) if found else None

    @property
    def key(self) -> str:
        return self.path.name

    @property
    def job_name(self) -> str:
        """What SLURM's lists call its jobs."""
        return f"lfads-{self.key}"

    @property
    def script(self) -> Path:
        return self.path / "array.sh"

    @property
    def work_json(self) -> Path:
        return self.path / "work.json"

    @property
    def job_json(self) -> Path:
        """There once SLURM has taken it."""
        return self.path / "job.json"

    def log(self, job: str) -> Path:
        return self.path / f"slurm-{job}.out"

    def mark(self, index: int) -> str:
        """Return what the status of a run says that waits for this submission."""
        return f"{self.key}/{index}"

    def run(self, work: Work, index: int) -> RunFolder:
        """Return the run of an element of the array."""
        return RunFolder(self.path.parents[1] / work.runs[index])

    def write(self, work: Work, slurm: Slurm) -> None:
        """Write what SLURM is going to be given."""
        write_json(self.work_json, {"schema": SCHEMA, **asdict(work)})
        write_text(self.script, self.script_text(work, slurm))

    def read_work(self) -> Work:
        """Read what the jobs are to do.

        Raises
        ------
        QueueError
            The file is damaged or of another version.
        """
        try:
            content = read_json(self.work_json)
            if content.pop("schema") != SCHEMA:
                raise ValueError("its schema is not known")
            runs = tuple(content.pop("runs"))
            work = Work(runs, **content)
            if work.mode not in MODES or not all(_is_inside(run) for run in runs):
                raise ValueError("it names what cannot be a run")
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise QueueError(f"{self.work_json} cannot be read: {error}") from error
        return work

    def read_slurm(self) -> Slurm | None:
        """Return what its jobs asked for; None if that is not known."""
        try:
            return Slurm(**self.read_work().slurm)
        except (QueueError, TypeError):
            return None

    def save_job(self, job: str, submitted: float) -> None:
        write_json(
            self.job_json,
            {"schema": SCHEMA, "job": job, "submitted": submitted, "user": os.getuid()},
        )

    def job(self) -> TakenJob | None:
        """Return what SLURM made of it; None before it has."""
        try:
            content: Mapping[str, Any] = read_json(self.job_json)
            taken = TakenJob(content["job"], float(content["submitted"]), int(content["user"]))
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None
        return taken if isinstance(taken.job, str) and _JOB.fullmatch(taken.job) else None

    def script_text(self, work: Work, slurm: Slurm) -> str:
        """Return the script that `sbatch` is given."""
        limit = f"%{slurm.array_limit}" if slurm.array_limit else ""
        exports = [
            f"export {name}={shlex.quote(value)}"
            for name, value in work.environment.items()
            if name != "PATH"
        ]
        command = module_command("lfads_nb.queue.slurm.task", python=work.python)
        command += [str(self.path), work.digest]
        lines = [
            "#!/bin/bash",
            f"#SBATCH --job-name={self.job_name}",
            f"#SBATCH --array=0-{len(work.runs) - 1}{limit}",
            # Beside this script: sbatch is started in its folder.
            "#SBATCH --output=slurm-%A_%a.out",
            "#SBATCH --open-mode=append",
            *slurm.directives(),
            "",
            *exports,
            # A warning that comes before Python can act on it must not end the job.
            "trap '' USR1",
            # In the shell's place: SLURM's signals reach the process that can act on them.
            f"exec {shlex.join(command)}",
        ]
        return "\n".join(lines) + "\n"


def asked_before(run: RunFolder, status: RunStatus) -> Slurm | None:
    """Return what a run's job asked for when it was submitted; None if that is not known."""
    submission = Submission.of_mark(run, status.submission)
    return None if submission is None else submission.read_slurm()


def jobs_folder(run: RunFolder) -> Path:
    """Return the `jobs/` of the collection that a run belongs to."""
    return CollectionFolder(run.path.parents[1]).jobs


def read_mark(mark: str) -> int | None:
    """Return which element of its array a run is; None if there is none."""
    found = _MARK.fullmatch(mark)
    return int(found[2]) if found else None


def relative_runs(folders: Sequence[RunFolder]) -> tuple[str, ...]:
    """Return where runs lie in their collection."""
    return tuple(str(Path(f.path.parent.name) / f.path.name) for f in folders)


def _is_inside(run: Any) -> bool:
    parts = Path(run).parts if isinstance(run, str) else ()
    return len(parts) == 2 and ".." not in parts and not Path(run).is_absolute()
