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

    @property
    def total(self) -> Tensor:
        return self.ic + self.co


def divergences(network: Network, encoded: Encoded, decoded: Decoded, n_trials: int) -> Divergences:
    """Return both KL divergences of each trial, times their weights.

    That of g0 is analytic. That of the inputs is estimated at the very sample that drove the
    generator, so it can be negative; for posterior means it is taken at the means.
    """
    p = network.architecture.params
    ic = co = ops.zeros((n_trials,))
    if encoded.ic_mean is not None:
        ic = p.kl_ic_weight * network.ic_prior.divergence(encoded.ic_mean, encoded.ic_logvar)
    if decoded.co is not None:
        squared = 0.0 if decoded.co_noise is None else ops.square(decoded.co_noise)
        log_q = -0.5 * (decoded.co_logvar + LOG_2PI + squared)
        log_p = network.input_prior.log_prob(decoded.co)
        co = p.kl_co_weight * ops.sum(log_q - log_p, axis=(0, 2))
    return Divergences(ic, co)


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
