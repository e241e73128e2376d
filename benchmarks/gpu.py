"""What training costs on a GPU, alone and in packs: one command, JAX only, under 8 minutes.

    python -m benchmarks.gpu --json gpu.json              # needs JAX with CUDA, no TensorFlow
    python -m benchmarks.gpu --quick                      # rehearsed on any machine, a minute

Every figure is the median over repeats of one compiled call that takes several training steps on
data that lie on the device, which is how a pack trains:

- ms: wall time of one training step of all members together;
- trials/s: of all members;
- of one: the time over that of one member alone;
- compiling: seconds until the program is there;
- memory: what the program holds at its peak beside its arguments, and those, as XLA says;
- busy: the share of the wall time in which a kernel runs, and kernels per step, from a profile; the
  rest is waiting for launches;
- stock: the same network of stock Keras GRU layers under the same loop of steps;
- torch: the same network as PyTorch code that steps through bins, if PyTorch is there.

The numbers of a "layout" are: steps in one turn of a loop over time, and whether weights' gradients
are products after the loop (see `lfads_nb.model.backend.LoopForm`).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
# Other programs of this machine keep their memory, and what is held can be read.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import numpy as np

import lfads_nb.model  # noqa: F401  chooses Keras' backend
from benchmarks.step_cases import CASES, Case
from lfads_nb.model import backend
from lfads_nb.model.architecture import architecture_of
from lfads_nb.model.batches import SessionBatches
from lfads_nb.model.compiled_models import compiled_model
from lfads_nb.model.inputs import Session, Trials
from lfads_nb.model.pack_batches import data_of, plans_of
from lfads_nb.model.stacked_models import StackedModels, State

PACKS = (1, 2, 4, 8, 20, 40)
MIB = 2**20

Call = Callable[[], Any]


def timed(call: Call, repeats: int) -> float:
    """Return the median of the seconds that a call takes until its results are there."""
    jax.block_until_ready(call())
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def session_of(case: Case, steps: int) -> Session:
    """Make random trials for so many steps, and one batch for validation."""
    rng, shape = np.random.default_rng(0), (case.bins, case.channels)

    def trials(n: int) -> Trials:
        counts = rng.poisson(0.3, (n, *shape)).astype(np.uint8)
        return Trials(counts, np.zeros((n, case.bins, 0), np.float32))

    return Session("session", {"train": trials(steps * case.trials), "valid": trials(2)})


class Ours:
    """A pack of the case's model, ready to take steps."""

    def __init__(self, case: Case, members: int, steps: int) -> None:
        session = session_of(case, steps)
        architecture = architecture_of(
            case.params, ["session"], [case.channels], case.bins, aligned=False
        )
        self._stack = StackedModels(compiled_model(architecture, [session]))
        self._stack.stack([State.of(self._stack.model)] * members)
        batches = SessionBatches(architecture, [session], "train")
        self.data = data_of([batches] * members)
        self.plan = jax.tree.map(jax.numpy.asarray, plans_of([batches] * members))
        self.members, self.steps = members, steps
        start = time.perf_counter()
        lowered = jax.jit(self._stack.train).lower(self._stack.state, self.data, self.plan)
        self._compiled = lowered.compile()
        self.compile_s = time.perf_counter() - start

    def call(self) -> Any:
        """Take the steps."""
        return self._compiled(self._stack.state, self.data, self.plan)

    @property
    def memory_mib(self) -> tuple[float, float] | None:
        """What XLA says it needs beside the arguments, and for them."""
        said = self._compiled.memory_analysis()
        if said is None:
            return None
        return said.temp_size_in_bytes / MIB, said.argument_size_in_bytes / MIB


def stock_call(case: Case, steps: int) -> Call:
    """Return a call that takes steps of the network of stock layers."""
    import keras

    from benchmarks.stock_network import StockNetwork

    model = StockNetwork(case)
    counts = jax.numpy.asarray(case.counts())
    model.compile(keras.optimizers.Adam(1e-2, epsilon=0.1, global_clipnorm=200.0), loss=None)
    model(counts)
    model.optimizer.build(model.trainable_variables)
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([v.value for v in group] for group in groups)

    def one(state: tuple, _: None) -> tuple:
        logs, state = model.train_step(state, (counts,))
        return state, logs["loss"]

    run = jax.jit(lambda state: jax.lax.scan(one, state, None, length=steps))
    return lambda: run(state)


def busy(call: Call, steps: int) -> dict[str, float]:
    """Profile one call: the share of time in which a kernel runs, and kernels per step."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True):
            start = time.perf_counter()
            jax.block_until_ready(call())
            wall = time.perf_counter() - start
        found = next(iter(Path(folder).rglob("*perfetto_trace.json.gz")), None)
        if found is None:
            return {}
        with gzip.open(found) as file:
            events = json.load(file)["traceEvents"]
    names = {e["pid"]: e["args"]["name"] for e in events if e.get("name") == "process_name"}
    streams = {
        (e["pid"], e["tid"])
        for e in events
        if e.get("name") == "thread_name"
        and "GPU" in names.get(e["pid"], "")
        and "Stream" in e["args"]["name"]
    }
    kernels = [e for e in events if e.get("ph") == "X" and (e["pid"], e["tid"]) in streams]
    if not kernels:
        return {}
    return {
        "busy": sum(e["dur"] for e in kernels) / 1e6 / wall,
        "kernels_per_step": len(kernels) / steps,
    }


def measured(case: Case, members: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one pack."""
    ours = Ours(case, members, options.steps)
    seconds = timed(ours.call, options.repeats) / options.steps
    memory = ours.memory_mib
    result: dict[str, Any] = {
        "case": case.name,
        "batch": case.trials,
        "members": members,
        "ms": 1e3 * seconds,
        "trials_per_s": case.trials * members / seconds,
        "compile_s": ours.compile_s,
        "gflop_per_s": case.gflop * members / seconds,
    }
    if memory is not None:
        result["memory_mib"], result["arguments_mib"] = memory
    if options.profile:
        result.update(busy(ours.call, options.steps))
    return result


def show(result: dict[str, Any]) -> None:
    """Print one line as soon as it is known."""
    parts = [f"{result['case']:>10} batch {result['batch']:>5} {result.get('kind', 'ours'):>6}"]
    parts.append(f"x{result['members']:<3} {result['ms']:9.2f} ms/step")
    parts.append(f"{result['trials_per_s']:10.0f} trials/s")
    for key, form in (
        ("of_one", "{:6.2f} of one"),
        ("compile_s", "compiling {:5.1f} s"),
        ("memory_mib", "{:7.0f} MiB"),
        ("arguments_mib", "+{:.0f}"),
        ("busy", "busy {:4.0%}"),
        ("kernels_per_step", "{:6.0f} kernels"),
    ):
        if key in result:
            parts.append(form.format(result[key]))
    if "layout" in result:
        parts.append(f"layout {result['layout']}")
    print("  ".join(parts), flush=True)


def forms(options: argparse.Namespace) -> list[backend.LoopForm | None]:
    """Return the layouts to compare; None is the program's own choice."""
    if not options.layouts:
        return [None]
    pairs = (text.split(":") for text in options.layouts)
    return [backend.LoopForm(int(unroll), after == "after") for unroll, after in pairs]


def choose_form(form: backend.LoopForm | None) -> None:
    """Lay all loops out like this from now on."""
    if form is not None:
        backend.ON_GPU = backend.ON_PROCESSOR = form


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all that is asked for, the most wanted first."""
    results: list[dict[str, Any]] = []
    deadline = time.monotonic() + options.seconds

    def add(work: Callable[[], dict[str, Any]], **more: Any) -> None:
        if time.monotonic() > deadline:
            return
        results.append({**work(), **more})
        one = next(
            (
                r["ms"]
                for r in results
                if "kind" not in r
                and r["members"] == 1
                and all(r.get(k) == results[-1].get(k) for k in ("case", "batch", "layout"))
            ),
            None,
        )
        if one and "kind" not in results[-1]:
            results[-1]["of_one"] = results[-1]["ms"] / one
        show(results[-1])
        if options.json:
            options.json.write_text(json.dumps({"device": device(), "results": results}, indent=2))

    for form in forms(options):
        choose_form(form)
        more = {} if form is None else {"layout": f"{form.unroll}:{form.products_after}"}
        for members in options.packs:
            case = sized(options, options.cases[0], options.batches[0])
            add(lambda c=case, n=members: measured(c, n, options), **more)
        for name in options.cases:
            for batch in options.batches:
                if (name, batch) == (options.cases[0], options.batches[0]):
                    continue
                case = sized(options, name, batch)
                add(lambda c=case: measured(c, 1, options), **more)
        for name in options.cases[1:]:
            case = sized(options, name, options.batches[0])
            add(lambda c=case: measured(c, max(options.packs), options), **more)
    for name in options.cases if options.references else ():
        case = sized(options, name, options.batches[0])
        add(lambda c=case: reference("stock", c, options), kind="stock")
        if torch_is_there():
            add(lambda c=case: reference("torch", c, options), kind="torch")
    return results


def sized(options: argparse.Namespace, name: str, batch: int) -> Case:
    """Return a case with its batch size, smaller in a rehearsal."""
    case = replace(CASES[name], trials=batch)
    return replace(case, bins=case.bins // 10) if options.quick else case


def reference(kind: str, case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Measure another program's step."""
    if kind == "stock":
        seconds = timed(stock_call(case, options.steps), options.repeats) / options.steps
    else:
        from benchmarks.torch_network import seconds_per_step

        seconds = seconds_per_step(case, steps=min(options.steps, 4))
    return {
        "case": case.name,
        "batch": case.trials,
        "members": 1,
        "ms": 1e3 * seconds,
        "trials_per_s": case.trials / seconds,
    }


def torch_is_there() -> bool:
    """Whether PyTorch can be had."""
    from importlib.util import find_spec

    return find_spec("torch") is not None


def device() -> str:
    """Say what computes."""
    first = jax.devices()[0]
    return f"{first.device_kind} ({first.platform}), JAX {jax.__version__}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=["100_bins", "500_bins", "controller"])
    parser.add_argument("--batches", nargs="+", type=int, default=[150, 1024])
    parser.add_argument("--packs", nargs="+", type=int, default=list(PACKS))
    parser.add_argument("--layouts", nargs="+", help="such as 1:in 5:after; the own one if left")
    parser.add_argument("--precision", help="of products, such as highest or bfloat16")
    parser.add_argument("--steps", type=int, default=10, help="in one compiled call")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=460, help="begin nothing after these")
    parser.add_argument("--no-references", dest="references", action="store_false")
    parser.add_argument("--no-profile", dest="profile", action="store_false")
    parser.add_argument("--quick", action="store_true", help="a tenth of the bins, few steps")
    parser.add_argument("--json", type=Path, help="also write the results here, line by line")
    options = parser.parse_args(arguments)
    if options.quick:
        options.steps, options.repeats = 2, 2
        options.packs, options.batches = options.packs[:3], [16]
    if options.precision:
        jax.config.update("jax_default_matmul_precision", options.precision)
    print(device(), f"precision {options.precision or 'as it is'}", flush=True)
    run(options)


if __name__ == "__main__":
    sys.exit(main())
