"""One step of LFADS' recurrent cell, forward and back.

The reset gate acts before the recurrent product, and states are clipped. With z = [left, h], where
`left` is an input that is projected within the step (or nothing), and `added` what was projected
before (at least the bias, with the +1 on the update gate):

    [r | u] = sigmoid(z W_ru + added_ru),  c = tanh([left, r h] W_c + added_c),
    h' = clip(u h + (1 - u) c)

A step back returns the weights' gradients of that step, to be summed over steps: done while
the step's arrays still lie in the processor's cache. On two cores this took about half the time of
storing the gates' gradients of all bins for one large product (encoder, 100 bins).

XLA turns a step's elementwise operations into loops over numbers. On a processor they only use its
vector units where each array is read at one place: hence r and u apart, not as halves of one array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

Tensor = Any

_TINY = 1e-12


class CellWeights(NamedTuple):
    """Joint matrices of a cell, or their gradients: rows are [left, h]."""

    ru: Tensor
    """(..., left + units, 2 units)"""
    c: Tensor
    """(..., left + units, units)"""


class Gates(NamedTuple):
    """Reset and update gate of one step, each (..., trials, units)."""

    r: Tensor
    u: Tensor


class StepBack(NamedTuple):
    """Gradients of one step."""

    h: Tensor
    """Of the state before."""
    left: Tensor | None
    added: tuple[Tensor, Tensor]
    """Of the gates before their non-linearity, [r | u] and c."""
    weights: CellWeights | None
    """None if they are left to `weights_after`."""


def joint_weights(w_x: Tensor | None, w_h_ru: Tensor, w_h_c: Tensor) -> CellWeights:
    """Put input weights (..., left, 3 units) on top of the recurrent ones."""
    if w_x is None:
        return CellWeights(w_h_ru, w_h_c)
    n = 2 * w_h_c.shape[-1]
    return CellWeights(
        ops.concatenate([w_x[..., :n], w_h_ru], axis=-2),
        ops.concatenate([w_x[..., n:], w_h_c], axis=-2),
    )


def weights_back(w: CellWeights, *, left_gradient: bool) -> CellWeights:
    """Transpose the weights, as steps back use them, once for all steps.

    Parameters
    ----------
    w : CellWeights
    left_gradient : bool
        Whether `left` needs a gradient; if not, only the rows of h are left.
    """
    n_left = 0 if left_gradient else w.c.shape[-2] - w.c.shape[-1]
    return CellWeights(*(transposed(x[..., n_left:, :]) for x in w))


def step(
    left: Tensor | None, h: Tensor, added: Tensor, w: CellWeights, *, clip: float
) -> tuple[Tensor, Gates]:
    """Return the next state and the gates.

    Parameters
    ----------
    left : tensor, (..., trials, left), or None
    h : tensor, (..., trials, units)
    added : tensor, (..., trials or 1, 3 units)
        Columns [r | u | c].
    w : CellWeights
    clip : float
        Bound on the states.
    """
    n = h.shape[-1]
    z = ops.matmul(_joined(left, h), w.ru)
    r = ops.sigmoid(z[..., :n] + added[..., :n])
    u = ops.sigmoid(z[..., n:] + added[..., n : 2 * n])
    c = ops.tanh(ops.matmul(_joined(left, r * h), w.c) + added[..., 2 * n :])
    return ops.clip(c + u * (h - c), -clip, clip), Gates(r, u)


def step_back(
    dh: Tensor,
    left: Tensor | None,
    h: Tensor,
    new: Tensor,
    gates: Gates,
    w: CellWeights,
    *,
    clip: float,
    with_weights: bool = True,
) -> StepBack:
    """Return the gradients of a step from that of its new state.

    Parameters
    ----------
    dh : tensor, (..., trials, units)
        Of the new state.
    left, h, new, gates
        As in and from `step`.
    w : CellWeights
        From `weights_back`.
    clip : float
    with_weights : bool
        Also return the weights' gradients.
    """
    n, (r, u) = h.shape[-1], gates
    # The candidate need not be kept: h' - u h = (1 - u) c. Where 1 - u is so small that rounding
    # spoils the quotient, c only ever comes with 1 - u as a factor.
    share = 1 - u
    of_c = new - u * h
    c = ops.clip(of_c / ops.maximum(share, _TINY), -1, 1)
    dh = ops.where(ops.abs(new) < clip, dh, 0)  # A state on the bound counts as clipped.
    du = dh * (h - new) * u
    dc = dh * (share - of_c * c)
    d_left_c, d_reset = _parts(ops.matmul(dc, w.c), n)
    d_ru = ops.concatenate([d_reset * h * r * (1 - r), du], axis=-1)
    d_left_ru, d_recurrent = _parts(ops.matmul(d_ru, w.ru), n)
    return StepBack(
        h=dh * u + d_reset * r + d_recurrent,
        left=None if d_left_c is None else d_left_c + d_left_ru,
        added=(d_ru, dc),
        weights=_products(left, h, r, (d_ru, dc)) if with_weights else None,
    )


def weights_after(
    left: Tensor | None, h: Tensor, gates: Gates, added: tuple[Tensor, Tensor]
) -> CellWeights:
    """Return the weights' gradients of all steps, from what each step read and gave back.

    Parameters
    ----------
    left, h, gates, added
        As in `step_back`, with a leading axis of bins.
    """
    flat = (None if x is None else rows_of_all_bins(x) for x in (left, h, gates.r, *added))
    left, h, r, d_ru, dc = flat
    return _products(left, h, r, (d_ru, dc))


def rows_of_all_bins(x: Tensor) -> Tensor:
    """Make one long axis of bins and trials: (bins, ..., trials, n) to (..., bins x trials, n)."""
    order = (*range(1, len(x.shape) - 2), 0, len(x.shape) - 2, len(x.shape) - 1)
    x = ops.transpose(x, order)
    return ops.reshape(x, (*x.shape[:-3], x.shape[-3] * x.shape[-2], x.shape[-1]))


def _products(left: Tensor | None, h: Tensor, r: Tensor, added: tuple) -> CellWeights:
    return CellWeights(
        ops.matmul(transposed(_joined(left, h)), added[0]),
        ops.matmul(transposed(_joined(left, r * h)), added[1]),
    )


def transposed(x: Tensor) -> Tensor:
    """Exchange the last two axes."""
    return ops.swapaxes(x, -1, -2)


def _joined(left: Tensor | None, h: Tensor) -> Tensor:
    return h if left is None else ops.concatenate([left, h], axis=-1)


def _parts(dz: Tensor, n_units: int) -> tuple[Tensor | None, Tensor]:
    """Gradients of left, if it gets one, and of h."""
    n_left = dz.shape[-1] - n_units
    return (dz[..., :n_left], dz[..., n_left:]) if n_left else (None, dz)
