"""The loop over time in which controller, inferred inputs, generator and factors feed each other.

One loop with its own backward pass (lfads_model.md 4.5, 4.6), made of the steps in `gru_cell.py`;
like `recurrence.py` it sums the weights' gradients as it goes back. Arrays are time-major.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from keras import ops, tree

from lfads_nb.model.backend import LoopForm, loop_form, scan, with_gradient
from lfads_nb.model.gru_cell import (
    CellWeights,
    Gates,
    StepBack,
    joint_weights,
    rows_of_all_bins,
    step,
    step_back,
    transposed,
    weights_after,
    weights_back,
)
from lfads_nb.model.recurrence import delayed, summed_like
from lfads_nb.model.side_by_side import side_by_side

Tensor = Any
MAX_LOG_RATE = 80.0


class ControlledInputs(NamedTuple):
    """What the coupled loop reads besides its weights.

    Shapes use T bins, B trials, K controller units, G generator units, U inferred inputs, and F
    fed-back values (factors, or channels if rates are fed back).
    """

    con_gates_x: Tensor
    """(T, B, 3K): projected controller input [r | u | c], bias and +1 on u included."""
    gen_gates_x: Tensor
    """(T or 1, B or 1, 3G): projected external input and bias of the generator, likewise."""
    con_h0: Tensor
    """(B, K): controller state before the first bin."""
    gen_h0: Tensor
    """(B, G): generator state before the first bin."""
    noise: Tensor | None = None
    """(T, B, U): standard normal draws; None takes the posterior means."""
    feedback_masks: Tensor | None = None
    """(T, B, F): dropout multipliers (0 or 1/p) of the feedback."""
    gen_masks: Tensor | None = None
    """(T, B, G): dropout multipliers of the generator on its way to the factors."""


_TRIAL_AXES: Any = ControlledInputs(
    con_gates_x=1, gen_gates_x=1, con_h0=0, gen_h0=0, noise=1, feedback_masks=1, gen_masks=1
)


class ControlledWeights(NamedTuple):
    """Weights of the coupled loop, inputs x outputs."""

    w_con_ru: Tensor
    """(K, 2K)"""
    w_con_c: Tensor
    """(K, K)"""
    w_co_mean: Tensor
    """(K, U)"""
    b_co_mean: Tensor
    """(U,)"""
    w_co_logvar: Tensor
    """(K, U)"""
    b_co_logvar: Tensor
    """(U,)"""
    w_u_gen: Tensor
    """(U, 3G): inferred inputs to the generator's gates."""
    w_gen_ru: Tensor
    """(G, 2G)"""
    w_gen_c: Tensor
    """(G, G)"""
    w_fac: Tensor
    """(G, factors): columns already of unit norm."""
    w_f_con: Tensor | None = None
    """(F, 3K): feedback to the controller's gates; None feeds nothing back."""
    w_out: Tensor | None = None
    """(factors, channels): given together with `b_out` to feed back rates, not factors."""
    b_out: Tensor | None = None
    """(channels,)"""


class ControlledStates(NamedTuple):
    """What the coupled loop returns, each (T, B, ...)."""

    con_states: Tensor
    co_mean: Tensor
    co_logvar: Tensor
    co: Tensor
    """The inferred inputs that drove the generator."""
    gen_states: Tensor
    factors: Tensor


def controlled_scan(
    inputs: ControlledInputs, weights: ControlledWeights, *, clip: float
) -> ControlledStates:
    """Run controller, inferred inputs, generator and factors, which feed each other, over time.

    Parameters
    ----------
    inputs, weights : what the loop reads
        Noise and dropout multipliers are constants: no gradient flows to them.
    clip : float
        Bound on the absolute value of both states.

    Returns
    -------
    ControlledStates
    """
    joint, given = coupled_weights(weights), ControlledInputs(*_tensors(inputs))
    if not joint.feeds:
        given = given._replace(feedback_masks=None)
    op = _controlled_op(float(clip), loop_form())

    def loop(*arrays: Tensor | None) -> tuple[Tensor, ...]:
        part = ControlledInputs(*arrays)
        return op(part, joint, first_factors(part.gen_h0, joint))

    return ControlledStates(*side_by_side(loop, tuple(given), _TRIAL_AXES, out_axis=1))


def _tensors(arrays: tuple) -> Iterator[Tensor | None]:
    return (None if x is None else ops.convert_to_tensor(x) for x in arrays)


class _Affine(NamedTuple):
    w: Tensor
    b: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return ops.matmul(x, self.w) + self.b


class CoupledWeights(NamedTuple):
    """Weights as the steps use them, or their gradients."""

    con: CellWeights
    heads: _Affine
    """(K, 2U): posterior means and log variances."""
    gen: CellWeights
    fac: Tensor
    out: _Affine | None

    @property
    def feeds(self) -> bool:
        """Whether the controller is told anything of the bin before."""
        return self.con.c.shape[0] > self.con.c.shape[1]


def coupled_weights(weights: ControlledWeights) -> CoupledWeights:
    """Join the weights that act together."""
    w = ControlledWeights(*_tensors(weights))
    feeds_rates = w.w_f_con is not None and w.w_out is not None
    return CoupledWeights(
        con=joint_weights(w.w_f_con, w.w_con_ru, w.w_con_c),
        heads=_Affine(
            ops.concatenate([w.w_co_mean, w.w_co_logvar], axis=1),
            ops.concatenate([w.b_co_mean, w.b_co_logvar], axis=0),
        ),
        gen=joint_weights(w.w_u_gen, w.w_gen_ru, w.w_gen_c),
        fac=w.w_fac,
        out=_Affine(w.w_out, w.b_out) if feeds_rates else None,
    )


def first_factors(gen_h0: Tensor, w: CoupledWeights) -> Tensor:
    """Return the factors that the controller is told of before the first bin."""
    return ops.matmul(gen_h0, w.fac)


class _Kept(NamedTuple):
    """What the forward pass leaves for the backward pass besides the states."""

    con_gates: Gates
    gen_gates: Gates


class _Before(NamedTuple):
    """What each step began with, (T, B, ...)."""

    con: Tensor
    gen: Tensor
    factors: Tensor


class _BackInputs(NamedTuple):
    """What one step back reads."""

    d: ControlledStates
    states: ControlledStates
    before: _Before
    kept: _Kept
    feedback_masks: Tensor | None
    gen_masks: Tensor | None
    noise: Tensor | None


class _BackWeights(NamedTuple):
    """Weights as the steps back use them: transposed, once for all steps."""

    con: CellWeights
    heads: Tensor
    gen: CellWeights
    fac: Tensor
    out: Tensor | None


def _weights_back(w: CoupledWeights) -> _BackWeights:
    return _BackWeights(
        con=weights_back(w.con, left_gradient=True),
        heads=transposed(w.heads.w),
        gen=weights_back(w.gen, left_gradient=True),
        fac=transposed(w.fac),
        out=None if w.out is None else transposed(w.out.w),
    )


class _BackCarry(NamedTuple):
    """Gradients of what a step hands to the next one, and sums over the steps so far."""

    con: Tensor
    gen: Tensor
    factors: Tensor
    gen_gates_x: Tensor | None
    """Summed only if the generator's own input is constant."""
    weights: CoupledWeights | None
    """None if they are products after the loop."""


class _Back(NamedTuple):
    """What one step gives back besides the carry."""

    con_gates: Tensor
    gen_gates: Tensor | None
    """None if it is summed in the carry."""
    for_products: _ForProducts | None
    """None if the weights' gradients are summed in the carry."""


class _ForProducts(NamedTuple):
    """Gradients that make the weights' gradients when all steps are done."""

    gen_added: tuple[Tensor, Tensor]
    heads: Tensor
    factors: Tensor
    log_rates: Tensor | None


@cache
def _controlled_op(clip: float, form: LoopForm) -> Any:
    def forward(x: ControlledInputs, w: CoupledWeights, first: Tensor) -> tuple:
        states, kept = _run(x, w, first, clip=clip)
        return tuple(states), kept

    def backward(args: tuple, outputs: tuple, kept: _Kept, d_outputs: tuple) -> tuple:
        x, w, first = args
        states = ControlledStates(*outputs)
        xs = _BackInputs(
            d=ControlledStates(*d_outputs),
            states=states,
            before=_Before(
                con=delayed(x.con_h0, states.con_states),
                gen=delayed(x.gen_h0, states.gen_states),
                factors=delayed(first, states.factors),
            ),
            kept=kept,
            feedback_masks=x.feedback_masks,
            gen_masks=x.gen_masks,
            noise=x.noise,
        )
        d, of_bins = _run_back(x, w, xs, clip=clip, with_weights=not form.products_after)
        gen_gates_x = of_bins.gen_gates
        if gen_gates_x is None:
            assert d.gen_gates_x is not None
            gen_gates_x = d.gen_gates_x[None]
        d_inputs = ControlledInputs(
            con_gates_x=of_bins.con_gates, gen_gates_x=gen_gates_x, con_h0=d.con, gen_h0=d.gen
        )
        d_weights = d.weights
        if of_bins.for_products is not None:
            d_weights = _weights_after(w, xs, of_bins.con_gates, of_bins.for_products)
        return d_inputs, d_weights, d.factors

    return with_gradient(forward, backward)


# ---- forward ------------------------------------------------------------------------------------


def _run(
    x: ControlledInputs, w: CoupledWeights, first: Tensor, *, clip: float
) -> tuple[ControlledStates, _Kept]:
    constant = x.gen_gates_x.shape[0] == 1

    def one_step(carry: tuple, now: ControlledInputs) -> tuple:
        added = x.gen_gates_x[0] if constant else now.gen_gates_x
        after, states, gates = coupled_step(carry, now._replace(gen_gates_x=added), w, clip=clip)
        return after, (*states, *gates[0], *gates[1])

    xs = x._replace(con_h0=None, gen_h0=None, gen_gates_x=None if constant else x.gen_gates_x)
    carry = (x.con_h0, x.gen_h0, first)
    _, ys = scan(one_step, carry, xs, n_steps=x.con_gates_x.shape[0])
    return ControlledStates(*ys[:6]), _Kept(Gates(*ys[6:8]), Gates(*ys[8:]))


def coupled_step(
    carry: tuple, now: ControlledInputs, w: CoupledWeights, *, clip: float
) -> tuple[tuple, ControlledStates, tuple[Gates, Gates]]:
    """Go one bin on.

    Parameters
    ----------
    carry : controller's and generator's states and the factors, each (B, ...)
    now : ControlledInputs
        Of this bin, without the axis of bins; initial states are not read.
    w : CoupledWeights
    clip : float

    Returns
    -------
    carry, states, gates
        Gates of the controller and of the generator.
    """
    con, gen, factors = carry
    n_inputs = w.heads.b.shape[0] // 2
    fed = _masked(_fed_back(factors, w), now.feedback_masks) if w.feeds else None
    con, con_gates = step(fed, con, now.con_gates_x, w.con, clip=clip)
    heads = w.heads(con)
    mean, logvar = heads[:, :n_inputs], heads[:, n_inputs:]
    co = mean if now.noise is None else mean + now.noise * ops.exp(0.5 * logvar)
    gen, gen_gates = step(co, gen, now.gen_gates_x, w.gen, clip=clip)
    factors = ops.matmul(_masked(gen, now.gen_masks), w.fac)
    states = ControlledStates(con, mean, logvar, co, gen, factors)
    return (con, gen, factors), states, (con_gates, gen_gates)


def _fed_back(factors: Tensor, w: CoupledWeights) -> Tensor:
    """Return factors, or the rates that they stand for."""
    if w.out is None:
        return factors
    return ops.exp(ops.clip(w.out(factors), -MAX_LOG_RATE, MAX_LOG_RATE))


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask


# ---- back ---------------------------------------------------------------------------------------


def _run_back(
    x: ControlledInputs, w: CoupledWeights, xs: _BackInputs, *, clip: float, with_weights: bool
) -> tuple[_BackCarry, _Back]:
    """Return gradients of initial states and weights, and those of every bin."""
    constant, back = x.gen_gates_x.shape[0] == 1, _weights_back(w)

    def one_step(after: _BackCarry, now: _BackInputs) -> tuple:
        d_factors = after.factors + now.d.factors
        gen = _generator_back(after, now, d_factors, back, clip, with_weights)
        d_heads = _heads_back(now, gen.left)
        con = _controller_back(after, now, d_heads, w, back, clip, with_weights)
        d_fed, d_log_rates = _feedback_back(now, con.left, w, back) if w.feeds else (None, None)
        d_gen_gates = summed_like(ops.concatenate(gen.added, axis=-1), x.gen_gates_x.shape[1:])
        before = _BackCarry(
            con=con.h,
            gen=gen.h,
            factors=ops.zeros_like(d_factors) if d_fed is None else d_fed,
            gen_gates_x=after.gen_gates_x + d_gen_gates if constant else None,
            weights=None,
        )
        for_products = None
        if after.weights is not None:
            assert con.weights is not None
            assert gen.weights is not None
            parts = CoupledWeights(
                con=con.weights,
                heads=_affine_back(now.states.con_states, d_heads),
                gen=gen.weights,
                fac=_product(_masked(now.states.gen_states, now.gen_masks), d_factors),
                out=None if d_log_rates is None else _affine_back(now.before.factors, d_log_rates),
            )
            before = before._replace(weights=_plus(after.weights, parts))
        else:
            for_products = _ForProducts(gen.added, d_heads, d_factors, d_log_rates)
        d_con_gates = ops.concatenate(con.added, axis=-1)
        return before, _Back(d_con_gates, None if constant else d_gen_gates, for_products)

    zero = _BackCarry(
        con=ops.zeros_like(x.con_h0),
        gen=ops.zeros_like(x.gen_h0),
        factors=ops.zeros_like(xs.states.factors[0]),
        gen_gates_x=ops.zeros_like(x.gen_gates_x[0]) if constant else None,
        weights=_zeros_like(w) if with_weights else None,
    )
    return scan(one_step, zero, xs, n_steps=x.con_gates_x.shape[0], reverse=True)


def _weights_after(
    w: CoupledWeights, xs: _BackInputs, d_con_gates: Tensor, d: _ForProducts
) -> CoupledWeights:
    """Return the weights' gradients as products over all bins and trials."""
    n_gates = 2 * xs.states.con_states.shape[-1]
    d_con = (d_con_gates[..., :n_gates], d_con_gates[..., n_gates:])
    factors = rows_of_all_bins(xs.before.factors)
    log_rates = None if d.log_rates is None else rows_of_all_bins(d.log_rates)
    gen = rows_of_all_bins(_masked(xs.states.gen_states, xs.gen_masks))
    return CoupledWeights(
        con=weights_after(_fed(xs, w), xs.before.con, xs.kept.con_gates, d_con),
        heads=_affine_back(rows_of_all_bins(xs.states.con_states), rows_of_all_bins(d.heads)),
        gen=weights_after(xs.states.co, xs.before.gen, xs.kept.gen_gates, d.gen_added),
        fac=_product(gen, rows_of_all_bins(d.factors)),
        out=None if log_rates is None else _affine_back(factors, log_rates),
    )


def _generator_back(
    after: _BackCarry,
    now: _BackInputs,
    d_factors: Tensor,
    back: _BackWeights,
    clip: float,
    with_weights: bool,
) -> StepBack:
    d_gen = _masked(ops.matmul(d_factors, back.fac), now.gen_masks)
    d_gen = d_gen + after.gen + now.d.gen_states
    return step_back(
        d_gen,
        now.states.co,
        now.before.gen,
        now.states.gen_states,
        now.kept.gen_gates,
        back.gen,
        clip=clip,
        with_weights=with_weights,
    )


def _heads_back(now: _BackInputs, d_co: Tensor) -> Tensor:
    """Gradient of the posterior means and log variances, (B, 2U)."""
    d_co = d_co + now.d.co
    d_logvar = now.d.co_logvar
    if now.noise is not None:
        d_logvar = d_logvar + 0.5 * d_co * (now.states.co - now.states.co_mean)
    return ops.concatenate([now.d.co_mean + d_co, d_logvar], axis=-1)


def _controller_back(
    after: _BackCarry,
    now: _BackInputs,
    d_heads: Tensor,
    w: CoupledWeights,
    back: _BackWeights,
    clip: float,
    with_weights: bool,
) -> StepBack:
    d_con = after.con + now.d.con_states + ops.matmul(d_heads, back.heads)
    return step_back(
        d_con,
        _fed(now, w),
        now.before.con,
        now.states.con_states,
        now.kept.con_gates,
        back.con,
        clip=clip,
        with_weights=with_weights,
    )


def _fed(now: _BackInputs, w: CoupledWeights) -> Tensor | None:
    """Return what the controller was told of the bin before, of one bin or of all."""
    return _masked(_fed_back(now.before.factors, w), now.feedback_masks) if w.feeds else None


def _feedback_back(
    now: _BackInputs, d_fed: Tensor, w: CoupledWeights, back: _BackWeights
) -> tuple[Tensor, Tensor | None]:
    """Gradients of the factors of the bin before, and of log rates if rates are fed back."""
    d_fed = _masked(d_fed, now.feedback_masks)
    if w.out is None:
        return d_fed, None
    log_rates = w.out(now.before.factors)
    inside = ops.cast(ops.abs(log_rates) <= MAX_LOG_RATE, d_fed.dtype)
    d_log_rates = d_fed * inside * _fed_back(now.before.factors, w)
    return ops.matmul(d_log_rates, back.out), d_log_rates


def _affine_back(x: Tensor, d: Tensor) -> _Affine:
    return _Affine(_product(x, d), ops.sum(d, axis=0))


def _product(x: Tensor, d: Tensor) -> Tensor:
    return ops.matmul(transposed(x), d)


def _plus(total: CoupledWeights, part: CoupledWeights) -> CoupledWeights:
    return tree.map_structure(lambda a, b: None if a is None else a + b, total, part)


def _zeros_like(w: CoupledWeights) -> CoupledWeights:
    return tree.map_structure(lambda a: None if a is None else ops.zeros_like(a), w)
