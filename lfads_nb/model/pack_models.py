"""Models that train as one program, each with the face of an ordinary one.

The program itself is in `stacked_models.py`, how its members train in `pack_members.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lfads_nb.errors import ParamsError
from lfads_nb.model.architecture import Architecture
from lfads_nb.model.backend import backend_name
from lfads_nb.model.compiled_models import CompiledModels, compiled_key
from lfads_nb.model.inputs import Session
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.pack_batches import data_of, plans_of
from lfads_nb.model.training import Training
from lfads_nb.model.training_setup import set_up
from lfads_nb.model.validation_metrics import ValidationMetrics
from lfads_nb.sweep.folders import RunFolder

if TYPE_CHECKING:
    from lfads_nb.model.stacked_models import StackedModels

log = logging.getLogger(__name__)


class CompiledPacks:
    """The program of the last pack, kept for the next one of the same shapes."""

    def __init__(self) -> None:
        self.models = CompiledModels(keep=1)
        self._stacked: StackedModels | None = None

    def stacked(self, model: Lfads) -> StackedModels:
        """Return the program that trains models like this one; its members are to be stacked."""
        # Imported here: a program without JAX can still read this file.
        from lfads_nb.model.stacked_models import StackedModels

        if self._stacked is None or self._stacked.model is not model:
            self._stacked = StackedModels(model)
        return self._stacked


def check_pack(inputs: Sequence[tuple[RunFolder, Sequence[str]]]) -> None:
    """Refuse what cannot train together: another backend, or folders with other data.

    Parameters
    ----------
    inputs : folders with the names of their datasets.

    Raises
    ------
    ParamsError
    """
    if backend_name() != "jax":
        raise ParamsError(
            "a pack trains on JAX: set the environment variable KERAS_BACKEND=jax, or train its "
            "runs one by one"
        )

    def files(folder: RunFolder, names: Sequence[str]) -> list[Path]:
        return [folder.input_file(name).resolve() for name in names]

    first, expected = inputs[0][0], files(*inputs[0])
    for folder, names in inputs[1:]:
        if files(folder, names) != expected:
            raise ParamsError(
                f"{folder.path} and {first.path} read other data: only runs of the same data train "
                "as one program"
            )


def set_up_pack(
    members: Sequence[tuple[RunFolder, Architecture]],
    sessions: Sequence[Session],
    packs: CompiledPacks,
    *,
    will_load: bool = False,
) -> list[Training]:
    """Build each member's first weights, and what its training needs; its model is its own face.

    Parameters
    ----------
    will_load : bool
        A checkpoint will be loaded by each, so first weights are not needed.

    Raises
    ------
    ParamsError
        The members differ in more than numbers.
    """
    # Imported here: a program without JAX can still read this file.
    from lfads_nb.model.stacked_models import State

    trainings, states, keys = [], [], set()
    for folder, architecture in members:
        training = set_up(folder, architecture, sessions, packs.models, will_load=will_load)
        both = (training.batches, training.validation)
        keys.add(compiled_key(training.model.architecture, both))
        if len(keys) > 1:
            raise ParamsError(
                f"{folder.path} differs from {members[0][0].path} in more than numbers: only "
                "settings of the same network, batch size and ramps train as one program"
            )
        trainings.append(training)
        states.append(State.of(training.model))
    pack = Pack(packs.stacked(trainings[0].model), trainings)
    pack.models.stack(states)
    pack.read_scalars()
    for index, training in enumerate(trainings):
        member = MemberModel(pack, index, training.batches.architecture)
        training.model = cast(Lfads, member)
        if training.metrics is not None:
            training.metrics = cast(ValidationMetrics, _MemberMetrics(training.metrics, member))
    return trainings


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
        # Nothing else has changed: a learning rate that was just chosen stays.
        self.pack.models.take(self.index)

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
