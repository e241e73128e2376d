"""Stands in for the runner where a test is about the queue: the same states, without a notebook.

It is watched over as a real run is. What it does is told by `behaviour.json` in the run's folder:
`wait` for a file named `go`, `fail` that many times, get an epoch further by each start (`epochs`),
or `linger` that many seconds when everything is done. Each start is a line in `starts.txt`.
"""

import json
import sys
import time

from lfads_nb.queue.processes import ProcessId, own_attempt
from lfads_nb.queue.retraining import forget_earlier
from lfads_nb.queue.run_lock import RunIsTakenError, RunLock
from lfads_nb.queue.runner_process import EXIT_CODES, EXIT_TAKEN, parse_arguments
from lfads_nb.queue.slurm.scheduler import own_job
from lfads_nb.queue.status import RunState, move_status, read_status
from lfads_nb.queue.stopping import forget_stop
from lfads_nb.queue.watching import RunWatch
from tests.queue.tiny_runs import leave_outputs


def behaviour_of(folder):
    path = folder.path / "behaviour.json"
    return json.loads(path.read_text()) if path.exists() else {}


def run(folder, watch):
    behaviour = behaviour_of(folder)
    own = ProcessId.own()
    attempt = read_status(folder).attempt + 1
    move_status(
        folder, RunState.TRAINING, stage="training", attempt=attempt,
        pid=own.pid, pid_started=own.started, host=own.host, attempt_id=own_attempt(),
        progress={"epoch": attempt} if behaviour.get("epochs") else {},
        job=own_job(),
    )  # fmt: skip
    with (folder.path / "starts.txt").open("a") as file:
        file.write(f"{time.time_ns()}\n")
    while behaviour.get("wait") and not (folder.path / "go").exists():
        if watch.stop_state is not None:
            forget_stop(folder)
            return move_status(folder, watch.stop_state, reason=watch.stop_reason)
        time.sleep(0.02)
    if attempt <= behaviour.get("fail", 0):
        return move_status(folder, RunState.FAILED, reason="told to fail")
    leave_outputs(folder)
    forget_earlier(folder)
    folder.done.touch()
    return move_status(folder, RunState.DONE)


def main():
    folder, options = parse_arguments(sys.argv[1:])
    try:
        with RunLock(folder) as lock:
            with RunWatch(folder, lock, parent=options.parent) as watch:
                status = run(folder, watch)
            time.sleep(behaviour_of(folder).get("linger", 0))
            return EXIT_CODES[status.state]
    except RunIsTakenError:
        return EXIT_TAKEN


if __name__ == "__main__":
    sys.exit(main())
