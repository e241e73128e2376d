"""What the process of every runner does: its arguments, its marks, its log, its exit code.

A runner executes one run, a turn of a population's member, a pack of them, or a population.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lfads_nb.cores import usable_cores
from lfads_nb.errors import LfadsError
from lfads_nb.plain_text import plain_text
from lfads_nb.python_commands import module_command
from lfads_nb.queue.devices import default_label, find_device, run_environment
from lfads_nb.queue.open_files import allow_more
from lfads_nb.queue.processes import ATTEMPT_MARK, RUN_MARK, new_attempt, own_attempt, run_marks
from lfads_nb.queue.status import RunState, local_now, read_status, write_status
from lfads_nb.regular_files import open_regular
from lfads_nb.sweep.folders import RunFolder

EXIT_CODES = {
    RunState.DONE: 0, RunState.STOPPED_EARLY: 0, RunState.FAILED: 1, RunState.CANCELLED: 3,
    RunState.INTERRUPTED: 4,
}  # fmt: skip
EXIT_TAKEN = 75
"""Nothing was started: another process works on the run. The sentence is on standard error."""

MODES = ("all", "posterior_mean_only")


@dataclass(frozen=True)
class RunnerOptions:
    """How to execute a run; see the command line's help."""

    device: str = ""
    threads: int = 0
    mode: str = "all"
    rerun: bool = False
    more_epochs: int = 0
    template: Path | None = None
    parent: int | None = None
    ahead: bool = False


class Terminal:
    """Where this process was started; what it prints goes to the run's log later on."""

    def __init__(self) -> None:
        self._handle = os.dup(2)

    def refuse(self, error: Exception) -> int:
        """Say in one line why nothing was started; return the exit code."""
        with suppress(OSError):
            os.write(self._handle, f"{plain_text(str(error))}\n".encode())
        return EXIT_TAKEN


def prepare_process(folder: RunFolder, options: RunnerOptions) -> str:
    """Send what is printed to the log, and set the environment that the kernel inherits.

    Returns
    -------
    The device's name for people.

    Raises
    ------
    QueueError
        If this process may open too few files at once.
    """
    # Whoever can write to the folder could have put a link there: to another file of the owner's.
    with open_regular(folder.log, follow_links=False, append=True) as log:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    allow_more()
    device = find_device(options.device)
    os.environ.update(run_environment(device, threads=options.threads or usable_cores()))
    return device.label if device else default_label()


def start_marked(folder: RunFolder, module: str, arguments: list[str]) -> None:
    """Begin this process anew unless it was started with the marks of an attempt at the run.

    A process' own changes to its environment are not seen by others.
    """
    marks = run_marks(folder.path, own_attempt() or new_attempt())
    if os.environ.get(RUN_MARK) != marks[RUN_MARK] or not os.environ.get(ATTEMPT_MARK):
        command = [*module_command(module), *arguments]
        os.execve(sys.executable, command, {**os.environ, **marks})


def parse_arguments(arguments: list[str]) -> tuple[RunFolder, RunnerOptions]:
    parser = argparse.ArgumentParser(prog="lfads_nb.queue.runner", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--device", default="", help="'cpu', or a GPU's number or UUID")
    parser.add_argument("--threads", type=int, default=0, help="threads of the numeric libraries")
    parser.add_argument("--mode", choices=MODES, default="all")
    parser.add_argument("--rerun", action="store_true", help="train a run that is done afresh")
    parser.add_argument(
        "--more-epochs",
        type=int,
        default=0,
        help="go on for so many epochs with a run that is done",
    )
    parser.add_argument("--template", type=Path, help="another notebook to render")
    parser.add_argument(
        "--ahead", action="store_true", help="get ready, and begin when standard input says so"
    )
    parser.add_argument("--parent", type=int, help="stop when this process is no longer parent")
    known = vars(parser.parse_args(arguments))
    return RunFolder(known.pop("run_dir").resolve()), RunnerOptions(**known)


def record_failure(folder: RunFolder, reason: str) -> None:
    """Write down that a run could not even start, if that can be written."""
    try:
        status = read_status(folder)
        if status.state is RunState.DONE and folder.done.exists():
            # What it has made is as good as before.
            write_status(folder, replace(status, reason=f"it is done; {reason}"))
            return
        if not status.state.is_active:
            status = replace(status, state=RunState.QUEUED)
        write_status(folder, status.moved(RunState.FAILED, now=local_now(), reason=reason))
    except (LfadsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
