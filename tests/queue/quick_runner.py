"""Stands in for the runner where a test is about the queue: the same states, without a notebook.

What it does is told by `behaviour.json` in the run's folder: `wait` for a file named `go`, `fail`
that many times, or `linger` that many seconds when everything is done. Each start is a line in
`starts.txt`.
"""

import json
import sys
import time
from pathlib import Path

from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.run_lock import RunIsTakenError, RunLock
from lfads_nb.queue.runner import EXIT_TAKEN
from lfads_nb.queue.status import RunState, move_status, read_status
from lfads_nb.queue.stopping import asked_to_stop, forget_stop
from lfads_nb.sweep.folders import RunFolder


def behaviour_of(folder):
    path = folder.path / "behaviour.json"
    return json.loads(path.read_text()) if path.exists() else {}


def run(folder):
    behaviour = behaviour_of(folder)
    own = ProcessId.own()
    attempt = read_status(folder).attempt + 1
    move_status(
        folder, RunState.TRAINING, stage="training", attempt=attempt,
        pid=own.pid, pid_started=own.started, host=own.host,
    )  # fmt: skip
    with (folder.path / "starts.txt").open("a") as file:
        file.write(f"{time.time_ns()}\n")
    while behaviour.get("wait") and not (folder.path / "go").exists():
        stop = asked_to_stop(folder)
        if stop is not None:
            move_status(folder, stop, reason="stopped")
            forget_stop(folder)
            return 3
        time.sleep(0.02)
    if attempt <= behaviour.get("fail", 0):
        move_status(folder, RunState.FAILED, reason="told to fail")
        return 1
    folder.done.touch()
    move_status(folder, RunState.DONE)
    return 0


def main():
    folder = RunFolder(Path(sys.argv[1]))
    try:
        with RunLock(folder):
            code = run(folder)
            time.sleep(behaviour_of(folder).get("linger", 0))
            return code
    except RunIsTakenError:
        return EXIT_TAKEN


if __name__ == "__main__":
    sys.exit(main())
