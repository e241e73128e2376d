"""All that is particular to TensorFlow or JAX: loops over time, own gradients, compilation.

The rule: no other file of the model imports ``tensorflow`` or ``jax``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import keras
import numpy as np

from lfads_nb.cores import usable_cores

Tensors = tuple[Any, ...]
Step = Callable[[Any, Any], tuple[Any, Any]]
Forward = Callable[..., tuple[Tensors, Any]]
Backward = Callable[[tuple[Any, ...], Tensors, Any, Tensors], tuple[Any, ...]]


def backend_name() -> str:
    """The Keras backend in use: "tensorflow" or "jax"."""
    return keras.backend.backend()


def scan(
    step: Step, carry: Any, xs: Any, *, n_steps: int, reverse: bool = False
) -> tuple[Any, Any]:
    """Loop over time with a carried state.

    Parameters
    ----------
    step : callable
        ``step(carry, x_t) -> (carry, y_t)``; y_t is nested tuples of tensors and None.
    carry : nested tuples of tensors and None
        State before the first step.
    xs : nested tuples of tensors, shapes (bins, ...), and None
        Arrays that are read one bin per step, in the structure that `step` sees.
    n_steps : int
        Number of bins.
    reverse : bool
        Go from the last bin to the first; outputs keep the order of bins.

    Returns
    -------
    carry, ys
        Last state; the outputs of every step, nested alike, with shapes (bins, ...).
    """
    scan_here = _jax_scan if backend_name() == "jax" else _tensorflow_scan
    return scan_here(step, carry, xs, n_steps, reverse)


def with_gradient(forward: Forward, backward: Backward) -> Callable[..., Tensors]:
    """Make a differentiable function out of a pass forward and a pass back.

    Parameters
    ----------
    forward : callable
        ``forward(*args) -> (outputs, kept)``: outputs is a tuple of tensors; arguments and what is
        kept for the pass back are nested tuples of tensors and None.
    backward : callable
        ``backward(args, outputs, kept, d_outputs) -> d_args``, nested like the arguments, with
        None for constants.

    Returns
    -------
    callable
        ``op(*args) -> outputs``.
    """
    make = _jax_with_gradient if backend_name() == "jax" else _tensorflow_with_gradient
    return make(forward, backward)


def compiled_loop(function: Callable[[], Any]) -> Any:
    """Run a function that loops over time and needs no gradient, compiled, within another one.

    Parameters
    ----------
    function : callable
        Of no arguments: it reads tensors from around it, and returns nested tuples and dicts.
    """
    if backend_name() == "jax":
        return function()
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)()


class LoopForm(NamedTuple):
    """How loops over time are laid out.

    On a processor a step's arrays should stay in its cache, so that the weights' gradients are
    summed as the loop goes back. On a GPU every operation costs its launch: few and large ones.
    """

    unroll: int = 1
    """Steps in one turn of the loop; JAX only."""
    products_after: bool = False
    """Whether the weights' gradients are one large product after the loop, not one each step."""


ON_PROCESSOR = LoopForm()
ON_GPU = LoopForm(unroll=5, products_after=True)


def loop_form() -> LoopForm:
    """Return the layout for the device that computes now."""
    if backend_name() == "jax":
        import jax

        device = jax.config.values["jax_default_device"] or jax.devices()[0]
        return ON_PROCESSOR if getattr(device, "platform", device) == "cpu" else ON_GPU
    import tensorflow as tf

    return ON_GPU if tf.config.list_physical_devices("GPU") else ON_PROCESSOR


def loops_at_once() -> int:
    """How many loops over time run well beside each other.

    The steps of a loop are too small to be shared out over processors; several loops are not. A
    GPU, and JAX, which compiles all of them into one, run one.
    """
    if backend_name() == "jax":
        return 1
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return 1
    pools = {
        "TF_NUM_INTRAOP_THREADS": tf.config.threading.get_intra_op_parallelism_threads(),
        "TF_NUM_INTEROP_THREADS": tf.config.threading.get_inter_op_parallelism_threads(),
    }
    # What the environment says stands only where the program has chosen nothing itself.
    return min(
        chosen or int(os.environ.get(name) or usable_cores()) for name, chosen in pools.items()
    )


def _jax_scan(step: Step, carry: Any, xs: Any, n_steps: int, reverse: bool) -> tuple[Any, Any]:
    import jax

    unroll = loop_form().unroll
    return jax.lax.scan(step, carry, xs, length=n_steps, reverse=reverse, unroll=unroll)


def _jax_with_gradient(forward: Forward, backward: Backward) -> Callable[..., Tensors]:
    import jax

    def keep(*args: Any) -> tuple[Tensors, Any]:
        outputs, kept = forward(*args)
        return outputs, (args, outputs, kept)

    def back(kept: tuple[Any, ...], d_outputs: Tensors) -> tuple[Any, ...]:
        args, outputs, of_forward = kept
        return backward(args, outputs, of_forward, d_outputs)

    op = jax.custom_vjp(lambda *args: forward(*args)[0])
    op.defvjp(keep, back)
    return jax.jit(op)


def _tensorflow_scan(
    step: Step, carry: Any, xs: Any, n_steps: int, reverse: bool
) -> tuple[Any, Any]:
    import tensorflow as tf

    def at(x: Any, index: Any) -> Any:
        # Unlike x[index], this asks nothing of the sign of the index, which XLA would compute anew
        # for each number that it reads.
        first = [index, *[0] * (len(x.shape) - 1)]
        return tf.squeeze(tf.slice(x, first, [1, *x.shape[1:]]), axis=0)

    def step_at(index: Any, carry: Any) -> tuple[Any, Tensors]:
        return step(carry, tf.nest.map_structure(lambda x: None if x is None else at(x, index), xs))

    # Traced once more, without being run, to learn the shapes of what it returns.
    traced = tf.function(lambda leaves: step_at(0, _filled(carry, leaves))[1], autograph=False)
    returned = traced.get_concrete_function(_leaves(carry)).structured_outputs
    arrays = tuple(
        tf.TensorArray(y.dtype, size=n_steps, element_shape=y.shape) for y in _leaves(returned)
    )

    def body(count: Any, leaves: Tensors, arrays: Tensors) -> tuple[Any, Tensors, Tensors]:
        index = n_steps - 1 - count if reverse else count
        new, ys = step_at(index, _filled(carry, leaves))
        each = zip(arrays, _leaves(ys), strict=True)
        written = tuple(array.write(index, y) for array, y in each)
        return count + 1, _leaves(new), written

    _, leaves, arrays = tf.while_loop(
        lambda count, *_: count < n_steps,
        body,
        (tf.constant(0), _leaves(carry), arrays),
        maximum_iterations=n_steps,
        parallel_iterations=1,
    )
    return _filled(carry, leaves), _filled(returned, [array.stack() for array in arrays])


def _tensorflow_with_gradient(forward: Forward, backward: Backward) -> Callable[..., Tensors]:
    import tensorflow as tf

    forward = tf.function(forward, jit_compile=True, autograph=False)
    backward = tf.function(backward, jit_compile=True, autograph=False)

    def op(*args: Any) -> Tensors:
        @tf.custom_gradient
        def on_leaves(*leaves: Any) -> tuple[Tensors, Callable[..., Tensors]]:
            # Without this an eager tape would look into the compiled loop for its own gradient.
            own = _filled(args, [tf.stop_gradient(x) for x in leaves])
            outputs, kept = forward(*own)

            def gradients(*d_outputs: Any) -> Tensors:
                return _at_leaves(args, backward(own, outputs, kept, d_outputs))

            return outputs, gradients

        # A variable must be read outside, or TensorFlow asks for a gradient to it by name.
        return on_leaves(*(tf.convert_to_tensor(x) for x in _leaves(args)))

    return op


def _leaves(nested: Any) -> Tensors:
    """Tensors of nested tuples, without the None that stand for absent ones."""
    import tensorflow as tf

    return tuple(x for x in tf.nest.flatten(nested) if x is not None)


def _filled(nested: Any, leaves: Sequence[Any]) -> Any:
    """Nested tuples like the given ones, with other tensors in the place of theirs."""
    import tensorflow as tf

    rest = iter(leaves)
    return tf.nest.map_structure(lambda x: None if x is None else next(rest), nested)


def _at_leaves(nested: Any, values: Any) -> Tensors:
    """Values, None included, at the places where the nested tuples have tensors."""
    import tensorflow as tf

    pairs = zip(tf.nest.flatten(nested), tf.nest.flatten(values), strict=True)
    return tuple(value for x, value in pairs if x is not None)


# ---- random numbers, special functions, compiled passes, devices ---------------------------------


def happens(probability: Any, shape: Sequence[int], seed: keras.random.SeedGenerator) -> Any:
    """Toss a coin for each element of an array.

    From 16 random bits each, which a processor draws in little over half the time that it takes for
    `keras.random.uniform`; so the probability is one of 0, 1/65,536, ..., 1.

    Parameters
    ----------
    probability : float or scalar tensor
        Rounded to the nearest that there is; a tensor to one above 0.
    shape : sequence of int
    seed : SeedGenerator

    Returns
    -------
    tensor of bool
    """
    bits = (_jax_bits if backend_name() == "jax" else _tensorflow_bits)(tuple(shape), seed.next())
    if isinstance(probability, float) and probability < 2**-17:
        return keras.ops.zeros(shape, "bool")
    highest = keras.ops.clip(keras.ops.round(probability * 2.0**16), 1.0, 2.0**16) - 1.0
    return bits <= keras.ops.cast(highest, "uint16")


def _jax_bits(shape: tuple[int, ...], seed: Any) -> Any:
    import jax

    return jax.random.bits(seed, shape, "uint16")


def _tensorflow_bits(shape: tuple[int, ...], seed: Any) -> Any:
    import tensorflow as tf

    n = math.prod(shape)
    pairs = tf.random.stateless_uniform(
        [(n + 1) // 2], tf.cast(seed, tf.int32), minval=None, maxval=None, dtype=tf.uint32
    )
    return tf.reshape(tf.reshape(tf.bitcast(pairs, tf.uint16), [-1])[:n], shape)


def lgamma(x: Any) -> Any:
    """Logarithm of the absolute gamma function, which keras.ops lacks."""
    if backend_name() == "jax":
        import jax

        return jax.scipy.special.gammaln(x)
    import tensorflow as tf

    return tf.math.lgamma(x)


def compiles_whole_step() -> bool:
    """Whether `fit` should hand a training step to XLA as one piece.

    JAX knows no other compilation. Under TensorFlow the loops compile themselves, and drawing
    random numbers in XLA on a processor takes longer than everything else in the step.
    """
    return backend_name() == "jax"


def compiled(model: keras.Model, function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of tensors that reads a model's variables and may advance its seeds."""
    if backend_name() == "jax":
        return _jax_compiled(model, function)
    import tensorflow as tf

    return tf.function(function, autograph=False)


def _jax_compiled(model: keras.Model, function: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    variables = model.variables

    @jax.jit
    def pure(values: list, *args: Any) -> tuple[Any, list]:
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = function(*args)
        return outputs, [scope.get_current_value(v) for v in variables if not v.trainable]

    def call(*args: Any) -> Any:
        outputs, new = pure([v.value for v in variables], *args)
        for variable, value in zip((v for v in variables if not v.trainable), new, strict=True):
            if value is not None:
                variable.assign(value)
        return outputs

    return call


class ReadAhead:
    """Gives `fit` batches, of which the next one is made while it takes a step.

    Keras with TensorFlow reads ahead of a `PyDataset` too, but begins twice at every epoch and
    throws one of the two away. Where an epoch has ten batches this cost a fifth of the time:
    letting go of what TensorFlow reads ahead often took a second.

    TensorFlow never lets go of what such a source has read from: one that serves training after
    training, with other batches of the same shapes and number, holds no more than the last ones.
    """

    def __init__(self) -> None:
        self._batches: Any = None
        self._dataset: Any = None

    def of(self, batches: keras.utils.PyDataset) -> Any:
        """Return what `fit` reads these batches from; earlier ones are forgotten."""
        if backend_name() == "jax":
            return batches
        self._batches = batches
        if self._dataset is None:
            self._dataset = self._made(batches)
        return self._dataset

    def _epoch(self) -> Iterator[Any]:
        batches = self._batches
        with ThreadPoolExecutor(1) as reader:
            made = reader.submit(batches.__getitem__, 0)
            for following in range(1, len(batches)):
                batch, made = made.result(), reader.submit(batches.__getitem__, following)
                yield batch
            yield made.result()

    def _made(self, batches: keras.utils.PyDataset) -> Any:
        import tensorflow as tf

        def specification(x: np.ndarray) -> Any:
            return tf.TensorSpec(x.shape, x.dtype)

        dataset = tf.data.Dataset.from_generator(
            self._epoch, output_signature=tf.nest.map_structure(specification, batches[0])
        )
        options = tf.data.Options()
        options.autotune.enabled = False
        cardinality = tf.data.experimental.assert_cardinality(len(batches))
        return dataset.with_options(options).apply(cardinality)


def device_names() -> list[str]:
    """Devices that this process may use, such as ["cpu:0", "gpu:0"]."""
    if backend_name() == "jax":
        import jax

        return [f"{d.platform}:{d.id}" for d in jax.devices()]
    import tensorflow as tf

    return [
        f"{kind.lower()}:{i}"
        for kind in ("CPU", "GPU")
        for i in range(len(tf.config.list_physical_devices(kind)))
    ]


def grow_memory_on_demand(grow: bool) -> None:
    """Let TensorFlow take GPU memory as it is needed, or all at once.

    JAX decides this when it is imported, from XLA_PYTHON_CLIENT_PREALLOCATE.
    """
    if backend_name() == "jax":
        return
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, grow)
