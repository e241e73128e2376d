"""Orders in which neurons stand in an image, so that one sees what they have in common."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from lfads_nb.widgets.viewers.projections import principal_axes

Order = Literal["number", "time of peak", "mean rate", "likeness"]
ORDERS: tuple[str, ...] = get_args(Order)


def order_neurons(averages: np.ndarray, order: str) -> np.ndarray:
    """Return neurons from the first to the last row.

    Parameters
    ----------
    averages : (conditions, bins, neurons) rates; NaN where a condition has no trials.
    order : by "number", by "time of peak" or "mean rate" of the average over conditions, or by
        "likeness": the angle of each neuron's loadings on the two main components.
    """
    n_neurons = averages.shape[-1]
    known = averages[np.isfinite(averages).any(axis=(1, 2))]
    if order == "number" or not len(known):
        return np.arange(n_neurons)
    mean = np.nanmean(known, axis=0)
    if order == "time of peak":
        return np.argsort(mean.argmax(axis=0), kind="stable")
    if order == "mean rate":
        return np.argsort(-mean.mean(axis=0), kind="stable")
    flat = known.reshape(-1, n_neurons)
    spread = flat.std(axis=0)
    scaled = (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1)
    axes = principal_axes(scaled, 2).axes
    if axes.shape[1] < 2:
        return np.arange(n_neurons)
    return np.argsort(np.arctan2(axes[:, 1], axes[:, 0]), kind="stable")
