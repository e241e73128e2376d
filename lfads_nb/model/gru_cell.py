"""One step of LFADS' recurrent cell, forward and back.

The reset gate acts before the recurrent product, and states are clipped. With z = [left, h], where
`left` is an input that is projected within the step (or nothing), and `added` what was projected
before (at least the bias, with the +1 on the update gate):

    [r | u] = sigmoid(z W_ru + added_ru),  c = tanh([left, r h] W_c + added_c),
    h' = clip(u h + (1 - u) c)

A step back returns the weights' gradients of that step, to be summed over steps: done while
the step's arrays still lie in the processor's cache. On two cores this took about half the time of
storing the gates' gradients of all bins for one large product (encoder, 100 bins).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

Tensor = Any


class CellWeights(NamedTuple):
    """Joint matrices of a cell, or their gradients: rows are [left, h]."""

    ru: Tensor
    """(..., left + units, 2 units)"""
    c: Tensor
    """(..., left + units, units)"""


class Gates(NamedTuple):
    """Activations of one step."""

    ru: Tensor
    """(..., trials, 2 units): reset and update gate."""
    c: Tensor
    """(..., trials, units)"""


class StepBack(NamedTuple):
    """Gradients of one step."""

    h: Tensor
    """Of the state before."""
    left: Tensor | None
    added: tuple[Tensor, Tensor]
    """Of the gates before their non-linearity, [r | u] and c."""
    weights: CellWeights


def joint_weights(w_x: Tensor | None, w_h_ru: Tensor, w_h_c: Tensor) -> CellWeights:
    """Put input weights (..., left, 3 units) on top of the recurrent ones."""
    if w_x is None:
        return CellWeights(w_h_ru, w_h_c)
    n = 2 * w_h_c.shape[-1]
    return CellWeights(
        ops.concatenate([w_x[..., :n], w_h_ru], axis=-2),
        ops.concatenate([w_x[..., n:], w_h_c], axis=-2),
    )


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
    ru = ops.sigmoid(ops.matmul(_joined(left, h), w.ru) + added[..., : 2 * n])
    r, u = ru[..., :n], ru[..., n:]
    c = ops.tanh(ops.matmul(_joined(left, r * h), w.c) + added[..., 2 * n :])
    return ops.clip(c + u * (h - c), -clip, clip), Gates(ru, c)


def step_back(
    dh: Tensor,
    left: Tensor | None,
    h: Tensor,
    gates: Gates,
    w: CellWeights,
    *,
    clip: float,
    left_gradient: bool = True,
) -> StepBack:
    """Return the gradients of a step from that of its new state.

    Parameters
    ----------
    dh : tensor, (..., trials, units)
        Of the new state.
    left, h, gates, w
        As in and from `step`.
    clip : float
    left_gradient : bool
        Whether `left` needs one.
    """
    n, c = h.shape[-1], gates.c
    r, u = gates.ru[..., :n], gates.ru[..., n:]
    dh = dh * ops.cast(ops.abs(c + u * (h - c)) <= clip, dh.dtype)
    du = dh * (h - c) * u * (1 - u)
    dc = dh * (1 - u) * (1 - c * c)
    n_left = 0 if left is None else left.shape[-1]
    d_left_c, d_reset = _product_back(dc, w.c, n_left, left_gradient)
    d_ru = ops.concatenate([d_reset * h * r * (1 - r), du], axis=-1)
    d_left_ru, d_recurrent = _product_back(d_ru, w.ru, n_left, left_gradient)
    return StepBack(
        h=dh * u + d_reset * r + d_recurrent,
        left=d_left_c + d_left_ru if n_left and left_gradient else None,
        added=(d_ru, dc),
        weights=CellWeights(
            ops.matmul(transposed(_joined(left, h)), d_ru),
            ops.matmul(transposed(_joined(left, r * h)), dc),
        ),
    )


def transposed(x: Tensor) -> Tensor:
    """Exchange the last two axes."""
    return ops.swapaxes(x, -1, -2)


def _joined(left: Tensor | None, h: Tensor) -> Tensor:
    return h if left is None else ops.concatenate([left, h], axis=-1)


def _product_back(
    d: Tensor, w: Tensor, n_left: int, left_gradient: bool
) -> tuple[Tensor | None, Tensor]:
    """Gradients of both factors of z in z W."""
    if not n_left:
        return None, ops.matmul(d, transposed(w))
    if not left_gradient:
        return None, ops.matmul(d, transposed(w[..., n_left:, :]))
    dz = ops.matmul(d, transposed(w))
    return dz[..., :n_left], dz[..., n_left:]
