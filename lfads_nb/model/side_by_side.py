"""Loops over time of parts of a batch, beside each other.

Trials do not depend on each other, so a batch can be cut into parts whose loops run on processors
of their own. Two parts on two cores take a little over half the wall time of one, and less
processor time too: products as small as those of one step lose much by being shared out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from lfads_nb.model.backend import loops_at_once

Tensor = Any

MIN_TRIALS = 32
"""Of a part: with fewer, reading the weights costs more than what a processor more can bring."""


def side_by_side(
    loop: Callable[..., tuple[Tensor, ...]],
    arrays: Sequence[Tensor | None],
    axes: Sequence[int],
    *,
    out_axis: int,
) -> tuple[Tensor, ...]:
    """Run a loop on parts of a batch and join what it returns.

    Parameters
    ----------
    loop : callable
        ``loop(*arrays) -> outputs``.
    arrays : sequence of tensor or None
    axes : sequence of int
        Which axis of each array is that of the trials. An array with one element there is shared
        by all trials.
    out_axis : int
        Which axis of the outputs is that of the trials.
    """
    n_trials = max(x.shape[axis] for x, axis in zip(arrays, axes, strict=True) if x is not None)
    n_parts = min(loops_at_once(), n_trials // MIN_TRIALS)
    if n_parts <= 1:
        return loop(*arrays)
    cuts = [n_trials * part // n_parts for part in range(1, n_parts)]

    def parts_of(x: Tensor | None, axis: int) -> Sequence[Tensor | None]:
        if x is None or x.shape[axis] == 1:
            return [x] * n_parts
        return ops.split(x, cuts, axis=axis)

    pieces = (parts_of(x, axis) for x, axis in zip(arrays, axes, strict=True))
    outputs = [loop(*piece) for piece in zip(*pieces, strict=True)]
    return tuple(ops.concatenate(same, axis=out_axis) for same in zip(*outputs, strict=True))
