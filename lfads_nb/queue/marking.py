"""What a launch does to run folders: which runs it is for, and the word that they are queued."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

from lfads_nb.errors import LfadsError, QueueError
from lfads_nb.queue.batches import LaunchOptions
from lfads_nb.queue.outputs import has_checkpoint, is_trained, unusable_outputs
from lfads_nb.queue.population_launch import is_population
from lfads_nb.queue.processes import this_host
from lfads_nb.queue.reading import current_status
from lfads_nb.queue.retraining import Kind, ask_to_retrain, read_retraining, withdraw
from lfads_nb.queue.run_lock import is_worked_on
from lfads_nb.queue.rungs import is_stopped_early
from lfads_nb.queue.status import RunState, RunStatus, local_now, read_status, write_status
from lfads_nb.queue.stopping import asked_to_stop, forget_stop
from lfads_nb.sweep.folders import PopulationFolder, RunFolder
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.run_record import RunRecord

_STOPS_WITHIN_S = 12.0


def run_name(folder: RunFolder) -> str:
    if is_population(folder):
        return PopulationRecord.load(PopulationFolder(folder.path)).name
    return RunRecord.load(folder).name


def is_wanted(folder: RunFolder, options: LaunchOptions) -> bool:
    """Whether a launch should queue a run: not done or stopped early, unless it is to go on."""
    if is_stopped_early(folder):
        return options.go_on or options.rerun
    if not folder.done.exists() or options.is_retraining or options.mode != "all":
        return True
    if is_population(folder):
        return False
    # One that could not begin with what was asked of it, or whose files were deleted by hand.
    asked = read_retraining(folder)
    return asked is not None or bool(unusable_outputs(folder, RunRecord.load(folder)))


def refuse_what_cannot_go_on(folders: Iterable[RunFolder]) -> None:
    done = [folder for folder in folders if folder.done.exists()]
    populations = [run_name(folder) for folder in done if is_population(folder)]
    if populations:
        raise QueueError(
            f"a population goes on by its own rule, not with more_epochs: {', '.join(populations)}"
        )
    lost = [run_name(folder) for folder in done if not has_checkpoint(folder, newest=True)]
    if lost:
        raise QueueError(
            "more_epochs goes on from the last checkpoint, and these have none: "
            f"{', '.join(lost)}. Launch them with rerun=True to train them afresh"
        )


def refuse_untrained(folders: Iterable[RunFolder]) -> None:
    untrained = [run_name(folder) for folder in folders if not is_trained(folder)]
    if untrained:
        raise QueueError(
            f"posterior_mean_only samples from trained models, and these are not trained yet: "
            f"{', '.join(untrained)}. Launch them with mode='all'"
        )


def let_stop(folders: Iterable[RunFolder]) -> None:
    """Wait for runs that were asked to stop: until they have, they cannot be queued again."""
    deadline = time.monotonic() + _STOPS_WITHIN_S
    for folder in folders:
        while asked_to_stop(folder) is not None and time.monotonic() < deadline:
            if not current_status(folder).state.is_running:
                break
            time.sleep(0.05)


def take_back(folders: Iterable[RunFolder], before: Iterable[RunStatus]) -> None:
    """Undo the marks of a launch that could not be saved: nobody would ever start these runs."""
    for folder, status in zip(folders, before, strict=True):
        is_marked = read_status(folder).state is RunState.QUEUED
        if is_marked and status.state is not RunState.QUEUED:
            with suppress(LfadsError, OSError):
                write_status(folder, status)
                withdraw(folder)


def mark_queued(folder: RunFolder, options: LaunchOptions, *, submission: str = "") -> bool:
    """Write that a run is queued; return False if a process works on it, or just finished it.

    A process that has written the run's end touches the folder no more: it is only leaving.

    Parameters
    ----------
    submission : the one to SLURM that it waits for; "" for this machine's queue, which leaves
        alone what waits for SLURM.
    """
    status = current_status(folder)
    if status.state is RunState.QUEUED and status.submission and not submission:
        return False
    if status.state.is_running and is_worked_on(folder):
        return False
    if status.state is RunState.DONE and not is_wanted(folder, options):
        return False
    forget_stop(folder)
    if options.is_retraining and not is_population(folder):
        kind: Kind = "more_epochs" if options.more_epochs else "afresh"
        ask_to_retrain(folder, kind, more_epochs=options.more_epochs)
    elif options.mode != "all":
        withdraw(folder)
    if status.state is not RunState.QUEUED or submission or status.host != this_host():
        if status.state.is_running:
            status = RunStatus(RunState.INTERRUPTED, finished_stages=status.finished_stages)
        write_status(
            folder,
            status.moved(
                RunState.QUEUED, now=local_now(), progress={}, stage="", reason="", detail="",
                mode=options.mode, submission=submission, job="", host=this_host(),
                cluster=options.cluster["address"] if options.cluster and not submission else "",
            ),
        )  # fmt: skip
    return True
