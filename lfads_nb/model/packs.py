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
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np

from lfads_nb.errors import LfadsError, ParamsError
from lfads_nb.model.backend import backend_name
from lfads_nb.model.callbacks import CheckpointWriter
from lfads_nb.model.compiled_models import CompiledModels, compiled_key
from lfads_nb.model.devices import on_device
from lfads_nb.model.epoch_end import callbacks_of
from lfads_nb.model.inputs import Session, describe, read_sessions
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.pack_batches import data_of, plans_of
from lfads_nb.model.stages import Begun, begin, summary
from lfads_nb.model.tensorboard_log import TensorBoardLog
from lfads_nb.model.training import Progress, Training
from lfads_nb.model.training_setup import set_up
from lfads_nb.model.training_state import TrainingState
from lfads_nb.model.validation_metrics import ValidationMetrics
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


def train_together(runs: Sequence[PackRun]) -> list[TrainSummary | Exception]:
    """Train runs as one program, each going on from its newest checkpoint if it has one.

    Parameters
    ----------
    runs : sequence of PackRun
        Of equal data, shapes and batch size: they may differ in what `compiled_key` leaves out.

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
    if backend_name() != "jax":
        raise ParamsError(
            "a pack trains on JAX: set the environment variable KERAS_BACKEND=jax, or train its "
            "runs one by one"
        )
    first = runs[0]
    _check_inputs(runs)
    sessions = read_sessions(first.folder, first.params, first.datasets)
    with on_device(first.params), ExitStack() as open_logs:
        trainings, models = _set_up(runs, sessions)
        pack = models[0].pack
        members = [
            _Member(t, m, run.on_end) for t, m, run in zip(trainings, models, runs, strict=True)
        ]
        for member in members:
            member.attempt(member.begin)
            if member.is_active:
                board = TensorBoardLog(member.training)
                open_logs.enter_context(closing(board))
                writer = PackCheckpoints(member.training, member.model)
                member.callbacks = callbacks_of(member.training, writer, board)
            member.tell_end()
        fit_together(pack, [member for member in members if member.is_active])
        return [member.outcome() for member in members]


def _check_inputs(runs: Sequence[PackRun]) -> None:
    """Refuse runs that do not read the very same files."""

    def files(run: PackRun) -> list[Path]:
        return [run.folder.input_file(name).resolve() for name in run.datasets]

    for run in runs[1:]:
        if files(run) != files(runs[0]):
            raise ParamsError(
                f"{run.folder.path} and {runs[0].folder.path} read other data: only runs of the "
                "same data train as one program"
            )


def _set_up(
    runs: Sequence[PackRun], sessions: Sequence[Session]
) -> tuple[list[Training], list[MemberModel]]:
    """Build each run's first weights, and what its training needs."""
    # Imported here: a program without JAX can still read this file.
    from lfads_nb.model.stacked_models import StackedModels, State

    kept, trainings, states = CompiledModels(keep=1), [], []
    keys = set()
    for run in runs:
        training = set_up(run.folder, describe(run.params, sessions), sessions, kept)
        both = (training.batches, training.validation)
        keys.add(compiled_key(training.model.architecture, both))
        if len(keys) > 1:
            raise ParamsError(
                f"{run.folder.path} differs from {runs[0].folder.path} in more than numbers: only "
                "settings of the same network, batch size and ramps train as one program"
            )
        training.on_progress, training.should_stop = run.on_progress, run.should_stop
        trainings.append(training)
        states.append(State.of(training.model))
    pack = Pack(StackedModels(trainings[0].model), trainings)
    pack.models.stack(states)
    pack.read_scalars()
    members = []
    for index, training in enumerate(trainings):
        member = MemberModel(pack, index, training.batches.architecture)
        training.model = cast(Lfads, member)
        if training.metrics is not None:
            training.metrics = cast(ValidationMetrics, _MemberMetrics(training.metrics, member))
        members.append(member)
    return trainings, members


class Pack:
    """The common program of some trainings, with the scalars of each that the host goes by.

    Parameters
    ----------
    models : StackedModels
    trainings : sequence of Training
        Whose data they read.
    """

    def __init__(self, models: Any, trainings: Sequence[Training]) -> None:
        self.models = models
        self.rates = np.zeros(0)
        self.norms = np.zeros(0)
        self.steps = np.zeros(0, int)
        self._better: set[int] = set()
        batches = {
            "train": [t.batches for t in trainings],
            "valid": [t.validation for t in trainings],
        }
        self._batches = batches
        self._data: dict[str, Any] = {}
        self.choose(range(len(trainings)))

    def choose(self, members: Sequence[int]) -> None:
        """Hold the data of these members."""
        self._batches = {split: [each[i] for i in members] for split, each in self._batches.items()}
        self._data = {split: data_of(each) for split, each in self._batches.items()}

    def read_scalars(self) -> None:
        """Learn the members' learning rates, gradient norms and steps."""
        found = self.models.scalars()
        self.rates = np.array(found["learning_rate"])
        self.norms, self.steps = found["gradient_norm"], found["step"]

    def read_member(self, index: int) -> None:
        """Learn one member's anew; rates that were chosen for others stay."""
        rates = self.rates
        self.read_scalars()
        others = np.arange(len(rates)) != index
        self.rates[others] = rates[others]

    def show(self, index: int, *, best: bool) -> Lfads:
        """Return the model with a member's present or best values in it."""
        self._keep_better()
        return self.models.show(index, best=best)

    def note_best(self, index: int) -> None:
        """Keep a member's present weights, on the device, as its best."""
        self._better.add(index)

    def _keep_better(self) -> None:
        if self._better:
            self.models.note_best(sorted(self._better))
            self._better.clear()

    def epoch(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Train all members for one epoch; figures by name, (members,)."""
        self._keep_better()
        self.models.set_learning_rates(self.rates)
        plans = {split: plans_of(batches) for split, batches in self._batches.items()}
        logs = self.models.epoch(self._data, plans)
        self.read_scalars()
        return logs

    def shrink(self, members: Sequence[int]) -> None:
        """Go on with these members only, numbered anew."""
        self._keep_better()
        self.models.set_learning_rates(self.rates)
        self.models.keep_only(members)
        self.choose(members)
        self.read_scalars()


class MemberModel:
    """One member of a pack, with the face of an `Lfads` that callbacks and checkpoints know.

    Parameters
    ----------
    pack : Pack
    index : int
        Its present place in the pack.
    architecture : Architecture
        The member's own: numbers differ between members.
    best : bool
        Stand for the member's best weights, not its present ones.
    """

    def __init__(self, pack: Pack, index: int, architecture: Any, *, best: bool = False) -> None:
        self.pack, self.index, self.architecture = pack, index, architecture
        self.stop_training = False
        self.optimizer = _MemberOptimizer(self)
        self._best = best

    @property
    def ramps(self) -> Any:
        return self.pack.models.model.ramps

    @property
    def step(self) -> int:
        """Optimiser steps that it has taken."""
        return int(self.pack.steps[self.index])

    @property
    def variables(self) -> list:
        return self.pack.models.model.variables

    @property
    def trainable_variables(self) -> list:
        return self.pack.models.model.trainable_variables

    def shown(self) -> Lfads:
        """Return the pack's model with this member's values in it."""
        return self.pack.show(self.index, best=self._best)

    def as_best(self) -> MemberModel:
        """Return what stands for the member's best weights."""
        return MemberModel(self.pack, self.index, self.architecture, best=True)

    @property
    def draws(self) -> np.ndarray:
        """See `Lfads.draws`."""
        return self.shown().draws

    @draws.setter
    def draws(self, state: Sequence[int]) -> None:
        self.shown().draws = state
        self._take()

    def prior_summary(self) -> dict[str, np.ndarray]:
        """See `Lfads.prior_summary`."""
        if not self.architecture.params.co_dim:
            return {}
        return self.shown().prior_summary()

    def save_weights(self, path: Path, *, overwrite: bool) -> None:
        """Write an ordinary model's weights file."""
        self.shown().save_weights(path, overwrite=overwrite)

    def load_weights(self, path: Path) -> None:
        """Read an ordinary model's weights file.

        Raises
        ------
        ValueError
            It does not fit.
        """
        # What a file does not hold, such as the setting's numbers, stays the member's own.
        self.shown().load_weights(path)
        self._take()

    def _take(self) -> None:
        self.pack.models.take(self.index)
        self.pack.read_member(self.index)


class _MemberOptimizer:
    """What callbacks ask of a model's optimiser."""

    def __init__(self, member: MemberModel) -> None:
        self._member = member

    @property
    def variables(self) -> list:
        return self._member.pack.models.model.optimizer.variables

    @property
    def gradient_norm(self) -> float:
        return float(self._member.pack.norms[self._member.index])

    @property
    def learning_rate(self) -> float:
        return float(self._member.pack.rates[self._member.index])

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._member.pack.rates[self._member.index] = rate


class _MemberMetrics:
    """Works out a member's figures on validation trials with the pack's model."""

    def __init__(self, metrics: ValidationMetrics, member: MemberModel) -> None:
        self._metrics, self._member = metrics, member
        self.known = metrics.known

    def figures(self) -> dict[str, float]:
        """See `ValidationMetrics.figures`."""
        self._member.shown()
        return self._metrics.figures()


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


class _Member:
    """One training of a pack and how it goes."""

    def __init__(
        self,
        training: Training,
        model: MemberModel,
        on_end: Callable[[TrainSummary | Exception], None] | None,
    ) -> None:
        self.training, self.model, self._on_end = training, model, on_end
        self.callbacks: list[keras.callbacks.Callback] = []
        self.begun: Begun | None = None
        self.failure: Exception | None = None

    @property
    def is_active(self) -> bool:
        ended = self.begun is not None and bool(self.begun.reason)
        return self.failure is None and not ended and not self.model.stop_training

    def attempt(self, what: Callable[..., None], *args: Any) -> None:
        """Do something of which an error ends this member only."""
        try:
            what(*args)
        except (LfadsError, OSError) as error:
            self.failure = error
            log.warning("%s left its pack: %s", self.training.run.path, error)

    def begin(self) -> None:
        self.begun = begin(self.training)

    def call(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks, in their order."""
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def end_epoch(self, logs: dict[str, float]) -> None:
        self.call("on_train_batch_end", len(self.training.batches) - 1)
        self.call("on_epoch_end", self.training.state.epoch, logs)

    def tell_end(self) -> None:
        """Tell how it ended, once, if it has."""
        if self._on_end is not None and not self.is_active:
            on_end, self._on_end = self._on_end, None
            on_end(self.outcome())

    def outcome(self) -> TrainSummary | Exception:
        if self.failure is not None or self.begun is None:
            return self.failure or RuntimeError("the pack ended before this run began")
        return summary(self.training, self.begun)


def fit_together(pack: Pack, members: Sequence[_Member]) -> None:
    """Train members until each has ended by its own rules.

    Those that have ended still take part in the common steps, to no effect; when half of a pack
    has ended, it goes on with the others alone, which takes one more compilation.
    """
    present = list(members)
    if [m.model.index for m in present] != list(range(len(pack.rates))):
        _shrink(pack, present)
    for member in present:
        member.attempt(member.call, "on_train_begin")
        member.tell_end()
    while any(member.is_active for member in present):
        active = [member for member in present if member.is_active]
        if len(active) <= len(present) // 2:
            present = active
            _shrink(pack, present)
        for member in active:
            member.attempt(member.call, "on_epoch_begin", member.training.state.epoch)
        logs, valid = pack.epoch()
        for member in active:
            i = member.model.index
            own = {name: float(x[i]) for name, x in logs.items()}
            own.update({f"val_{name}": float(x[i]) for name, x in valid.items()})
            member.attempt(member.end_epoch, own)
            member.tell_end()


def _shrink(pack: Pack, members: Sequence[_Member]) -> None:
    if not members:
        return
    pack.shrink([member.model.index for member in members])
    for place, member in enumerate(members):
        member.model.index = place
