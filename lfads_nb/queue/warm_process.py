"""What runs in a warm process: a runner's function, called for one request after another.

The argument is the runner's module, one of `STAYS_WARM`. Requests and answers are lines of JSON.
When the pipe with the requests closes, this process ends at once, whatever it is doing: a turn that
was cut short is taken again.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

import psutil

MAX_GROWTH = 2 * 2**30
"""Bytes by which the process may outgrow its size after its first request; then it makes way for a
new one."""

Run = Callable[[list[str]], int]


def serve(
    run: Run, next_request: Callable[[], dict[str, Any]], answer: Callable[..., None]
) -> None:
    """Answer requests until one fails or memory has grown too much.

    What a failure leaves of a model or of the memory is not to be built upon.
    """
    process, allowed = psutil.Process(), None
    while True:
        request = next_request()
        os.environ.update(request["marks"])
        code = run(request["arguments"])
        size = process.memory_info().rss
        allowed = size + MAX_GROWTH if allowed is None else allowed
        retires = code != 0 or size > allowed
        answer(code=code, retires=retires)
        if retires:
            return
        _print_to_nowhere()


def main() -> None:
    """Serve the pipes that this process was started with."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line))
        os._exit(0)

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    threading.Thread(target=read, daemon=True).start()
    serve(_warm(sys.argv[1]), requests.get, answer)


def _warm(runner: str) -> Run:
    """Return what a runner keeps warm, or else its main function: the imports stay at least."""
    module = importlib.import_module(runner)
    return module.make_warm() if hasattr(module, "make_warm") else module.main


def _print_to_nowhere() -> None:
    """Let go of the last run's log."""
    sys.stdout.flush()
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    main()
