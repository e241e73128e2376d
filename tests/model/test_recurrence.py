"""The loops over time against a plain loop with automatic gradients, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from lfads_nb.model import backend, coupled_recurrence, recurrence, side_by_side
from lfads_nb.model.coupled_recurrence import (
    ControlledInputs,
    ControlledStates,
    ControlledWeights,
    controlled_scan,
)
from lfads_nb.model.recurrence import encoder_scan, gru_scan

SIZES = st.integers(1, 5)
CLIPS = st.sampled_from([5.0, 1.0, 0.4])


def normal(rng: np.random.Generator, *shape: int, scale: float = 0.6) -> tf.Tensor:
    return tf.constant(rng.normal(size=shape) * scale, tf.float32)


def slow_cell(h, gates_x, w_ru, w_c, clip):
    n = h.shape[-1]
    ru = tf.sigmoid(gates_x[..., : 2 * n] + h @ w_ru)
    r, u = ru[..., :n], ru[..., n:]
    c = tf.tanh(gates_x[..., 2 * n :] + (r * h) @ w_c)
    return tf.clip_by_value(u * h + (1 - u) * c, -clip, clip)


def slow_gru_scan(gates_x, h, w_ru, w_c, *, clip, n_steps):
    states = []
    for t in range(n_steps):
        h = slow_cell(h, gates_x[min(t, gates_x.shape[0] - 1)], w_ru, w_c, clip)
        states.append(h)
    return tf.stack(states)


def slow_controlled_scan(x: ControlledInputs, w: ControlledWeights, *, clip):
    con, gen = x.con_h0, x.gen_h0
    factors = gen @ w.w_fac
    states = []
    for t in range(x.con_gates_x.shape[0]):
        con_gates_x = x.con_gates_x[t]
        if w.w_f_con is not None:
            fed = factors
            if w.w_out is not None:
                fed = tf.exp(tf.clip_by_value(factors @ w.w_out + w.b_out, -80.0, 80.0))
            if x.feedback_masks is not None:
                fed = fed * x.feedback_masks[t]
            con_gates_x = con_gates_x + fed @ w.w_f_con
        con = slow_cell(con, con_gates_x, w.w_con_ru, w.w_con_c, clip)
        mean = con @ w.w_co_mean + w.b_co_mean
        logvar = con @ w.w_co_logvar + w.b_co_logvar
        co = mean if x.noise is None else mean + tf.exp(logvar / 2) * x.noise[t]
        gen_gates_x = x.gen_gates_x[min(t, x.gen_gates_x.shape[0] - 1)] + co @ w.w_u_gen
        gen = slow_cell(gen, gen_gates_x, w.w_gen_ru, w.w_gen_c, clip)
        factors = (gen if x.gen_masks is None else gen * x.gen_masks[t]) @ w.w_fac
        states.append((con, mean, logvar, co, gen, factors))
    return ControlledStates(*(tf.stack(s) for s in zip(*states, strict=True)))


def value_and_gradients(function, arrays, weights):
    """Outputs and gradients of a weighted sum of them, for every array that is given."""
    present = [a for a in arrays if a is not None]
    with tf.GradientTape() as tape:
        tape.watch(present)
        outputs = tf.nest.flatten(function(arrays))
        loss = tf.add_n(
            [tf.reduce_sum(y * k) for y, k in zip(outputs, weights, strict=True) if k is not None]
        )
    return outputs, tape.gradient(loss, present), loss


def assert_all_close(actual, expected, tolerance=2e-5):
    for a, b in zip(actual, expected, strict=True):
        assert a.shape == b.shape
        scale = 1 + np.max(np.abs(b))
        np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=tolerance)


def gru_arrays(rng, T, D, B, H, *, constant=False):
    gates_x = normal(rng, *((1, D, 1) if constant else (T, D, B)), 3 * H)
    return [
        gates_x,
        normal(rng, D, B, H, scale=2.0),
        normal(rng, D, H, 2 * H),
        normal(rng, D, H, H),
    ]


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    T=st.integers(1, 7), D=st.integers(1, 2), B=SIZES, H=SIZES, clip=CLIPS, constant=st.booleans()
)
def test_gru_scan_equals_the_plain_loop(T, D, B, H, clip, constant):
    rng = np.random.default_rng(T + 10 * B + 100 * H)
    arrays = gru_arrays(rng, T, D, B, H, constant=constant)
    weights = [normal(rng, T, D, B, H)]
    ours = value_and_gradients(lambda a: gru_scan(*a, clip=clip, n_steps=T), arrays, weights)
    slow = value_and_gradients(lambda a: slow_gru_scan(*a, clip=clip, n_steps=T), arrays, weights)
    assert_all_close(ours[0], slow[0], 2e-6)
    assert_all_close(ours[1], slow[1])


@pytest.mark.parametrize("towards_update", [-30.0, 4.0, 8.0, 12.0, 16.0, 17.5, 40.0])
def test_gates_that_are_all_but_shut_keep_their_gradients(towards_update):
    rng = np.random.default_rng(11)
    T, D, B, H = 6, 2, 4, 3
    arrays = gru_arrays(rng, T, D, B, H)
    shift = np.repeat(np.float32([0, towards_update, 0]), H)
    arrays[0] = arrays[0] + shift
    weights = [normal(rng, T, D, B, H)]
    ours = value_and_gradients(lambda a: gru_scan(*a, clip=50.0), arrays, weights)
    slow = value_and_gradients(lambda a: slow_gru_scan(*a, clip=50.0, n_steps=T), arrays, weights)
    assert_all_close(ours[0], slow[0], 2e-6)
    assert_all_close(ours[1], slow[1], 1e-5)


def slow_encoder_scan(x, w_x, b, h0, w_ru, w_c, *, clip, last_only):
    sequences = (x, tf.reverse(x, [0]))[: h0.shape[0]]
    gates_x = tf.stack([s @ w_x[d] + b[d] for d, s in enumerate(sequences)], axis=1)
    states = slow_gru_scan(gates_x, h0, w_ru, w_c, clip=clip, n_steps=x.shape[0])
    return states[-1] if last_only else states


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    T=st.integers(1, 6),
    D=st.integers(1, 2),
    B=SIZES,
    H=SIZES,
    N=SIZES,
    clip=CLIPS,
    last_only=st.booleans(),
)
def test_encoder_scan_equals_the_plain_loop(T, D, B, H, N, clip, last_only):
    rng = np.random.default_rng(T + 10 * B + 100 * H)
    _, *recurrent = gru_arrays(rng, T, D, B, H)
    arrays = [normal(rng, T, B, N), normal(rng, D, N, 3 * H), normal(rng, D, 3 * H), *recurrent]
    weights = [normal(rng, *(() if last_only else (T,)), D, B, H)]
    options = {"clip": clip, "last_only": last_only}
    ours = value_and_gradients(lambda a: encoder_scan(*a, **options), arrays, weights)
    slow = value_and_gradients(lambda a: slow_encoder_scan(*a, **options), arrays, weights)
    assert_all_close(ours[0], slow[0], 2e-6)
    assert_all_close(ours[1], slow[1])


@pytest.fixture
def three_loops(monkeypatch):
    """A function that lets batches be cut, however small."""

    def begin():
        monkeypatch.setattr(side_by_side, "MIN_TRIALS", 1)
        monkeypatch.setattr(side_by_side, "loops_at_once", lambda: 3)

    return begin


def assert_parts_equal_the_whole(call, arrays, weights, begin_to_cut):
    whole = value_and_gradients(call, arrays, weights)
    begin_to_cut()
    parts = value_and_gradients(call, arrays, weights)
    assert_all_close(parts[0], whole[0], 2e-6)
    flowing = [i for i, g in enumerate(whole[1]) if g is not None]
    for i in flowing:
        assert_all_close([parts[1][i]], [whole[1][i]])


@pytest.mark.slow
@pytest.mark.parametrize("constant", [True, False])
def test_a_cut_batch_of_the_generator_equals_the_whole(three_loops, constant):
    rng = np.random.default_rng(5)
    arrays = gru_arrays(rng, 4, 1, 7, 3, constant=constant)

    def call(a):
        return gru_scan(*a, clip=5.0, n_steps=4)

    assert_parts_equal_the_whole(call, arrays, [normal(rng, 4, 1, 7, 3)], three_loops)


@pytest.mark.slow
@pytest.mark.parametrize("last_only", [True, False])
def test_a_cut_batch_of_the_encoders_equals_the_whole(three_loops, last_only):
    rng = np.random.default_rng(6)
    _, *recurrent = gru_arrays(rng, 4, 2, 6, 3)
    arrays = [normal(rng, 4, 6, 5), normal(rng, 2, 5, 9), normal(rng, 2, 9), *recurrent]
    outer = [normal(rng, *(() if last_only else (4,)), 2, 6, 3)]

    def call(a):
        return encoder_scan(*a, clip=5.0, last_only=last_only)

    assert_parts_equal_the_whole(call, arrays, outer, three_loops)


def test_data_need_no_gradient():
    rng = np.random.default_rng(11)
    _, *recurrent = gru_arrays(rng, 4, 2, 3, 2)
    arrays = [normal(rng, 4, 3, 5), normal(rng, 2, 5, 6), normal(rng, 2, 6), *recurrent]
    weights = [normal(rng, 4, 2, 3, 2)]
    options = {"clip": 5.0, "last_only": False}
    with_it = value_and_gradients(lambda a: encoder_scan(*a, **options), arrays, weights)[1]
    without = value_and_gradients(
        lambda a: encoder_scan(*a, **options, x_gradient=False), arrays, weights
    )[1]
    assert without[0] is None
    assert_all_close(without[1:], with_it[1:], 1e-6)


def controlled_arrays(
    rng, *, T, B, K, G, U, F, N, constant, noise, masks, feedback
) -> tuple[ControlledInputs, ControlledWeights]:
    fed = N if feedback == "rates" else F

    def dropout(*shape):
        return tf.constant(rng.binomial(1, 0.7, shape) / 0.7, tf.float32) if masks else None

    inputs = ControlledInputs(
        con_gates_x=normal(rng, T, B, 3 * K),
        gen_gates_x=normal(rng, *((1, 1) if constant else (T, B)), 3 * G),
        con_h0=normal(rng, B, K, scale=2.0),
        gen_h0=normal(rng, B, G, scale=2.0),
        noise=normal(rng, T, B, U) if noise else None,
        feedback_masks=dropout(T, B, fed) if feedback else None,
        gen_masks=dropout(T, B, G),
    )
    weights = ControlledWeights(
        w_con_ru=normal(rng, K, 2 * K),
        w_con_c=normal(rng, K, K),
        w_co_mean=normal(rng, K, U),
        b_co_mean=normal(rng, U),
        w_co_logvar=normal(rng, K, U),
        b_co_logvar=normal(rng, U),
        w_u_gen=normal(rng, U, 3 * G),
        w_gen_ru=normal(rng, G, 2 * G),
        w_gen_c=normal(rng, G, G),
        w_fac=normal(rng, G, F),
        w_f_con=normal(rng, fed, 3 * K) if feedback else None,
        w_out=normal(rng, F, N, scale=0.3) if feedback == "rates" else None,
        b_out=normal(rng, N, scale=0.3) if feedback == "rates" else None,
    )
    return inputs, weights


def as_controlled(function, clip):
    n = len(ControlledInputs._fields)
    return lambda a: function(ControlledInputs(*a[:n]), ControlledWeights(*a[n:]), clip=clip)


def random_state_weights(rng, inputs, weights):
    T, B = inputs.con_gates_x.shape[:2]
    K, G, U = inputs.con_h0.shape[1], inputs.gen_h0.shape[1], weights.b_co_mean.shape[0]
    return [normal(rng, T, B, n) for n in (K, U, U, U, G, weights.w_fac.shape[1])]


def gradients_that_flow(inputs, weights, gradients):
    """Drop those of noise and masks, which are constants."""
    names = (*ControlledInputs._fields, *ControlledWeights._fields)
    named = [n for n, x in zip(names, (*inputs, *weights), strict=True) if x is not None]
    constants = ("noise", "feedback_masks", "gen_masks")
    return [g for n, g in zip(named, gradients, strict=True) if n not in constants]


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    sizes=st.fixed_dictionaries(
        {"T": st.integers(1, 5), "B": SIZES, "K": SIZES, "G": SIZES, "U": SIZES, "F": SIZES}
    ),
    clip=CLIPS,
    constant=st.booleans(),
    noise=st.booleans(),
    masks=st.booleans(),
    feedback=st.sampled_from([None, "factors", "rates"]),
)
def test_controlled_scan_equals_the_plain_loop(sizes, clip, **options):
    rng = np.random.default_rng(sum(sizes.values()))
    inputs, weights = controlled_arrays(rng, **sizes, N=3, **options)
    arrays = [*inputs, *weights]
    outer = random_state_weights(rng, inputs, weights)
    ours = value_and_gradients(as_controlled(controlled_scan, clip), arrays, outer)
    slow = value_and_gradients(as_controlled(slow_controlled_scan, clip), arrays, outer)
    assert_all_close(ours[0], slow[0], 5e-6)
    # Where a gate is nearly shut, 1 - z keeps few digits and the two round it differently.
    assert_all_close(
        gradients_that_flow(inputs, weights, ours[1]),
        gradients_that_flow(inputs, weights, slow[1]),
        2e-4,
    )


@pytest.mark.slow
@pytest.mark.parametrize("constant", [True, False])
def test_a_cut_batch_of_the_controller_equals_the_whole(three_loops, constant):
    rng = np.random.default_rng(8)
    sizes = {"T": 3, "B": 6, "K": 3, "G": 2, "U": 2, "F": 2, "N": 3}
    inputs, weights = controlled_arrays(
        rng, **sizes, constant=constant, noise=True, masks=True, feedback="rates"
    )
    outer = random_state_weights(rng, inputs, weights)
    call = as_controlled(controlled_scan, 5.0)
    assert_parts_equal_the_whole(call, [*inputs, *weights], outer, three_loops)


def test_gradients_equal_finite_differences():
    rng = np.random.default_rng(3)
    inputs, weights = controlled_arrays(
        rng,
        T=4,
        B=2,
        K=3,
        G=3,
        U=2,
        F=2,
        N=3,
        constant=True,
        noise=True,
        masks=True,
        feedback="rates",
    )
    arrays = [*inputs, *weights]
    outer = random_state_weights(rng, inputs, weights)
    call = as_controlled(controlled_scan, 5.0)
    _, gradients, _ = value_and_gradients(call, arrays, outer)
    gradients = dict(zip(range(len(arrays)), gradients, strict=True))
    for i in [0, 1, 2, 3, *range(7, len(arrays))]:
        direction = normal(rng, *arrays[i].shape, scale=1.0)
        step = 1e-2 / np.sqrt(np.sum(direction.numpy() ** 2))
        losses = []
        for sign in (1, -1):
            moved = [*arrays[:i], arrays[i] + sign * step * direction, *arrays[i + 1 :]]
            losses.append(float(value_and_gradients(call, moved, outer)[2]))
        expected = (losses[0] - losses[1]) / (2 * step)
        got = float(tf.reduce_sum(gradients[i] * direction))
        assert got == pytest.approx(expected, rel=2e-2, abs=2e-2), i


def test_log_rates_beyond_the_bound_pass_no_gradient():
    rng = np.random.default_rng(5)
    inputs, weights = controlled_arrays(
        rng,
        T=3,
        B=2,
        K=3,
        G=3,
        U=2,
        F=2,
        N=3,
        constant=True,
        noise=False,
        masks=False,
        feedback="rates",
    )
    weights = weights._replace(b_out=tf.constant([-100.0, 0.0, 0.0]))
    outer = random_state_weights(rng, inputs, weights)
    arrays = [*inputs, *weights]
    gradient = value_and_gradients(as_controlled(controlled_scan, 5.0), arrays, outer)[1][-1]
    assert gradient[0] == 0
    assert np.all(gradient[1:] != 0)


@pytest.mark.parametrize("compiled", [False, True])
def test_inside_a_compiled_training_step(compiled):
    rng = np.random.default_rng(7)
    arrays = gru_arrays(rng, 6, 2, 3, 4)
    weights = [normal(rng, 6, 2, 3, 4)]

    @tf.function(jit_compile=compiled)
    def step(arrays):
        return value_and_gradients(lambda a: gru_scan(*a, clip=5.0), arrays, weights)[1]

    expected = value_and_gradients(
        lambda a: slow_gru_scan(*a, clip=5.0, n_steps=6), arrays, weights
    )[1]
    assert_all_close(step(arrays), expected)


def n_operations(n_bins):
    """Operations of a training step's graph, those of the functions that it calls included."""
    arrays = gru_arrays(np.random.default_rng(9), n_bins, 2, 3, 4)
    weights = [tf.ones((n_bins, 2, 3, 4))]

    @tf.function
    def step(arrays):
        return value_and_gradients(lambda a: gru_scan(*a, clip=5.0), arrays, weights)[1]

    graph = step.get_concrete_function(arrays).graph.as_graph_def()
    return len(graph.node) + sum(len(f.node_def) for f in graph.library.function)


def test_the_graph_does_not_grow_with_bins():
    assert n_operations(2000) == n_operations(20)


def test_two_thousand_bins_keep_finite_gradients():
    arrays = gru_arrays(np.random.default_rng(9), 2000, 2, 3, 4)
    weights = [tf.ones((2000, 2, 3, 4))]
    gradients = value_and_gradients(lambda a: gru_scan(*a, clip=5.0), arrays, weights)[1]
    assert all(np.all(np.isfinite(g)) for g in gradients)


@pytest.mark.parametrize("constant", [True, False])
def test_loops_laid_out_for_a_gpu_give_the_same(monkeypatch, constant):
    def results():
        rng = np.random.default_rng(12)
        generator = gru_arrays(rng, 5, 1, 4, 3, constant=constant)
        _, *recurrent = gru_arrays(rng, 5, 2, 4, 3)
        encoders = [normal(rng, 5, 4, 6), normal(rng, 2, 6, 9), normal(rng, 2, 9), *recurrent]
        sizes = {"T": 5, "B": 4, "K": 3, "G": 2, "U": 2, "F": 2, "N": 3}
        inputs, weights = controlled_arrays(
            rng, **sizes, constant=constant, noise=True, masks=True, feedback="rates"
        )
        outer = random_state_weights(rng, inputs, weights)
        ones = [normal(rng, 5, 1, 4, 3)], [normal(rng, 2, 4, 3)]
        controller = value_and_gradients(
            as_controlled(controlled_scan, 5.0), [*inputs, *weights], outer
        )
        generated = value_and_gradients(
            lambda a: gru_scan(*a, clip=5.0, n_steps=5), generator, ones[0]
        )
        encoded = value_and_gradients(
            lambda a: encoder_scan(*a, clip=5.0, last_only=True), encoders, ones[1]
        )
        return [*generated[1], *encoded[1], *gradients_that_flow(inputs, weights, controller[1])]

    on_processor = results()
    for module in (recurrence, coupled_recurrence):
        monkeypatch.setattr(module, "loop_form", lambda: backend.ON_GPU)
    assert_all_close(results(), on_processor)
