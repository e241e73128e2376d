"""What a training was at the end of its last whole epoch, kept in memory until it is on disk.

A training that is interrupted within an epoch cannot go on exactly from where it is; from the end
of the epoch before it can. That is written when the interruption comes, so that only the epoch that
was under way is trained again.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from lfads_nb.model.callbacks import CheckpointWriter, EpochEnd, Logs
from lfads_nb.model.fit_log import EpochFigures
from lfads_nb.model.training import Training
from lfads_nb.model.training_state import TrainingState

log = logging.getLogger(__name__)


class LastEpoch(EpochEnd):
    """Remembers each epoch's end that no checkpoint was written of.

    Parameters
    ----------
    training : Training
    writer : CheckpointWriter
        It acts before this one.
    """

    def __init__(self, training: Training, writer: CheckpointWriter) -> None:
        super().__init__(training)
        self._writer = writer
        self._state = ""
        self._values: list[tuple[Any, np.ndarray]] = []
        self._draws = np.zeros(2, "uint32")

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Copy the model and the state, if they are on no disk."""
        t = self.training
        self._state = ""  # an interruption in the midst of this leaves nothing that is half
        if self._writer.saved_step == t.state.step:
            return
        variables = {id(v): v for v in (*t.model.variables, *t.model.optimizer.variables)}
        self._values = [(v, np.array(keras.ops.convert_to_numpy(v))) for v in variables.values()]
        self._draws = t.model.draws
        self._state = t.state.to_json()

    def save(self) -> None:
        """Write the checkpoint of the last whole epoch, if there is none."""
        t = self.training
        if not self._state:
            return
        with _uninterrupted():
            state = TrainingState.from_json(self._state, t.params)
            if state.nan_restarts != t.state.nan_restarts:
                return  # training has gone back to before it
            for variable, value in self._values:
                variable.assign(value)
            t.model.draws, t.state = self._draws, state
            t.rolling.save(t.model, t.state)
            self._state = ""
        log.info("Saved the end of epoch %d.", state.epoch - 1)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let no further Ctrl-C break what is being written; whoever insists has stronger means."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
