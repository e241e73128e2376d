"""What dask runs on a worker: one run, as a process of its own, from its start to its last child.

The worker does nothing but wait. If it dies, the run's process sees it and stops by itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lfads_nb.cores import usable_cores
from lfads_nb.python_commands import module_command
from lfads_nb.queue.ahead import ahead_processes
from lfads_nb.queue.devices import find_device, list_gpus, run_environment
from lfads_nb.queue.home import read_json_file
from lfads_nb.queue.processes import end_processes_of, run_marks
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.queue.stopping import asked_to_stop
from lfads_nb.queue.tickets import Ticket
from lfads_nb.queue.warm import STAYS_WARM, WarmRun, warm_processes
from lfads_nb.sweep.folders import RunFolder

_POLL_S = 0.5
# With the time until a request is seen, a run is gone within ten seconds.
_PATIENCE_S = 8.5
_STOPPED_BEFORE_START = -1000
BEGUN_BEFORE = -1001
"""What is returned on a cluster for a run that another worker has begun, or that was taken back."""


@dataclass(frozen=True)
class RunTask:
    """Everything that a worker needs to know to execute a run.

    `attempt` marks the processes of this execution, and these alone are ever ended.
    `device` is "" on another cluster, where the worker's own environment says what to use;
    `memory_mb` is then what must be free on a GPU that the worker sees.
    """

    folder: str
    device: str
    threads: int
    mode: str
    template: str | None
    python: str
    runner: str
    environment: dict[str, str]
    memory_mb: float = 0.0
    attempt: str = ""
    followed_by: str = ""
    """Where the server says, if it does, which run comes next on this device."""
    has_ticket: bool = False
    """Whether it may be started only by whoever takes its ticket, see `tickets.py`."""

    @classmethod
    def from_json(cls, content: Any) -> RunTask | None:
        """Make the task that a file of the server's holds; None if it holds none."""
        try:
            return cls(**content)
        except TypeError:
            return None


class _NextRun:
    """Starts the process of the run that comes next, as soon as the server names it."""

    def __init__(self, task: RunTask) -> None:
        self._path = Path(task.followed_by) if task.followed_by else None
        self._attempt = ""

    def look(self) -> None:
        """See whether another run is named than before."""
        if self._path is None or not self._path.exists():
            return
        following = RunTask.from_json(read_json_file(self._path))
        self._path.unlink(missing_ok=True)
        ahead_processes().end(self._attempt)
        if following is None:
            return
        self._attempt = following.attempt
        ahead_processes().start(
            following.attempt,
            [*runner_command(following), "--ahead"],
            environment=_environment(following),
            cwd=following.folder,
        )

    def end(self) -> None:
        """Keep what was started for as long as its turn may come."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._attempt:
            ahead_processes().end_soon(self._attempt)


def execute_task(task: RunTask) -> int:
    """Execute a run in a process of its own; return that process' exit code.

    Raises
    ------
    distributed.Reschedule
        If the GPUs of this worker have too little free memory now.
    UnsharedFolderError
        If this worker does not see the run's folder.
    """
    folder = RunFolder(Path(task.folder))
    if task.has_ticket and not task.device:
        _wait_for_memory(task.memory_mb)
    if task.has_ticket and not Ticket(folder, task.attempt).take(_own_address()):
        return BEGUN_BEFORE
    if asked_to_stop(folder, attempt=task.attempt) is not None:
        return _STOPPED_BEFORE_START
    if read_status(folder).state is RunState.CANCELLED:
        return _STOPPED_BEFORE_START  # from another host, which knows no queue that holds it
    process, following = _start(task), _NextRun(task)
    try:
        return _wait(process, task, following.look)
    finally:
        following.end()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            _wait_at_most(process, _PATIENCE_S)
        if process.returncode != 0:
            end_processes_of(folder.path, task.attempt)


def _start(task: RunTask) -> subprocess.Popen[bytes] | WarmRun:
    if task.runner in STAYS_WARM:
        device = find_device(task.device)
        return warm_processes().start(
            task.runner,
            _arguments(task),
            python=task.python,
            environment=task.environment,
            own=run_environment(device, threads=task.threads or _share_of_cores()),
            marks=run_marks(Path(task.folder), task.attempt),
            log=RunFolder(Path(task.folder)).log,
        )
    warm_processes().end_idle()
    ready = ahead_processes().take(task.attempt)
    if ready is not None:
        return ready
    return subprocess.Popen(
        runner_command(task),
        env=_environment(task),
        cwd=task.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _environment(task: RunTask) -> dict[str, str]:
    return {**os.environ, **task.environment, **run_marks(Path(task.folder), task.attempt)}


def runner_command(task: RunTask) -> list[str]:
    """Return the command line of a run's process."""
    return [*module_command(task.runner, python=task.python), *_arguments(task)]


def _arguments(task: RunTask) -> list[str]:
    arguments = [task.folder, f"--parent={os.getpid()}"]
    arguments += [f"--threads={task.threads or _share_of_cores()}", f"--mode={task.mode}"]
    if task.device:
        arguments += [f"--device={task.device}"]
    if task.template:
        arguments += [f"--template={task.template}"]
    return arguments


def _own_address() -> str:
    from distributed import get_worker

    return str(get_worker().address)


def _share_of_cores() -> int:
    """The threads of one run on a cluster's worker: its cores, shared by its dask threads."""
    from distributed import get_worker

    try:
        runs = get_worker().state.nthreads
    except ValueError:
        runs = 1
    return max(1, usable_cores() // runs)


def _wait(
    process: subprocess.Popen[bytes] | WarmRun, task: RunTask, look: Callable[[], None]
) -> int:
    folder = RunFolder(Path(task.folder))
    asked_at: float | None = None
    while True:
        code = _wait_at_most(process, _POLL_S if asked_at is None else 0.02)
        if code is not None:
            return code
        look()
        if asked_at is None and asked_to_stop(folder, attempt=task.attempt) is not None:
            asked_at = time.monotonic()
        elif asked_at is not None and time.monotonic() - asked_at > _PATIENCE_S:
            process.kill()
            end_processes_of(folder.path, task.attempt)


def _wait_at_most(process: subprocess.Popen[bytes] | WarmRun, seconds: float) -> int | None:
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def _wait_for_memory(needed_mb: float) -> None:
    from distributed import Reschedule

    gpus = list_gpus()
    if needed_mb and gpus and max(gpu.free_mb for gpu in gpus) < needed_mb:
        time.sleep(5.0)
        raise Reschedule
