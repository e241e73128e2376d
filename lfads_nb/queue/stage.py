"""What the cells of a run's notebook call: a stage that tells the world how far it is.

    run_stage(run_dir, "training", stages.train)

While the stage runs, this process owns the run's `status.json`. Progress is written at most once a
second and at least every five, by a thread, so that a long epoch looks alive too.
"""

from __future__ import annotations

import inspect
import io
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lfads_nb.errors import QueueError, RunFolderError
from lfads_nb.queue.folder_hold import FolderHold
from lfads_nb.queue.live import LiveDisplay
from lfads_nb.queue.processes import RUN_MARK, own_attempt
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.rungs import RungJudge
from lfads_nb.queue.status import (
    STAGES,
    RunState,
    RunStatus,
    local_now,
    move_status,
    read_status,
    training_figures,
    write_status,
)
from lfads_nb.regular_files import open_regular
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.halving import why_stopped
from lfads_nb.sweep.progress import TrainProgress, TrainStep, TrainSummary, epochs_in_words
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.stored_params import check_own_code

WRITE_EVERY_S = 1.0
BEAT_EVERY_S = 5.0


def run_stage(run_dir: str | Path, stage: str, function: Callable[..., Any]) -> Any:
    """Run one stage of the run whose notebook this is, if it is still to be done.

    Parameters
    ----------
    run_dir : the run's folder.
    stage : "training", "sampling" or "exporting".
    function : called with the `RunFolder`, `RunParams` and dataset names, and with `on_progress`,
        `on_step` and, in a sweep that is halved, `judge` if it takes those.

    Returns
    -------
    What the function returns; None if there was nothing to do.

    Raises
    ------
    QueueError
        If there is no such stage, or the folder belongs to another attempt by now.
    """
    if stage not in {s.value for s in STAGES}:
        raise QueueError(
            f"{stage!r} is no stage: it is one of {', '.join(s.value for s in STAGES)}"
        )
    folder = RunFolder(Path(run_dir).resolve())
    display = LiveDisplay()
    if os.environ.get(RUN_MARK) != str(folder.path):
        display.note(
            f"Not started by the queue: {stage} is left as it is. The rest of the report is drawn "
            "from the run's files."
        )
        return None
    holder = read_holder(folder)
    if holder is not None and holder.attempt != own_attempt():
        raise QueueError(f"process {holder.pid} on {holder.host} works on the run now")
    status = read_status(folder)
    if stage != RunState.TRAINING.value and status.training_end and (why := why_stopped(folder)):
        display.note(f"No {stage}: {why}.")
        return None
    if stage in status.finished_stages:
        display.note(f"The {stage} ended in an earlier attempt and is complete.")
        return None
    record = RunRecord.load(folder)
    check_own_code(record.params)
    figures = training_figures(status)
    status = move_status(folder, RunState(stage), stage=stage, progress=figures)
    with _logging_to(folder), StageReporter(folder, status, display) as reporter:
        takes = inspect.signature(function).parameters
        offered: dict[str, Callable[..., Any]] = {
            "on_progress": reporter.report, "on_step": reporter.report,
        }  # fmt: skip
        if judge := RungJudge.of(folder):
            offered["judge"] = judge
        callbacks = {name: call for name, call in offered.items() if name in takes}
        result = function(folder, record.params, record.datasets, **callbacks)
    stopped = stage == RunState.TRAINING.value and bool(why_stopped(folder))
    finished = (*reporter.status.finished_stages, *(() if stopped else (stage,)))
    ended = replace(reporter.status, finished_stages=finished, heartbeat=time.time())
    if isinstance(result, TrainSummary):
        ended = replace(ended, training_end=result.in_words)
    reporter.write(ended)
    return result


def announce(run_dir: str | Path, doing: str) -> None:
    """Say what the notebook does before its next stage; nothing outside of a run of the queue.

    Parameters
    ----------
    run_dir : the run's folder.
    doing : in a word or two.
    """
    folder = RunFolder(Path(run_dir).resolve())
    if os.environ.get(RUN_MARK) != str(folder.path):
        return
    status = read_status(folder)
    # The lock says whose the folder is; what is said here matters too little to ask twice.
    if status.state.is_running and status.attempt_id == own_attempt():
        with suppress(RunFolderError):
            changed = replace(status, progress={**status.progress, "doing": doing})
            write_status(folder, changed, use_reserve=False)


@contextmanager
def _logging_to(folder: RunFolder) -> Iterator[None]:
    """Send what the package logs to the run's log rather than into its notebook."""
    file = io.TextIOWrapper(
        open_regular(folder.log, follow_links=False, append=True), encoding="utf-8"
    )
    handler = logging.StreamHandler(file)
    handler.setFormatter(logging.Formatter("%(message)s"))
    package = logging.getLogger("lfads_nb")
    level, propagate = package.level, package.propagate
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    package.propagate = False
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        package.propagate = propagate
        handler.close()
        file.close()


class StageReporter:
    """Writes a stage's progress into `status.json`, the log and the notebook.

    Parameters
    ----------
    folder, status : the run, and its status as the stage begins.
    display : the one output of the cell that is updated.
    """

    def __init__(self, folder: RunFolder, status: RunStatus, display: LiveDisplay) -> None:
        self.folder, self.status, self._display = folder, status, display
        self._hold = FolderHold(folder.path)
        self._progress: dict[str, Any] | None = None
        self._began, self._reached = time.monotonic(), 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_now_and_then, daemon=True)

    def __enter__(self) -> StageReporter:
        self._thread.start()
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._write()
        self._display.finish(self.status, is_whole=failure is None)

    def report(self, progress: TrainProgress | TrainStep | float) -> None:
        """Take note of how far the stage is; cheap enough to be called after every step."""
        before = self._progress if self._progress is not None else self.status.progress
        if isinstance(progress, TrainProgress):
            words = epochs_in_words(progress.epoch + 1, progress.fraction)
            news = {**progress.to_json(), "doing": words}
        elif isinstance(progress, TrainStep):
            news = {**before, **{k: v for k, v in asdict(progress).items() if v is not None}}
        else:
            share = float(progress)
            news = {**before, "fraction": share}
            if share > 0:
                news["eta_s"] = (time.monotonic() - self._began) * (1 - share) / share
        # What is left is estimated anew all the time: the bar waits rather than going back.
        self._reached = max(self._reached, float(news.get("fraction") or 0.0))
        self._progress = {**news, "fraction": self._reached}

    def _write_now_and_then(self) -> None:
        written, last = self._progress, time.monotonic()
        while not self._ended.wait(WRITE_EVERY_S):
            changed = self._progress is not written
            if changed or time.monotonic() - last >= BEAT_EVERY_S:
                written, last = self._progress, time.monotonic()
                self._write()
                if changed:
                    self._display.update(self.status)

    def _write(self) -> None:
        progress = self._progress if self._progress is not None else self.status.progress
        self.status = replace(self.status, progress=progress, heartbeat=local_now().timestamp())
        # A full disk must not end a training that could go on, nor take the room of its last word.
        with suppress(RunFolderError):
            self.write(self.status, use_reserve=False)

    def write(self, status: RunStatus, *, use_reserve: bool = True) -> None:
        """Write a status, unless the folder is another one by now.

        Raises
        ------
        RunFolderError
            If the folder cannot be written to, or was deleted or renamed.
        """
        if not self._hold.is_in_place():
            raise RunFolderError(f"{self.folder.path} was deleted or renamed meanwhile")
        write_status(self.folder, status, use_reserve=use_reserve)
