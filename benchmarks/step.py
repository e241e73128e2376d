"""What one training step takes, beside the same network of stock Keras GRU layers.

    python -m benchmarks.step                             # the four cases, some minutes
    python -m benchmarks.step --cases 100_bins --rounds 3 --json step.json
    KERAS_BACKEND=jax python -m benchmarks.step --trials 1024
    python -m benchmarks.step --against ../before         # beside another checkout of this project
    python -m benchmarks.step --constants                 # what it costs that settings can be set

Both models run in processes of their own, with the settings that they would have in use, and take
turns, so that a busy machine slows both alike. Times are medians over steps:

- wall, cpu: milliseconds per step, the latter summed over all threads;
- trials/s: from the wall time;
- share of peak: the step's matrix products over what one large product reaches in the same run;
- memory: the process' peak beyond its imports;
- first step: building the model, tracing, compiling and taking one step, wall and cpu;
- ratio: the reference's time over ours. At 2,000 bins the reference is left out, it takes too long
  there; compare the milliseconds per bin with those of the shorter cases instead.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.step_cases import CASES, Case, chosen
from lfads_nb.cores import usable_cores
from lfads_nb.queue.devices import run_environment

HERE = Path(__file__).parents[1]
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}


class Worker:
    """A model in a process of its own, which takes steps when asked."""

    def __init__(self, kind: str, case: Case, checkout: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.step_worker", kind, case.name]
        environment = {**run_environment(None, threads=usable_cores()), **QUIET, **os.environ}
        self.process = subprocess.Popen(
            [*command, str(case.trials)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=checkout,
            env={**environment, "PYTHONPATH": str(checkout)},
        )
        self.first = self._answer()
        self.samples: dict[str, list[float]] = {}

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self.process.args)} ended: see its output above")
        return json.loads(line)

    def take(self, n_steps: int, *, keep: bool = True) -> None:
        self.process.stdin.write(f"{n_steps}\n")
        self.process.stdin.flush()
        answer = self._answer()
        for name, values in answer.items() if keep else ():
            self.samples.setdefault(name, []).extend(values)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def summary(self, case: Case) -> dict[str, float]:
        """Return medians in the units of the table."""
        wall, cpu = (statistics.median(self.samples[k]) for k in ("wall", "cpu"))
        return {
            "wall_ms": 1e3 * wall,
            "cpu_ms": 1e3 * cpu,
            "trials_per_s": case.trials / wall,
            "share_of_peak": case.gflop / wall / max(self.samples["gflops"]),
            "memory_mib": max(self.samples["peak_mib"]) - self.first["imported_mib"],
            "first_step_s": self.first["first_step_s"],
            "first_step_cpu_s": self.first["first_step_cpu_s"],
        }


def measure(
    case: Case, *, rounds: int, steps: int, against: Path | None, constants: bool
) -> dict[str, Any]:
    """Let the models take turns and compare them."""
    workers = {"ours": Worker("ours", case, HERE)}
    if against is not None:
        workers["other"] = Worker("ours", case, against.resolve())
    elif constants:
        workers["constants"] = Worker("constants", case, HERE)
    elif case.has_reference:
        workers["stock"] = Worker("stock", case, HERE)
    try:
        for worker in workers.values():
            worker.take(2, keep=False)
        for _ in range(rounds):
            for worker in workers.values():
                worker.take(steps)
    finally:
        for worker in workers.values():
            worker.close()
    models = {kind: worker.summary(case) for kind, worker in workers.items()}
    peak = max(max(w.samples["gflops"]) for w in workers.values())
    result: dict[str, Any] = {"models": models, "gflop": case.gflop, "peak_gflops": peak}
    reference = next((kind for kind in models if kind != "ours"), None)
    for clock in ("wall", "cpu") if reference else ():
        key = f"{clock}_ms"
        result[f"ratio_{clock}"] = models[reference][key] / models["ours"][key]
    result["wall_ms_per_bin"] = models["ours"]["wall_ms"] / case.bins
    return result


def show(name: str, result: dict[str, Any]) -> None:
    """Print one case."""
    print(f"\n{name}: {result['gflop']:.1f} GFLOP, peak {result['peak_gflops']:.0f} GFLOP/s")
    for kind, r in result["models"].items():
        print(
            f"  {kind:5}  wall {r['wall_ms']:8.1f} ms  cpu {r['cpu_ms']:8.1f} ms  "
            f"{r['trials_per_s']:8.0f} trials/s  {100 * r['share_of_peak']:5.1f} % of peak  "
            f"{r['memory_mib']:6.0f} MiB  first step {r['first_step_s']:.1f} s, "
            f"cpu {r['first_step_cpu_s']:.1f} s"
        )
    if "ratio_wall" in result:
        ratios = f"ratio  wall {result['ratio_wall']:.3f}, cpu {result['ratio_cpu']:.3f}"
    else:
        ratios = "no reference: it would take too long"
    print(f"  {ratios};  ours {result['wall_ms_per_bin']:.2f} ms per bin", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--trials", type=int, help="batch size; 150 if not given")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each model")
    parser.add_argument("--steps", type=int, default=6, help="steps in a turn")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--against", type=Path, help="another checkout instead of stock layers")
    parser.add_argument(
        "--constants", action="store_true",
        help="beside a step into which learning rate, dropout and penalties are compiled",
    )  # fmt: skip
    options = parser.parse_args()
    results = {}
    for name in options.cases:
        case = chosen(name, options.trials)
        results[name] = measure(
            case, rounds=options.rounds, steps=options.steps, against=options.against,
            constants=options.constants,
        )  # fmt: skip
        show(name, results[name])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
