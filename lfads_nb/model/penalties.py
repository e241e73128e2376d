"""Penalties on weights and on inferred inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

Tensor = Any


class Penalised(NamedTuple):
    """Variables that one L2 scale acts on."""

    scale: float
    variables: Sequence[Any]


def l2_penalty(groups: Sequence[Penalised]) -> Tensor:
    """Sum of 1/2 scale ||v||^2 over all groups, divided by their number of elements (4.8).

    Whoever gives a group decides that it counts: TF1's generator and controller both count in
    the number of elements even if one of their scales is 0.
    """
    if not any(group.scale > 0 for group in groups):
        return ops.zeros(())
    total = sum(
        0.5 * group.scale * ops.sum(ops.square(v))
        for group in groups
        if group.scale > 0
        for v in group.variables
    )
    return total / float(sum(int(np.prod(v.shape)) for group in groups for v in group.variables))


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
