"""Spike counts smoothed over time, as a look at the data that owes nothing to the model."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

DATA_SD_MS = 40.0
"""Standard deviation of the Gaussian that viewers smooth spikes with."""


def smooth_over_bins(
    counts: np.ndarray, *, bin_ms: float, sd_ms: float, to_rates: float
) -> np.ndarray:
    """Smooth counts with a Gaussian, and turn them into rates.

    At the ends, and beside missing bins, the kernel is cut and weighted to one.

    Parameters
    ----------
    counts : (..., bins) spikes per bin; NaN where missing.
    bin_ms : width of the bins.
    sd_ms : standard deviation of the Gaussian.
    to_rates : what turns counts into the unit of the rates, a run's `counts_to_rates`; not always
        1000 / bin_ms, as there are data that are not spikes.

    Returns
    -------
    rates : (..., bins) float64 in the unit of the rates.
    """
    reach = int(np.ceil(4 * sd_ms / bin_ms))
    offsets = np.arange(-reach, reach + 1) * bin_ms
    kernel = np.exp(-0.5 * (offsets / sd_ms) ** 2)
    known = np.isfinite(counts)
    total = correlate1d(np.where(known, counts, 0.0), kernel, mode="constant")
    weight = correlate1d(known.astype(float), kernel, mode="constant")
    rates = np.full(counts.shape, np.nan)
    return np.divide(total, weight, out=rates, where=weight > 1e-9) * to_rates
