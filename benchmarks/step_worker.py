"""One process of the step benchmark: a model that takes training steps when it is told to.

    python -m benchmarks.step_worker ours|constants|stock CASE [TRIALS]

It answers each line of its input, the number of steps to take, with one line of JSON.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import keras

from benchmarks.step_cases import Case, chosen

Step = Callable[[], object]


def stock_step(case: Case) -> Step:
    """Make the reference's training step, compiled as Keras chooses."""
    from benchmarks.stock_network import StockNetwork

    model = StockNetwork(case)
    optimizer = keras.optimizers.Adam(1e-2, epsilon=0.1, global_clipnorm=200.0)
    model.compile(optimizer=optimizer, loss=None)
    return step_of_fit(model, case.counts())


def our_step(case: Case, *, constants: bool = False) -> Step:
    """Make the training step of a run, set up by what sets up a run.

    Parameters
    ----------
    constants : compile rates and weights in as numbers, as if they could never be set anew.
    """
    from lfads_nb.model.architecture import architecture_of
    from lfads_nb.model.backend import compiles_whole_step
    from lfads_nb.model.batches import make_batch
    from lfads_nb.model.devices import on_device
    from lfads_nb.model.inputs import Trials
    from lfads_nb.model.lfads import Lfads
    from lfads_nb.model.optimizer import ClippedAdam
    from lfads_nb.model.settings import Settings
    from lfads_nb.sweep.same_program import NUMBERS

    counts, params = case.counts(), case.params
    architecture = architecture_of(params, ["session"], [case.channels], case.bins, aligned=False)
    with on_device(params):
        if constants:
            numbers = {n: keras.ops.convert_to_tensor(float(getattr(params, n))) for n in NUMBERS}
            Settings.__getitem__ = lambda _self, name: numbers[name]  # type: ignore[method-assign]
        model = Lfads(architecture)
        model.compile(optimizer=ClippedAdam(params), jit_compile=compiles_whole_step())
        model.optimizer.build(model.trainable_variables)
    batch = make_batch(architecture, Trials(counts, counts[..., :0]), 0)
    return step_of_fit(model, {name: array[None] for name, array in batch.items()})


def step_of_fit(model: keras.Model, batch: Any) -> Step:
    """Make a training step as `fit` takes it.

    `train_on_batch` also sets back all figures before the step and reads them after it, which `fit`
    does once an epoch. Under JAX only that can be called from outside.
    """
    if keras.backend.backend() == "jax":
        return lambda: model.train_on_batch(batch)
    model.make_train_function()
    # As tensors, which is how they leave the pipeline that `fit` reads.
    batches = itertools.repeat((keras.tree.map_structure(keras.ops.convert_to_tensor, batch),))
    return lambda: model.train_function(batches)


def cpu_seconds() -> float:
    """Processor time of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mib() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def matmul_gflops(size: int = 1024, times: int = 5) -> float:
    """Measure the fastest of a few large matrix products, in GFLOP/s."""
    import numpy as np

    x = keras.ops.convert_to_tensor(np.ones((size, size), np.float32))
    keras.ops.convert_to_numpy(keras.ops.matmul(x, x))
    fastest = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        keras.ops.convert_to_numpy(keras.ops.matmul(x, x))
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * size**3 / fastest / 1e9


def timed(step: Step, n: int) -> dict[str, list[float]]:
    """Take steps and return the seconds of each."""
    wall, cpu = [], []
    for _ in range(n):
        start, start_cpu = time.perf_counter(), cpu_seconds()
        step()
        wall.append(time.perf_counter() - start)
        cpu.append(cpu_seconds() - start_cpu)
    return {"wall": wall, "cpu": cpu, "peak_mib": [peak_mib()], "gflops": [matmul_gflops()]}


def serve(kind: str, case: Case) -> None:
    """Build, take the first step, then do as told."""
    before, start, start_cpu = peak_mib(), time.perf_counter(), cpu_seconds()
    step = stock_step(case) if kind == "stock" else our_step(case, constants=kind == "constants")
    step()
    first = {
        "first_step_s": time.perf_counter() - start,
        "first_step_cpu_s": cpu_seconds() - start_cpu,
        "imported_mib": before,
    }
    print(json.dumps(first), flush=True)
    for line in sys.stdin:
        print(json.dumps(timed(step, int(line))), flush=True)


if __name__ == "__main__":
    trials = int(sys.argv[3]) if len(sys.argv) > 3 else None
    serve(sys.argv[1], chosen(sys.argv[2], trials))
