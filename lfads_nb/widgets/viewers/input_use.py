"""How much a run makes of each inferred input."""

from __future__ import annotations

import numpy as np


def input_kl(
    mean: np.ndarray, sd: np.ndarray, *, variance: np.ndarray, tau_bins: np.ndarray
) -> np.ndarray:
    """Return the KL divergence of the inferred inputs from their prior, in nats per trial.

    The posterior is taken as Gaussian and independent from bin to bin, with the mean and spread
    of its samples; the prior is the AR(1) process of LFADS (Pandarinath et al. 2018). Then with
    f = exp(-1 / tau), and innovation variance s = variance (1 - f^2),

        KL = sum over bins of [(m_t - f m_(t-1))^2 + v_t + f^2 v_(t-1)] / 2s + ln(s / v_t) / 2 - 1/2

    and in the first bin m^2 + v over the stationary variance itself.

    Parameters
    ----------
    mean, sd : (trials, bins, inputs) of the samples.
    variance : (inputs,) stationary variance of the prior.
    tau_bins : (inputs,) its time constants in bins.

    Returns
    -------
    kl : (trials, inputs).
    """
    keep = np.exp(-1 / tau_bins)
    spread = np.maximum(sd.astype(float) ** 2, 1e-12)
    expected = np.concatenate(
        [
            mean[:, :1] ** 2 + spread[:, :1],
            (mean[:, 1:] - keep * mean[:, :-1]) ** 2 + spread[:, 1:] + keep**2 * spread[:, :-1],
        ],
        axis=1,
    )
    prior = np.broadcast_to(variance * (1 - keep**2), mean.shape).copy()
    prior[:, 0] = variance
    return (0.5 * (expected / prior + np.log(prior / spread) - 1)).sum(axis=1)


def share_of_prior(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return how far inputs go, as root mean square over the prior's s.d.: (trials, inputs)."""
    return np.sqrt((mean.astype(float) ** 2).mean(axis=1) / variance)
