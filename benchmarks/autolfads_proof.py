"""Does the search find what a hand-set run reaches? Two questions, each with its price.

    python -m benchmarks.autolfads_proof --json proof.json          # half an hour on a core
    python -m benchmarks.autolfads_proof --only lorenz --seeds 0 1 2

- lorenz: a small Lorenz recording, judged by R2 with the true rates of validation trials. Two base
  settings that are bad on purpose (KL weights x 100; no dropout of any kind), a population from
  them, a random search that draws once from the population's ranges and trains every draw to the
  end (its best by the same score; the same total of epochs), and a run set by hand. What is
  searched replaces the base's own values, so both bad bases lead to the same population.
- reaching: 150 trials of the reaching demo to train and choose with, and 80 test trials that
  nothing is chosen by; the figure is decoding R2 of the hand's velocity, on validation trials and
  on test trials. Populations from the starting point that the form offers, judged by validation
  likelihood and by decoding (`--scores`), and 12 settings as a person would try them: dropout x KL
  weights x coordinated dropout. The best of the 12 is said twice: chosen by decoding R2 of
  validation trials, and by validation likelihood.

All turns are taken in this process, so processor times are those of training alone. Tables are
printed as they come, and the JSON file is written after every row.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lfads_nb.cores import usable_cores
from lfads_nb.datasets import DatasetCollection, generate_demo_datasets
from lfads_nb.demo import QUICK
from lfads_nb.model import stages
from lfads_nb.model.compiled_models import CompiledModels
from lfads_nb.model.inference import Inference
from lfads_nb.model.turns import take_turn
from lfads_nb.queue.population_driver import PopulationDriver, make_best
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.metrics import bits_per_spike, r2
from lfads_nb.sweep import Run, RunCollection, RunFolder, RunParams, RunSpec
from lfads_nb.sweep.population import Population, ramp_epochs
from lfads_nb.sweep.population_history import best_scores
from lfads_nb.sweep.population_run import PopulationRun
from lfads_nb.sweep.population_scores import SCORES
from lfads_nb.sweep.starting_points import starting_point
from lfads_nb.sweep.turns import TurnRequest

TOO_HIGH, BATCH = 100.0, 32
TEST_TRIALS = 80
KIND = "posterior_push_mean"
Row = dict[str, Any]


class TurnsHere:
    """Takes turns at once, in this process, with compiled steps that stay."""

    def __init__(self) -> None:
        self._models = CompiledModels()

    def start(self, members: Sequence[RunFolder]) -> None:
        for member in members:
            take_turn(TurnRequest.load(member.path), models=self._models)

    def state(self, member: RunFolder) -> RunStatus:  # noqa: ARG002
        return RunStatus(RunState.DONE)


class Rows:
    """What was found, printed and kept as it comes."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.found = path, list[Row]()

    def add(self, row: Row) -> None:
        self.found.append(row)
        figures = "  ".join(
            f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in row.items()
            if isinstance(value, int | float) and name != "seed"
        )
        print(f"{row['part']:9} seed {row['seed']}  {row['what']:42} {figures}", flush=True)
        if self.path:
            self.path.write_text(json.dumps(self.found, indent=1))


def searched(
    population: PopulationRun, epochs: int, measure: Callable[[Run, RunFolder], Row]
) -> Row:
    """Train a population to its end; return its winner's figures and what it took.

    Parameters
    ----------
    epochs : of each member at most.
    measure : gets the winner and its folder.
    """
    began, space = time.process_time(), population.record.population
    PopulationDriver(population.folder, TurnsHere(), sleep=lambda _: None).run()
    best, winner = make_best(population.folder, population.record), population.winner
    assert winner is not None
    return {
        **measure(winner, best), "epochs": epochs * space.members,
        "cpu_min": (time.process_time() - began) / 60,
        "best_score": [round(b, 3) for b in best_scores(space, population.history())],
        "setting": winner.params.differences_text(),
    }  # fmt: skip


def epochs_trained(folder: RunFolder) -> int:
    return len(FitLog.read(folder.fit_log)["epoch"])


# ------------------------------------------------------------------------------------- Lorenz


def true_rates(folder: RunFolder, names: Sequence[str], params: RunParams) -> Row:
    """R2 of the true rates and bits per spike of a run's validation trials."""
    stages.export_weights(folder, params, names)
    with h5py.File(folder.input_file(names[0])) as file:
        counts, truth = file["valid_data"][()], file["valid_truth"][()]
    rates = Inference(folder).infer(counts, kind=KIND)["output_dist_params"]
    return {"r2": float(r2(truth, rates).pooled), "bits": float(bits_per_spike(counts, rates))}


def lorenz(folder: Path, options: argparse.Namespace, seed: int, rows: Rows) -> None:
    generate_demo_datasets(
        folder / "datasets", 1, n_conditions=20, trials_per_condition=(20, 20), channels=(30, 30)
    )
    datasets = DatasetCollection(folder / "datasets")
    spec, n_train = RunSpec("one", datasets, [datasets.add("dataset001.h5")]), [320]
    steps = -(-n_train[0] // BATCH)
    good = QUICK.copy(
        factors_dim=8, batch_size=BATCH, kl_increase_steps=20 * steps, l2_increase_steps=20 * steps,
        seed=seed, learning_rate_init=0.01,
    )  # fmt: skip
    kl = good.copy(
        kl_ic_weight=TOO_HIGH * good.kl_ic_weight, kl_co_weight=TOO_HIGH * good.kl_co_weight
    )
    dry = good.copy(keep_prob=1.0, coordinated_dropout_rate=0.0)
    space = Population(
        kl.copy(keep_prob=1.0), members=options.members, epochs=options.epochs,
        generations=options.generations, seed=seed, patience=max(options.generations, 2),
        least_improvement=0.0,
    )  # fmt: skip
    of_each = space.epochs_at_most(ramp_epochs(kl, n_train))
    collection = RunCollection(folder / f"lorenz{seed}", "proof", datasets)
    collection.add_run_spec(spec)
    hand = {"set by hand": good, "base, KL x 100": kl, "base, no dropout": dry}
    collection.add_params([params.copy(max_epochs=of_each) for params in hand.values()])
    random = replace(space, epochs=space.epochs * options.generations, generations=1)
    collection.add_population([space, random])
    collection.prepare()
    names = spec.dataset_names
    by_params = {run.params.param_hash: run for run in collection.runs}
    for what, params in hand.items():
        run, began = by_params[params.copy(max_epochs=of_each).param_hash], time.process_time()
        stages.train(run.folder, run.params, names)
        rows.add(
            {
                "part": "lorenz", "seed": seed, "what": what,
                **true_rates(run.folder, names, run.params), "epochs": epochs_trained(run.folder),
                "cpu_min": (time.process_time() - began) / 60,
            }
        )  # fmt: skip
    for what, population in zip(
        ("population", "random search"), collection.population_runs, strict=True
    ):
        rows.add(
            {
                "part": "lorenz", "seed": seed, "what": f"{what}, {options.members} members",
                **searched(population, of_each, lambda run, at: true_rates(at, names, run.params)),
            }
        )  # fmt: skip


# ----------------------------------------------------------------------------------- reaching


def decoded(run: Run, folder: RunFolder) -> Row:
    """Decoding R2 of a run's rates, of spikes smoothed at the best width and of raw ones."""
    stages.export_weights(folder, run.params, run.spec.dataset_names)
    stages.sample_posterior(folder, run.params, run.spec.dataset_names, kind=KIND)
    found: Row = {}
    for split in ("valid", "test"):
        result = run.decode(
            "hand_vel", kind=KIND, sources=["rates"], n_permutations=0, evaluate=split
        )
        for name in ("rates", "smoothed spikes", "raw counts"):
            r2_of = result.by_source[name].mean_r2  # type: ignore[union-attr]
            found[f"{split}_{name.split()[0]}"] = float(r2_of)
    return found


def reaching(folder: Path, options: argparse.Namespace, seed: int, rows: Rows) -> None:
    (file,) = generate_demo_datasets(
        folder / "reaching", 1, kind="reaching", trials_per_condition=(29, 29), channels=(60, 60)
    )
    datasets = DatasetCollection(folder / "reaching")
    dataset = datasets.add(file.name)
    n_used = dataset.info.n_trials - TEST_TRIALS
    base, _ = starting_point([replace(dataset.info, n_trials=n_used)], spike_bin_ms=20, seed=seed)
    base = base.copy(test_fraction=TEST_TRIALS / dataset.info.n_trials)
    spaces = [
        Population(
            base, members=options.members, epochs=options.reaching_epochs, score=score,
            generations=options.generations, seed=seed, patience=max(options.generations, 2),
            least_improvement=0.0,
        )
        for score in options.scores
    ]  # fmt: skip
    n_train = n_used * base.train_to_test_ratio // (base.train_to_test_ratio + 1)
    of_each = spaces[0].epochs_at_most(ramp_epochs(base, [n_train]))
    collection = RunCollection(folder / f"reaching_runs{seed}", "proof", datasets)
    collection.add_run_spec(RunSpec("one", datasets, [dataset]))
    hand = [
        base.copy(
            max_epochs=of_each, keep_prob=keep, kl_ic_weight=kl * base.kl_ic_weight,
            kl_co_weight=kl * base.kl_co_weight, coordinated_dropout_rate=hidden,
        )
        for keep in (0.95, 0.7) for kl in (1.0, 0.3, 0.1) for hidden in (0.0, 0.5)
    ]  # fmt: skip
    collection.add_params(hand)
    collection.add_population(spaces)
    collection.prepare()
    tried_by_hand = list(collection.runs)  # before the populations' winners are among them
    for population in collection.population_runs:
        measure = population.population.measure
        rows.add(
            {
                "part": "reaching", "seed": seed, "what": f"population, by {measure.name}",
                **searched(population, of_each, decoded),
            }
        )  # fmt: skip
    for number, run in enumerate(tried_by_hand, start=1):
        began, p = time.process_time(), run.params
        stages.train(run.folder, p, run.spec.dataset_names)
        log = FitLog.read(run.folder.fit_log)
        rows.add(
            {
                "part": "reaching", "seed": seed,
                "what": f"{number:2} keep {p.keep_prob:g}, KL {p.kl_ic_weight:g}, "
                f"coordinated {p.coordinated_dropout_rate:g}",
                **decoded(run, run.folder), "recon_valid": float(np.nanmin(log["recon_valid"])),
                "epochs": len(log["epoch"]), "cpu_min": (time.process_time() - began) / 60,
            }
        )  # fmt: skip
    tried = [row for row in rows.found if row["part"] == "reaching" and "recon_valid" in row]
    tried = [row for row in tried if row["seed"] == seed]
    total = {
        "epochs": sum(row["epochs"] for row in tried),
        "cpu_min": sum(row["cpu_min"] for row in tried),
    }
    by_r2 = max(tried, key=lambda row: row["valid_rates"])
    by_likelihood = min(tried, key=lambda row: row["recon_valid"])
    for what, row in (("R2", by_r2), ("likelihood", by_likelihood)):
        rows.add(
            {
                "part": "reaching", "seed": seed, "what": f"best of {len(tried)} by {what}",
                **{name: value for name, value in row.items() if name.endswith("_rates")},
                **total, "which": row["what"],
            }
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=6)
    parser.add_argument("--generations", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=15, help="of a generation on Lorenz data")
    parser.add_argument("--reaching-epochs", type=int, default=15, help="the same on reaches")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--scores", nargs="+", choices=list(SCORES), default=["recon", "r2_decoding"],
        help="what the populations on reaches are judged by",
    )  # fmt: skip
    parser.add_argument("--only", choices=("lorenz", "reaching"))
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    rows = Rows(options.json)
    print(f"{usable_cores()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            if options.only != "reaching":
                lorenz(Path(folder), options, seed, rows)
            if options.only != "lorenz":
                reaching(Path(folder), options, seed, rows)


if __name__ == "__main__":
    main()
