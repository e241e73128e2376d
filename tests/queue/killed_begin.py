"""Begins copies of a run as its runner does; each dies before another change to its folder.

    python -m tests.queue.killed_begin RUN_DIR INTO [--undo] [options of the runner]

INTO/<n>/died is the run that died before its n-th change, the last one that which did not;
INTO/<n>/again is the same after it was begun once more, without a word of what was asked.
With --undo it is undoing what was begun that dies.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from lfads_nb.queue.retraining import put_back
from lfads_nb.queue.runner import begin_run
from lfads_nb.queue.runner_process import parse_arguments
from lfads_nb.sweep.run_record import RunRecord

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copyfile"}


def die_before(change, directory):
    left = change

    def hook(event, arguments):
        nonlocal left
        is_written = event == "open" and "w" in str(arguments[1])
        if (event in CHANGES or is_written) and str(directory) in str(arguments):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def in_a_process(function):
    """Return whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            function()
        except Exception:  # noqa: BLE001
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"it ended with code {code}")
    return code == 0


def begin(directory, *options):
    folder, chosen = parse_arguments([str(directory), *options])
    if "--undo" in sys.argv:
        put_back(folder, why="was cancelled")
    else:
        begin_run(folder, RunRecord.load(folder), chosen)


def main():
    run, into, *options = (argument for argument in sys.argv[1:] if argument != "--undo")
    for n in range(200):
        died = Path(shutil.copytree(run, Path(into) / str(n) / "died", symlinks=True)).resolve()

        def dying(n=n, died=died):
            die_before(n, died)
            begin(died, *options)

        is_whole = in_a_process(dying)
        again = shutil.copytree(died, died.with_name("again"), symlinks=True)
        in_a_process(lambda again=again: begin(again))
        if is_whole:
            return


if __name__ == "__main__":
    main()
