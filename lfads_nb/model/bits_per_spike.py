"""Bits per spike: how much better than each channel's mean rate the model predicts spikes.

bps = (log likelihood - that of the mean rates) / (spikes x ln 2), as in the Neural Latents
Benchmark, for what the encoders saw (`bps`), held-out channels (`co_bps`) and the bins at the end
that are to be predicted (`fp_bps`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import gammaln

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.inputs import Trials

NAMES = {"seen": "bps", "heldout": "co_bps", "forward": "fp_bps"}


class NullModel:
    """Likelihood of a split's spikes under each channel's mean rate, by part of the data.

    Parameters
    ----------
    architecture : Architecture
    trials : sequence of Trials
        One split of every session.
    """

    def __init__(self, architecture: Architecture, trials: Sequence[Trials]) -> None:
        self._null: dict[str, tuple[float, float]] = {}
        for part in NAMES:
            sums = [_null(counts) for t in trials for counts in [_part(architecture, t, part)]]
            total, spikes = np.sum(sums, axis=0)
            if spikes > 0:
                self._null[part] = (float(total), float(spikes))

    def bits_per_spike(self, log_likelihoods: Mapping[str, float]) -> dict[str, float]:
        """Turn summed log likelihoods by part (nats) into bits per spike by their names."""
        return {
            NAMES[part]: (log_likelihoods[part] - null) / (spikes * np.log(2))
            for part, (null, spikes) in self._null.items()
        }


def _part(architecture: Architecture, trials: Trials, part: str) -> np.ndarray:
    n = architecture.n_encoded_bins
    first_hidden = trials.counts.shape[2] - architecture.params.heldout_channels
    if part == "forward":
        return trials.counts[:, n:]
    kept = slice(first_hidden) if part == "seen" else slice(first_hidden, None)
    return trials.counts[:, :n, kept]


def _null(counts: np.ndarray) -> tuple[float, float]:
    """Return log likelihood and number of spikes of (trials, bins, channels)."""
    counts = counts.astype(np.float64)
    present = ~np.isnan(counts)
    n = np.maximum(present.sum(axis=(0, 1)), 1)
    spikes = np.nansum(counts, axis=(0, 1))
    rates = np.maximum(spikes / n, 1e-12)
    factorials = np.nansum(gammaln(counts + 1.0))
    return float(np.sum(spikes * np.log(rates) - spikes) - factorials), float(spikes.sum())
