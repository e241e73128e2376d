"""What TensorBoard shows of a training: every figure of every epoch.

Written with TensorBoard's own writer, which needs no TensorFlow and so serves every backend.
"""

from __future__ import annotations

import math

from tensorboard.summary import Writer

from lfads_nb.model.callbacks import EpochEnd, Logs
from lfads_nb.model.fit_log import EpochFigures
from lfads_nb.model.training import Training
from lfads_nb.vocabulary import curve

SECONDS_BETWEEN_FLUSHES = 20.0


class TensorBoardLog(EpochEnd):
    """Writes the figures of training and of validation as two series of curves."""

    def __init__(self, training: Training) -> None:
        super().__init__(training)
        folder = training.run.tensorboard
        self._writers = {name: Writer(str(folder / name)) for name in ("train", "validation")}
        self._flushed = -math.inf

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:
        """Write one point of every curve."""
        values = {**logs, "learning_rate": figures.learning_rate}
        for key, value in values.items():
            which = "validation" if key.startswith("val_") else "train"
            tag = curve(key.removeprefix("val_")).label
            self._writers[which].add_scalar(tag, value, figures.epoch)
        now = self.training.clock()
        if now - self._flushed > SECONDS_BETWEEN_FLUSHES:
            self._flushed = now
            for writer in self._writers.values():
                writer.flush()

    def close(self) -> None:
        """Write what is left and end the writers' threads."""
        for writer in self._writers.values():
            writer.close()
