"""Runs that a command line names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lfads_nb.errors import QueueError, RunFolderError

if TYPE_CHECKING:
    from lfads_nb.queue import Queue
    from lfads_nb.sweep import Run
    from lfads_nb.sweep.population_run import PopulationRun


def queue_of(collection_dir: Path, names: list[str] | None) -> Queue:
    """Return a view of some of a collection's runs and populations, without launching any."""
    from lfads_nb.queue import Queue
    from lfads_nb.sweep import RunCollection

    collection = RunCollection.load(collection_dir)
    called: dict[Run | PopulationRun, set[str]] = {
        run: {run.name, run.spec.name, run.params.param_name} for run in collection.runs
    }
    called |= {
        run: {run.name, run.spec.name, run.population.population_name}
        for run in collection.population_runs
    }
    unknown = set(names or ()) - set().union(*called.values())
    if unknown:
        raise QueueError(
            f"there is no run {', '.join(sorted(unknown))} in {collection_dir}; there are: "
            f"{', '.join(run.name for run in called)}"
        )
    chosen = [run for run in called if not names or called[run] & set(names)]
    return Queue([run.folder for run in chosen], names=[run.name for run in chosen])


def run_of_folder(run_dir: Path) -> Run:
    """Find the run whose folder this is, by the collection that it lies in."""
    from lfads_nb.sweep import RunCollection

    folder = run_dir.expanduser().resolve()
    for parent in folder.parents:
        if (parent / "collection.json").is_file():
            for run in RunCollection.load(parent).runs:
                if run.folder.path.resolve() == folder:
                    return run
            break
    raise RunFolderError(f"{run_dir} is not the folder of a run of a collection")
