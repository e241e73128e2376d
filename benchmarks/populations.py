"""What a population costs beside its training: per generation, at 200 members, and per member.

    python -m benchmarks.populations                       # some minutes
    python -m benchmarks.populations --only many --members 200 --generations 50
    python -m benchmarks.populations --json populations.json

- generations: a small population through a real queue, one turn at a time. Overhead of a
  generation is all of its time beyond epochs of the usual length: deciding, files, queueing,
  starting, loading weights, storing them; said per member and generation, the first one apart,
  as processes start and compile in it.
- many: a population of many members whose turns take no time, so that what is left is the
  driver, the queue's table and the view: seconds by the clock and of the processor, and MiB.
- memory: what a warm process holds that takes member after member, and what a member holds on disk.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.queue import all_ended, fresh_queue, show, wait_until
from lfads_nb.datasets import DatasetCollection, generate_demo_datasets
from lfads_nb.demo import QUICK
from lfads_nb.queue.api import Queue
from lfads_nb.queue.batches import LaunchOptions
from lfads_nb.queue.launching import queue_folders
from lfads_nb.queue.population_driver import PopulationDriver
from lfads_nb.queue.status import RunState, RunStatus, read_status
from lfads_nb.results.population import PopulationResults
from lfads_nb.sweep import RunCollection, RunFolder, RunParams, RunSpec
from lfads_nb.sweep.folders import PopulationFolder
from lfads_nb.sweep.population import Population
from lfads_nb.sweep.population_history import Generation
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.turns import TurnRequest, TurnResult

MIB = 2**20
BATCH = 40


# -------------------------------------------------------------------------------- a real one


def measure_generations(members: int = 6, generations: int = 5) -> dict[str, float]:
    """Train a small population through the queue and see what of its time was no training."""
    with fresh_queue() as (home, root):
        generate_demo_datasets(root / "data", 1, n_conditions=20, trials_per_condition=(20, 20))
        datasets = DatasetCollection(root / "data")
        spec = RunSpec("one", datasets, [datasets.add("dataset001.h5")])
        base = QUICK.copy(batch_size=BATCH, kl_increase_steps=BATCH, l2_increase_steps=BATCH)
        collection = RunCollection(root / "runs", "benchmark", datasets)
        collection.add_run_spec(spec)
        collection.add_population(
            Population(
                base, members=members, epochs=3, generations=generations, patience=generations,
                least_improvement=0.0,
            )
        )  # fmt: skip
        collection.prepare()
        (population,) = collection.population_runs
        folder, began = population.folder, time.time()
        queue = Queue([folder], home=home)
        queue.launch(max_tasks_simultaneously=1)
        wait_until(lambda: all_ended(queue))
        if not population.is_done:
            raise SystemExit(population.status().reason)
        history = population.history()
        ends = [began, *(folder.generation(g.number).stat().st_mtime for g in history)]
        overheads = [
            (after - before - _training(generation)) / members
            for before, after, generation in zip(ends, ends[1:], history, strict=False)
        ]
        turns = [t for g in history[1:] for t in g.turns]
        states = [read_status(folder.member(m)) for m in range(members)]
        sizes = [_on_disk(folder.member(m).path) for m in range(members)]
    epochs = [(t.seconds - t.overhead_seconds) / 3 for t in turns]
    return {
        "members": members,
        "generations": generations,
        "first_per_member_s": overheads[0],
        "later_per_member_s": statistics.median(overheads[1:]),
        "later_worst_s": max(overheads[1:]),
        "of_it_within_the_turn_s": statistics.median(t.overhead_seconds for t in turns),
        "epoch_s": statistics.median(epochs),
        "process_mib": max(s.peak_memory_mb for s in states),
        "member_on_disk_mib": statistics.median(sizes),
    }


def _training(generation: Generation) -> float:
    return sum(turn.seconds - turn.overhead_seconds for turn in generation.turns)


def _on_disk(folder: Path) -> float:
    """Return a folder's MiB; inputs are links to what all members share."""
    files = [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]
    own = [p for p in files if "lfadsInput" not in p.parts]
    return sum(p.stat().st_size for p in own) / MIB


# --------------------------------------------------------------------------------- many members


class InstantTurns:
    """Ends every turn at once, with a score that falls from generation to generation."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def start(self, members: Sequence[RunFolder]) -> None:
        for member in members:
            request = TurnRequest.load(member.path)
            valid = 1000 / (request.generation + 1) + self._rng.normal(0, 1, request.epochs)
            TurnResult(
                generation=request.generation, epoch=request.last_epoch, score=float(valid[-1]),
                valid=tuple(valid.tolist()), diverged=False, seconds=1.0, overhead_seconds=0.1,
            ).save(request)  # fmt: skip

    def state(self, member: RunFolder) -> RunStatus:  # noqa: ARG002
        return RunStatus(RunState.DONE)


def make_many(root: Path, members: int, generations: int) -> PopulationFolder:
    """Make a prepared population without data."""
    population = Population(
        RunParams(), members=members, generations=generations, epochs=25, patience=generations,
        least_improvement=0.0,
    )  # fmt: skip
    folder = PopulationFolder(root.resolve() / population.population_name / "one")
    for member in range(members):
        run = folder.member(member)
        run.input.mkdir(parents=True)
        RunRecord("benchmark", "one", population.base, ("ds",)).save(run)
    PopulationRecord("benchmark", "one", ("ds",), population, 100, 50, 80).save(folder)
    return folder


def measure_many(members: int = 200, generations: int = 50) -> dict[str, float]:
    """Take many members through many generations, and look at them."""
    result: dict[str, float] = {"members": members, "generations": generations}
    with fresh_queue() as (home, root):
        folder = make_many(root, members, generations)
        driver = PopulationDriver(folder, InstantTurns(), sleep=lambda _: None)
        each = {
            name: seconds / generations
            for name, seconds in timed("driver_per_generation", driver.run).items()
        }
        result |= each
        result["files_mib"] = sum(p.stat().st_size for p in folder.path.rglob("*.*")) / MIB

        runs = [folder.member(m) for m in range(members)]
        Queue([], home=home).pause_all()
        options = LaunchOptions(runner="benchmarks.noop_runner")
        result |= timed("queueing_all", lambda: queue_folders(runs, home, options))
        queue = Queue(runs, home=home)
        result |= timed("states_first", queue.states)
        result |= timed("states_unchanged", queue.states)
        result |= timed("table_first", queue.status)
        result |= timed("table_again", queue.status)
        queue.cancel()
        result |= _measure_view(folder)
    return result


def timed(name: str, function: Callable[[], Any]) -> dict[str, float]:
    """Return the seconds that something takes by the clock, and those of the processor."""
    began, before = time.perf_counter(), time.process_time()
    function()
    seconds, cpu = time.perf_counter() - began, time.process_time() - before
    return {f"{name}_s": seconds, f"{name}_cpu_s": cpu}


def _measure_view(folder: PopulationFolder) -> dict[str, float]:
    from lfads_nb.widgets.viewers.population import PATHS, SCORES, VALUES, PopulationViewer

    result = timed("results_open", lambda: PopulationResults.open(folder))
    made: list[PopulationViewer] = []
    result |= timed("view_first", lambda: made.append(PopulationViewer(folder)))
    viewer = made[0]
    result |= timed("view_read_again", viewer.read_again)
    for name, kind in (("paths", PATHS), ("values", VALUES), ("scores", SCORES)):
        result |= timed(f"draw_{name}", lambda kind=kind: viewer.kind.set_trait("value", kind))
    tracemalloc.start()
    held = PopulationViewer(folder)
    result["view_holds_mib"], result["view_peak_mib"] = (
        size / MIB for size in tracemalloc.get_traced_memory()
    )
    tracemalloc.stop()
    held.close()
    viewer.close()
    return result


MEASURES: dict[str, Callable[..., dict[str, float]]] = {
    "generations": measure_generations,
    "many": measure_many,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument("--members", type=int, default=200, help="of the large population")
    parser.add_argument("--generations", type=int, default=50, help="of the large population")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name in options.only:
        sizes = (options.members, options.generations) if name == "many" else ()
        results[name] = MEASURES[name](*sizes)
        show(name, results[name])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
