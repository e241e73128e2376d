"""Whether sessions that were trained together share their factors.

    python -m benchmarks.stitching                        # some minutes on two cores
    python -m benchmarks.stitching --folder ~/stitching

Three sessions of the Lorenz demo share their conditions and differ in neurons and trials. One
stitched model, its read-ins started from the alignment matrices, and three single ones are trained
with the quick settings. The condition-averaged factors of each pair of sessions are compared as
they are, without turning one onto the other: R2 near 1 says that the same condition has the same
factors in both sessions. Without alignment matrices sessions agree by chance only.

A folder that holds trained runs already is gone on with.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import permutations
from pathlib import Path

import numpy as np

from lfads_nb.datasets import DatasetCollection, generate_demo_datasets
from lfads_nb.demo import QUICK
from lfads_nb.model import stages
from lfads_nb.results.condition_averages import ConditionAverages
from lfads_nb.results.metrics import condition_agreement
from lfads_nb.sweep import Run, RunCollection, RunSpec

SESSIONS = 3


def make_runs(folder: Path, epochs: int) -> tuple[Run, list[Run]]:
    """Prepare the stitched run and the single ones."""
    generate_demo_datasets(folder / "datasets", n_datasets=SESSIONS)
    datasets = DatasetCollection(folder / "datasets")
    sessions = [datasets.add(f"dataset{i:03d}.h5") for i in range(1, SESSIONS + 1)]
    params = QUICK.copy(
        factors_dim=8,
        max_epochs=epochs,
        posterior_mean_kind="posterior_push_mean",
        use_alignment_matrix=True,
    )
    collection = RunCollection(folder / "runs", "stitching", datasets)
    collection.add_params(params)
    for session in sessions:
        collection.add_run_spec(RunSpec(session.single_run_name, datasets, [session]))
    collection.add_run_spec(RunSpec("together", datasets, sessions))
    collection.prepare()
    *single, together = collection.runs
    return together, single


def averages_of(run: Run) -> list[ConditionAverages]:
    """Train a run, unless that was done before, and return its sessions' averaged factors."""
    names = [dataset.name for dataset in run.datasets]
    stages.train(run.folder, run.params, names)
    stages.sample_posterior(run.folder, run.params, names)
    means = run.posterior_means()
    return [means.session(name).condition_averages("factors") for name in names]


def table(averages: list[ConditionAverages]) -> np.ndarray:
    """Return R2 of each session (row) as told by each other one (column)."""
    values = np.ones((len(averages), len(averages)))
    for i, j in permutations(range(len(averages)), 2):
        values[i, j] = condition_agreement(averages[i], averages[j]).pooled
    return values


def show(title: str, values: np.ndarray) -> None:
    """Print one table."""
    print(f"\n{title}: R2 of condition-averaged factors between sessions")
    for i, row in enumerate(values):
        told = "  ".join(f"{value:7.3f}" for value in row)
        print(f"  session {i + 1}  {told}")
    others = values[~np.eye(len(values), dtype=bool)]
    print(f"  between sessions: {others.min():.3f} to {others.max():.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to work; kept (default: temporary)")
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).expanduser()
        together, single = make_runs(folder, options.epochs)
        show("stitched", table(averages_of(together)))
        show("single", table([averages_of(run)[0] for run in single]))


if __name__ == "__main__":
    main()
