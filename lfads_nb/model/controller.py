"""The controller: a GRU that reads encoded data and fed-back factors, and infers inputs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.encoders import update_gate_bias
from lfads_nb.model.initial_weights import InitialWeights, add_variable

Tensor = Any


class Controller(keras.layers.Layer):
    """The controller's cell and the posterior of the inferred inputs (lfads_model.md 4.5).

    Rows of its input matrix are [forward encoding, reverse encoding, feedback]. A causal
    controller lacks the reverse encoding but keeps the feedback if that is asked for, as in TF1
    (whose comment says otherwise).
    """

    def __init__(self, architecture: Architecture, init: InitialWeights) -> None:
        super().__init__(name="controller")
        p = architecture.params
        self.units = units = p.con_dim
        self.lag = p.controller_input_lag
        self.n_encoded = p.ci_enc_dim * (1 if p.do_causal_controller else 2)
        n_inputs = self.n_encoded + architecture.feedback_width
        scale = p.cell_weight_scale
        self.w_x = add_variable(self, "w_x", init.linear(n_inputs, 3 * units, scale))
        self.w_h_ru = add_variable(self, "w_h_ru", init.linear(units, 2 * units, scale))
        self.w_h_c = add_variable(self, "w_h_c", init.linear(units, units, scale))
        self.b = add_variable(self, "b", np.zeros(3 * units))
        self.h0 = add_variable(self, "h0", np.zeros((1, units)))
        self.w_mean = add_variable(self, "w_mean", init.linear(units, p.co_dim))
        self.b_mean = add_variable(self, "b_mean", np.zeros(p.co_dim))
        self.w_logvar = add_variable(self, "w_logvar", init.linear(units, p.co_dim))
        self.b_logvar = add_variable(self, "b_logvar", np.zeros(p.co_dim))
        self.built = True

    def lagged(self, encoded: Tensor) -> Tensor:
        """Line up encoder states for the controller.

        Parameters
        ----------
        encoded : tensor, (bins, directions, trials, units)
            As `Encoder` returns them.

        Returns
        -------
        tensor, (bins, trials, directions x units)
            At bin t the forward state of bin t - lag and the reverse state of bin t + lag; zeros
            where there is no such bin.
        """
        forward = _delayed(encoded[:, 0], self.lag)
        if encoded.shape[1] == 1:
            return forward
        # The reverse run counts bins from the end, where its state must wait for the lag too.
        reverse = ops.flip(_delayed(encoded[:, 1], self.lag), axis=0)
        return ops.concatenate([forward, reverse], axis=-1)

    def encoded_gates(self, encoded: Tensor) -> Tensor:
        """Project lagged encodings (bins, trials, n_encoded) and add the bias."""
        bias = self.b + update_gate_bias(self.units)
        return ops.matmul(encoded, self.w_x[: self.n_encoded]) + bias

    def feedback_weights(self) -> Tensor | None:
        """Return the rows of the input matrix that read the feedback."""
        return self.w_x[self.n_encoded :] if self.w_x.shape[0] > self.n_encoded else None


def _delayed(x: Tensor, lag: int) -> Tensor:
    n_bins = x.shape[0]
    lag = min(lag, n_bins)
    return ops.concatenate([ops.zeros_like(x[:lag]), x[: n_bins - lag]], axis=0)
