"""Taking a turn of a population's member: some epochs from a given start, with given settings.

A turn can be killed at any moment and taken again: it starts from a checkpoint that nobody changes
meanwhile, its random numbers follow from seed and generation alone, and what an earlier attempt
wrote is gone on with where that is exact, and dropped where not.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import keras
import numpy as np

from lfads_nb.errors import RunFolderError
from lfads_nb.model.architecture import Architecture
from lfads_nb.model.callbacks import (
    SECONDS_BETWEEN_CHECKPOINTS,
    EpochEnd,
    EpochRecorder,
    FitLogWriter,
    Logs,
    ProgressReporter,
    Stopper,
)
from lfads_nb.model.checkpoints import IN_TURN, ROLLING, Checkpoints
from lfads_nb.model.compiled_models import CompiledModels
from lfads_nb.model.devices import on_device
from lfads_nb.model.fit_log import EpochFigures, cut_after
from lfads_nb.model.inputs import Session, describe, read_sessions
from lfads_nb.model.preview_writer import TurnPreview
from lfads_nb.model.training import Progress, Training
from lfads_nb.model.training_setup import set_up
from lfads_nb.model.training_state import TrainingState, TurnState
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.stored_params import check_own_code
from lfads_nb.sweep.turns import TurnRequest, TurnResult, smoothed_score

log = logging.getLogger(__name__)

GENERATIONS_KEPT = 2
"""Others may copy from the generation before for as long as the present one is not over."""


def take_turn(
    request: TurnRequest,
    *,
    on_progress: Progress | None = None,
    models: CompiledModels | None = None,
) -> TurnResult:
    """Train a member for the epochs that are asked for, and write the result into its folder.

    Parameters
    ----------
    request : TurnRequest
        Answered at once if its result is there already.
    on_progress : callable, optional
        Told of epochs, at most twice a second.
    models : CompiledModels, optional
        Where the steps of turns before are kept.

    Raises
    ------
    RunFolderError
        A file is missing or does not fit, such as the checkpoint to start from.
    DataError, ParamsError
        The inputs do not fit the settings.
    """
    started = time.monotonic()
    known = TurnResult.of(request)
    if known is not None:
        return known
    run = RunFolder(request.folder)
    record = RunRecord.load(run)
    check_own_code(record.params)
    params = request.params(record.params)
    sessions = read_sessions(run, params, record.datasets)
    with on_device(params):
        architecture = described(request, params, sessions)
        training = set_up(run, architecture, sessions, models, will_load=request.first_epoch > 0)
        training.on_progress = on_progress
        result = Turn(request, training).take(started)
    result.save(request)
    return result


def described(request: TurnRequest, params: RunParams, sessions: Sequence[Session]) -> Architecture:
    """Describe what a turn trains: what is searched is part of it, whatever its value."""
    return replace(describe(params, sessions), searched=frozenset(request.settings))


class Turn:
    """One attempt at a turn.

    Parameters
    ----------
    request, training : what is asked for, and what it is trained with.
    n_alike : int
        How many turns are taken as one program.
    """

    def __init__(self, request: TurnRequest, training: Training, *, n_alike: int = 1) -> None:
        self.request, self.training, self._n_alike = request, training, n_alike
        output = training.run.output
        self.ends = Checkpoints(output, ROLLING, GENERATIONS_KEPT)
        self.within = Checkpoints(output, IN_TURN, 1)
        self._guard = _TurnGuard(training)

    def take(self, started: float) -> TurnResult:
        """Take it alone; the request came at that time of the monotonic clock."""
        self.begin()
        if not self.is_over:
            self.training.fit(self.callbacks())
        return self.result(started)

    @property
    def is_over(self) -> bool:
        """Whether all its epochs are trained, or there is no use in more."""
        return self._guard.diverged or self.training.state.epoch >= self.request.last_epoch

    def begin(self) -> None:
        """Load what an earlier attempt has reached, else what it starts from.

        Raises
        ------
        RunFolderError
            There is nothing to start from.
        """
        if not self._go_on():
            self._start()

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return what it does at the end of each epoch, in this order."""
        t = self.training
        callbacks: list[keras.callbacks.Callback] = [
            EpochRecorder(t), self._guard, _TurnScore(t), FitLogWriter(t), Stopper(t),
            _TurnCheckpoints(t, self.within, self.ends), ProgressReporter(t),
        ]  # fmt: skip
        if t.previewed is not None:
            is_copy = self.request.copy_from is not None
            preview = TurnPreview(t, t.previewed, is_copy=is_copy, n_alike=self._n_alike)
            callbacks.append(preview)
        return callbacks

    def result(self, started: float) -> TurnResult:
        """Return what came of a turn that is over."""
        t = self.training
        self.within.delete()
        turn, seconds = t.state.turn, time.monotonic() - started
        usual = median(t.seconds) if t.seconds else 0.0
        return TurnResult(
            generation=self.request.generation,
            epoch=t.state.epoch,
            score=math.nan if self._guard.diverged or turn.score is None else turn.score,
            valid=tuple(turn.valid),
            diverged=self._guard.diverged,
            seconds=seconds,
            overhead_seconds=max(0.0, seconds - usual * len(turn.valid)),
        )

    def _go_on(self) -> bool:
        """Load what an earlier attempt at this turn has reached, if it has reached anything."""
        t, key = self.training, self.request.key
        for series in (self.ends, self.within):
            found = series.load(t.model, t.params, lambda state: state.turn.key == key)
            if found is not None:
                t.state = found
                cut_after(t.run.fit_log, found.step)
                log.info("Going on with generation %d.", self.request.generation)
                return True
        return False

    def _start(self) -> None:
        """Load what the turn starts from, and drop what was written after that."""
        t, r = self.training, self.request
        score = None
        if r.first_epoch:
            t.state = self._load_start()
            score = t.state.turn.score if r.copy_from is None else None
            cut_after(t.run.fit_log, t.state.step)
        else:
            t.run.fit_log.unlink(missing_ok=True)
        self.within.delete()
        self.ends.delete(after=t.state.step)
        t.state.turn = TurnState(key=r.key, score=score)
        t.learning_rate = t.params.learning_rate_init
        # Two members with the same weights must not draw the same numbers.
        drawn = np.random.SeedSequence([r.seed, 4, r.generation]).generate_state(1)
        t.model.draws = [drawn[0], 0]

    def _load_start(self) -> TrainingState:
        t, r = self.training, self.request
        source = t.run.path if r.copy_from is None else r.copy_from
        found = _load_at(source, t, lambda state: state.epoch == r.first_epoch)
        if found is None:
            raise RunFolderError(
                f"{source} has no whole checkpoint of the weights after {r.first_epoch} epochs, "
                f"which generation {r.generation} of {t.run.path} is to start from: take the turn "
                "before again"
            )
        return found


def _load_at(
    source: Path, training: Training, wanted: Callable[[TrainingState], bool]
) -> TrainingState | None:
    """Load a checkpoint of a folder, or the one that is named."""
    if source.is_dir():
        series = Checkpoints(RunFolder(source).output, ROLLING)
    else:
        series = Checkpoints(source.parent, source.name.partition("-")[0], only=source.name)
    return series.load(training.model, training.params, wanted)


class _TurnGuard(EpochEnd):
    """Ends the turn when a cost is not a number: whoever drives the population replaces it."""

    diverged = False

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Look at both costs of the epoch."""
        if math.isfinite(figures.total[0]) and math.isfinite(figures.recon[1]):
            return
        self.diverged, self.training.figures = True, None
        self.training.stop(f"the cost became {figures.total[0]} in epoch {figures.epoch}")


class _TurnScore(EpochEnd):
    """Keeps the member's score."""

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Take note of the validation cost."""
        turn, cost = self.training.state.turn, figures.recon[1]
        turn.valid.append(cost)
        turn.score = smoothed_score(turn.score, cost)


class _TurnCheckpoints(EpochEnd):
    """Writes the checkpoint that ends the turn, and one now and then within a long turn."""

    def __init__(self, training: Training, within: Checkpoints, ends: Checkpoints) -> None:
        super().__init__(training)
        self._within, self._ends, self._last = within, ends, training.clock()

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Write the last, or one within if that was a minute ago."""
        t = self.training
        if t.state.epoch >= t.params.max_epochs:
            self._ends.save(t.model, t.state)
        elif t.clock() - self._last > SECONDS_BETWEEN_CHECKPOINTS and not t.stop_reason:
            self._within.save(t.model, t.state)
            self._last = t.clock()
