"""`python -m lfads_nb.queue.runner RUN_DIR`: executes one run, to its end and with a true account.

The runner is the parent of the run's kernel and the only process that says how a run ended. SIGINT
cancels the run, SIGTERM and SIGHUP (or the death of the process that asked for it) interrupt it;
either way the notebook is saved as far as it came and nothing stays behind.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import replace

from lfads_nb.atomic_files import write_text
from lfads_nb.desks import HANGUP
from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.plain_text import plain_text
from lfads_nb.queue.execution import (
    Failure,
    NotebookExecution,
    short_cause,
    skip_slow_imports,
    with_advice,
)
from lfads_nb.queue.kernel import RunKernel
from lfads_nb.queue.notebook import default_template, optional_parts, render, set_banner
from lfads_nb.queue.outputs import finished_stages, is_trained, unusable_outputs
from lfads_nb.queue.processes import ProcessId, own_attempt
from lfads_nb.queue.provenance import gather_provenance
from lfads_nb.queue.ready import wait_for_turn
from lfads_nb.queue.retraining import (
    Kind,
    ask_to_retrain,
    forget_earlier,
    has_earlier_output,
    is_due,
    put_back,
    read_retraining,
    set_aside,
    tidy,
    withdraw,
)
from lfads_nb.queue.run_lock import RunIsTakenError, RunLock, lock_path
from lfads_nb.queue.runner_process import (
    EXIT_CODES,
    RunnerOptions,
    Terminal,
    parse_arguments,
    prepare_process,
    record_failure,
    start_marked,
)
from lfads_nb.queue.slurm.scheduler import own_job
from lfads_nb.queue.status import (
    STAGES,
    RunState,
    RunStatus,
    keep_room,
    local_now,
    move_status,
    read_status,
    reserve_path,
    training_figures,
    write_status,
)
from lfads_nb.queue.stopping import forget_stop
from lfads_nb.queue.watching import RunWatch, end_own_processes
from lfads_nb.regular_files import read_tail
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.halving import why_stopped
from lfads_nb.sweep.provenance import write_provenance
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.stored_params import check_own_code

MODULE = "lfads_nb.queue.runner"


def execute_run(
    folder: RunFolder, options: RunnerOptions, kernel: RunKernel | None = None
) -> RunState:
    """Execute a run from its first unfinished stage to its end.

    Parameters
    ----------
    folder, options : the run, and how.
    kernel : one that was started ahead.

    Raises
    ------
    RunIsTakenError
        Another process works on it.
    RunFolderError
        The folder holds no prepared run, or cannot be written to.
    UntrustedCodeError
        Its settings are of a class of somebody's own that may not run here.
    """
    record = RunRecord.load(folder)
    check_own_code(record.params)
    with RunLock(folder) as lock, RunWatch(folder, lock, parent=options.parent) as watch:
        keep_room(folder)
        begin_run(folder, record, options)
        notebook = render(
            options.template or default_template(),
            {"run_dir": str(folder.path)},
            title=record.name,
            parts=optional_parts(record),
        )
        execution = NotebookExecution(
            notebook, folder.notebook, sys.stdout, may_write=lambda: not lock.lost(), kernel=kernel
        )
        watch.execution = execution
        try:
            failure = execution.run()
        finally:
            watch.execution = None
            execution.close()
            end_own_processes()
        lost = lock.lost()
        if lost:
            return _end_elsewhere(folder, lock, lost)
        return _end(folder, record, execution, failure, watch)


def begin_run(
    folder: RunFolder, record: RunRecord, options: RunnerOptions, *, pack: int = 0
) -> None:
    """Write down that the run starts, and what of it is finished already.

    Parameters
    ----------
    pack : how many runs train as one program with it.
    """
    folder.check_output()
    tidy(folder)
    if options.rerun or options.more_epochs:
        kind: Kind = "more_epochs" if options.more_epochs else "afresh"
        ask_to_retrain(folder, kind, more_epochs=options.more_epochs)
    elif options.mode == "posterior_mean_only":
        withdraw(folder)
    before, asked = read_status(folder), read_retraining(folder)
    if is_due(folder, asked):
        before = replace(before, finished_stages=(), training_end="")
    finished = finished_stages(folder, record, before.finished_stages)
    if options.mode == "posterior_mean_only":
        if not is_trained(folder):
            raise RunFolderError("its training has not ended, so there is nothing to sample from")
        finished = (RunState.TRAINING.value,)
    first = next((s for s in STAGES if s.value not in finished), RunState.EXPORTING)
    own = ProcessId.own()
    status = replace(before, state=RunState.QUEUED) if before.state.is_running else before
    now = local_now()
    status = status.moved(
        first,
        now=now,
        stage="starting",
        progress={} if first is RunState.TRAINING else training_figures(before),
        pid=own.pid,
        pid_started=own.started,
        kernel_pid=None,
        host=own.host,
        device=options.device,
        finished_stages=finished,
        reason="",
        detail="",
        attempt=before.attempt + 1,
        attempt_id=own_attempt(),
        mode=options.mode,
        job=own_job(),
        pack=pack,
    )
    kept = {k: v for k, v in status.times.items() if k in ("queued", first.value)}
    started = {"started": now.isoformat(timespec="seconds")}
    write_status(folder, replace(status, times={**kept, **started}))
    if asked is not None:
        set_aside(folder, asked)
    folder.done.unlink(missing_ok=True)
    print_header(record, status, options)
    if first is RunState.TRAINING:
        # A disk that is full, or a driver that answers nothing, must not keep a run from training.
        with suppress(OSError):
            write_provenance(folder, gather_provenance(folder, record, options.device, pack=pack))


def print_header(record: RunRecord, status: RunStatus, options: RunnerOptions) -> None:
    """Begin this launch's part of the log."""
    line = "=" * 78
    sys.stdout.write(
        f"\n{line}\n{local_now().isoformat(timespec='seconds')}  {record.name}  "
        f"attempt {status.attempt}  device {options.device}  "
        f"threads {os.environ.get('OMP_NUM_THREADS', 'default')}  pid {os.getpid()} "
        f"on {status.host}{f'  SLURM job {status.job}' if status.job else ''}\n{line}\n"
    )
    sys.stdout.flush()


def _end(
    folder: RunFolder,
    record: RunRecord,
    execution: NotebookExecution,
    failure: Failure | None,
    watch: RunWatch,
) -> RunState:
    """Say how the run ended: in the notebook, in the log, in its status, and last by its mark."""
    state, reason, detail = _outcome(folder, record, failure, watch)
    if state is RunState.CANCELLED and (back := put_back(folder, why="was cancelled")):
        sys.stdout.write(f"{local_now().isoformat(timespec='seconds')}  {back.reason}\n")
        reserve_path(folder).unlink(missing_ok=True)
        forget_stop(folder)
        return state
    if state is not RunState.DONE:
        if has_earlier_output(folder):
            reason += f"; what it had made before is in {folder.earlier_output.name}"
        set_banner(execution.notebook, f"This run {_words(state)}.", reason, detail)
    elif reason:
        set_banner(execution.notebook, "This run is done, its report is not.", reason, detail)
    if reason:
        sys.stdout.write(f"{reason}\n{detail}\n")
    try:
        save_notebook(folder, execution)
    except OSError as error:
        if state is RunState.DONE:
            state, reason = RunState.FAILED, f"the report cannot be saved: {error.strerror}"
    if state is RunState.DONE:
        write_text(folder.done, "")
    move_status(
        folder,
        state,
        stage="" if state is RunState.DONE else read_status(folder).stage,
        reason=reason,
        detail=detail,
        kernel_pid=None,
        peak_memory_mb=watch.peak_memory_mb,
    )
    if state is RunState.DONE:
        forget_earlier(folder)
    reserve_path(folder).unlink(missing_ok=True)
    forget_stop(folder)
    sys.stdout.write(f"{local_now().isoformat(timespec='seconds')}  {state.value}\n")
    sys.stdout.flush()
    return state


def _end_elsewhere(folder: RunFolder, lock: RunLock, lost: str) -> RunState:
    """Say that the folder is not this attempt's any more: in its log, and where it lies now."""
    sys.stdout.write(f"{local_now().isoformat(timespec='seconds')}  ended: {lost}\n")
    sys.stdout.flush()
    now = lock.folder_now()
    if now is not None and now != folder:
        reason = f"its folder was renamed (from {folder.path}) while it was worked on; launch again"
        with suppress(LfadsError, OSError):
            move_status(now, RunState.INTERRUPTED, reason=reason, kernel_pid=None)
            reserve_path(now).unlink(missing_ok=True)
            lock_path(now).unlink(missing_ok=True)
    return RunState.INTERRUPTED


def _outcome(
    folder: RunFolder, record: RunRecord, failure: Failure | None, watch: RunWatch
) -> tuple[RunState, str, str]:
    status = read_status(folder)
    unfinished = [s.value for s in STAGES if s.value not in status.finished_stages]
    unusable = [] if unfinished else unusable_outputs(folder, record)
    if failure is None and not unfinished and not unusable:
        return RunState.DONE, "", ""
    if watch.stop_state is not None:
        return watch.stop_state, watch.stop_reason, ""
    if (
        status.training_end
        and RunState.TRAINING.value in unfinished
        and (why := why_stopped(folder))
    ):
        return RunState.STOPPED_EARLY, why, ""
    if failure is None and unusable:
        what = f"{unusable[0].name} in {folder.output.name} is missing or cannot be opened"
        return RunState.FAILED, f"the notebook ended, but {what}", ""
    if failure is None:
        return RunState.FAILED, f"the notebook ended without {' and '.join(unfinished)}", ""
    where = f"{failure.place}\n{failure.traceback}".strip() or log_tail(folder)
    if not unfinished and not unusable:
        # No picture may fail a run: all that it is for is there.
        return RunState.DONE, f"a cell of its report failed: {failure.error}", where
    stage = status.stage or "start"
    return RunState.FAILED, f"{stage} failed: {failure.error}", where


def log_tail(folder: RunFolder, *, n_lines: int = 15) -> str:
    """Return the end of a run's log: all that there is when a kernel dies without a traceback."""
    lines = plain_text(read_tail(folder.log, 8192)).splitlines()
    return "\n".join(["the end of lfads.out:", *lines[-n_lines:]]) if lines else ""


def _words(state: RunState) -> str:
    return "failed" if state is RunState.FAILED else f"was {state.value}"


def save_notebook(folder: RunFolder, execution: NotebookExecution) -> None:
    """Save a report as far as it was executed."""
    import nbformat

    notebook = execution.notebook
    for key in ("input_path", "output_path"):
        # Folders get moved; a report names no place on this machine.
        notebook.metadata.get("papermill", {}).pop(key, None)
    write_text(folder.notebook, nbformat.writes(notebook))


def main(arguments: list[str] | None = None) -> int:
    """Execute one run; the exit code tells how it ended."""
    arguments = sys.argv[1:] if arguments is None else arguments
    folder, options = parse_arguments(arguments)
    terminal = Terminal()
    try:
        start_marked(folder, MODULE, arguments)
        if not folder.path.is_dir():
            raise RunFolderError(f"{folder.path} is no folder")
        options = replace(options, device=prepare_process(folder, options))
        skip_slow_imports()
        return _execute_ahead(folder, options) if options.ahead else _execute(folder, options)
    except RunIsTakenError as error:
        return terminal.refuse(error)
    except (LfadsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        record_failure(folder, f"the run could not start: {with_advice(error)}")
        return EXIT_CODES[RunState.FAILED]
    except Exception as error:  # noqa: BLE001  the outermost frame of a run: whatever it is gets recorded
        sys.stderr.write(traceback.format_exc())
        cause = short_cause(type(error).__name__, str(error))
        record_failure(folder, f"an error inside lfads_nb, its traceback is in lfads.out: {cause}")
        return EXIT_CODES[RunState.FAILED]


def _execute(folder: RunFolder, options: RunnerOptions, kernel: RunKernel | None = None) -> int:
    return EXIT_CODES[execute_run(folder, options, kernel)]


def _execute_ahead(folder: RunFolder, options: RunnerOptions) -> int:
    """Execute a run when its turn comes, in a kernel that is ready by then."""
    turn = wait_for_turn(folder, builds=os.environ.get("CUDA_VISIBLE_DEVICES") == "-1")
    if not turn.has_come:
        return 0
    try:
        return _execute(folder, options, turn.kernel)
    finally:
        if turn.kernel is not None:
            turn.kernel.close()


if __name__ == "__main__":
    # A terminal that closes must not end a run half-way without a word.
    for signum in HANGUP:
        signal.signal(signum, signal.SIG_DFL)
    sys.exit(main())
