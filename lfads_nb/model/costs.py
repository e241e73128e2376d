"""What a pass costs: likelihood and divergences of each trial, in nats (lfads_model.md 4.8)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.decoder import Decoded
from lfads_nb.model.network import Encoded, Network
from lfads_nb.model.priors import LOG_2PI

Tensor = Any


class Divergences(NamedTuple):
    """Weighted divergences from the priors, each (trials,)."""

    ic: Tensor
    co: Tensor


def divergences(network: Network, encoded: Encoded, decoded: Decoded, n_trials: int) -> Divergences:
    """Return both KL divergences of each trial, times their weights."""
    co = ops.zeros((n_trials,))
    if decoded.co is not None:
        co = input_divergence(network, decoded.co, decoded.co_logvar, decoded.co_noise)
    return Divergences(initial_divergence(network, encoded, n_trials), co)


def initial_divergence(network: Network, encoded: Encoded, n_trials: int) -> Tensor:
    """Return that of g0, analytic, (trials,)."""
    if encoded.ic_mean is None or network.ic_prior is None:
        return ops.zeros((n_trials,))
    kl = network.ic_prior.divergence(encoded.ic_mean, encoded.ic_logvar)
    return network.settings["kl_ic_weight"] * kl


def input_divergence(network: Network, co: Tensor, logvar: Tensor, noise: Tensor | None) -> Tensor:
    """Return that of the inferred inputs (bins, trials, co_dim), (trials,).

    It is estimated at the very sample that drove the generator, so it can be negative; for
    posterior means it is taken at the means.
    """
    squared = 0.0 if noise is None else ops.square(noise)
    log_q = -0.5 * (logvar + LOG_2PI + squared)
    assert network.input_prior is not None
    log_p = network.input_prior.log_prob(co)
    return network.settings["kl_co_weight"] * ops.sum(log_q - log_p, axis=(0, 2))


def log_likelihood(
    network: Network, counts: Tensor, heads: tuple[Tensor, ...], session: Tensor
) -> Tensor:
    """Return the log probability of every count, 0 where a channel only pads.

    Parameters
    ----------
    counts : tensor, (bins, trials, channels)
        Missing values replaced by any legal one; the caller masks them.

    Returns
    -------
    tensor, (bins, trials, channels)
    """
    elements = network.likelihood.log_prob(counts, heads)
    a = network.architecture
    if len(set(a.n_channels)) == 1:
        return elements
    return ops.where(channel_masks(a, session).real > 0, elements, 0.0)


class ChannelMasks(NamedTuple):
    """Channels of a session, (channels,) each, 1 or 0."""

    real: Tensor
    """Not padding."""
    heldout: Tensor
    """Real, but never seen by the encoders."""


def channel_masks(architecture: Architecture, session: Tensor) -> ChannelMasks:
    """Return which of the padded channels a session has and which of them are held out."""
    shape = (architecture.n_sessions, architecture.max_channels)
    real, heldout = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for i, n in enumerate(architecture.n_channels):
        real[i, :n] = 1.0
        heldout[i, n - architecture.params.heldout_channels : n] = 1.0
    return ChannelMasks(ops.take(real, session, axis=0), ops.take(heldout, session, axis=0))
