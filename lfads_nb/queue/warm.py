"""Processes that stay warm: they have imported and compiled what the next turn needs.

The start of a process takes seconds before its first training step, more than a turn of a
population's member. So a worker keeps the process that took a turn and gives it the next one.
`lfads_nb.queue.warm_process` is what runs in it. It ends when this process ends, however that
happens.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from lfads_nb.python_commands import module_command

STAYS_WARM = ("lfads_nb.queue.turn_runner", "lfads_nb.queue.turn_pack_runner")
"""Runners that can be called again and again, see `warm_process`."""

IDLE_S = 300.0
"""So long a process is kept with nothing to do: memory, a GPU's too, is wanted by others."""

_END_S = 5.0
_MODULE = "lfads_nb.queue.warm_process"


class WarmProcess:
    """A process that can be given one thing to do after another.

    Parameters
    ----------
    runner : module of what it does.
    python : its interpreter.
    environment : its whole environment; device and threads cannot change any more.
    log : says why it could not start, if it could not; a run has a log of its own.
    """

    def __init__(
        self, runner: str, *, python: str, environment: Mapping[str, str], log: Path
    ) -> None:
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [*module_command(_MODULE, python=python), runner],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                encoding="utf-8",
                cwd=sys.prefix,
                env=dict(environment),
                start_new_session=True,
            )
        self.answers: queue.SimpleQueue[dict | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as lines:
                for line in lines:
                    self.answers.put(json.loads(line))
        self.answers.put(None)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, arguments: Sequence[str], marks: Mapping[str, str]) -> None:
        """Have it run with these arguments and with the marks of an attempt."""
        request = {"arguments": list(arguments), "marks": dict(marks)}
        with suppress(BrokenPipeError):  # its end is noticed where its answer is awaited
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()

    def send_signal(self, signum: int) -> None:
        """Send a signal, if it is still there."""
        self._process.send_signal(signum)

    def end(self) -> int:
        """Close its pipe, which ends it, and return its exit code."""
        with suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class WarmRun:
    """One thing that a warm process does, with the face of a process of its own (`Popen`)."""

    def __init__(self, process: WarmProcess, processes: WarmProcesses, key: Hashable) -> None:
        self._process, self._processes, self._key = process, processes, key
        self.returncode: int | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Of the process that does it."""
        return self._process.pid

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
        """
        with self._lock:
            if self.returncode is None:
                try:
                    answer = self._process.answers.get(timeout=timeout)
                except queue.Empty:
                    raise subprocess.TimeoutExpired(_MODULE, timeout or 0.0) from None
                if answer is None or answer["retires"]:
                    code = self._process.end()
                else:
                    code = 0
                    self._processes.keep(self._key, self._process)
                self.returncode = code if answer is None else answer["code"]
            return self.returncode

    def poll(self) -> int | None:
        """Return the exit code if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0.0)
        return None

    def send_signal(self, signum: int) -> None:
        """Send a signal unless it has ended."""
        if self.returncode is None:
            self._process.send_signal(signum)

    def kill(self) -> None:
        """End it, and the process with it."""
        if self.returncode is None:
            self._process.send_signal(9)


class WarmProcesses:
    """The warm processes of this process that have nothing to do.

    Parameters
    ----------
    idle_s : how long one is kept.
    """

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._idle: list[tuple[Hashable, WarmProcess]] = []
        self._lock = threading.Lock()

    def start(
        self,
        runner: str,
        arguments: Sequence[str],
        *,
        python: str,
        environment: Mapping[str, str],
        own: Mapping[str, str],
        marks: Mapping[str, str],
        log: Path,
    ) -> WarmRun:
        """Run something in an idle process of the same kind, else in a new one.

        Parameters
        ----------
        runner, arguments : what to run.
        python : the interpreter.
        environment : of the launch; a process with another one is of another kind.
        own : device and threads, for a new process. A kept one has those of its start.
        marks : of the attempt.
        log : of a new process, see `WarmProcess`.
        """
        key = (runner, python, tuple(sorted(environment.items())), own.get("CUDA_VISIBLE_DEVICES"))
        process = self._take(key)
        if process is None:
            whole = {**os.environ, **environment, **own}
            process = WarmProcess(runner, python=python, environment=whole, log=log)
        process.ask(arguments, marks)
        return WarmRun(process, self, key)

    def _take(self, key: Hashable) -> WarmProcess | None:
        with self._lock:
            self._idle = [entry for entry in self._idle if entry[1].is_alive]
            for entry in self._idle:
                if entry[0] == key:
                    self._idle.remove(entry)
                    return entry[1]
        return None

    def keep(self, key: Hashable, process: WarmProcess) -> None:
        """Take back a process that has nothing to do."""
        entry = (key, process)
        with self._lock:
            self._idle.append(entry)
        timer = threading.Timer(self._idle_s, self._end_if_idle, [entry])
        timer.daemon = True
        timer.start()

    def _end_if_idle(self, entry: tuple[Hashable, WarmProcess]) -> None:
        with self._lock:
            # Not one that was given something to do since, and is idle again.
            is_idle = any(e is entry for e in self._idle)
            self._idle = [e for e in self._idle if e is not entry]
        if is_idle:
            entry[1].end()

    def end_idle(self) -> None:
        """End all that have nothing to do: something else needs their place."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, process in idle:
            process.end()


@cache
def warm_processes() -> WarmProcesses:
    """Return those of this process."""
    return WarmProcesses()
