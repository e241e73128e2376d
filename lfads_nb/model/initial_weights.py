"""Initial values, drawn in numpy so that a seed means the same on every backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


class InitialWeights:
    """Draws normal weights, in the order in which a network asks for them.

    Parameters
    ----------
    seed : int
        The run's seed.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 0])

    def normal(self, shape: Sequence[int], std: float) -> np.ndarray:
        """Draw an array from N(0, std)."""
        return self._rng.normal(0.0, std, size=tuple(shape)).astype(np.float32)

    def linear(self, n_in: int, n_out: int, scale: float = 1.0) -> np.ndarray:
        """Draw a matrix (n_in, n_out) from N(0, scale / sqrt(n_in))."""
        return self.normal((n_in, n_out), scale / np.sqrt(max(n_in, 1)))


def add_variable(
    layer: keras.layers.Layer, name: str, values: np.ndarray, *, trainable: bool = True
) -> Any:
    """Give a layer a variable that starts at the values."""
    values = np.asarray(values, np.float32)
    variable = layer.add_weight(
        shape=values.shape, initializer="zeros", name=name, trainable=trainable
    )
    variable.assign(values)
    return variable
