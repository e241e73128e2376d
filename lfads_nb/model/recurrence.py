"""The two loops over time of LFADS, each with its own backward pass.

Both cells apply the reset gate before the recurrent product, and clip their state:

    r = sigmoid(x_r + h W_r),  u = sigmoid(x_u + h W_u),  c = tanh(x_c + (r h) W_c),
    h' = clip(u h + (1 - u) c)

where x_r, x_u, x_c are the input's projections plus biases, made outside for all bins at once. The
forward pass keeps the gates; the backward pass carries only what depends on the next bin and gets
each weight's gradient as one product over all bins. Arrays are time-major: (bins, ..., units).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from keras import ops

from lfads_nb.model.backend import scan, with_gradient

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


def gru_scan(
    gates_x: Tensor,
    h0: Tensor,
    w_h_ru: Tensor,
    w_h_c: Tensor,
    *,
    clip: float,
    n_steps: int | None = None,
) -> Tensor:
    """Run D independent cells of equal width over time.

    Parameters
    ----------
    gates_x : tensor, (T or 1, D, B or 1, 3H)
        Input projections plus bias for [r | u | c], with the +1 on the update gate.
    h0 : tensor, (D, B, H)
        States before the first bin.
    w_h_ru, w_h_c : tensors, (D, H, 2H) and (D, H, H)
        Recurrent weights of the gates and of the candidate.
    clip : float
        Bound on the absolute value of a state.
    n_steps : int, optional
        Number of bins; needed where `gates_x` is constant in time.

    Returns
    -------
    tensor, (T, D, B, H)
        States after each bin.
    """
    tensors = [ops.convert_to_tensor(x) for x in (gates_x, h0, w_h_ru, w_h_c)]
    n_steps = tensors[0].shape[0] if n_steps is None else n_steps
    return _gru_scan_op(float(clip), int(n_steps))(*tensors)[0]


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
    if weights.w_f_con is None:
        inputs = inputs._replace(feedback_masks=None)
        weights = weights._replace(w_out=None, b_out=None)
    given = (*inputs, *weights)
    present = tuple(x is not None for x in given)
    tensors = [ops.convert_to_tensor(x) for x in given if x is not None]
    return ControlledStates(*_controlled_scan_op(float(clip), present)(*tensors))


# ---- one step of a cell -------------------------------------------------------------------------


def _cell(h: Tensor, gates_x: Tensor, w_ru: Tensor, w_c: Tensor, clip: float) -> tuple:
    """Step one cell; returns (new state, (r, u, c))."""
    n = h.shape[-1]
    ru = ops.sigmoid(gates_x[..., : 2 * n] + ops.matmul(h, w_ru))
    r, u = ru[..., :n], ru[..., n:]
    c = ops.tanh(gates_x[..., 2 * n :] + ops.matmul(r * h, w_c))
    return ops.clip(c + u * (h - c), -clip, clip), (r, u, c)


def _cell_back(
    dh: Tensor, h: Tensor, gates: tuple, w_ru_t: Tensor, w_c_t: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """Gradients of one step's (previous state, gates before their non-linearity)."""
    r, u, c = gates
    dh = dh * ops.cast(ops.abs(c + u * (h - c)) <= clip, dh.dtype)
    du = dh * (h - c) * u * (1 - u)
    dc = dh * (1 - u) * (1 - c * c)
    d_reset = ops.matmul(dc, w_c_t)
    d_ru = ops.concatenate([d_reset * h * r * (1 - r), du], axis=-1)
    dh = dh * u + d_reset * r + ops.matmul(d_ru, w_ru_t)
    return dh, ops.concatenate([d_ru, dc], axis=-1)


def _transposed(w: Tensor) -> Tensor:
    return ops.swapaxes(w, -1, -2)


def _shifted(first: Tensor, states: Tensor) -> Tensor:
    """States before each bin: the initial one, then all but the last."""
    return ops.concatenate([first[None], states[:-1]], axis=0)


def _summed_like(gradient: Tensor, shape: tuple) -> Tensor:
    """Sum over the axes along which the forward pass repeated an array of this shape."""
    axes = tuple(axis for axis, n in enumerate(shape) if n == 1)
    return ops.sum(gradient, axis=axes, keepdims=True) if axes else gradient


def _product(x: Tensor, y: Tensor) -> Tensor:
    """Sum over bins and trials of the outer products: (T, B, m), (T, B, n) -> (m, n)."""
    x = ops.reshape(x, (-1, x.shape[-1]))
    return ops.matmul(_transposed(x), ops.reshape(y, (-1, y.shape[-1])))


# ---- independent cells --------------------------------------------------------------------------


@cache
def _gru_scan_op(clip: float, n_steps: int) -> Any:
    def forward(gates_x: Tensor, h0: Tensor, w_ru: Tensor, w_c: Tensor) -> tuple:
        constant = gates_x.shape[0] == 1

        def step(carry: tuple, xs: tuple) -> tuple:
            h, gates = _cell(carry[0], gates_x[0] if constant else xs[0], w_ru, w_c, clip)
            return (h,), (h, *gates)

        xs = () if constant else (gates_x,)
        _, (states, *gates) = scan(step, (h0,), xs, n_steps=n_steps)
        return (states,), (gates_x, h0, w_ru, w_c, states, *gates)

    def backward(residuals: tuple, d_outputs: tuple) -> tuple:
        gates_x, h0, w_ru, w_c, states, *gates = residuals
        before = _shifted(h0, states)
        w_ru_t, w_c_t = _transposed(w_ru), _transposed(w_c)

        def step(carry: tuple, xs: tuple) -> tuple:
            d_state, h, *gates = xs
            dh, d_gates = _cell_back(carry[0] + d_state, h, tuple(gates), w_ru_t, w_c_t, clip)
            return (dh,), (d_gates,)

        (dh0,), (d_gates,) = scan(
            step,
            (ops.zeros_like(h0),),
            (d_outputs[0], before, *gates),
            n_steps=n_steps,
            reverse=True,
        )
        n = h0.shape[-1]
        d_w_ru = ops.einsum("tdbm,tdbn->dmn", before, d_gates[..., : 2 * n])
        d_w_c = ops.einsum("tdbm,tdbn->dmn", gates[0] * before, d_gates[..., 2 * n :])
        return _summed_like(d_gates, gates_x.shape), dh0, d_w_ru, d_w_c

    return with_gradient(forward, backward)


# ---- controller, inferred inputs, generator, factors --------------------------------------------


def _unpacked(tensors: tuple, present: tuple) -> tuple[ControlledInputs, ControlledWeights]:
    """Put the arrays that were given back to their names."""
    rest = iter(tensors)
    filled = [next(rest) if here else None for here in present]
    n_inputs = len(ControlledInputs._fields)
    return ControlledInputs(*filled[:n_inputs]), ControlledWeights(*filled[n_inputs:])


def _fed_back(factors: Tensor, w: ControlledWeights) -> Tensor:
    """Factors, or the rates that they stand for."""
    if w.w_out is None:
        return factors
    log_rates = ops.matmul(factors, w.w_out) + w.b_out
    return ops.exp(ops.clip(log_rates, -MAX_LOG_RATE, MAX_LOG_RATE))


def _factors_before(
    inputs: ControlledInputs, w: ControlledWeights, states: ControlledStates
) -> Tensor:
    """Factors that each bin's controller saw; before the first one, without dropout."""
    return _shifted(ops.matmul(inputs.gen_h0, w.w_fac), states.factors)


def _dropped(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask


def _rate_slope(factors: Tensor, w: ControlledWeights) -> Tensor:
    """Derivative of the fed-back rates by the unclipped log rates."""
    log_rates = ops.matmul(factors, w.w_out) + w.b_out
    inside = ops.cast(ops.abs(log_rates) <= MAX_LOG_RATE, log_rates.dtype)
    return inside * ops.exp(ops.clip(log_rates, -MAX_LOG_RATE, MAX_LOG_RATE))


@cache
def _controlled_scan_op(clip: float, present: tuple[bool, ...]) -> Any:
    def forward(*tensors: Tensor) -> tuple:
        inputs, w = _unpacked(tensors, present)
        states, gates = _controlled_forward(inputs, w, clip)
        return tuple(states), (*tensors, *states, *gates)

    def backward(residuals: tuple, d_outputs: tuple) -> tuple:
        n = sum(present)
        inputs, w = _unpacked(residuals[:n], present)
        states = ControlledStates(*residuals[n : n + 6])
        gates = _Gates(*residuals[n + 6 :])
        d_states = ControlledStates(*d_outputs)
        d_steps = _controlled_back(inputs, w, states, gates, d_states, clip)
        gradients = (
            *_input_gradients(inputs, d_steps),
            *_weight_gradients(inputs, w, states, gates, d_steps),
        )
        return tuple(g for g, here in zip(gradients, present, strict=True) if here)

    return with_gradient(forward, backward)


def _controlled_forward(
    inputs: ControlledInputs, w: ControlledWeights, clip: float
) -> tuple[ControlledStates, _Gates]:
    w_heads = ops.concatenate([w.w_co_mean, w.w_co_logvar], axis=1)
    b_heads = ops.concatenate([w.b_co_mean, w.b_co_logvar], axis=0)
    n_inputs = w.w_co_mean.shape[1]
    n_steps = inputs.con_gates_x.shape[0]
    constant = inputs.gen_gates_x.shape[0] == 1

    def step(carry: tuple, x: ControlledInputs) -> tuple:
        con, gen, factors = carry
        con_gates_x = x.con_gates_x
        if w.w_f_con is not None:
            con_gates_x += ops.matmul(_dropped(_fed_back(factors, w), x.feedback_masks), w.w_f_con)
        con, con_gates = _cell(con, con_gates_x, w.w_con_ru, w.w_con_c, clip)
        heads = ops.matmul(con, w_heads) + b_heads
        mean, logvar = heads[:, :n_inputs], heads[:, n_inputs:]
        co = mean if x.noise is None else mean + x.noise * ops.exp(0.5 * logvar)
        gen_gates_x = inputs.gen_gates_x[0] if constant else x.gen_gates_x
        gen_gates_x += ops.matmul(co, w.w_u_gen)
        gen, gen_gates = _cell(gen, gen_gates_x, w.w_gen_ru, w.w_gen_c, clip)
        factors = ops.matmul(_dropped(gen, x.gen_masks), w.w_fac)
        states = ControlledStates(con, mean, logvar, co, gen, factors)
        return (con, gen, factors), (*states, *con_gates, *gen_gates)

    xs = inputs._replace(con_h0=None, gen_h0=None)
    if constant:
        xs = xs._replace(gen_gates_x=None)
    carry = (inputs.con_h0, inputs.gen_h0, ops.matmul(inputs.gen_h0, w.w_fac))
    _, ys = scan(step, carry, xs, n_steps=n_steps)
    return ControlledStates(*ys[:6]), _Gates(*ys[6:])


class _Gates(NamedTuple):
    """Activations of both cells' gates, each (T, B, units)."""

    con_r: Tensor
    con_u: Tensor
    con_c: Tensor
    gen_r: Tensor
    gen_u: Tensor
    gen_c: Tensor


class _BackXs(NamedTuple):
    """What one step of the backward pass reads."""

    d: ControlledStates
    con_before: Tensor
    gen_before: Tensor
    gates: _Gates
    gen_masks: Tensor | None
    feedback_masks: Tensor | None
    co_by_logvar: Tensor | None
    rate_slope: Tensor | None


class _BackYs(NamedTuple):
    """Gradients that the backward pass leaves at every bin, and those of the initial states."""

    heads: Tensor
    con_gates: Tensor
    gen_gates: Tensor
    factors: Tensor
    log_rates: Tensor | None
    con_h0: Tensor
    gen_h0: Tensor
    first_factors: Tensor


def _controlled_back(
    inputs: ControlledInputs,
    w: ControlledWeights,
    states: ControlledStates,
    gates: _Gates,
    d_states: ControlledStates,
    clip: float,
) -> _BackYs:
    w_heads_t = _transposed(ops.concatenate([w.w_co_mean, w.w_co_logvar], axis=1))
    w_con_t = _transposed(w.w_con_ru), _transposed(w.w_con_c)
    w_gen_t = _transposed(w.w_gen_ru), _transposed(w.w_gen_c)
    w_u_gen_t, w_fac_t = _transposed(w.w_u_gen), _transposed(w.w_fac)
    noise = inputs.noise
    xs = _BackXs(
        d=d_states,
        con_before=_shifted(inputs.con_h0, states.con_states),
        gen_before=_shifted(inputs.gen_h0, states.gen_states),
        gates=gates,
        gen_masks=inputs.gen_masks,
        feedback_masks=inputs.feedback_masks,
        co_by_logvar=None if noise is None else 0.5 * (states.co - states.co_mean),
        rate_slope=None if w.w_out is None else _rate_slope(_factors_before(inputs, w, states), w),
    )

    def step(carry: tuple, x: _BackXs) -> tuple:
        d_con, d_gen, d_factors = carry
        d_factors += x.d.factors
        d_gen += x.d.gen_states + _dropped(ops.matmul(d_factors, w_fac_t), x.gen_masks)
        d_gen, d_gen_gates = _cell_back(d_gen, x.gen_before, x.gates[3:], *w_gen_t, clip)
        d_co = x.d.co + ops.matmul(d_gen_gates, w_u_gen_t)
        d_logvar = x.d.co_logvar
        d_logvar = d_logvar if x.co_by_logvar is None else d_logvar + d_co * x.co_by_logvar
        d_heads = ops.concatenate([x.d.co_mean + d_co, d_logvar], axis=-1)
        d_con += x.d.con_states + ops.matmul(d_heads, w_heads_t)
        d_con, d_con_gates = _cell_back(d_con, x.con_before, x.gates[:3], *w_con_t, clip)
        ys = (d_heads, d_con_gates, d_gen_gates, d_factors)
        if w.w_f_con is None:
            return (d_con, d_gen, ops.zeros_like(d_factors)), ys
        d_fed = _dropped(ops.matmul(d_con_gates, _transposed(w.w_f_con)), x.feedback_masks)
        if w.w_out is None:
            return (d_con, d_gen, d_fed), ys
        d_log_rates = d_fed * x.rate_slope
        return (d_con, d_gen, ops.matmul(d_log_rates, _transposed(w.w_out))), (*ys, d_log_rates)

    zeros = (
        ops.zeros_like(inputs.con_h0),
        ops.zeros_like(inputs.gen_h0),
        ops.zeros_like(states.factors[0]),
    )
    n_steps = inputs.con_gates_x.shape[0]
    (con_h0, gen_h0, first), ys = scan(step, zeros, xs, n_steps=n_steps, reverse=True)
    gen_h0 += ops.matmul(first, w_fac_t)
    return _BackYs(*ys[:4], ys[4] if len(ys) > 4 else None, con_h0, gen_h0, first)


def _input_gradients(inputs: ControlledInputs, d: _BackYs) -> ControlledInputs:
    return ControlledInputs(
        con_gates_x=d.con_gates,
        gen_gates_x=_summed_like(d.gen_gates, inputs.gen_gates_x.shape),
        con_h0=d.con_h0,
        gen_h0=d.gen_h0,
    )


def _weight_gradients(
    inputs: ControlledInputs,
    w: ControlledWeights,
    states: ControlledStates,
    gates: _Gates,
    d: _BackYs,
) -> ControlledWeights:
    con_before = _shifted(inputs.con_h0, states.con_states)
    gen_before = _shifted(inputs.gen_h0, states.gen_states)
    factors_before = _factors_before(inputs, w, states)
    n_con, n_gen, n_inputs = con_before.shape[-1], gen_before.shape[-1], states.co.shape[-1]
    d_w_heads = _product(states.con_states, d.heads)
    d_b_heads = ops.sum(d.heads, axis=(0, 1))
    d_w_fac = _product(_dropped(states.gen_states, inputs.gen_masks), d.factors)
    fed = _dropped(_fed_back(factors_before, w), inputs.feedback_masks)
    return ControlledWeights(
        w_con_ru=_product(con_before, d.con_gates[..., : 2 * n_con]),
        w_con_c=_product(gates.con_r * con_before, d.con_gates[..., 2 * n_con :]),
        w_co_mean=d_w_heads[:, :n_inputs],
        b_co_mean=d_b_heads[:n_inputs],
        w_co_logvar=d_w_heads[:, n_inputs:],
        b_co_logvar=d_b_heads[n_inputs:],
        w_u_gen=_product(states.co, d.gen_gates),
        w_gen_ru=_product(gen_before, d.gen_gates[..., : 2 * n_gen]),
        w_gen_c=_product(gates.gen_r * gen_before, d.gen_gates[..., 2 * n_gen :]),
        w_fac=d_w_fac + ops.matmul(_transposed(inputs.gen_h0), d.first_factors),
        w_f_con=None if w.w_f_con is None else _product(fed, d.con_gates),
        w_out=None if w.w_out is None else _product(factors_before, d.log_rates),
        b_out=None if w.b_out is None else ops.sum(d.log_rates, axis=(0, 1)),
    )
