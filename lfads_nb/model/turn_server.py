"""`python -m lfads_nb.model.turn_server`: takes one turn after another for the process above it.

That is `lfads_nb.queue.warm.WarmWorker`. Imports and compiled steps stay from turn to turn. A
request is a line with a member's folder, whose `turn.json` says the rest; the answers are lines of
JSON. When the pipe with the requests closes, this process ends at once, whatever it is doing: a
turn that was cut short is taken again.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from lfads_nb.errors import LfadsError
from lfads_nb.model.compiled_models import CompiledModels
from lfads_nb.model.turns import take_turn
from lfads_nb.sweep.turns import TurnRequest

log = logging.getLogger(__name__)

MAX_GROWTH = 2 * 2**30
"""Bytes by which the process may outgrow its size after the first turn; then it makes way for a new
one."""

Answer = Callable[..., None]


def serve(next_folder: Callable[[], str], answer: Answer) -> None:
    """Take turns until memory or an error that nobody foresaw ends it.

    Parameters
    ----------
    next_folder : callable
        Waits for the next request.
    answer : callable
        Sends its keyword arguments.
    """
    models, process = CompiledModels(), psutil.Process()
    allowed: int | None = None
    while True:
        folder = Path(next_folder())
        try:
            log.info("Turn of %s.", folder)
            request = TurnRequest.load(folder)
            take_turn(request, models=models, on_progress=lambda p: answer(progress=p.to_json()))
        except LfadsError as error:
            log.warning("%s", error)
            answer(error=str(error), kind=type(error).__name__, retires=False)
            continue
        except Exception as error:  # noqa: BLE001  the outermost frame of a turn
            # What such an error leaves of a model or of the memory is not to be built upon.
            log.warning("%s", traceback.format_exc())
            answer(error=f"{type(error).__name__}: {error}", kind="TrainingError", retires=True)
            return
        size = process.memory_info().rss
        allowed = allowed if allowed is not None else size + MAX_GROWTH
        answer(done=True, retires=size > allowed)
        if size > allowed:
            log.info("Grown to %d MiB: a new process goes on.", size / 2**20)
            return


def main() -> None:
    """Serve the pipes that this process was started with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    # What libraries print goes to the log; the answers keep a pipe of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line)["folder"])
        os._exit(0)

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    threading.Thread(target=read, daemon=True).start()
    answer(ready=True)
    serve(requests.get, answer)


if __name__ == "__main__":
    main()
