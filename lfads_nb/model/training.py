"""Training one run: what `fit` needs and what its callbacks share.

The rules are in `schedule.py`, what happens at an epoch's end in `epoch_end.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from lfads_nb.model.backend import ReadAhead
from lfads_nb.model.batches import SessionBatches
from lfads_nb.model.checkpoints import LOWEST_VALID, ROLLING, Checkpoints
from lfads_nb.model.fit_log import EpochFigures
from lfads_nb.model.inputs import Session
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.schedule import has_l2, ramps_done
from lfads_nb.model.training_state import TrainingState
from lfads_nb.model.validation_metrics import ValidationMetrics
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.more_epochs import MoreEpochs
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.progress import TrainProgress, TrainStep

RECENT_EPOCHS = 50

Progress = Callable[[TrainProgress], None]


@dataclass
class Training:
    """One training under way, shared by its callbacks."""

    run: RunFolder
    model: Lfads
    batches: SessionBatches
    validation: SessionBatches
    state: TrainingState
    sources: tuple[ReadAhead, ReadAhead] = field(default_factory=lambda: (ReadAhead(), ReadAhead()))
    """How batches and validation are read."""
    on_progress: Progress | None = None
    on_step: Callable[[TrainStep], None] | None = None
    should_stop: Callable[[], bool] | None = None
    clock: Callable[[], float] = time.monotonic
    figures: EpochFigures | None = None
    """Of the epoch that just ended; None if it was cut short or diverged."""
    metrics: ValidationMetrics | None = None
    """What is worked out every few epochs, if anything is."""
    previewed: Session | None = None
    """The session of which a few trials are shown while training goes on, the run's first."""
    preview: list[Callable[..., dict[str, Any]]] = field(default_factory=list)
    """The compiled pass for that, once there is one; stays with the model."""
    judge: Callable[[int], str] | None = None
    """Says after so many epochs why the run is to end there, "" if it goes on."""
    more: MoreEpochs | None = None
    """What was asked for beyond the setting's own end."""
    stop_reason: str = ""
    seconds: list[float] = field(default_factory=list)
    """Durations of recent epochs."""
    rates: list[float] = field(default_factory=list)
    """Learning rates of recent epochs, oldest first."""

    @property
    def params(self) -> RunParams:
        return self.model.architecture.params

    @property
    def rolling(self) -> Checkpoints:
        return Checkpoints(self.run.output, ROLLING, self.params.max_ckpt_to_keep)

    @property
    def best(self) -> Checkpoints:
        return Checkpoints(self.run.output, LOWEST_VALID, self.params.max_ckpt_to_keep_lve)

    @property
    def learning_rate(self) -> float:
        return float(self.model.optimizer.learning_rate)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.model.optimizer.learning_rate = rate

    @property
    def ramps_done(self) -> bool:
        """Whether the cost of the last step had all its penalties at full weight."""
        return ramps_done(self.state.step - 1, self.model.ramps, has_l2=has_l2(self.params))

    def epoch_ended(self, seconds: float) -> None:
        """Count an epoch that ran to its end."""
        self.state.epoch += 1
        self.state.step = int(self.model.step)
        self.seconds = [*self.seconds[1 - RECENT_EPOCHS :], seconds]
        self.rates = [*self.rates[1 - RECENT_EPOCHS :], self.learning_rate]

    def judged(self) -> str:
        """Say why somebody else ends the training here; nobody does beyond its own end."""
        asks = self.judge is not None and self.more is None and self.state.epoch > 0
        return self.judge(self.state.epoch) if asks and self.judge is not None else ""

    def stop(self, reason: str) -> None:
        """End training after this epoch."""
        self.stop_reason = reason
        self.model.stop_training = True

    def fit(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Train until a callback ends it; they are called in their order after every epoch."""
        before = self.model.draws
        # What `fit` builds before the first step draws numbers too; a resumed training must draw
        # the same ones as one that went through.
        unmoved = keras.callbacks.LambdaCallback(
            on_train_begin=lambda _: setattr(self.model, "draws", before)
        )
        self.model.fit(
            self.sources[0].of(self.batches),
            validation_data=self.sources[1].of(self.validation),
            epochs=10**9,
            initial_epoch=self.state.epoch,
            shuffle=False,
            verbose=0,
            callbacks=[unmoved, *callbacks],
        )
