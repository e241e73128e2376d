"""Loops over time of cells that do not depend on each other, with their own backward pass.

The forward pass keeps states and two of the gates, the backward pass sums the weights' gradients as
it goes. Arrays are time-major, and D cells of equal width run together: (bins, D, trials, units).

Clipping needs care only where it can act. A new state u h + (1 - u) c lies between h and c, and
|c| < 1, so |h'| <= max(|h|, 1): with a bound of at least 1, once all |h| are within it, they stay
so (up to rounding). Only the first step of a large initial state is then ever clipped. The bound is
still applied at every step: it is one more elementwise operation fused with others, where a first
step of its own would be compiled a second time.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from keras import ops

from lfads_nb.model.backend import LoopForm, loop_form, scan, with_gradient
from lfads_nb.model.gru_cell import (
    CellWeights,
    Gates,
    joint_weights,
    step,
    step_back,
    weights_after,
    weights_back,
)
from lfads_nb.model.side_by_side import side_by_side

Tensor = Any


def gru_scan(
    gates_x: Tensor,
    h0: Tensor,
    w_h_ru: Tensor,
    w_h_c: Tensor,
    *,
    clip: float,
    n_steps: int | None = None,
) -> Tensor:
    """Run D independent cells of equal width over time on projected inputs.

    Parameters
    ----------
    gates_x : tensor, (bins or 1, D, trials or 1, 3 units)
        Input projections plus bias for [r | u | c], with the +1 on the update gate.
    h0 : tensor, (D, trials, units)
        States before the first bin.
    w_h_ru, w_h_c : tensors, (D, units, 2 units) and (D, units, units)
        Recurrent weights of the gates and of the candidate.
    clip : float
        Bound on the absolute value of a state.
    n_steps : int, optional
        Number of bins; needed where `gates_x` is constant in time.

    Returns
    -------
    tensor, (bins, D, trials, units)
        States after each bin.
    """
    added, h0, w_h_ru, w_h_c = _tensors(gates_x, h0, w_h_ru, w_h_c)
    n_steps = added.shape[0] if n_steps is None else n_steps
    plan = _Plan(float(clip), int(n_steps), loop_form(), last_only=False, x_gradient=False)
    weights = CellWeights(w_h_ru, w_h_c)

    def loop(added: Tensor, h0: Tensor) -> tuple[Tensor]:
        return _scan_op(plan)(added, h0, weights, None)

    return side_by_side(loop, (added, h0), (2, 1), out_axis=2)[0]


def encoder_scan(
    x: Tensor,
    w_x: Tensor,
    b: Tensor,
    h0: Tensor,
    w_h_ru: Tensor,
    w_h_c: Tensor,
    *,
    clip: float,
    last_only: bool = False,
    x_gradient: bool = True,
) -> Tensor:
    """Run a forward cell, and a second one in reverse, over the same inputs.

    Parameters
    ----------
    x : tensor, (bins, trials, inputs)
    w_x : tensor, (D, inputs, 3 units)
        Input weights for [r | u | c]; D is 2, or 1 for the forward cell only.
    b : tensor, (D, 3 units)
        Bias, with the +1 on the update gate.
    h0 : tensor, (D, trials, units)
        States before the first bin that each cell reads.
    w_h_ru, w_h_c : tensors, (D, units, 2 units) and (D, units, units)
    clip : float
        Bound on the absolute value of a state.
    last_only : bool
        Return only the last state of each cell.
    x_gradient : bool
        Whether a gradient flows to `x`; without it a step back is cheaper.

    Returns
    -------
    tensor, (bins, D, trials, units), or (D, trials, units) if `last_only`
        States in the order in which each cell ran: the reverse one starts at the last bin.
    """
    x, w_x, b, h0, w_h_ru, w_h_c = _tensors(x, w_x, b, h0, w_h_ru, w_h_c)
    plan = _Plan(float(clip), x.shape[0], loop_form(), last_only, x_gradient)
    weights = joint_weights(w_x, w_h_ru, w_h_c)

    def loop(x: Tensor, h0: Tensor) -> tuple[Tensor]:
        return _scan_op(plan)(b[None, :, None], h0, weights, x)

    return side_by_side(loop, (x, h0), (1, 1), out_axis=1 if last_only else 2)[0]


class _Plan(NamedTuple):
    """What fixes the compiled loop besides the shapes of its arrays."""

    clip: float
    n_steps: int
    form: LoopForm
    last_only: bool
    x_gradient: bool


class _Kept(NamedTuple):
    """What the forward pass leaves for the backward pass, (bins, D, trials, units)."""

    before: Tensor | None
    """States before each bin, if those after it are not returned."""
    gates: Gates
    after: Tensor | None = None
    """States after each bin, put in for the pass back."""


class _StepInputs(NamedTuple):
    """What a step reads besides the state; None where nothing changes in time."""

    added: Tensor | None
    left: Tensor | None
    """(D, trials, inputs): what each cell reads at this step."""
    d_state: Tensor | None = None
    kept: _Kept | None = None


def _tensors(*values: Any) -> tuple:
    return tuple(ops.convert_to_tensor(value) for value in values)


@cache
def _scan_op(plan: _Plan) -> Any:
    def forward(added: Tensor, h0: Tensor, weights: CellWeights, x: Tensor | None) -> tuple:
        constant = added.shape[0] == 1

        def one_step(carry: tuple, now: _StepInputs) -> tuple:
            (h,) = carry
            projected = added[0] if constant else now.added
            new, gates = step(now.left, h, projected, weights, clip=plan.clip)
            return (new,), (*gates, h if plan.last_only else new)

        xs = _StepInputs(None if constant else added, _in_order(x, h0.shape[0]))
        (last,), (*gates, states) = scan(one_step, (h0,), xs, n_steps=plan.n_steps)
        if plan.last_only:
            return (last,), _Kept(states, Gates(*gates))
        return (states,), _Kept(None, Gates(*gates))

    def backward(args: tuple, outputs: tuple, kept: _Kept, d_outputs: tuple) -> tuple:
        added, h0, weights, x = args
        (d_state,), (states,), dh = d_outputs, outputs, ops.zeros_like(h0)
        if plan.last_only:
            d_state, dh = None, d_state
            kept = kept._replace(after=advanced(kept.before, states))
        else:
            kept = kept._replace(before=delayed(h0, states), after=states)
        xs = _StepInputs(None, _in_order(x, h0.shape[0]), d_state, kept)
        return _run_back(plan, xs, dh, added, weights)

    return with_gradient(forward, backward)


def _run_back(
    plan: _Plan, xs: _StepInputs, dh: Tensor, added: Tensor, weights: CellWeights
) -> tuple[Tensor, Tensor, CellWeights, Tensor | None]:
    """Return the gradients of added, h0, weights and x."""
    constant = added.shape[0] == 1
    n_gates = 2 * dh.shape[-1]
    back = weights_back(weights, left_gradient=plan.x_gradient)
    if plan.form.products_after:
        return _run_back_then_products(plan, xs, dh, added, back)

    def one_step(carry: tuple, now: _StepInputs) -> tuple:
        dh, d_ru, d_c, *d_weights = carry
        assert now.kept is not None
        d = step_back(
            dh if now.d_state is None else dh + now.d_state,
            now.left,
            now.kept.before,
            now.kept.after,
            now.kept.gates,
            back,
            clip=plan.clip,
        )
        d_added = tuple(summed_like(g, added.shape[1:]) for g in d.added)
        if constant:
            d_ru, d_c = d_ru + d_added[0], d_c + d_added[1]
        ys = () if constant else (ops.concatenate(d_added, axis=-1),)
        ys = ys if d.left is None else (*ys, d.left)
        assert d.weights is not None
        sums = (total + part for total, part in zip(d_weights, d.weights, strict=True))
        return (d.h, d_ru, d_c, *sums), ys

    zeros = ops.zeros_like(added[0])
    carry = (dh, zeros[..., :n_gates], zeros[..., n_gates:], *map(ops.zeros_like, weights))
    (dh, d_ru, d_c, *d_weights), ys = scan(one_step, carry, xs, n_steps=plan.n_steps, reverse=True)
    d_added = ops.concatenate([d_ru, d_c], axis=-1)[None] if constant else ys[0]
    d_x = _out_of_order(ys[-1]) if xs.left is not None and plan.x_gradient else None
    return d_added, dh, CellWeights(*d_weights), d_x


def _run_back_then_products(
    plan: _Plan, xs: _StepInputs, dh: Tensor, added: Tensor, back: CellWeights
) -> tuple[Tensor, Tensor, CellWeights, Tensor | None]:
    """Return what `_run_back` does, with the weights' gradients as products over all bins."""

    def one_step(dh: Tensor, now: _StepInputs) -> tuple:
        assert now.kept is not None
        d = step_back(
            dh if now.d_state is None else dh + now.d_state,
            now.left,
            now.kept.before,
            now.kept.after,
            now.kept.gates,
            back,
            clip=plan.clip,
            with_weights=False,
        )
        return d.h, d.added if d.left is None else (*d.added, d.left)

    dh, ys = scan(one_step, dh, xs, n_steps=plan.n_steps, reverse=True)
    assert xs.kept is not None
    d_weights = weights_after(xs.left, xs.kept.before, xs.kept.gates, ys[:2])
    d_added = summed_like(ops.concatenate(ys[:2], axis=-1), added.shape)
    d_x = _out_of_order(ys[2]) if len(ys) > 2 else None
    return d_added, dh, d_weights, d_x


def _in_order(x: Tensor | None, n_cells: int) -> Tensor | None:
    """What each cell reads, in its own order of bins: (bins, D, trials, inputs)."""
    return None if x is None else ops.stack((x, ops.flip(x, axis=0))[:n_cells], axis=1)


def _out_of_order(d: Tensor) -> Tensor:
    """Gradient of x from that of `_in_order`."""
    return d[:, 0] if d.shape[1] == 1 else d[:, 0] + ops.flip(d[:, 1], axis=0)


def delayed(first: Tensor, states: Tensor) -> Tensor:
    """States before each bin, of that before the first bin and those after each, (bins, ...)."""
    return ops.concatenate([first[None], states[:-1]], axis=0)


def advanced(states: Tensor, last: Tensor) -> Tensor:
    """States after each bin, of those before each and that after the last, (bins, ...)."""
    return ops.concatenate([states[1:], last[None]], axis=0)


def summed_like(gradient: Tensor, shape: tuple) -> Tensor:
    """Sum over the axes along which an array of this shape was repeated."""
    axes = tuple(axis for axis, n in enumerate(shape) if n == 1 != gradient.shape[axis])
    return ops.sum(gradient, axis=axes, keepdims=True) if axes else gradient
