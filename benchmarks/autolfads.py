"""Does the search find what a hand-set run reaches, from a base setting that is bad on purpose?

    python -m benchmarks.autolfads [--members 6 --generations 12 --epochs 15]

A small Lorenz recording. Three ways, with the same total number of epochs for the last two:
the demo's own setting (one run), a population whose base setting has KL weights 100 times too
high, and a random search that draws once from the population's ranges and trains every draw to the
end. Judged by R2 of the true rates on validation trials, which neither way looks at; beside it,
bits per spike. All turns are taken in this process, so times are those of training alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lfads_nb.datasets import DatasetCollection, generate_demo_datasets
from lfads_nb.demo import QUICK
from lfads_nb.model import stages
from lfads_nb.model.compiled_models import CompiledModels
from lfads_nb.model.inference import Inference
from lfads_nb.model.turns import take_turn
from lfads_nb.queue.population_driver import PopulationDriver, make_best
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.results.metrics import bits_per_spike, r2
from lfads_nb.sweep import RunCollection, RunFolder, RunSpec
from lfads_nb.sweep.population import Population, ramp_epochs
from lfads_nb.sweep.turns import TurnRequest

TOO_HIGH, BATCH = 100.0, 32


class TurnsHere:
    """Takes turns at once, in this process, with compiled steps that stay."""

    def __init__(self) -> None:
        self._models = CompiledModels()

    def start(self, members: Sequence[RunFolder]) -> None:
        for member in members:
            take_turn(TurnRequest.load(member.path), models=self._models)

    def state(self, member: RunFolder) -> RunStatus:  # noqa: ARG002
        return RunStatus(RunState.DONE)


def judged(folder: RunFolder, names: Sequence[str], params: Any) -> dict[str, float]:
    """R2 of the true rates and bits per spike of a run's validation trials."""
    stages.export_weights(folder, params, names)
    with h5py.File(folder.input_file(names[0])) as file:
        counts, truth = file["valid_data"][()], file["valid_truth"][()]
    outputs = Inference(folder).infer(counts, kind="posterior_push_mean")["output_dist_params"]
    return {"r2": r2(truth, outputs).pooled, "bits": bits_per_spike(counts, outputs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=6)
    parser.add_argument("--generations", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(compare(Path(folder), options), indent=1))


def compare(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    generate_demo_datasets(
        folder / "datasets", 1, n_conditions=20, trials_per_condition=(20, 20), channels=(30, 30)
    )
    datasets = DatasetCollection(folder / "datasets")
    spec = RunSpec("one", datasets, [datasets.add("dataset001.h5")])
    n_train = [320]
    steps = -(-n_train[0] // BATCH)
    good = QUICK.copy(
        factors_dim=8, batch_size=BATCH, kl_increase_steps=20 * steps, l2_increase_steps=20 * steps,
        seed=options.seed, learning_rate_init=0.01,
    )  # fmt: skip
    bad = good.copy(
        kl_ic_weight=TOO_HIGH * good.kl_ic_weight, kl_co_weight=TOO_HIGH * good.kl_co_weight
    )
    shared = {
        "members": options.members, "epochs": options.epochs, "generations": options.generations,
        "seed": options.seed, "patience": max(options.generations, 2), "least_improvement": 0.0,
    }  # fmt: skip
    searched = Population(bad, **shared)
    of_each = searched.epochs_at_most(ramp_epochs(bad, n_train))
    collection = RunCollection(folder / "runs", "autolfads", datasets)
    collection.add_run_spec(spec)
    collection.add_params([good.copy(max_epochs=of_each), bad.copy(max_epochs=of_each)])
    random = replace(searched, epochs=searched.epochs * options.generations, generations=1)
    collection.add_population([searched, random])
    collection.prepare()
    names, found = spec.dataset_names, {"epochs of each member": of_each}
    for name, run in zip(("hand-set", "base, KL x100"), collection.runs, strict=False):
        began = time.process_time()
        stages.train(run.folder, run.params, names)
        found[name] = {
            **judged(run.folder, names, run.params), "epochs": of_each,
            "cpu_min": (time.process_time() - began) / 60,
        }  # fmt: skip
        print(name, found[name], flush=True)
    for name, population in zip(("population", "random search"), collection.population_runs,
                                strict=True):  # fmt: skip
        began = time.process_time()
        PopulationDriver(population.folder, TurnsHere(), sleep=lambda _: None).run()
        best = make_best(population.folder, population.record)
        winner = population.winner
        assert winner is not None
        found[name] = {
            **judged(best, names, winner.params), "epochs": of_each * options.members,
            "cpu_min": (time.process_time() - began) / 60,
            "best score by generation": [
                round(float(np.nanmin(g.scores)), 2) for g in population.history()
            ],
        }  # fmt: skip
        print(name, found[name], flush=True)
    return found


if __name__ == "__main__":
    main()
