"""Adam in TensorFlow 1's form, clipped by the global norm, which it keeps for the log."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from lfads_nb.sweep.params import RunParams

EPSILON = 0.1
"""Added to the uncorrected root of the second moment; so large that it acts much like momentum."""


class ClippedAdam(keras.optimizers.Adam):
    """Adam that scales gradients down to a global norm.

    Keras' Adam has TF1's form: the step is lr sqrt(1 - b2^k) / (1 - b1^k) m / (sqrt(v) + epsilon)
    (lfads_model.md 4.9).

    Parameters
    ----------
    params : RunParams
    """

    def __init__(self, params: RunParams) -> None:
        super().__init__(
            learning_rate=params.learning_rate_init,
            beta_1=0.9,
            beta_2=0.999,
            epsilon=EPSILON,
            name="adam",
        )
        self.max_norm = params.max_grad_norm

    def build(self, variables: list[Any]) -> None:
        """Add the gradient's last norm to Adam's own variables."""
        if not self.built:
            self.gradient_norm = self.add_variable(shape=(), name="gradient_norm")
        super().build(variables)

    def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
        """Clip the gradients and update the variables."""
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in grads))
        self.gradient_norm.assign(norm)
        scale = self.max_norm / ops.maximum(norm, self.max_norm)
        super().apply([g * scale for g in grads], trainable_variables)
