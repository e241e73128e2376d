"""The generator: a GRU whose state gives the factors, from an initial condition and inputs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.encoders import update_gate_bias
from lfads_nb.model.initial_weights import InitialWeights, add_variable

Tensor = Any


class Generator(keras.layers.Layer):
    """The generator's cell, its initial state, and the factors (lfads_model.md 4.2, 4.4, 4.6)."""

    def __init__(self, architecture: Architecture, init: InitialWeights) -> None:
        super().__init__(name="generator")
        p = architecture.params
        self.units = units = p.gen_dim
        self.n_inferred, n_inputs = p.co_dim, architecture.generator_inputs
        self.w_g0: Tensor = None
        self.b_g0: Tensor = None
        self.first_state: Tensor = None
        self.w_x: Tensor = None
        if p.ic_dim == 0:
            self.first_state = add_variable(self, "first_state", np.zeros((1, units)))
        elif p.ic_dim != units:
            self.w_g0 = add_variable(self, "w_g0", init.linear(p.ic_dim, units))
            self.b_g0 = add_variable(self, "b_g0", np.zeros(units))
        if n_inputs:
            w_x = init.linear(n_inputs, 3 * units, p.gen_cell_input_weight_scale)
            self.w_x = add_variable(self, "w_x", w_x)
        scale = p.gen_cell_rec_weight_scale
        self.w_h_ru = add_variable(self, "w_h_ru", init.linear(units, 2 * units, scale))
        self.w_h_c = add_variable(self, "w_h_c", init.linear(units, units, scale))
        self.b = add_variable(self, "b", np.zeros(3 * units))
        self.w_fac = add_variable(self, "w_fac", init.linear(units, p.factors_dim))
        self.built = True

    def initial_state(self, g0: Tensor | None, n_trials: int) -> Tensor:
        """Return the state before the first bin, (trials, units)."""
        if g0 is None:
            return ops.broadcast_to(self.first_state, (n_trials, self.units))
        return g0 if self.w_g0 is None else ops.matmul(g0, self.w_g0) + self.b_g0

    def factor_weights(self) -> Tensor:
        """Return the factor matrix (units, factors) with columns of unit length.

        The original's text says rows; its code, and trained weights, mean columns.
        """
        return self.w_fac / ops.sqrt(ops.sum(ops.square(self.w_fac), axis=0, keepdims=True))

    def external_gates(self, external: Tensor | None) -> Tensor:
        """Project injected inputs (bins, trials, inputs) and add the bias.

        Without any, the result is (1, 1, 3 units): the same at every bin.
        """
        bias = self.b + update_gate_bias(self.units)
        if external is None:
            return bias[None, None]
        return ops.matmul(external, self.w_x[self.n_inferred :]) + bias

    def inferred_gates(self, inferred: Tensor) -> Tensor:
        """Project given inferred inputs (bins, trials, co_dim)."""
        return ops.matmul(inferred, self.w_x[: self.n_inferred])
