"""A process that stays warm: it has imported and compiled what a member's turn needs.

The start of a run takes seconds before its first step; a turn of a population cannot afford them
each time. One `WarmWorker` for each place where members train; it takes one turn after another.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lfads_nb import errors
from lfads_nb.errors import LfadsError, QueueError
from lfads_nb.queue.devices import Device, run_environment
from lfads_nb.sweep.progress import TrainProgress
from lfads_nb.sweep.turns import TurnRequest, TurnResult

_END_S = 5.0


class WarmWorkerEndedError(QueueError):
    """The process is gone; the turn it was taking can be taken again."""


class WarmWorker:
    """A process on a device that takes turns, started when it is first needed.

    It ends when this process ends, however that happens. One that crashed is started anew for the
    next turn; one that has grown too large makes way for a new one by itself.

    Parameters
    ----------
    device : where it computes; None leaves that to the environment.
    threads : of its numeric libraries.
    log : gets what it says, of all turns.
    tries : how often a turn is begun when the process dies in the middle of it.
    """

    def __init__(self, device: Device | None, *, threads: int, log: Path, tries: int = 2) -> None:
        self._environment = run_environment(device, threads=threads)
        self._log, self._tries = log, tries
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time, self._ended = threading.Lock(), False

    def __enter__(self) -> WarmWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the process and return; it imports what it needs meanwhile."""
        if self._ended:
            raise WarmWorkerEndedError("this worker was closed")
        if self.pid is not None:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)) as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lfads_nb.model.turn_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                # `-m` looks for modules in the working folder first: none of a user's.
                cwd=sys.prefix,
                env={**os.environ, **self._environment},
                start_new_session=True,
            )

    def take_turn(
        self, request: TurnRequest, *, on_progress: Callable[[TrainProgress], None] | None = None
    ) -> TurnResult:
        """Have a turn taken, see `lfads_nb.model.turns.take_turn`, and wait for its result.

        Raises
        ------
        LfadsError
            As `take_turn` does.
        WarmWorkerEndedError
            The process died in every attempt, or was closed meanwhile.
        """
        with self._one_at_a_time:
            request.save()
            for attempt in range(1, self._tries + 1):
                try:
                    self._ask(request, on_progress)
                    break
                except WarmWorkerEndedError:
                    if self._ended or attempt == self._tries:
                        raise
        result = TurnResult.of(request)
        if result is None:
            raise QueueError(f"the turn of {request.folder} ended without a result")
        return result

    def _ask(
        self, request: TurnRequest, on_progress: Callable[[TrainProgress], None] | None
    ) -> None:
        self.start()
        process = self._process
        if process is None or process.stdin is None:
            raise WarmWorkerEndedError("this worker was closed")
        try:
            with contextlib.suppress(BrokenPipeError):  # its end is read instead of an answer
                process.stdin.write(json.dumps({"folder": str(request.folder.resolve())}) + "\n")
                process.stdin.flush()
            answer = _last_answer(process, on_progress)
        except BaseException:
            # Nobody will read the answers to come: they must not be taken for those of a next turn.
            process.kill()
            self._let_go(process)
            raise
        if answer is None or answer["retires"]:
            self._let_go(process)
        if answer is None:
            raise WarmWorkerEndedError(
                f"the process that trains {request.folder} {_death(process.returncode)}; the end "
                f"of {self._log} may say why"
            )
        if "error" in answer:
            raise _error(answer)

    def _let_go(self, process: subprocess.Popen[str]) -> None:
        self._process = None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End the process; whoever waits for a turn of it gets `WarmWorkerEndedError`."""
        self._ended = True
        process = self._process
        if process is None:
            return
        # The pipes belong to whoever waits for an answer: they are closed once nobody does.
        process.kill()
        process.wait()
        with self._one_at_a_time:
            if self._process is not None:
                self._let_go(process)


def _last_answer(
    process: subprocess.Popen[str], on_progress: Callable[[TrainProgress], None] | None
) -> dict[str, Any] | None:
    """Wait for the end of a turn; None if the process ends before."""
    for line in process.stdout or ():
        answer: dict[str, Any] = json.loads(line)
        if "retires" in answer:
            return answer
        if "progress" in answer and on_progress is not None:
            on_progress(TrainProgress(**answer["progress"]))
    return None


def _error(answer: dict[str, Any]) -> LfadsError:
    """Make the error again that was raised in the other process."""
    kind = getattr(errors, answer["kind"], None)
    if isinstance(kind, type) and issubclass(kind, LfadsError):
        return kind(answer["error"])
    return QueueError(answer["error"])


def _death(exit_code: int) -> str:
    if exit_code == -9:
        return "was killed (signal 9; if nobody did that, memory ran out: fewer at once)"
    return f"died of signal {-exit_code}" if exit_code < 0 else f"ended with code {exit_code}"
