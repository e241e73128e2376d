"""Models whose steps are compiled, kept for the next training of the same shapes.

Tracing and compiling a step takes seconds, a turn of a small population's member hardly more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.backend import ReadAhead, compiles_whole_step
from lfads_nb.model.batches import SessionBatches
from lfads_nb.model.inputs import Session
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.optimizer import ClippedAdam
from lfads_nb.sweep.same_program import NUMBERS, compiled_settings


def compiled_model(architecture: Architecture, sessions: Sequence[Session]) -> Lfads:
    """Build a model with its first weights, ready to be trained."""
    model = Lfads(architecture, sessions)
    model.compile(optimizer=ClippedAdam(architecture.params), jit_compile=compiles_whole_step())
    model.optimizer.build(model.trainable_variables)
    return model


@dataclass
class Kept:
    """What stays from one training to the next."""

    model: Lfads
    sources: tuple[ReadAhead, ReadAhead]
    preview: list[Callable[..., dict[str, Any]]] = field(default_factory=list)
    """The compiled pass that shows a few trials, once there is one."""


class CompiledModels:
    """The models that were used last.

    Parameters
    ----------
    keep : int
        How many; each holds its graphs and one step's buffers in memory.
    """

    def __init__(self, keep: int = 2) -> None:
        self._keep = keep
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def kept(
        self,
        architecture: Architecture,
        sessions: Sequence[Session],
        batches: Sequence[SessionBatches],
        *,
        will_load: bool,
    ) -> Kept:
        """Return a model as `compiled_model` does, but with steps that may be compiled already.

        Parameters
        ----------
        batches : of training and of validation
        will_load : bool
            A checkpoint will be loaded: whatever weights it has will do.
        """
        key = compiled_key(architecture, batches)
        kept = self._kept.pop(key, None)
        if kept is None:
            model = compiled_model(architecture, sessions)
            kept = Kept(model, (ReadAhead(), ReadAhead()))
        else:
            model = kept.model
            # Its layers keep the architecture of their first training, which differs in nothing
            # that they compile.
            model.architecture = architecture
            model.network.settings.set(architecture.params)
            if not will_load:
                _begin_anew(model, sessions)
        self._kept[key] = kept
        while len(self._kept) > self._keep:
            self._kept.popitem(last=False)
        return kept

    def compile_for(self, architecture: Architecture, sessions: Sequence[Session]) -> None:
        """Build and compile a model before it is asked for, by one step and one validation."""
        batches = [SessionBatches(architecture, sessions, part) for part in ("train", "valid")]
        kept = self.kept(architecture, sessions, batches, will_load=False)
        model, (train, valid) = kept.model, kept.sources
        for part in batches:
            part.start_epoch(0, 0)

        def stop(batch: int, logs: Any) -> None:  # noqa: ARG001  Keras gives both
            model.stop_training = True

        model.fit(
            train.of(batches[0]),
            validation_data=valid.of(batches[1]),
            epochs=1,
            shuffle=False,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=stop)],
        )


def compiled_key(architecture: Architecture, batches: Sequence[SessionBatches]) -> Hashable:
    """Return what is equal for trainings that can use the same compiled steps."""
    a = architecture
    shapes = [
        (len(b), *((name, array.shape, array.dtype.str) for name, array in b[0][0].items()))
        for b in batches
    ]
    return (
        compiled_settings(a.params),
        tuple(a.uses(name) for name in NUMBERS),
        (a.sessions, a.n_channels, a.n_bins, a.has_readin),
        tuple(shapes),
        keras.backend.floatx(),
    )


def _begin_anew(model: Lfads, sessions: Sequence[Session]) -> None:
    """Give a model the values that a new one starts with."""
    fresh = Lfads(model.architecture, sessions)
    for variable, first in zip(_variables(model), _variables(fresh), strict=True):
        variable.assign(first)
    for variable in model.optimizer.variables:
        variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))
    model.optimizer.learning_rate = model.architecture.params.learning_rate_init


def _variables(model: Lfads) -> list[Any]:
    """Return a model's own variables, without the optimiser's."""
    return list(keras.layers.Layer.variables.fget(model))
