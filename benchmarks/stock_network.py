"""The reference of the step benchmark: the same network from stock Keras GRU layers.

Same widths, losses and optimiser, as one would write it without own loops; dropout, ramps, L2 and
the log of the cost's parts are left out, which favours the reference.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from benchmarks.step_cases import Case


class CoupledCell(layers.Layer):
    """Controller, inferred inputs, generator and factors as one cell for `keras.layers.RNN`."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        self.con = layers.GRUCell(case.con, reset_after=False)
        self.gen = layers.GRUCell(case.gen, reset_after=False)
        self.heads = layers.Dense(2 * case.co)
        self.fac = layers.Dense(case.factors, use_bias=False)
        self.state_size = [case.con, case.gen, case.factors]
        self.output_size = case.factors + 2 * case.co

    def build(self, input_shape: tuple) -> None:
        n, c = input_shape[0], self.case
        self.con.build((n, input_shape[-1] - c.co + c.factors))
        self.gen.build((n, c.co))
        self.heads.build((n, c.con))
        if not self.fac.built:  # The network asks it for the first factors before the loop.
            self.fac.build((n, c.gen))
        self.built = True

    def call(self, x: Any, states: list) -> tuple:
        con, gen, factors = states
        # Drawn before the loop: JAX lets no seed change within one.
        x, noise = x[:, : -self.case.co], x[:, -self.case.co :]
        con, _ = self.con(ops.concatenate([x, factors], axis=-1), [con])
        heads = self.heads(con)
        mean, logvar = heads[:, : self.case.co], heads[:, self.case.co :]
        gen, _ = self.gen(mean + noise * ops.exp(0.5 * logvar), [gen])
        factors = self.fac(gen)
        return ops.concatenate([factors, heads], axis=-1), [con, gen, factors]


class StockNetwork(keras.Model):
    """LFADS of stock layers, with its cost added by `add_loss`."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        self.ic_encoder = _both_ways(case.ic_enc, sequences=False)
        self.ic_heads = layers.Dense(2 * case.gen)
        self.readout = layers.Dense(case.channels)
        self.seed = keras.random.SeedGenerator(0)
        if case.co:
            self.ci_encoder = _both_ways(case.ci_enc, sequences=True)
            self.decoder = layers.RNN(CoupledCell(case), return_sequences=True)
        else:
            self.decoder = layers.GRU(case.gen, reset_after=False, return_sequences=True)
            self.fac = layers.Dense(case.factors, use_bias=False)

    def call(self, counts: Any) -> Any:
        case = self.case
        mean, logvar = ops.split(self.ic_heads(self.ic_encoder(counts)), 2, axis=-1)
        g0 = mean + ops.exp(0.5 * logvar) * keras.random.normal(ops.shape(mean), seed=self.seed)
        cost = _kl(mean, logvar)
        if case.co:
            con = ops.zeros((case.trials, case.con))
            first = self.decoder.cell.fac(g0)
            noise = keras.random.normal((case.trials, case.bins, case.co), seed=self.seed)
            x = ops.concatenate([self.ci_encoder(counts), noise], axis=-1)
            out = self.decoder(x, initial_state=[con, g0, first])
            factors, heads = out[..., : case.factors], out[..., case.factors :]
            cost = cost + ops.sum(_kl(*ops.split(heads, 2, axis=-1)), axis=1)
        else:
            nothing = ops.zeros((case.trials, case.bins, 1))
            factors = self.fac(self.decoder(nothing, initial_state=g0))
        log_rates = self.readout(factors)
        cost = cost + ops.sum(ops.exp(log_rates) - counts * log_rates, axis=(1, 2))
        self.add_loss(ops.mean(cost))
        return log_rates


def _both_ways(units: int, *, sequences: bool) -> layers.Layer:
    return layers.Bidirectional(layers.GRU(units, reset_after=False, return_sequences=sequences))


def _kl(mean: Any, logvar: Any) -> Any:
    return 0.5 * ops.sum(ops.exp(logvar) + ops.square(mean) - 1 - logvar, axis=-1)
