"""Posterior means of trials: ours beside TF1's way, in one run.

    python -m benchmarks.sampling                        # two networks, a minute or two
    python -m benchmarks.sampling --cases controller --samples 512 --trials 64

TF1's way fills a batch with copies of one trial, runs all of the network on it, fetches every
array and averages it, one trial after another. Here it runs on our network, compiled, so the two
differ in nothing else. Each way runs in a process of its own and they take turns, so that a busy
machine slows both alike.

- trials/s: medians over turns;
- memory: the process' peak beyond its imports; ours also at eight times the samples;
- difference: of the two ways' means of factors and rates, in standard errors of such a difference
  (its root mean square should be near 1).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.step import QUIET
from benchmarks.step_cases import CASES, Case, chosen
from lfads_nb.cores import usable_cores
from lfads_nb.queue.devices import run_environment

Arrays = dict[str, np.ndarray]
COMPARED = ("factors", "output_dist_params")


def our_way(model: Any, trials: Any, n_samples: int) -> Callable[[int, int], Arrays]:
    """Sample as a run does."""
    from lfads_nb.model.sampling import PosteriorSampler

    sampler = PosteriorSampler(
        model,
        kind="posterior_sample_and_average",
        n_samples=n_samples,
        max_trials=len(trials),
        with_sd=True,
    )
    return lambda first, last: sampler.means(_rows(trials, np.arange(first, last)), 0)


def tf1_way(model: Any, trials: Any, n_samples: int) -> Callable[[int, int], Arrays]:
    """Copy one trial into every row of a batch, fetch what comes out and average it."""
    from keras import ops

    from lfads_nb.model.backend import compiled
    from lfads_nb.model.batches import make_batch
    from lfads_nb.model.costs import divergences, log_likelihood

    network = model.network

    def run(batch: dict[str, Any]) -> dict[str, Any]:
        counts, session = batch["counts"], batch["session"]
        encoded = network.encode(counts, None, session)
        _, decoded = network.decode(encoded, None, session, draw="sample", n_trials=n_samples)
        heads = network.read_out(decoded.factors, session)
        elements = log_likelihood(network, ops.transpose(counts, (1, 0, 2)), heads, session)
        arrays = {
            "gen_ics": decoded.gen_init,
            "gen_states": decoded.gen_states,
            "factors": decoded.factors,
            "output_dist_params": network.likelihood.output_params(heads)[0],
            "log_likelihood": ops.sum(elements, axis=(0, 2)),
            "kl": divergences(network, encoded, decoded, n_samples).total,
        }
        return arrays if decoded.co is None else {**arrays, "controller_outputs": decoded.co}

    compiled_run = compiled(model, run)

    def mean_of(trial: int) -> Arrays:
        copies = _rows(trials, np.full(n_samples, trial))
        batch = make_batch(model.architecture, copies, 0)
        fetched = {k: ops.convert_to_numpy(v) for k, v in compiled_run(batch).items()}
        axis = {k: max(v.ndim - 2, 0) for k, v in fetched.items()}
        axis["gen_ics"] = 0
        return {k: v.mean(axis=axis[k], dtype=np.float64) for k, v in fetched.items()}

    def means(first: int, last: int) -> Arrays:
        each = [mean_of(trial) for trial in range(first, last)]
        return {name: np.stack([one[name] for one in each]) for name in each[0]}

    return means


WAYS = {"ours": our_way, "tf1": tf1_way}


def _rows(trials: Any, chosen: np.ndarray) -> Any:
    from lfads_nb.model.inputs import Trials

    return Trials(trials.counts[chosen], trials.external_inputs[chosen])


# ---- one process ------------------------------------------------------------------------------


def serve(way: str, case: Case, n_samples: int) -> None:
    """Build the network, warm up, then time ranges of trials as told."""
    from benchmarks.step_worker import peak_mib
    from lfads_nb.model.architecture import architecture_of
    from lfads_nb.model.devices import on_device
    from lfads_nb.model.inputs import Trials
    from lfads_nb.model.lfads import Lfads

    imported, counts, params = peak_mib(), case.counts(), case.params
    architecture = architecture_of(params, ["session"], [case.channels], case.bins, aligned=False)
    with on_device(params):
        model = Lfads(architecture)
        means = WAYS[way](model, Trials(counts, counts[..., :0]), n_samples)
        means(0, 1)
        print(json.dumps({"imported_mib": imported}), flush=True)
        for line in sys.stdin:
            first, last, path = json.loads(line)
            start = time.perf_counter()
            arrays = means(first, last)
            seconds = time.perf_counter() - start
            np.savez(path, **arrays)
            print(json.dumps({"seconds": seconds, "peak_mib": peak_mib()}), flush=True)


class Worker:
    """One way in a process of its own."""

    def __init__(self, way: str, case: Case, n_samples: int, folder: Path) -> None:
        self.path = folder / f"{way}_{n_samples}.npz"
        command = [sys.executable, "-m", "benchmarks.sampling", "--serve", way]
        command += ["--cases", case.name, "--trials", str(case.trials)]
        self.process = subprocess.Popen(
            [*command, "--samples", str(n_samples)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**run_environment(None, threads=usable_cores()), **QUIET, **os.environ},
        )
        self.imported = self._answer()["imported_mib"]
        self.rates: list[float] = []
        self.peak = 0.0

    def _answer(self) -> dict[str, float]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self.process.args)} ended: see its output above")
        return json.loads(line)

    def take(self, first: int, last: int) -> Arrays:
        """Sample trials first ... last - 1 and return their means."""
        self.process.stdin.write(json.dumps([first, last, str(self.path)]) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.rates.append((last - first) / answer["seconds"])
        self.peak = answer["peak_mib"] - self.imported
        with np.load(self.path) as file:
            return dict(file)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


# ---- the comparison ---------------------------------------------------------------------------


def in_standard_errors(ours: Arrays, theirs: Arrays, n_samples: int) -> dict[str, float]:
    """Return the root mean square difference of two averages, in its own standard errors."""
    n = len(theirs["factors"])
    ratios = {}
    for name in COMPARED:
        sd = ours[f"{name}_sd"][:n]
        # Where samples hardly differ, their deviation is lost in rounding.
        differs = sd > 1e-3 * np.abs(ours[name][:n])
        z = (ours[name][:n] - theirs[name])[differs] / (sd[differs] * np.sqrt(2 / n_samples))
        ratios[name] = float(np.sqrt(np.mean(z**2)))
    return ratios


def compare(case: Case, n_samples: int, *, tf1_trials: int, rounds: int) -> dict[str, Any]:
    """Let both ways take turns, then ours alone with more samples for its memory."""
    with tempfile.TemporaryDirectory() as name:
        workers = {way: Worker(way, case, n_samples, Path(name)) for way in WAYS}
        try:
            for _ in range(rounds):
                theirs = workers["tf1"].take(0, tf1_trials)
                ours = workers["ours"].take(0, case.trials)
        finally:
            for worker in workers.values():
                worker.close()
        many = Worker("ours", case, 8 * n_samples, Path(name))
        many.take(0, max(1, case.trials // 8))
        many.close()
    rates = {way: statistics.median(worker.rates) for way, worker in workers.items()}
    return {
        "trials_per_s": rates,
        "ratio": rates["ours"] / rates["tf1"],
        "memory_mib": {way: worker.peak for way, worker in workers.items()},
        "memory_mib_of_8_times_the_samples": many.peak,
        "difference": in_standard_errors(ours, theirs, n_samples),
    }


def show(name: str, n_samples: int, result: dict[str, Any]) -> None:
    """Print one case."""
    print(f"\n{name}, {n_samples} samples of each trial")
    for way in WAYS:
        print(
            f"  {way:4}  {result['trials_per_s'][way]:8.2f} trials/s  "
            f"{result['memory_mib'][way]:6.0f} MiB"
        )
    many = result["memory_mib_of_8_times_the_samples"]
    print(f"  ours with {8 * n_samples} samples: {many:.0f} MiB")
    differences = ", ".join(f"{k} {v:.2f}" for k, v in result["difference"].items())
    print(
        f"  ratio {result['ratio']:.1f};  difference in standard errors: {differences}", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cases", nargs="+", choices=list(CASES), default=["100_bins", "controller"]
    )
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--trials", type=int, default=64, help="that ours samples in a turn")
    parser.add_argument("--tf1-trials", type=int, default=6, help="that TF1's way does in a turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each way")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--serve", choices=list(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    cases = [chosen(name, options.trials) for name in options.cases]
    if options.serve:
        serve(options.serve, cases[0], options.samples)
        return
    results = {}
    for case in cases:
        result = compare(
            case, options.samples, tf1_trials=options.tf1_trials, rounds=options.rounds
        )
        show(case.name, options.samples, result)
        results[case.name] = result
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
