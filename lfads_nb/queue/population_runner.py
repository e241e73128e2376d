"""`python -m lfads_nb.queue.population_runner POPULATION_DIR`: drives a population to its end.

The process takes no device: it has the members' turns taken by the queue, then the winner's run,
and at last draws the report. It is locked, watched over, stopped and started again as a run is.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace

from lfads_nb.atomic_files import write_text
from lfads_nb.errors import LfadsError, QueueError, RunFolderError
from lfads_nb.queue.execution import NotebookExecution, short_cause, skip_slow_imports, with_advice
from lfads_nb.queue.notebook import render, set_banner, templates_folder
from lfads_nb.queue.population_driver import (
    DriverStoppedError,
    PopulationDriver,
    PopulationProgress,
    make_best,
    wait_for_best,
)
from lfads_nb.queue.population_launch import DRIVER
from lfads_nb.queue.processes import ProcessId, own_attempt
from lfads_nb.queue.queued_turns import QueuedTurns
from lfads_nb.queue.run_lock import RunIsTakenError, RunLock
from lfads_nb.queue.runner import save_notebook
from lfads_nb.queue.runner_process import (
    EXIT_CODES,
    Terminal,
    parse_arguments,
    prepare_process,
    record_failure,
    start_marked,
)
from lfads_nb.queue.slurm.scheduler import own_job
from lfads_nb.queue.status import RunState, RunStatus, local_now, read_status, write_status
from lfads_nb.queue.stopping import asked_to_stop, forget_stop
from lfads_nb.queue.watching import RunWatch
from lfads_nb.sweep.folders import PopulationFolder
from lfads_nb.sweep.population_record import PopulationRecord

_BEAT_S = 5.0


def execute_population(folder: PopulationFolder, *, parent: int | None = None) -> RunState:
    """Drive a population from where it is to its end.

    Raises
    ------
    RunIsTakenError
        Another process drives it.
    RunFolderError
        The folder holds no prepared population, or cannot be written to.
    """
    record = PopulationRecord.load(folder)
    with RunLock(folder) as lock, RunWatch(folder, lock, parent=parent) as watch:
        account = _Account(folder)
        account.begin(record)

        def should_stop() -> bool:
            account.beat()
            return watch.stop_state is not None

        state, reason, detail = RunState.DONE, "", ""
        try:
            turns = QueuedTurns.from_environment(folder)
            driver = PopulationDriver(
                folder, turns, on_progress=account.tell, should_stop=should_stop
            )
            print_line(f"the search ended: {driver.run()}")
            account.stage(RunState.SAMPLING)
            best = make_best(folder, record)
            wait_for_best(best, turns, lambda: turns.start_run(best), should_stop)
            account.stage(RunState.EXPORTING)
            write_report(folder, record, watch, may_write=lambda: not lock.lost())
        except DriverStoppedError:
            state, reason = watch.stop_state or RunState.INTERRUPTED, watch.stop_reason
        except LfadsError as error:
            # Members that are cancelled with their population fail it a moment before it is told.
            time.sleep(1.0)
            stop = watch.stop_state or asked_to_stop(folder, attempt=own_attempt())
            state, reason = (stop, watch.stop_reason) if stop else (RunState.FAILED, str(error))
        if lock.lost():
            return RunState.INTERRUPTED
        if state is RunState.DONE:
            write_text(folder.done, "")
        print_line(f"{state.value} {reason}".strip())
        account.end(state, reason, detail)
        forget_stop(folder)
        return state


def print_line(text: str) -> None:
    """Add a line to the log."""
    sys.stdout.write(f"{local_now().isoformat(timespec='seconds')}  {text}\n")
    sys.stdout.flush()


class _Account:
    """Writes where the population is into its status."""

    def __init__(self, folder: PopulationFolder) -> None:
        self._folder, self._written, self._told = folder, 0.0, ""
        self.status = read_status(folder)

    def begin(self, record: PopulationRecord) -> None:
        own, status, now = ProcessId.own(), self.status, local_now()
        self._folder.done.unlink(missing_ok=True)
        if status.state.is_running:
            status = replace(status, state=RunState.QUEUED)
        status = status.moved(
            RunState.TRAINING, now=now, stage="training", pid=own.pid, pid_started=own.started,
            host=own.host, device="", reason="", detail="", attempt=status.attempt + 1,
            attempt_id=own_attempt(), finished_stages=(), progress={}, job=own_job(),
        )  # fmt: skip
        started = {"started": now.isoformat(timespec="seconds")}
        self._write(replace(status, times={**status.times, **started}))
        print_line(f"{record.name}, attempt {status.attempt}: {record.population.describe()}")

    def tell(self, progress: PopulationProgress) -> None:
        """Take note of progress, written when it is new."""
        content = progress.to_json()
        if content != self.status.progress:
            self._write(replace(self.status, progress=content))
            line = f"generation {progress.generation}"
            if progress.members_done == progress.members and line != self._told:
                self._told = line
                print_line(f"{line} is whole")

    def beat(self) -> None:
        """Show that the driver lives."""
        if time.monotonic() - self._written > _BEAT_S:
            self._write(self.status)

    def stage(self, state: RunState) -> None:
        """Go over to the next stage."""
        before = self.status
        finished = (*before.finished_stages, before.state.value)
        self._write(
            before.moved(state, now=local_now(), stage=state.value, finished_stages=finished)
        )

    def end(self, state: RunState, reason: str, detail: str) -> None:
        stage = "" if state is RunState.DONE else self.status.stage
        ended = self.status.moved(state, now=local_now(), reason=reason, detail=detail, stage=stage)
        write_status(self._folder, ended)

    def _write(self, status: RunStatus) -> None:
        self.status = replace(status, heartbeat=local_now().timestamp())
        self._written = time.monotonic()
        write_status(self._folder, self.status)


def write_report(
    folder: PopulationFolder,
    record: PopulationRecord,
    watch: RunWatch,
    *,
    may_write: Callable[[], bool],
) -> None:
    """Execute the population's report.

    Raises
    ------
    DriverStoppedError
        It was stopped.
    QueueError
        A cell failed.
    """
    notebook = render(
        templates_folder() / "population.ipynb",
        {"population_dir": str(folder.path)},
        title=record.name,
    )
    execution = NotebookExecution(notebook, folder.notebook, sys.stdout, may_write=may_write)
    watch.execution = execution
    try:
        failure = execution.run()
    finally:
        watch.execution = None
        execution.close()
    if watch.stop_state is not None:
        raise DriverStoppedError
    if failure is not None:
        set_banner(execution.notebook, "The report failed.", failure.error, failure.traceback)
    save_notebook(folder, execution)
    if failure is not None:
        raise QueueError(f"the report failed: {failure.error.splitlines()[0]}")


def main(arguments: list[str] | None = None) -> int:
    """Drive one population; the exit code tells how it ended."""
    arguments = sys.argv[1:] if arguments is None else arguments
    run_folder, options = parse_arguments(arguments)
    folder = PopulationFolder(run_folder.path)
    terminal = Terminal()
    try:
        start_marked(folder, DRIVER, arguments)
        if not folder.path.is_dir():
            raise RunFolderError(f"{folder.path} is no folder")
        prepare_process(folder, options)
        skip_slow_imports()
        return EXIT_CODES[execute_population(folder, parent=options.parent)]
    except RunIsTakenError as error:
        return terminal.refuse(error)
    except (LfadsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        record_failure(folder, f"the population could not start: {with_advice(error)}")
        return EXIT_CODES[RunState.FAILED]
    except Exception as error:  # noqa: BLE001  the outermost frame: whatever it is gets recorded
        sys.stderr.write(traceback.format_exc())
        cause = short_cause(type(error).__name__, str(error))
        record_failure(folder, f"an error inside lfads_nb, its traceback is in lfads.out: {cause}")
        return EXIT_CODES[RunState.FAILED]


if __name__ == "__main__":
    sys.exit(main())
