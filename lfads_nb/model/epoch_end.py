"""Which callbacks a training has: their order is that of an epoch's end.

What each of them does is in `callbacks.py` and its neighbours; the rules are in `schedule.py`.
"""

from __future__ import annotations

from contextlib import closing

import keras

from lfads_nb.model.callbacks import (
    CheckpointWriter,
    DivergenceGuard,
    EpochRecorder,
    FitLogWriter,
    ProgressReporter,
    RateFollower,
    Stopper,
)
from lfads_nb.model.last_epoch import LastEpoch
from lfads_nb.model.preview_writer import PreviewWriter
from lfads_nb.model.step_reporter import StepReporter
from lfads_nb.model.tensorboard_log import TensorBoardLog
from lfads_nb.model.training import Training


def train_to_the_end(training: Training) -> None:
    """Train until one of the run's own rules ends it."""
    with closing(TensorBoardLog(training)) as board:
        writer = CheckpointWriter(training)
        last = LastEpoch(training, writer)
        callbacks = [*callbacks_of(training, writer, board), last]
        if training.previewed is not None:
            callbacks.append(PreviewWriter(training, training.previewed))
        try:
            training.fit(callbacks)
        except KeyboardInterrupt:
            last.save()
            raise
        if training.figures is None:  # asked to stop within an epoch
            last.save()


def callbacks_of(
    training: Training, writer: CheckpointWriter, board: TensorBoardLog
) -> list[keras.callbacks.Callback]:
    """Return what a run does at the end of an epoch, in this order."""
    return [
        EpochRecorder(training),
        StepReporter(training),
        DivergenceGuard(training),
        FitLogWriter(training),
        RateFollower(training),
        Stopper(training),
        writer,
        ProgressReporter(training),
        board,
    ]
