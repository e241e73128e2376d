"""From initial conditions and encoded data to factors: the generator and its controller."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.augmentation import dropout_mask
from lfads_nb.model.controller import Controller
from lfads_nb.model.coupled_recurrence import (
    ControlledInputs,
    ControlledWeights,
    CoupledWeights,
    controlled_scan,
    coupled_weights,
)
from lfads_nb.model.generator import Generator
from lfads_nb.model.initial_weights import InitialWeights
from lfads_nb.model.recurrence import gru_scan

Tensor = Any


class Decoded(NamedTuple):
    """One pass through the generator; time-major, (bins, trials, ...).

    The last four are None without a controller.
    """

    gen_init: Tensor
    """(trials, gen_dim): state before the first bin."""
    gen_states: Tensor
    factors: Tensor
    co_mean: Tensor | None = None
    co_logvar: Tensor | None = None
    co: Tensor | None = None
    """The inferred inputs that drove the generator."""
    co_noise: Tensor | None = None
    """The standard normal draws behind them; None if they are the means."""


class DropoutMasks(NamedTuple):
    """Multipliers of a training pass; None drops nothing."""

    feedback: Tensor | None = None
    generator: Tensor | None = None


class Decoder(keras.layers.Layer):
    """Generator and controller, run together over time."""

    def __init__(self, architecture: Architecture, init: InitialWeights) -> None:
        super().__init__(name="decoder")
        self.architecture = architecture
        self.clip = architecture.params.cell_clip_value
        self.generator = Generator(architecture, init)
        has_controller = architecture.params.co_dim > 0
        self.controller = Controller(architecture, init) if has_controller else None
        self.built = True

    def _with_controller(self) -> Controller:
        assert self.controller is not None, "this network has no inferred inputs"
        return self.controller

    def draw_masks(
        self, n_trials: int, keep: Tensor, seed: keras.random.SeedGenerator
    ) -> DropoutMasks:
        """Draw the dropout of fed-back values and of the generator's way to the factors."""
        n_bins, gen_dim = self.architecture.n_bins, self.architecture.params.gen_dim
        width = self.architecture.feedback_width if self.controller is not None else 0
        return DropoutMasks(
            dropout_mask((n_bins, n_trials, width), keep, seed) if width else None,
            dropout_mask((n_bins, n_trials, gen_dim), keep, seed),
        )

    def autonomous(self, gen_init: Tensor, gates_x: Tensor, masks: DropoutMasks) -> Decoded:
        """Run the generator alone on projected inputs (bins or 1, trials or 1, 3 gen_dim)."""
        g = self.generator
        states = gru_scan(
            gates_x[:, None],
            gen_init[None],
            ops.convert_to_tensor(g.w_h_ru)[None],
            ops.convert_to_tensor(g.w_h_c)[None],
            clip=self.clip,
            n_steps=self.architecture.n_bins,
        )
        # Its gradient is a view, where that of an index would be a padded copy.
        states = ops.squeeze(states, axis=1)
        dropped = states if masks.generator is None else states * masks.generator
        return Decoded(gen_init, states, ops.matmul(dropped, g.factor_weights()))

    def controlled(
        self,
        gen_init: Tensor,
        encoded: Tensor,
        gates_x: Tensor,
        *,
        noise: Tensor | None,
        masks: DropoutMasks,
        rates_out: tuple[Tensor, Tensor] | None,
    ) -> Decoded:
        """Run controller and generator together.

        Parameters
        ----------
        gen_init : tensor, (trials, gen_dim)
        encoded : tensor, (bins, trials, n_encoded)
            Lagged encodings, dropout applied.
        gates_x : tensor, (bins or 1, trials or 1, 3 gen_dim)
            Injected inputs' projections and bias.
        noise : tensor, (bins, trials, co_dim)
            None takes the posterior means.
        masks : DropoutMasks
        rates_out : read-out matrix and bias if rates are fed back
        """
        c = self._with_controller()
        con_h0 = ops.broadcast_to(c.h0, (gen_init.shape[0], c.units))
        inputs = ControlledInputs(
            con_gates_x=c.encoded_gates(encoded),
            gen_gates_x=gates_x,
            con_h0=con_h0,
            gen_h0=gen_init,
            noise=noise,
            feedback_masks=masks.feedback,
            gen_masks=masks.generator,
        )
        weights = self._weights(rates_out)
        s = controlled_scan(inputs, weights, clip=self.clip)
        return Decoded(gen_init, s.gen_states, s.factors, s.co_mean, s.co_logvar, s.co, noise)

    def coupled_weights(self, rates_out: tuple[Tensor, Tensor] | None) -> CoupledWeights:
        """Return the weights of the coupled loop as its steps use them."""
        return coupled_weights(self._weights(rates_out))

    def _weights(self, rates_out: tuple[Tensor, Tensor] | None) -> ControlledWeights:
        c, g = self._with_controller(), self.generator
        w_out, b_out = rates_out or (None, None)
        return ControlledWeights(
            w_con_ru=c.w_h_ru,
            w_con_c=c.w_h_c,
            w_co_mean=c.w_mean,
            b_co_mean=c.b_mean,
            w_co_logvar=c.w_logvar,
            b_co_logvar=c.b_logvar,
            w_u_gen=g.w_x[: g.n_inferred],
            w_gen_ru=g.w_h_ru,
            w_gen_c=g.w_h_c,
            w_fac=g.factor_weights(),
            w_f_con=c.feedback_weights(),
            w_out=w_out,
            b_out=b_out,
        )
