"""One run by itself, now and here: without the queue's server, until it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from lfads_nb.atomic_files import check_text
from lfads_nb.plain_text import plain_text
from lfads_nb.python_commands import module_command
from lfads_nb.queue.batches import passed_on
from lfads_nb.queue.devices import find_device
from lfads_nb.queue.marking import run_name
from lfads_nb.queue.processes import new_attempt, run_marks
from lfads_nb.queue.progress_view import show_progress
from lfads_nb.queue.reading import current_status
from lfads_nb.queue.run_lock import RunIsTakenError, read_holder
from lfads_nb.queue.runner_process import EXIT_TAKEN
from lfads_nb.queue.stopping import forget_stop
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.stored_params import check_own_code


def run_here(run_dir: str | Path, *, device: str | None = None) -> int:
    """Execute one run now, without the queue's server, and wait for its end.

    Parameters
    ----------
    run_dir : the run's folder.
    device : "cpu", or a GPU by number or UUID; by default what the environment offers.

    Returns
    -------
    0 if it is done, else another exit code; `lfads.out` and the status tell why.

    Raises
    ------
    RunIsTakenError
        If another process works on it.
    QueueError
        If there is no such device.
    """
    folder = RunFolder(Path(run_dir).resolve())
    check_text(folder.path)
    check_own_code(RunRecord.load(folder).params)
    find_device(device or "")
    _refuse_taken(folder)
    forget_stop(folder)
    command = [*module_command("lfads_nb.queue.runner"), str(folder.path)]
    # A scheduler that ends this process, however hard, means the run.
    command += [f"--parent={os.getpid()}"]
    command += [f"--device={device}"] if device else []
    environment = {**os.environ, **passed_on(), **run_marks(folder.path, new_attempt())}
    with subprocess.Popen(
        command, env=environment, start_new_session=True, stderr=subprocess.PIPE
    ) as process:
        try:
            with show_progress([run_name(folder)]) as view:
                while process.poll() is None:
                    view.update([current_status(folder)], [""])
                    time.sleep(0.5)
                view.update([current_status(folder)], [""])
        except KeyboardInterrupt:
            process.send_signal(2)
            process.wait()
        # What comes before its output goes to the log: that it cannot start at all.
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode == EXIT_TAKEN:
        raise RunIsTakenError(read_holder(folder))
    sys.stderr.write(plain_text(said))
    return process.returncode


def _refuse_taken(folder: RunFolder) -> None:
    holder = read_holder(folder)
    if holder is not None and holder.may_be_alive:
        raise RunIsTakenError(holder)
