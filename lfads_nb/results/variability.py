"""How rates vary from trial to trial, and what that variation is made of.

Arrays are (trials, bins, neurons); trials with missing bins are left out where it says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lfads_nb.datasets.conditions import unique_conditions

_NAN = float("nan")


def rate_spread(rates: np.ndarray) -> float:
    """Return the mean variance of rates across trials, over their squared mean.

    0 where every trial gets the same rates.
    """
    rates = np.asarray(rates, dtype=float)
    known = rates[~np.isnan(rates).all(axis=(1, 2))] if rates.size else rates
    if len(known) < 2:
        return _NAN
    mean = np.nanmean(known)
    return float(np.nanmean(np.nanvar(known, axis=0)) / mean**2) if mean > 0 else _NAN


def copied_share(counts: np.ndarray, expected: np.ndarray) -> float:
    """Return which share of a spike turns up in the rate of its own bin and neuron alone.

    The slope of the rates' second differences over time on those of the spikes: what changes from
    one bin to the next and back is mostly a spike, not a rate. Where rates do change as fast, true
    ones have a slope too: the spikes' variance beyond that of Poisson counts, over all of it. It
    is taken off, so that true rates give 0 and an identity 1.

    Parameters
    ----------
    counts, expected : (trials, bins, neurons) spikes, and expected spikes, per bin.
    """
    if counts.shape[1] < 3:
        return _NAN
    spikes, rates = (_beside_neighbours(np.asarray(a, float)) for a in (counts, expected))
    known = ~(np.isnan(spikes) | np.isnan(rates))
    power = float(np.mean(spikes[known] ** 2)) if known.any() else 0.0
    if not power > 0:
        return _NAN
    slope = float(np.mean(spikes[known] * rates[known])) / power
    # Weights of 1, -1/2 and -1/2 make 3/2 of a Poisson count's variance, its mean.
    of_truth = max(1 - 1.5 * float(np.nanmean(counts)) / power, 0.0)
    return (slope - of_truth) / (1 - of_truth) if of_truth < 1 else _NAN


def _beside_neighbours(values: np.ndarray) -> np.ndarray:
    return values[:, 1:-1] - (values[:, :-2] + values[:, 2:]) / 2


_ERRORS_ABOVE_POISSON = 5.0


def variability_share(counts: np.ndarray, expected: np.ndarray, window: int) -> float:
    """Return which share of the counts' trial-to-trial variance beyond Poisson the rates have.

    Parameters
    ----------
    counts, expected : (trials, bins, neurons) spikes, and expected spikes, per bin.
    window : bins that are summed, about 100 ms.

    Returns
    -------
    float
        1 where the rates vary as much as the counts say. NaN where the counts vary no more than
        Poisson counts of one rate do (within five standard errors): then nobody can tell.
    """
    spikes, rates = (_in_windows(np.asarray(a, float), window) for a in (counts, expected))
    known = ~(np.isnan(spikes) | np.isnan(rates)).any(axis=(1, 2))
    spikes, rates = spikes[known], rates[known]
    n = len(spikes)
    if n < 10:
        return _NAN
    mean = spikes.mean(axis=0)
    beyond = float(np.sum(spikes.var(axis=0, ddof=1) - mean))
    # Variance of a sample variance of Poisson counts, about.
    error = float(np.sqrt(np.sum((2 * mean**2 + mean) / n)))
    if beyond <= _ERRORS_ABOVE_POISSON * error:
        return _NAN
    return float(np.sum(rates.var(axis=0, ddof=1))) / beyond


def _in_windows(values: np.ndarray, window: int) -> np.ndarray:
    n = values.shape[1] // window
    if n == 0:
        return values.sum(axis=1, keepdims=True)
    cut = values[:, : n * window]
    return cut.reshape(len(values), n, window, values.shape[2]).sum(axis=2)


def within_condition_share(rates: np.ndarray, condition_ids: Any) -> float:
    """Return the share of the variance across trials that is within conditions.

    NaN with fewer than two conditions of several trials.
    """
    groups = _groups(condition_ids)
    if len(groups) < 2:
        return _NAN
    chosen = np.concatenate(groups)
    total = np.sum((rates[chosen] - rates[chosen].mean(axis=0)) ** 2)
    within = sum(np.sum((rates[g] - rates[g].mean(axis=0)) ** 2) for g in groups)
    return float(within / total) if total > 0 else _NAN


def drift_share(rates: np.ndarray, order: np.ndarray, condition_ids: Any = None) -> float:
    """Return the share of the variance across trials that a cubic in the order of trials explains.

    NaN where the order tells the condition (blocks), as then nothing tells drift from conditions.

    Parameters
    ----------
    rates : (trials, bins, neurons).
    order : (trials,) place in the session.
    condition_ids : (trials,)
    """
    x = np.asarray(order, float)
    if len(x) < 20 or np.ptp(x) == 0:
        return _NAN
    groups = [] if condition_ids is None else _groups(condition_ids)
    if len(groups) > 1:
        places = np.concatenate([x[g] for g in groups])
        within = sum(np.sum((x[g] - x[g].mean()) ** 2) for g in groups)
        if within < 0.5 * np.sum((places - places.mean()) ** 2):
            return _NAN
    basis = np.polynomial.legendre.legvander(2 * (x - x.min()) / np.ptp(x) - 1, 3)
    q, _ = np.linalg.qr(basis)
    flat = rates.reshape(len(rates), -1) - rates.mean(axis=0).reshape(1, -1)
    total = float(np.sum(flat**2))
    return float(np.sum((q.T @ flat) ** 2)) / total if total > 0 else _NAN


def _groups(condition_ids: Any) -> list[np.ndarray]:
    ids = np.asarray(condition_ids)
    found = [np.flatnonzero(ids == each) for each in unique_conditions(ids)]
    return [group for group in found if len(group) > 1]
