"""Processes by what they are: a pid is used again, a pid with its start time is not.

Every process that works for a run carries the run's folder and its attempt in its environment, so
that what a crash leaves behind can be found and ended, whoever its parent was, and nothing else.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from lfads_nb.desks import KILL

RUN_MARK = "LFADS_NB_RUN"
"""Environment variable that names the run's folder in all of its processes."""
ATTEMPT_MARK = "LFADS_NB_ATTEMPT"
"""Environment variable that names which of the attempts at a run a process belongs to."""


@dataclass(frozen=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: float
    host: str

    @classmethod
    def from_json(cls, content: Any) -> ProcessId | None:
        """Make what a file says of a process; None if it says nothing that could be one."""
        found = content if isinstance(content, dict) else {}
        pid, started, host = found.get("pid"), found.get("started"), found.get("host")
        if type(pid) is not int or not 0 < pid < 2**31 or type(host) is not str:
            return None
        if type(started) not in (int, float) or not math.isfinite(number := float(started or 0)):
            return None
        return cls(pid, number, host)

    @classmethod
    def own(cls) -> ProcessId:
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Raises psutil.NoSuchProcess if there is none."""
        return cls(pid, start_ticks(pid), this_host())

    @property
    def is_here(self) -> bool:
        return self.host == this_host()

    @property
    def is_alive(self) -> bool:
        """Whether it runs on this host (a zombie does not)."""
        try:
            process = psutil.Process(self.pid)
            return (
                abs(start_ticks(self.pid) - self.started) < 0.05
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return False

    def send(self, signum: int) -> bool:
        """Send a signal if the process still lives; return whether it did."""
        with _signalling(self.pid) as send:
            if not self._may_be_signalled():
                return False
            with contextlib.suppress(ProcessLookupError):
                send(signum)
        return True

    def _may_be_signalled(self) -> bool:
        return self.is_alive


@contextlib.contextmanager
def _signalling(pid: int) -> Iterator[Callable[[int], None]]:
    """Give a way to signal a process that cannot reach a later one with the same number."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):  # not on this system, or there is no such process
        yield lambda signum: os.kill(pid, signum)
        return
    try:
        yield lambda signum: signal.pidfd_send_signal(handle, signum)
    finally:
        os.close(handle)


def this_host() -> str:
    return socket.gethostname()


def start_ticks(pid: int) -> float:
    """Return when a process started, in seconds since boot where the system tells that.

    Seconds since boot do not move when somebody sets the clock, as psutil's creation time does.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (FileNotFoundError, ProcessLookupError):
        return psutil.Process(pid).create_time()


def new_attempt() -> str:
    """Return a name for an attempt at a run, never used twice."""
    return uuid.uuid4().hex


def own_attempt() -> str:
    """Return the attempt that this process belongs to; "" for none."""
    return os.environ.get(ATTEMPT_MARK, "")


def run_marks(run_dir: Path, attempt: str) -> dict[str, str]:
    """Return the environment that a process which works for a run must be started with."""
    return {RUN_MARK: str(run_dir.resolve()), ATTEMPT_MARK: attempt}


def carries_marks(process: psutil.Process, marks: Mapping[str, str]) -> bool:
    """Return whether a process was started with these marks; one that cannot be read was not."""
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    return all(environment.get(name, "") == value for name, value in marks.items())


def processes_of(run_dir: Path, attempt: str) -> list[psutil.Process]:
    """Find every process of this user that works for one attempt at a run, this one left out."""
    marks, own = run_marks(run_dir, attempt), os.getpid()
    return [p for p in psutil.process_iter() if p.pid != own and carries_marks(p, marks)]


def end_processes_of(run_dir: Path, attempt: str, *, wait_s: float = 2.0) -> int:
    """Kill every process that works for one attempt at a run; return how many there were.

    Parameters
    ----------
    run_dir : the run's folder, as it was called when the attempt began.
    attempt : as its status, its lock or this process' environment name it.
    """
    found = processes_of(run_dir, attempt)
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=wait_s)
    return len(found)


def stop_process(
    target: ProcessId,
    *,
    grace_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Ask a process to stop, then kill it; return whether it stopped when it was asked.

    Parameters
    ----------
    grace_s : seconds between the request (SIGTERM) and the end of patience (SIGKILL).
    """
    if not target.send(signal.SIGTERM):
        return True
    deadline = clock() + grace_s
    while clock() < deadline:
        if not target.is_alive:
            return True
        sleep(0.05)
    target.send(KILL)
    while target.is_alive and clock() < deadline + 5.0:
        sleep(0.05)
    return False


def start_detached(
    command: Sequence[str], *, log: Path, cwd: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, its terminal and its session.

    Parameters
    ----------
    command : program and arguments.
    log : gets what it prints, readable by the owner alone.
    """
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    finally:
        os.close(file)
    # While this process lives it must take note of the other's end, or that stays as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    return process
