"""The decoder one bin at a time, for passes without a gradient: nothing is kept of the bins before.

`Decoder` returns arrays of all bins, which takes longer to write than to compute. Here whoever runs
the loop reduces each bin's arrays as they come.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from lfads_nb.model.coupled_recurrence import (
    ControlledInputs,
    CoupledWeights,
    coupled_step,
    first_factors,
)
from lfads_nb.model.decoder import Decoder
from lfads_nb.model.gru_cell import CellWeights, step

Tensor = Any


class BinInputs(NamedTuple):
    """What the decoder reads of all bins, or of one; None where it reads nothing.

    With B trials and S samples of each.
    """

    gen_gates_x: Tensor | None = None
    """(bins, B, 3 gen_dim): projected injected inputs."""
    con_gates_x: Tensor | None = None
    """(bins, B, 3 con_dim): projected encodings."""
    noise: Tensor | None = None
    """(bins, B S, co_dim): standard normal draws behind the inferred inputs."""


class Bin(NamedTuple):
    """One bin of all samples, (B S, width); the last three are None without a controller."""

    gen_states: Tensor
    factors: Tensor
    co_mean: Tensor | None = None
    co_logvar: Tensor | None = None
    co: Tensor | None = None


class StepwiseDecoder:
    """Generator and controller for samples of trials.

    Parameters
    ----------
    decoder : Decoder
    gates_x : tensor, (bins or 1, trials or 1, 3 gen_dim)
        Injected inputs' projections and bias.
    encoded : tensor, (bins, trials, n_encoded), or None
        Lagged encodings for the controller.
    noise : tensor, (bins, trials x samples, co_dim), or None
        None takes the posterior means.
    rates_out : read-out matrix and bias if rates are fed back
    n_samples : int
        Of each trial.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        gates_x: Tensor,
        encoded: Tensor | None,
        noise: Tensor | None,
        rates_out: tuple[Tensor, Tensor] | None,
        n_samples: int,
    ) -> None:
        self.clip, self.n_samples = decoder.clip, n_samples
        g, c = decoder.generator, decoder.controller
        self._constant = gates_x[0] if gates_x.shape[0] == 1 else None
        self.inputs = BinInputs(None if self._constant is not None else gates_x)
        self._cell = CellWeights(*map(ops.convert_to_tensor, (g.w_h_ru, g.w_h_c)))
        self._w_fac = g.factor_weights()
        self._con_h0: Tensor = None
        self._coupled: CoupledWeights | None = None
        if c is not None:
            self._con_h0 = ops.convert_to_tensor(c.h0)
            self._coupled = decoder.coupled_weights(rates_out)
            self.inputs = self.inputs._replace(con_gates_x=c.encoded_gates(encoded), noise=noise)

    def start(self, gen_init: Tensor) -> tuple:
        """Return what is carried into the first bin from states (trials x samples, gen_dim)."""
        if self._coupled is None:
            return (gen_init,)
        con = ops.broadcast_to(self._con_h0, (gen_init.shape[0], self._con_h0.shape[1]))
        return con, gen_init, first_factors(gen_init, self._coupled)

    def step(self, carry: tuple, now: BinInputs) -> tuple[tuple, Bin]:
        """Go one bin on."""
        added = self._constant if now.gen_gates_x is None else self._spread(now.gen_gates_x)
        if self._coupled is None:
            state, _ = step(None, carry[0], added, self._cell, clip=self.clip)
            return (state,), Bin(state, ops.matmul(state, self._w_fac))
        read = ControlledInputs(
            con_gates_x=self._spread(now.con_gates_x),
            gen_gates_x=added,
            con_h0=None,
            gen_h0=None,
            noise=now.noise,
        )
        carry, s, _ = coupled_step(carry, read, self._coupled, clip=self.clip)
        return carry, Bin(s.gen_states, s.factors, s.co_mean, s.co_logvar, s.co)

    def _spread(self, x: Tensor) -> Tensor:
        """Give every sample the values (trials, width) of its trial."""
        n_trials, width = x.shape
        if n_trials == 1:
            return x
        repeated = ops.broadcast_to(x[:, None], (n_trials, self.n_samples, width))
        return ops.reshape(repeated, (n_trials * self.n_samples, width))
