"""A pack: runs of equal shape and data that train together as one program (JAX only).

Each member keeps what a run has: its own folder, fit log, checkpoints, rules and end. Its callbacks
are those of a run that trains alone; what they find in the place of the model is a `MemberModel`.
Checkpoints are an ordinary run's, so that a run begun in a pack goes on alone, and the other way
round.

What differs from a run alone: checkpoints are written once a minute and at the end, not every tenth
epoch as well; the best weights stay on the device in between, and are written just before what goes
on from them. A request to stop acts at the end of an epoch.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import cast

from lfads_nb.model.backend import device_names
from lfads_nb.model.callbacks import STOPPED, CheckpointWriter
from lfads_nb.model.devices import chosen_device, on_device
from lfads_nb.model.epoch_end import callbacks_of
from lfads_nb.model.inputs import describe, read_sessions
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.pack_members import PackMember, fit_together
from lfads_nb.model.pack_models import CompiledPacks, MemberModel, check_pack, set_up_pack
from lfads_nb.model.pack_sampling import PackSampler
from lfads_nb.model.preview_writer import PreviewWriter
from lfads_nb.model.stages import Begun, begin, summary
from lfads_nb.model.tensorboard_log import TensorBoardLog
from lfads_nb.model.training import Progress, Training
from lfads_nb.model.training_state import TrainingState
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.progress import TrainSummary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackRun:
    """One run that is to be trained in a pack; see `lfads_nb.model.stages.train`."""

    folder: RunFolder
    params: RunParams
    datasets: tuple[str, ...]
    on_progress: Progress | None = None
    should_stop: Callable[[], bool] | None = None
    on_end: Callable[[TrainSummary | Exception], None] | None = None
    """Told once how it ended, as soon as it has: others of its pack may go on for long."""
    on_sampled: Callable[[], None] | None = None
    """Told before that if its posterior means are written already."""


def train_together(
    runs: Sequence[PackRun], *, sample: bool | None = None
) -> list[TrainSummary | Exception]:
    """Train runs as one program, each going on from its newest checkpoint if it has one.

    Parameters
    ----------
    runs : sequence of PackRun
        Of equal data, shapes and batch size: they may differ in what `compiled_key` leaves out.
    sample : bool, optional
        Also write the posterior means of each run whose training has ended. By default on a GPU,
        where that takes seconds; on a processor the others would wait too long for it.

    Returns
    -------
    list of TrainSummary or Exception
        For each run how it ended; an error of one ends no other.

    Raises
    ------
    ParamsError
        The backend is not JAX, or the runs do not fit each other.
    RunFolderError, DataError
        The inputs cannot be read.
    """
    check_pack([(run.folder, run.datasets) for run in runs])
    first = runs[0]
    sessions = read_sessions(first.folder, first.params, first.datasets)
    with on_device(first.params), ExitStack() as open_logs:
        described = [(run.folder, describe(run.params, sessions)) for run in runs]
        trainings = set_up_pack(described, sessions, CompiledPacks())
        device = chosen_device(first.params.device, device_names())
        sample = device.startswith("gpu") if sample is None else sample
        sampler = PackSampler(sessions) if sample else None
        members = []
        for training, run in zip(trainings, runs, strict=True):
            training.on_progress, training.should_stop = run.on_progress, run.should_stop
            members.append(_RunMember(training, run, sampler))
        for member in members:
            member.attempt(member.begin)
            if member.is_active:
                t, board = member.training, TensorBoardLog(member.training)
                open_logs.enter_context(closing(board))
                writer = PackCheckpoints(t, member.model)
                member.callbacks = [*callbacks_of(t, writer, board)]
                if t.previewed is not None:
                    member.callbacks.append(PreviewWriter(t, t.previewed, n_alike=len(runs)))
            member.tell_end()
        fit_together(members)
        return [member.outcome() for member in members]


class PackCheckpoints(CheckpointWriter):
    """Writes checkpoints once a minute and at the end; keeps the best on the device till then.

    A resume begins at the newest, and all that came after is trained again. So a best one that is
    lost with the epochs after the newest is found again; it only must not be older than the newest
    says it is.
    """

    EPOCHS_BETWEEN = math.inf

    def __init__(self, training: Training, member: MemberModel) -> None:
        super().__init__(training)
        self._member = member
        self._best: TrainingState | None = None

    def keep_best(self) -> None:
        """Note the weights as the best; they are written with the next newest ones."""
        self._member.pack.note_best(self._member.index)
        self._best = copy.deepcopy(self.training.state)

    def keep_newest(self) -> None:
        """Write the best, if it is not yet, and then the newest."""
        if self._best is not None:
            self.training.best.save(cast(Lfads, self._member.as_best()), self._best)
            self._best = None
        super().keep_newest()


class _RunMember(PackMember):
    """A whole run."""

    def __init__(self, training: Training, run: PackRun, sampler: PackSampler | None) -> None:
        super().__init__(training, run.on_end)
        self.begun: Begun | None = None
        self._run, self._sampler = run, sampler

    def was_over(self) -> bool:
        return self.begun is not None and bool(self.begun.reason)

    def begin(self) -> None:
        self.begun = begin(self.training)

    def finish(self) -> None:
        """Write the posterior means, unless its training was cut short."""
        is_cut_short = self.training.stop_reason == STOPPED or self.failure is not None
        if self._sampler is None or is_cut_short:
            return
        try:
            self._sampler.sample(self._run.folder, self._run.params)
        except Exception:
            # Also what a framework raises where memory is short. Its own process samples it then.
            log.exception("%s is sampled later, by itself.", self._run.folder.path)
            return
        if self._run.on_sampled is not None:
            self._run.on_sampled()

    def outcome(self) -> TrainSummary | Exception:
        if self.failure is not None or self.begun is None:
            return self.failure or RuntimeError("the pack ended before this run began")
        return summary(self.training, self.begun)
