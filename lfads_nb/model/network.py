"""LFADS: the layers put together, from counts to output parameters (lfads_model.md, section 4).

Public arrays are trials x bins x channels; inside, time comes first. A pass has two halves: what
`encode` returns is fixed for a trial, `decode` can be repeated for as many samples as wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.augmentation import dropout_mask
from lfads_nb.model.decoder import Decoded, Decoder, DropoutMasks
from lfads_nb.model.encoders import Encoder
from lfads_nb.model.initial_weights import InitialWeights, add_variable
from lfads_nb.model.inputs import Session
from lfads_nb.model.likelihoods import likelihood_of
from lfads_nb.model.penalties import Penalised, l2_penalty
from lfads_nb.model.priors import InitialConditionPrior, InputPrior
from lfads_nb.model.readin import ReadIn, ReadOut
from lfads_nb.model.settings import Settings
from lfads_nb.model.stepwise_decoder import StepwiseDecoder

Tensor = Any
Draw = Literal["sample", "mean"]


class Encoded(NamedTuple):
    """What the encoders say of each trial; None where a part does not exist."""

    ic_mean: Tensor | None
    """(trials, ic_dim)"""
    ic_logvar: Tensor | None
    """(trials, ic_dim), with the smallest variance added."""
    inputs: Tensor | None
    """(bins, trials, n_encoded): lagged encodings for the controller."""


class Network(keras.layers.Layer):
    """Every layer of LFADS and the two halves of a pass through them.

    Parameters
    ----------
    architecture : Architecture
    sessions : sequence of Session, optional
        Where the alignment matrices come from; without them read-ins and read-outs start random.
    """

    def __init__(
        self, architecture: Architecture, sessions: Sequence[Session] | None = None
    ) -> None:
        super().__init__(name="network")
        p = architecture.params
        init = InitialWeights(p.seed)
        self.architecture = architecture
        self.settings = Settings(p)
        self.likelihood = likelihood_of(p.output_dist)
        self.seed = keras.random.SeedGenerator(p.seed)
        self.readin = ReadIn(architecture, sessions, init) if architecture.has_readin else None
        self.ic_encoder: Encoder | None = None
        self.ic_prior: InitialConditionPrior | None = None
        self.ci_encoder: Encoder | None = None
        self.input_prior: InputPrior | None = None
        if p.ic_dim:
            self._add_initial_condition(init)
        if p.co_dim:
            self.ci_encoder = self._encoder(
                "ci_encoder", p.ci_enc_dim, 1 if p.do_causal_controller else 2, init
            )
            self.input_prior = InputPrior(p)
        self.decoder = Decoder(architecture, init)
        self.readout = (
            ReadOut(architecture, sessions, self.likelihood, init)
            if architecture.has_readout
            else None
        )
        self._choose_trained()
        self.built = True

    def _encoder(self, name: str, units: int, n_directions: int, init: InitialWeights) -> Encoder:
        p = self.architecture.params
        return Encoder(
            self.architecture.encoder_inputs,
            units,
            n_directions=n_directions,
            weight_scale=p.cell_weight_scale,
            clip=p.cell_clip_value,
            trains_inputs=self.readin is not None and p.do_train_readin,
            init=init,
            name=name,
        )

    def _add_initial_condition(self, init: InitialWeights) -> None:
        p = self.architecture.params
        self.ic_encoder = self._encoder("ic_encoder", p.ic_enc_dim, 2, init)
        n_in = 2 * p.ic_enc_dim
        self.w_ic_mean = add_variable(self, "w_ic_mean", init.linear(n_in, p.ic_dim))
        self.b_ic_mean = add_variable(self, "b_ic_mean", np.zeros(p.ic_dim))
        self.w_ic_logvar = add_variable(self, "w_ic_logvar", init.linear(n_in, p.ic_dim))
        self.b_ic_logvar = add_variable(self, "b_ic_logvar", np.zeros(p.ic_dim))
        self.ic_prior = InitialConditionPrior(p)

    def _choose_trained(self) -> None:
        """Freeze everything outside the part that `do_train_*_only` asks for."""
        p = self.architecture.params
        if p.do_train_io_only:
            kept = [layer for layer in (self.readin, self.readout) if layer is not None]
            trained = [v for layer in kept for v in layer.trainable_variables]
        elif p.do_train_encoder_only and self.ic_encoder is not None:
            trained = [*self.ic_encoder.variables, self.w_ic_mean, self.b_ic_mean]
            trained += [self.w_ic_logvar, self.b_ic_logvar]
        elif not p.do_train_encoder_only:
            return
        else:
            trained = []
        chosen = {id(v) for v in trained}
        for variable in self.trainable_variables:
            variable.trainable = id(variable) in chosen

    # ------------------------------------------------------------------------------- encoding

    def encode(
        self, counts: Tensor, external: Tensor | None, session: Tensor, *, training: bool = False
    ) -> Encoded:
        """Encode trials of one session.

        Parameters
        ----------
        counts : tensor, (trials, bins, channels)
            Padded to the network's number of channels; 0 where missing or hidden.
        external : tensor, (trials, bins, inputs)
            None if there are no external inputs.
        session : scalar int tensor
            Index of the session.
        training : bool
            Apply dropout.
        """
        a, p = self.architecture, self.architecture.params
        n = a.n_encoded_bins
        x = self._hide_heldout(ops.transpose(counts[:, :n], (1, 0, 2)), session)
        x = self._drop(x, training)
        if self.readin is not None:
            x = self.readin(x, session)
        if p.ext_input_dim and not p.inject_ext_input_to_gen:
            assert external is not None, "this network needs external inputs"
            e = ops.transpose(external[:, :n], (1, 0, 2))
            x = ops.concatenate([x, self._drop(e, training)], axis=-1)
        mean, logvar = self._initial_condition(x[: a.n_ic_bins], training)
        return Encoded(mean, logvar, self._controller_inputs(x))

    def _hide_heldout(self, x: Tensor, session: Tensor) -> Tensor:
        """Set the channels that the encoders must not see to 0."""
        hidden = self.architecture.params.heldout_channels
        if not hidden:
            return x
        visible = np.zeros((self.architecture.n_sessions, 1, 1, x.shape[2]), np.float32)
        for i, n in enumerate(self.architecture.n_channels):
            visible[i, :, :, : n - hidden] = 1.0
        return x * ops.take(visible, session, axis=0)

    def _drop(self, x: Tensor, training: bool) -> Tensor:
        if not training or not self.architecture.uses("keep_prob"):
            return x
        return x * dropout_mask(tuple(x.shape), self.settings["keep_prob"], self.seed)

    def _draw_masks(self, n_trials: int, training: bool) -> DropoutMasks:
        if not training or not self.architecture.uses("keep_prob"):
            return DropoutMasks()
        return self.decoder.draw_masks(n_trials, self.settings["keep_prob"], self.seed)

    def _initial_condition(self, x: Tensor, training: bool) -> tuple[Tensor | None, Tensor | None]:
        if self.ic_encoder is None:
            return None, None
        last = self.ic_encoder(x, last_only=True)
        summary = self._drop(ops.concatenate([last[0], last[1]], axis=-1), training)
        mean = ops.matmul(summary, self.w_ic_mean) + self.b_ic_mean
        logvar = ops.matmul(summary, self.w_ic_logvar) + self.b_ic_logvar
        smallest = self.architecture.params.ic_post_var_min
        return mean, ops.log(ops.exp(logvar) + smallest) if smallest > 0 else logvar

    def _controller_inputs(self, x: Tensor) -> Tensor | None:
        if self.ci_encoder is None:
            return None
        assert self.decoder.controller is not None
        encoded = self.decoder.controller.lagged(self.ci_encoder(x))
        unseen = self.architecture.n_bins - encoded.shape[0]
        return ops.pad(encoded, ((0, unseen), (0, 0), (0, 0))) if unseen else encoded

    # ------------------------------------------------------------------------------- decoding

    def decode(
        self,
        encoded: Encoded,
        external: Tensor | None,
        session: Tensor,
        *,
        draw: Draw,
        n_trials: int,
        training: bool = False,
    ) -> tuple[Tensor | None, Decoded]:
        """Draw g0 and inputs from their posteriors, or take their means, and run the generator.

        Parameters
        ----------
        encoded : Encoded
        external : tensor, (trials, bins, inputs), or None
        session : scalar int tensor
        draw : {"sample", "mean"}
        n_trials : int
        training : bool

        Returns
        -------
        g0, decoded
            g0 is None if `ic_dim` is 0.
        """
        g0 = self._draw_g0(encoded, draw)
        gen_init = self.decoder.generator.initial_state(g0, n_trials)
        gates_x = self._generator_gates(external, training)
        masks = self._draw_masks(n_trials, training)
        if encoded.inputs is None:
            return g0, self.decoder.autonomous(gen_init, gates_x, masks)
        return g0, self.decoder.controlled(
            gen_init,
            self._drop(encoded.inputs, training),
            gates_x,
            noise=self._draw_noise(n_trials, draw),
            masks=masks,
            rates_out=self._rates_out(session),
        )

    def decode_stepwise(
        self,
        encoded: Encoded,
        external: Tensor | None,
        session: Tensor,
        *,
        draw: Draw,
        n_trials: int,
        n_samples: int,
    ) -> tuple[Tensor, StepwiseDecoder]:
        """Draw samples of each trial as `decode` does, to be run bin by bin.

        Returns
        -------
        gen_init, decoder
            States before the first bin, (trials x samples, gen_dim), and what goes on from them.
        """
        rows = n_trials * n_samples
        mean, logvar = (
            None if x is None else ops.repeat(x, n_samples, axis=0)
            for x in (encoded.ic_mean, encoded.ic_logvar)
        )
        g0 = self._draw_g0(Encoded(mean, logvar, None), draw)
        decoder = StepwiseDecoder(
            self.decoder,
            gates_x=self._generator_gates(external, training=False),
            encoded=encoded.inputs,
            noise=None if encoded.inputs is None else self._draw_noise(rows, draw),
            rates_out=None if encoded.inputs is None else self._rates_out(session),
            n_samples=n_samples,
        )
        return self.decoder.generator.initial_state(g0, rows), decoder

    def _draw_noise(self, n_trials: int, draw: Draw) -> Tensor | None:
        """Draw what drives the inferred inputs, (bins, trials, co_dim)."""
        if draw == "mean":
            return None
        shape = (self.architecture.n_bins, n_trials, self.architecture.params.co_dim)
        return keras.random.normal(shape, seed=self.seed)

    def _draw_g0(self, encoded: Encoded, draw: Draw) -> Tensor | None:
        if encoded.ic_mean is None or encoded.ic_logvar is None or draw == "mean":
            return encoded.ic_mean
        noise = keras.random.normal(tuple(encoded.ic_mean.shape), seed=self.seed)
        return encoded.ic_mean + noise * ops.exp(0.5 * encoded.ic_logvar)

    def _generator_gates(self, external: Tensor | None, training: bool) -> Tensor:
        if not self.architecture.injected_inputs:
            return self.decoder.generator.external_gates(None)
        e = self._drop(ops.transpose(external, (1, 0, 2)), training)
        return self.decoder.generator.external_gates(e)

    def _rates_out(self, session: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return the read-out that feeds rates back, if any does."""
        if self.architecture.params.feedback_factors_or_rates != "rates":
            return None
        if self.readout is not None:
            return self.readout.weights_of(session)
        n = self.architecture.max_channels
        return ops.eye(n), ops.zeros((n,))

    def read_out(self, factors: Tensor, session: Tensor) -> tuple[Tensor, ...]:
        """Return the output distribution's heads, each (bins, trials, channels)."""
        return (factors,) if self.readout is None else self.readout(factors, session)

    # ------------------------------------------------------------------------------- penalties

    def l2(self) -> Tensor:
        """Return the L2 penalty on recurrent weights (lfads_model.md 4.8).

        Generator and controller count their recurrent matrices and biases, as in TF1. Encoders,
        which TF1 left out, count their recurrent matrices only, and only where their scale is
        above 0.
        """
        generator, controller = self.decoder.generator, self.decoder.controller
        groups = [self._penalised("l2_gen_scale", (generator.w_h_ru, generator.w_h_c, generator.b))]
        if controller is not None:
            recurrent = (controller.w_h_ru, controller.w_h_c, controller.b)
            groups.append(self._penalised("l2_con_scale", recurrent))
        for encoder, name in (
            (self.ic_encoder, "l2_ic_enc_scale"),
            (self.ci_encoder, "l2_ci_enc_scale"),
        ):
            if encoder is not None and self.architecture.uses(name):
                group = self._penalised(name, (encoder.w_h_ru, encoder.w_h_c))
                is_on = ops.cast(self.settings[name] > 0, "float32")
                groups.append(group._replace(counts=is_on))
        return l2_penalty(groups)

    def _penalised(self, name: str, variables: Sequence[Any]) -> Penalised:
        scale = self.settings[name] if self.architecture.uses(name) else None
        return Penalised(scale, variables)
