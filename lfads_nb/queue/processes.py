"""Processes by what they are: a pid is used again, a pid with its start time is not.

Every process that works for a run carries the run's folder in its environment, so that what a
crash leaves behind can be found and ended, whoever its parent was.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

RUN_MARK = "LFADS_NB_RUN"
"""Environment variable that names the run's folder in all of its processes."""


@dataclass(frozen=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: float
    host: str

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
        if not self.is_alive:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signum)
        return True


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


def processes_of(run_dir: Path) -> list[psutil.Process]:
    """Find every process of this user that works for a run, this one left out."""
    wanted, own = str(run_dir.resolve()), os.getpid()
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != own and process.environ().get(RUN_MARK) == wanted:
                found.append(process)
    return found


def end_processes_of(run_dir: Path, *, wait_s: float = 2.0) -> int:
    """Kill every process that works for a run; return how many there were."""
    found = processes_of(run_dir)
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
    target.send(signal.SIGKILL)
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
