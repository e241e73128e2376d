"""`python -m lfads_nb.queue.turn_runner MEMBER_DIR`: takes the turn that a folder asks for.

A turn is started, watched over and ended as a run is; it can be killed at any moment and taken
again. What is to be done stands in `turn.json`, what came of it in `turn_result.json`.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.queue.execution import with_advice
from lfads_nb.queue.processes import ProcessId, own_attempt
from lfads_nb.queue.run_lock import RunIsTakenError, RunLock
from lfads_nb.queue.runner_process import (
    EXIT_CODES,
    EXIT_TAKEN,
    parse_arguments,
    prepare_process,
    record_failure,
    start_marked,
)
from lfads_nb.queue.slurm.scheduler import own_job
from lfads_nb.queue.status import RunState, local_now, move_status, read_status, write_status
from lfads_nb.queue.stopping import forget_stop
from lfads_nb.queue.watching import RunWatch, own_peak_memory_mb
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.progress import TrainProgress
from lfads_nb.sweep.turns import TurnRequest, TurnResult

MODULE = "lfads_nb.queue.turn_runner"


class TakeTurn(Protocol):
    """How a turn is taken: `lfads_nb.model.turns.take_turn`, or a toy in tests."""

    def __call__(
        self, request: TurnRequest, *, on_progress: Callable[[TrainProgress], None] | None = None
    ) -> TurnResult: ...


class _TurnStopped(BaseException):
    """Leaves the training at the end of an epoch, past everything that catches errors."""


def execute_turn(
    folder: RunFolder, *, take: TakeTurn, device: str = "", parent: int | None = None
) -> RunState:
    """Take the turn of a member's folder, with its status told as a run's is.

    Parameters
    ----------
    folder : the member's.
    take : does the training.
    device : what the status calls the place.
    parent : the process that must stay this one's parent; None for none.

    Raises
    ------
    RunIsTakenError
        Another process works on it.
    RunFolderError
        No turn is asked for, or the folder cannot be written to.
    """
    request = TurnRequest.load(folder.path)
    with RunLock(folder) as lock, RunWatch(folder, lock, parent=parent) as watch:
        begin_turn(folder, request, device)

        def on_progress(progress: TrainProgress) -> None:
            if watch.stop_state is not None:
                raise _TurnStopped
            tell_progress(folder, progress)

        state, reason, detail = RunState.DONE, "", ""
        try:
            take(request, on_progress=on_progress)
        except _TurnStopped:
            state, reason = watch.stop_state or RunState.INTERRUPTED, watch.stop_reason
        except LfadsError as error:
            state, reason = RunState.FAILED, f"training failed: {error}"
        except Exception as error:  # noqa: BLE001  the outermost frame of a turn: it gets recorded
            detail = traceback.format_exc()
            state, reason = RunState.FAILED, f"training failed: {type(error).__name__}: {error}"
        if watch.stop_state is not None and state is RunState.FAILED:
            state, reason, detail = watch.stop_state, watch.stop_reason, ""
        if lock.lost():
            return RunState.INTERRUPTED
        sys.stdout.write(f"{state.value} {reason}\n{detail}")
        sys.stdout.flush()
        move_status(
            folder, state, reason=reason, detail=detail, peak_memory_mb=own_peak_memory_mb()
        )
        forget_stop(folder)
        return state


def begin_turn(folder: RunFolder, request: TurnRequest, device: str, *, pack: int = 0) -> None:
    """Write down that a turn starts.

    Parameters
    ----------
    pack : how many turns are taken as one program with it.
    """
    folder.check_output()
    own, status = ProcessId.own(), read_status(folder)
    if status.state.is_running:
        status = replace(status, state=RunState.QUEUED)
    now = local_now()
    status = status.moved(
        RunState.TRAINING, now=now, stage="training", progress={}, pid=own.pid,
        pid_started=own.started, host=own.host, device=device, reason="", detail="",
        attempt=status.attempt + 1, attempt_id=own_attempt(), finished_stages=(), pack=pack,
        job=own_job(),
    )  # fmt: skip
    started = {"started": now.isoformat(timespec="seconds")}
    write_status(folder, replace(status, times={**status.times, **started}))
    sys.stdout.write(
        f"\n{now.isoformat(timespec='seconds')}  generation {request.generation}, epochs "
        f"{request.first_epoch} to {request.last_epoch - 1}, device {device}, process {own.pid} on "
        f"{own.host}\n"
    )
    sys.stdout.flush()


def tell_progress(folder: RunFolder, progress: TrainProgress) -> None:
    """Write how far a turn is into its status."""
    status, beat = read_status(folder), local_now().timestamp()
    changed = replace(status, progress=progress.to_json(), heartbeat=beat)
    write_status(folder, changed, use_reserve=False)


def main(
    arguments: list[str] | None = None, *, take: TakeTurn | None = None, module: str = MODULE
) -> int:
    """Take one turn; the exit code tells how it ended.

    Parameters
    ----------
    arguments : as of a run's runner.
    take : instead of the model's own.
    module : what this process was started as.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    folder, options = parse_arguments(arguments)
    try:
        start_marked(folder, module, arguments)
        if not folder.path.is_dir():
            raise RunFolderError(f"{folder.path} is no folder")
        device = prepare_process(folder, options)
        if take is None:
            take = _model_turn()
        return EXIT_CODES[execute_turn(folder, take=take, device=device, parent=options.parent)]
    except RunIsTakenError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_TAKEN
    except (LfadsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        record_failure(folder, f"the turn could not start: {with_advice(error)}")
        return EXIT_CODES[RunState.FAILED]


def make_warm() -> Callable[[list[str]], int]:
    """Return `main` with compiled steps that stay from turn to turn, see `warm_process`."""
    from lfads_nb.model.compiled_models import CompiledModels
    from lfads_nb.model.turns import take_turn

    take = partial(take_turn, models=CompiledModels())
    return lambda arguments: main(arguments, take=take)


def _model_turn() -> TakeTurn:
    from lfads_nb.model.turns import take_turn

    return take_turn


if __name__ == "__main__":
    sys.exit(main())
