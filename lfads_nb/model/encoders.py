"""The encoders: classic GRU cells that run over a trial forward and in reverse."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from lfads_nb.model.initial_weights import InitialWeights, add_variable
from lfads_nb.model.recurrence import encoder_scan

Tensor = Any


def update_gate_bias(units: int) -> np.ndarray:
    """The constant 1 on the update gate, and on no other, of the gates [r | u | c]."""
    return np.repeat(np.array([0, 1, 0], np.float32), units)


class Encoder(keras.layers.Layer):
    """One or two independent cells: forward, and reverse (lfads_model.md 4.2, 4.3).

    TF1's joint matrices on [x, h] are held as an input and a recurrent block, for all directions
    in one variable each.

    Parameters
    ----------
    n_inputs, units : int
    n_directions : int
        2 for forward and reverse, 1 for forward only.
    weight_scale : float
        Scale of the gates' initial weights (the candidate's are not scaled).
    clip : float
        Bound on the states.
    trains_inputs : bool
        Whether what is encoded has trained weights before it, and so needs a gradient.
    """

    def __init__(
        self,
        n_inputs: int,
        units: int,
        *,
        n_directions: int,
        weight_scale: float,
        clip: float,
        trains_inputs: bool,
        init: InitialWeights,
        name: str,
    ) -> None:
        super().__init__(name=name)
        self.units, self.n_directions, self.clip = units, n_directions, clip
        self.trains_inputs = trains_inputs
        n_in = n_inputs + units
        gates, candidates = [], []
        for _ in range(n_directions):
            gates.append(init.linear(n_in, 2 * units, weight_scale))
            candidates.append(init.linear(n_in, units))
        w_ru, w_c = np.stack(gates), np.stack(candidates)
        w_x = np.concatenate([w_ru[:, :n_inputs], w_c[:, :n_inputs]], axis=-1)
        self.w_x = add_variable(self, "w_x", w_x)
        self.w_h_ru = add_variable(self, "w_h_ru", w_ru[:, n_inputs:])
        self.w_h_c = add_variable(self, "w_h_c", w_c[:, n_inputs:])
        self.b = add_variable(self, "b", np.zeros((n_directions, 3 * units)))
        self.h0 = add_variable(self, "h0", np.zeros((n_directions, 1, units)))
        self.built = True

    def call(self, x: Tensor, *, last_only: bool = False) -> Tensor:
        """Encode inputs (bins, trials, n_inputs).

        Returns
        -------
        tensor, (bins, directions, trials, units), or (directions, trials, units) if `last_only`
            States in the order in which each direction ran: the reverse one starts at the last
            bin.
        """
        return encoder_scan(
            x,
            self.w_x,
            self.b + update_gate_bias(self.units),
            ops.broadcast_to(self.h0, (self.n_directions, x.shape[1], self.units)),
            self.w_h_ru,
            self.w_h_c,
            clip=self.clip,
            last_only=last_only,
            x_gradient=self.trains_inputs,
        )
