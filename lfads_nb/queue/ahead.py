"""Runners that a worker starts ahead: all that takes long has happened when their run's turn comes.

From a free device to a run's first training step, most of the time goes into starting two
processes, importing tensorflow and compiling the step. None of that needs the device. So when a
run is about to end, the process of the next one starts, and waits for its turn with
everything imported and compiled (`ready.py`). It is that run's own process, with its own marks, log
and kernel: whatever happens to it happens to no other run. If it dies, or another run comes first,
the run starts as it would have without.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache

GRACE_S = 20.0
"""So long after the end of the run before, one whose turn does not come is kept."""

BEGIN = "begin"
_END_S = 5.0


class AheadProcesses:
    """The processes of this worker that wait for their run's turn.

    Parameters
    ----------
    grace_s : see `GRACE_S`.
    """

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._waiting: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def start(
        self, attempt: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: str
    ) -> None:
        """Start a runner that gets ready and begins when it is told to.

        Parameters
        ----------
        attempt : of its run; it is found again by it.
        command : of a runner with the option `--ahead`.
        environment, cwd : of the process.
        """
        try:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return  # the run says so when its turn comes
        with self._lock:
            self._waiting[attempt] = process

    def take(self, attempt: str) -> subprocess.Popen[bytes] | None:
        """Let a run begin in the process that waits for it; None if there is none."""
        with self._lock:
            process = self._waiting.pop(attempt, None)
        if process is None:
            return None
        if process.poll() is None and process.stdin is not None:
            with suppress(BrokenPipeError):
                with process.stdin:
                    process.stdin.write(f"{BEGIN}\n".encode())
                return process
        _end(process)
        return None

    def end(self, attempt: str) -> None:
        """End the process of a run whose turn does not come; it takes memory."""
        with self._lock:
            process = self._waiting.pop(attempt, None)
        if process is not None:
            _end(process)

    def end_soon(self, attempt: str) -> None:
        """End it unless its turn comes very soon."""
        timer = threading.Timer(self._grace_s, self.end, [attempt])
        timer.daemon = True
        timer.start()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close its pipe, which ends it, and see that it has ended."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@cache
def ahead_processes() -> AheadProcesses:
    """Return those of this process."""
    return AheadProcesses()
