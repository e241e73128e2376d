"""How data are distributed given what the read-out says: one small class per choice.

Each has `heads` (the read-outs that it needs), `log_prob` (nats per element) and `output_params`
(what is saved, the mean first). A new distribution is one more class in `LIKELIHOODS`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from keras import ops

from lfads_nb.errors import ParamsError
from lfads_nb.model.backend import lgamma

Tensor = Any
Heads = tuple[Tensor, ...]

MAX_LOG_RATE = 80.0
"""Log rates are clipped to plus or minus this before they are exponentiated to be saved."""

LOG_2PI = float(np.log(2 * np.pi))


class Head(NamedTuple):
    """One read-out: its name in `model_params` (`fac_2_<name>_<dataset>`) and its first bias."""

    name: str
    initial_bias: float = 0.0


class Likelihood(Protocol):
    """What every output distribution offers."""

    heads: tuple[Head, ...]

    def bias_for_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the first head's initial bias for channels of this mean per bin."""

    def log_prob(self, x: Tensor, heads: Heads) -> Tensor:
        """Return the log probability of each element in nats."""

    def output_params(self, heads: Heads) -> Heads:
        """Return the arrays that are saved, the distribution's mean first."""


def _exp(x: Tensor) -> Tensor:
    return ops.exp(ops.clip(x, -MAX_LOG_RATE, MAX_LOG_RATE))


class Poisson:
    """Spike counts with log rate f W + b; the likelihood keeps its factorial term."""

    heads = (Head("logrates"),)

    def bias_for_mean(self, mean: np.ndarray) -> np.ndarray:
        # TF1 starts the log rates at the mean count itself, not at its logarithm.
        return mean

    def log_prob(self, x: Tensor, heads: Heads) -> Tensor:
        (log_rates,) = heads
        return x * log_rates - ops.exp(log_rates) - lgamma(x + 1.0)

    def output_params(self, heads: Heads) -> Heads:
        return (_exp(heads[0]),)


class Gaussian:
    """Real values with a mean and a log variance of their own at every bin and channel."""

    heads = (Head("means"), Head("logvars", 1.0))

    def bias_for_mean(self, mean: np.ndarray) -> np.ndarray:
        return mean

    def log_prob(self, x: Tensor, heads: Heads) -> Tensor:
        mean, logvar = heads
        return -0.5 * (LOG_2PI + logvar + ops.square(x - mean) * ops.exp(-logvar))

    def output_params(self, heads: Heads) -> Heads:
        return heads[0], _exp(heads[1])


class Gamma:
    """Positive values (such as deconvolved calcium): log mean and log shape.

    Saved are mean and shape; the variance is mean^2 / shape.
    """

    heads = (Head("logmeans"), Head("logshapes"))

    def bias_for_mean(self, mean: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(mean, 1e-6))

    def log_prob(self, x: Tensor, heads: Heads) -> Tensor:
        # Padding and missing values come as 0; they are masked, but their gradient must be finite.
        return _gamma_log_prob(ops.where(x > 0, x, 1.0), heads[0], heads[1])

    def output_params(self, heads: Heads) -> Heads:
        return _exp(heads[0]), _exp(heads[1])


class ZeroInflatedGamma:
    """Exactly 0 with some probability, else gamma: log mean, log shape, logit of a zero.

    Saved are the mean over zeros and non-zeros, the shape, and the probability of a zero.
    """

    heads = (Head("logmeans"), Head("logshapes"), Head("zerologits"))

    def bias_for_mean(self, mean: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(mean, 1e-6))

    def log_prob(self, x: Tensor, heads: Heads) -> Tensor:
        log_mean, log_shape, logit = heads
        is_zero = ops.cast(x <= 0, x.dtype)
        # The gamma part sees 1 in place of 0: its value is thrown away, its gradient stays finite.
        positive = _gamma_log_prob(x + is_zero, log_mean, log_shape)
        zero, other = -ops.softplus(-logit), -ops.softplus(logit)
        return is_zero * zero + (1.0 - is_zero) * (other + positive)

    def output_params(self, heads: Heads) -> Heads:
        zero = ops.sigmoid(heads[2])
        return (1.0 - zero) * _exp(heads[0]), _exp(heads[1]), zero


def _gamma_log_prob(x: Tensor, log_mean: Tensor, log_shape: Tensor) -> Tensor:
    shape = ops.exp(ops.clip(log_shape, -20.0, 20.0))
    log_rate = log_shape - log_mean
    return shape * log_rate + (shape - 1.0) * ops.log(x) - x * ops.exp(log_rate) - lgamma(shape)


LIKELIHOODS: dict[str, type] = {
    "poisson": Poisson,
    "gaussian": Gaussian,
    "gamma": Gamma,
    "zero_inflated_gamma": ZeroInflatedGamma,
}


def likelihood_of(output_dist: str) -> Likelihood:
    """Return the likelihood by its name in the hyperparameters.

    Raises
    ------
    ParamsError
    """
    if output_dist not in LIKELIHOODS:
        raise ParamsError(f"output_dist {output_dist!r} is none of {', '.join(LIKELIHOODS)}")
    return LIKELIHOODS[output_dist]()
