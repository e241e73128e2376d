"""Penalties on weights and on inferred inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

Tensor = Any


class Penalised(NamedTuple):
    """Variables that one L2 scale acts on."""

    scale: float | Tensor | None
    """None if it is off for good: the variables are only counted."""
    variables: Sequence[Any]
    counts: float | Tensor = 1.0
    """1 if the elements count in the divisor, else 0."""

    @property
    def n_elements(self) -> float:
        return float(sum(int(np.prod(v.shape)) for v in self.variables))


def l2_penalty(groups: Sequence[Penalised]) -> Tensor:
    """Sum of 1/2 scale ||v||^2 over all groups, divided by their number of elements (4.8).

    Whoever gives a group decides that it counts: TF1's generator and controller both count in
    the number of elements even if one of their scales is 0.
    """
    scaled = [(group.scale, group) for group in groups if group.scale is not None]
    if not scaled:
        return ops.zeros(())
    total = sum(
        0.5 * scale * sum(ops.sum(ops.square(v)) for v in group.variables)
        for scale, group in scaled
    )
    return total / sum(group.counts * group.n_elements for group in groups)


def correlation_cost(means: Tensor) -> Tensor:
    """Half the squared inner product over time of each pair of inputs' posterior means.

    Parameters
    ----------
    means : tensor, (bins, trials, co_dim)
        With at least two inputs.

    Returns
    -------
    tensor, (trials,)
        Mean over pairs.
    """
    products = ops.einsum("tbi,tbj->bij", means, means)
    i, j = np.triu_indices(means.shape[2], k=1)
    upper = np.zeros(products.shape[1:], np.float32)
    upper[i, j] = 1.0 / len(i)
    return 0.5 * ops.sum(ops.square(products) * upper, axis=(1, 2))
