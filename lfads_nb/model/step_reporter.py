"""What a training says within an epoch: compiling, then how far it is and how long it may take."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import keras

from lfads_nb.model.schedule import epochs_left
from lfads_nb.model.training import Training
from lfads_nb.sweep.progress import TrainStep, epochs_in_words

SECONDS_BETWEEN_STEPS = 0.5


class StepReporter(keras.callbacks.Callback):
    """Tells whoever watches where training is after a step, at most twice a second."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training = training
        self._last = -math.inf
        self._first: float | None = None  # when the first step of all had ended
        self._n_steps = 0
        self._left = 0.0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """The first step is compiled before it runs."""
        if self.training.on_step is not None:
            self.training.on_step(TrainStep("compiling"))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Ask once an epoch how many are left, this one among them."""
        t = self.training
        if t.on_step is not None:
            self._left = epochs_left(
                t.params, epochs_done=t.state.epoch, rate=t.learning_rate, recent_rates=t.rates,
                more=t.more,
            )  # fmt: skip

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Report, unless the last report was just now."""
        t, now = self.training, self.training.clock()
        if t.on_step is None:
            return
        self._n_steps += 1
        if self._first is None:
            self._first = now
        if now - self._last < SECONDS_BETWEEN_STEPS:
            return
        self._last = now
        of_epoch = (batch + 1) / max(len(t.batches), 1)
        done, left = t.state.epoch + of_epoch, max(self._left - of_epoch, 0.0)
        fraction = done / (done + left)
        pace = self._seconds_per_epoch(now)
        t.on_step(
            TrainStep(
                epochs_in_words(t.state.epoch, t.state.epoch / (done + left)),
                fraction,
                None if pace is None else left * pace,
            )
        )

    def _seconds_per_epoch(self, now: float) -> float | None:
        """Return the pace of recent epochs, or of the first one's steps but the one compiled."""
        t = self.training
        if len(t.seconds) > 1:
            return median(t.seconds[1:])
        if self._first is None or self._n_steps < 2:
            return None
        return (now - self._first) / (self._n_steps - 1) * len(t.batches)
