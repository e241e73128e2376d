"""A trial as images of neurons by time on one scale: smoothed spikes, inferred, true rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lfads_nb.widgets.viewers.smoothing import DATA_SD_MS, smooth_over_bins
from lfads_nb.widgets.viewers.trial_source import TrialSource

SMOOTHED, INFERRED, TRUE = "smoothed spikes", "inferred rates", "true rates"
_MOST_NAMED = 8
_BRIGHTEST = 99.5  # percentile of what is shown that has the last colour


@dataclass(frozen=True)
class Scale:
    """What the first and the last colour stand for; `largest` (neurons,) where each has its own."""

    high: float
    largest: np.ndarray | None = None

    def apply(self, rates: np.ndarray) -> np.ndarray:
        """Return rates (bins, neurons) in the scale's unit."""
        return rates if self.largest is None else rates / self.largest

    @property
    def limits(self) -> tuple[float, float]:
        return 0.0, self.high


def trial_rates(source: TrialSource, trial: int) -> dict[str, np.ndarray]:
    """Return what there is of a trial: name -> (bins, neurons) in the rates' unit.

    Spikes are smoothed over the whole trial, so that a time window cuts no kernel.
    """
    pm, found = source.pm, {}
    if pm.has("counts"):
        counts = pm.field("counts")[trial].T
        smoothed = smooth_over_bins(
            counts, bin_ms=pm.bin_ms, sd_ms=DATA_SD_MS, to_rates=pm.counts_to_rates
        )
        found[SMOOTHED] = smoothed.T
    found[INFERRED] = np.asarray(pm.field("rates")[trial])
    if pm.has("true_rates"):
        found[TRUE] = np.asarray(pm.field("true_rates")[trial])
    return found


def scale_of_trial(images: dict[str, np.ndarray]) -> Scale:
    """Return one scale for all images that fits what is in them."""
    every = np.concatenate([each.ravel() for each in images.values()])
    every = every[np.isfinite(every)]
    high = float(np.percentile(every, _BRIGHTEST)) if len(every) else 0.0
    return Scale(high if high > 0 else 1.0)


def scale_by_neuron(averages: np.ndarray) -> Scale:
    """Return a scale in shares of each neuron's largest condition average.

    Parameters
    ----------
    averages : (conditions, bins, neurons); NaN where a condition has no trials.
    """
    largest = np.nanmax(averages, axis=(0, 1))
    return Scale(1.0, np.where(largest > 0, largest, 1.0))


def neuron_ticks(order: np.ndarray) -> dict[float, str]:
    """Return the numbers of a few neurons at the middle of their rows, the first on top."""
    n = len(order)
    rows = range(0, n, max(1, -(-n // _MOST_NAMED)))
    return {n - row - 0.5: str(order[row]) for row in rows}
