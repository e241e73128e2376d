"""Priors of the initial condition and of the inferred inputs, and the divergences from them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from lfads_nb.model.initial_weights import add_variable
from lfads_nb.sweep.params import RunParams

Tensor = Any
LOG_2PI = float(np.log(2 * np.pi))


def normal_log_prob(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """Log density of a diagonal Gaussian at each element, in nats."""
    return -0.5 * (LOG_2PI + logvar + ops.square(x - mean) * ops.exp(-logvar))


class InitialConditionPrior(keras.layers.Layer):
    """Diagonal Gaussian over g0, with a learned mean (lfads_model.md 4.4).

    Its variance is learned within (`ic_prior_var_min`, `ic_prior_var_max`) as
    sigmoid(exp(theta)) (max - min) + min, theta starting at log(`ic_prior_var_scale`), or fixed at
    the scale if the bounds are equal. As in TF1, exp(theta) > 0 keeps it in the upper half of
    the interval, and it does not start at the scale: weights of old runs mean this.
    """

    def __init__(self, params: RunParams) -> None:
        super().__init__(name="ic_prior")
        shape = (1, params.ic_dim)
        self.bounds = (params.ic_prior_var_min, params.ic_prior_var_max)
        self.learned = self.bounds[1] > self.bounds[0]
        log_scale = np.full(shape, np.log(params.ic_prior_var_scale))
        self.mean = add_variable(self, "mean", np.zeros(shape))
        self.theta = add_variable(self, "theta", log_scale, trainable=self.learned)
        self.built = True

    def logvar(self) -> Tensor:
        """Return the log variance, (1, ic_dim)."""
        theta = ops.convert_to_tensor(self.theta)
        if not self.learned:
            return theta
        low, high = self.bounds
        return ops.log(ops.sigmoid(ops.exp(theta)) * (high - low) + low)

    def divergence(self, mean: Tensor, logvar: Tensor) -> Tensor:
        """Return KL(posterior || prior) of each trial in nats, from (trials, ic_dim) arrays."""
        prior_logvar = self.logvar()
        terms = (
            prior_logvar
            - logvar
            + ops.exp(logvar - prior_logvar)
            + ops.square(mean - self.mean) * ops.exp(-prior_logvar)
            - 1.0
        )
        return 0.5 * ops.sum(terms, axis=-1)

    def sample(self, noise: Tensor) -> Tensor:
        """Turn standard normal noise (trials, ic_dim) into samples."""
        return self.mean + noise * ops.exp(0.5 * self.logvar())


class InputPrior(keras.layers.Layer):
    """First-order autoregressive Gaussian over inferred inputs (lfads_model.md 4.8).

    u_t = phi u_{t-1} + noise with phi = exp(-1/tau); `prior_ar_nvar` is the variance of that
    noise (TF1's own comment calls it the process variance, which is nvar / (1 - phi^2) and belongs
    to the first bin).
    """

    def __init__(self, params: RunParams) -> None:
        super().__init__(name="input_prior")
        shape = (1, params.co_dim)
        self.log_tau = add_variable(
            self,
            "log_tau",
            np.full(shape, np.log(params.prior_ar_atau)),
            trainable=params.do_train_prior_ar_atau,
        )
        self.log_nvar = add_variable(
            self,
            "log_nvar",
            np.full(shape, np.log(params.prior_ar_nvar)),
            trainable=params.do_train_prior_ar_nvar,
        )
        self.built = True

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return phi, log innovation variance and log process variance, each (1, co_dim)."""
        phi = ops.exp(-ops.exp(-ops.convert_to_tensor(self.log_tau)))
        log_nvar = ops.convert_to_tensor(self.log_nvar)
        return phi, log_nvar, log_nvar - ops.log(1.0 - ops.square(phi))

    def log_prob(self, u: Tensor) -> Tensor:
        """Log density of inputs (bins, trials, co_dim) given the bin before, per element."""
        phi, log_nvar, log_first = self._parts()
        mean = ops.concatenate([ops.zeros_like(u[:1]), phi * u[:-1]], axis=0)
        later = ops.broadcast_to(log_nvar, (u.shape[0] - 1, 1, u.shape[2]))
        logvar = ops.concatenate([log_first[None], later], axis=0)
        return normal_log_prob(u, mean, logvar)

    def sample(self, noise: np.ndarray) -> np.ndarray:
        """Turn standard normal noise (bins, trials, co_dim) into samples."""
        phi, log_nvar, log_first = (ops.convert_to_numpy(x) for x in self._parts())
        u = np.exp(0.5 * log_first) * noise[0]
        inputs = [u]
        for noise_t in noise[1:]:
            u = phi * u + np.exp(0.5 * log_nvar) * noise_t
            inputs.append(u)
        return np.stack(inputs)

    def summary(self) -> dict[str, np.ndarray]:
        """Return time constants (bins) and process variances, each (co_dim,)."""
        _, _, log_process = self._parts()
        tau = np.exp(ops.convert_to_numpy(self.log_tau))
        return {"tau": tau[0], "process_var": np.exp(ops.convert_to_numpy(log_process))[0]}
