"""Data and model around an event, by condition: averages, errors, spread of single trials."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lfads_nb.results import metrics
from lfads_nb.results.condition_averages import ConditionAverages, average_by_condition


class Peristimulus(NamedTuple):
    """What was recorded and what was inferred around an event, by condition.

    data : averages of the smoothed spikes, with their standard errors.
    model : averages of the inferred rates of the same trials and bins.
    spread : (conditions, bins, neurons) standard deviation of the single trials' inferred rates;
        NaN with fewer than two trials.
    """

    data: ConditionAverages
    model: ConditionAverages
    spread: np.ndarray

    @property
    def ids(self) -> np.ndarray:
        """(conditions,) as they were given, sorted."""
        return self.data.ids

    def agreement(self) -> np.ndarray:
        """Return the R2 of each condition's averages, over its bins: (conditions, neurons)."""
        rows = [metrics.r2(*both).per_channel for both in zip(self.data.mean, self.model.mean,
                                                              strict=True)]  # fmt: skip
        return np.stack(rows)


def peristimulus(
    spikes: np.ndarray, rates: np.ndarray, ids: np.ndarray, *, sd_bins: float
) -> Peristimulus:
    """Average recorded spikes and inferred rates over the trials of each condition.

    Parameters
    ----------
    spikes, rates : (trials, bins, neurons), in the same unit; what is NaN in one is left out of
        both.
    ids : (trials,) condition ids; trials with NaN or '' belong to none.
    sd_bins : standard deviation in bins of the Gaussian that smooths each trial's spikes.

    Raises
    ------
    DataError
        Not one id per trial.
    """
    spikes, rates = np.asarray(spikes, dtype=float), np.asarray(rates, dtype=float)
    unknown = np.isnan(spikes) | np.isnan(rates)
    data = average_by_condition(_smooth_known(np.where(unknown, np.nan, spikes), sd_bins), ids)
    model = average_by_condition(np.where(unknown, np.nan, rates), ids)
    n = np.maximum(model.n, 1).reshape(-1, *[1] * (rates.ndim - 1))
    return Peristimulus(data, model, model.sem * np.sqrt(n))


def _smooth_known(values: np.ndarray, sd_bins: float) -> np.ndarray:
    """Smooth along time; beside missing bins the kernel is cut and weighted to one."""
    known = ~np.isnan(values)
    if known.all():
        return metrics.smooth(values, sd_bins)
    total = metrics.smooth(np.where(known, values, 0.0), sd_bins)
    weight = metrics.smooth(known.astype(float), sd_bins)
    return np.divide(total, weight, out=np.full(values.shape, np.nan), where=known & (weight > 0))
