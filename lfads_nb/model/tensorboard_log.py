"""What TensorBoard shows of a training: every figure of every epoch.

Written with TensorBoard's own writer, which needs no TensorFlow and so serves every backend.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from tensorboard.summary import Writer

from lfads_nb.model.callbacks import EpochEnd, Logs
from lfads_nb.model.fit_log import EpochFigures
from lfads_nb.model.training import Training
from lfads_nb.vocabulary import curve

log = logging.getLogger(__name__)

SECONDS_BETWEEN_FLUSHES = 20.0


class TensorBoardLog(EpochEnd):
    """Writes the figures of training and of validation as two series of curves.

    A disk that is full for them ends them, and not the training.
    """

    def __init__(self, training: Training) -> None:
        super().__init__(training)
        self._writers: dict[str, Writer] = {}
        self._flushed = -math.inf
        self._unless_it_fails(self._open)

    def _open(self) -> None:
        for name in ("train", "validation"):
            self._writers[name] = Writer(str(self.training.run.tensorboard / name))

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:
        """Write one point of every curve."""
        if self._writers:
            self._unless_it_fails(lambda: self._add(figures, logs))

    def _add(self, figures: EpochFigures, logs: Logs) -> None:
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
        writers, self._writers = list(self._writers.values()), {}
        for writer in writers:
            self._unless_it_fails(writer.close)

    def _unless_it_fails(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception:
            # Whatever a file system raises, in TensorBoard's own words.
            log.exception("No more points for TensorBoard; the training goes on.")
            self._writers = {}
