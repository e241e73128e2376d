"""`python -m lfads_nb.queue.slurm.task SUBMISSION DIGEST`: one element of an array, inside its job.

It starts the run's process, says how far that is in the job's own output, and passes SLURM's
signals on: the run saves a checkpoint and leaves, and the job is queued again if it is to be.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from lfads_nb.cores import usable_cores
from lfads_nb.errors import LfadsError, QueueError
from lfads_nb.plain_text import plain_text
from lfads_nb.python_commands import module_command
from lfads_nb.queue.live import duration_text
from lfads_nb.queue.population_launch import DRIVER, is_population
from lfads_nb.queue.processes import new_attempt, run_marks
from lfads_nb.queue.run_lock import lock_path, read_holder
from lfads_nb.queue.slurm.job_queue import JobQueue
from lfads_nb.queue.slurm.scheduler import run_program
from lfads_nb.queue.slurm.submission import Submission, Work
from lfads_nb.queue.status import (
    RunState,
    RunStatus,
    how_far,
    local_now,
    move_status,
    read_status,
    write_status,
)
from lfads_nb.queue.stopping import asked_to_stop
from lfads_nb.sweep.folders import PopulationFolder, RunFolder

_POLL_S = 0.5
_TELL_EVERY_S = 10.0


class ArrayTask:
    """One run in one job.

    Parameters
    ----------
    submission, work : what the array is to do.
    index : which element this is.
    job : SLURM's name for it, such as `123_4`.
    """

    def __init__(self, submission: Submission, work: Work, index: int, job: str) -> None:
        self._mark, self._work, self._job = submission.mark(index), work, job
        self.folder = submission.run(work, index)
        population = PopulationFolder(self.folder.path)
        self._members = (
            [*map(RunFolder, sorted(population.path.glob("member_*"))), population.best]
            if is_population(self.folder)
            else []
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._signal: int | None = None
        self._told = ("", -1.0)

    def refusal(self) -> str:
        """Say why the run must not be started; "" if it may."""
        status = read_status(self.folder)
        if status.state is RunState.CANCELLED or (
            status.submission == self._mark and asked_to_stop(self.folder) is RunState.CANCELLED
        ):
            return "it was cancelled"
        if status.submission != self._mark:
            return "it has been launched again elsewhere since it was submitted"
        return "it is done already" if status.state is RunState.DONE else ""

    def execute(self) -> int:
        """Execute the run to its end or to that of the job's time; return the exit code."""
        before = read_status(self.folder)
        attempt = f"slurm-{self._job}-{new_attempt()}"
        self._drop_own_locks()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(signum, self._on_signal)
        environment = {**os.environ, **self._work.environment}
        queue = JobQueue(self._job, self._work.members, environment) if self._members else None
        environment = environment if queue is None else queue.environment
        with subprocess.Popen(
            self._command(), cwd=self.folder.path, stdin=subprocess.DEVNULL,
            env={**environment, **run_marks(self.folder.path, attempt)}, start_new_session=True,
        ) as self._process:  # fmt: skip
            if self._signal is not None:
                self._pass_on()
            while self._process.poll() is None:
                time.sleep(_POLL_S)
                self._tell(read_status(self.folder))
        if queue is not None:
            queue.close()
        after = read_status(self.folder)
        say(f"{after.state.value} {after.reason}")
        if self._is_to_go_on(after):
            return self._again(before, after)
        return self._process.returncode

    def _command(self) -> list[str]:
        work = self._work
        threads = os.environ.get("SLURM_CPUS_PER_TASK", "")
        runner = DRIVER if self._members else work.runner
        command = module_command(runner, python=work.python)
        command += [str(self.folder.path), f"--parent={os.getpid()}", f"--mode={work.mode}"]
        command += [f"--threads={threads if threads.isdecimal() else usable_cores()}"]
        return command + ([f"--template={work.template}"] if work.template else [])

    def _drop_own_locks(self) -> None:
        """Take the locks that this very job left on another node: SLURM has ended it there."""
        for folder in (self.folder, *self._members):
            holder = read_holder(folder)
            if holder is None or holder.is_here:
                continue
            if holder.attempt.startswith(f"slurm-{self._job}-") or (
                read_status(folder).job == self._job
            ):
                lock_path(folder).unlink(missing_ok=True)

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        if self._signal is None:
            self._signal = signum
            self._pass_on()

    def _pass_on(self) -> None:
        if self._process is not None and self._process.poll() is None:
            is_cancel = self._signal == signal.SIGINT
            self._process.send_signal(signal.SIGINT if is_cancel else signal.SIGTERM)

    def _tell(self, status: RunStatus) -> None:
        """Print how far the run is, when that has changed and not too often."""
        progress, now = status.progress, time.monotonic()
        words = [status.state.value]
        if not status.state.is_running:
            progress = {}
        if "members_done" in progress:
            words += [
                f"generation {progress.get('generation', 0) + 1} of {progress.get('generations')}",
                f"{progress['members_done']} of {progress.get('members')} members",
            ]
        if "epoch" in progress:
            words.append(f"epoch {progress['epoch']}")
        if "total_valid" in progress:
            what = "best score" if "members_done" in progress else "validation cost"
            words.append(f"{what} {progress['total_valid']:.2f}")
        if progress.get("eta_s"):
            words.append(f"about {duration_text(progress['eta_s'])} left")
        line, (last, at) = ", ".join(words), self._told
        moved = line.partition(",")[0] != last.partition(",")[0]
        if line != last and (moved or now - at >= _TELL_EVERY_S):
            self._told = (line, now)
            say(line)

    def _is_to_go_on(self, status: RunStatus) -> bool:
        """Whether it ended because its job's time ends, and the job may be queued again."""
        if not self._work.requeue or status.state is not RunState.INTERRUPTED:
            return False
        if self._signal == signal.SIGUSR1:
            return True
        return self._signal == signal.SIGTERM and _time_is_over()

    def _again(self, before: RunStatus, after: RunStatus) -> int:
        if how_far(after) <= how_far(before):
            reason = (
                "the time of a job is too short: it was over before one more "
                f"{'turn was whole' if self._members else 'epoch was saved'}; ask for more with "
                "--time"
            )
            # It has ended already; what it is said to have ended by is corrected.
            write_status(self.folder, replace(after, state=RunState.FAILED, reason=reason))
            say(reason)
            return 1
        move_status(self.folder, RunState.QUEUED, reason="the time of its job was over")
        try:
            run_program("scontrol", "requeue", self._job)
        except QueueError as error:
            move_status(
                self.folder,
                RunState.INTERRUPTED,
                reason=f"its job cannot be queued again ({error}): submit it again",
            )
            say(str(error))
            return 1
        say("queued again")
        return 0


def _time_is_over() -> bool:
    """Whether SLURM ends this job for its time, and not because somebody wanted it."""
    try:
        job = os.environ["SLURM_JOB_ID"]
        said = run_program("squeue", "-h", "-j", job, "-o", "%L|%r").strip()
    except (QueueError, KeyError):
        return False
    left, _, reason = said.partition("|")
    if reason == "TimeLimit" or left.startswith(("-", "INVALID")):
        return True
    parts = left.split(":")
    return len(parts) == 2 and all(p.isdecimal() for p in parts) and (
        int(parts[0]) * 60 + int(parts[1]) <= 1
    )  # fmt: skip


def say(text: str) -> None:
    """Write a line into the job's output."""
    stamp = local_now().isoformat(timespec="seconds")
    sys.stdout.write(f"{stamp}  {plain_text(text).strip()}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Execute what this element of an array stands for."""
    path, *digest = sys.argv[1:] if arguments is None else arguments
    submission = Submission(Path(path))
    try:
        work = submission.read_work()
        if digest and digest != [work.digest]:
            raise QueueError(f"{submission.work_json} is not what was submitted: submit it again")
        index = int(os.environ["SLURM_ARRAY_TASK_ID"])
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{index}"
        task = ArrayTask(submission, work, index, job)
        node = os.environ.get("SLURMD_NODENAME", "")
        say(f"SLURM job {job} on {node}: {task.folder.path}")
        refusal = task.refusal()
        if refusal:
            say(f"not started: {refusal}")
            return 0
        return task.execute()
    except (LfadsError, KeyError, ValueError, IndexError) as error:
        say(f"the job cannot start its run: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
