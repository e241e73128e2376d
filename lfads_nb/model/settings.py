"""The numbers that a compiled step reads, so that another value needs no other compilation.

Only whether a thing is there at all is compiled in (`Architecture.uses`): what is off costs
nothing.
"""

from __future__ import annotations

from typing import Any

import keras

from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.same_program import NUMBERS


class Settings(keras.layers.Layer):
    """One scalar variable for each number."""

    def __init__(self, params: RunParams) -> None:
        super().__init__(name="settings")
        self._numbers = {
            name: self.add_weight(shape=(), initializer="zeros", name=name, trainable=False)
            for name in NUMBERS
        }
        self.set(params)
        self.built = True

    def __getitem__(self, name: str) -> Any:
        """Return the variable of a number."""
        return self._numbers[name]

    def set(self, params: RunParams) -> None:
        """Take the values of a setting."""
        for name, variable in self._numbers.items():
            variable.assign(float(getattr(params, name)))

    def save_own_variables(self, store: Any) -> None:
        """Write nothing into a checkpoint: the values are the run's, not the weights'."""

    def load_own_variables(self, store: Any) -> None:
        """Keep the run's values whatever checkpoint is loaded."""
