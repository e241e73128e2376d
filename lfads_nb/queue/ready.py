"""A runner and its kernel that get ready before their run's turn comes, see `ahead.py`.

Until then nothing is written to the run's folder but what libraries say into its log.
"""

from __future__ import annotations

import logging
import sys
from typing import NamedTuple, TextIO

from lfads_nb.queue.ahead import BEGIN
from lfads_nb.queue.kernel import RunKernel
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_record import RunRecord

log = logging.getLogger(__name__)


class Turn(NamedTuple):
    """What came of waiting for a run's turn."""

    has_come: bool
    kernel: RunKernel | None
    """Its kernel, if that is ready."""


def wait_for_turn(folder: RunFolder, *, builds: bool, requests: TextIO | None = None) -> Turn:
    """Get ready, and wait for the run's turn.

    Parameters
    ----------
    folder : the run.
    builds : whether the kernel also builds and compiles the model, which takes a GPU's memory.
    requests : says when to begin, and by its end that the turn does not come; standard input.
    """
    kernel = RunKernel()
    try:
        is_ready = _get_ready(kernel, folder, builds=builds)
        has_come = (requests or sys.stdin).readline().strip() == BEGIN
    except BaseException:
        kernel.close()
        raise
    if has_come and is_ready and kernel.exit_code is None:
        return Turn(True, kernel)
    kernel.close()
    return Turn(has_come, None)


def _get_ready(kernel: RunKernel, folder: RunFolder, *, builds: bool) -> bool:
    try:
        kernel.start(folder.path)
        kernel.ask(
            f"__import__({__name__!r}, fromlist=['*'])"
            f".make_ready({str(folder.path)!r}, builds={builds});"
        )
        _import_all()
    except Exception as error:  # noqa: BLE001  the run starts as it would have without
        sys.stdout.write(f"could not get ready ahead of its turn: {error!r}\n")
        sys.stdout.flush()
        return False
    return True


def _import_all() -> None:
    """Import what a runner needs before its notebook's first cell."""
    import nbformat  # noqa: F401
    import papermill
    import papermill.parameterize  # noqa: F401
    import pynvml  # noqa: F401

    import lfads_nb.queue.notebook_client  # noqa: F401


def make_ready(run_dir: str, *, builds: bool) -> None:
    """Import, and build if that is wanted, what the notebook of a run will use.

    What goes wrong here is said by the stage that needs it.
    """
    try:
        from pathlib import Path

        from lfads_nb.model import stages
        from lfads_nb.results import report  # noqa: F401

        folder = RunFolder(Path(run_dir))
        if not builds or RunState.TRAINING.value in read_status(folder).finished_stages:
            return
        record = RunRecord.load(folder)
        if type(record.params) is RunParams:  # a class of the user's own is not run before its time
            stages.get_ready(folder, record.params, record.datasets)
    except Exception as error:  # noqa: BLE001  the stage that needs it meets the same and says so
        log.info("could not get ready: %s", error)
