"""`RunCollection`: run specs times settings, and everything that is done to all of their runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lfads_nb.atomic_files import write_text
from lfads_nb.datasets import DatasetCollection
from lfads_nb.errors import CollectionError
from lfads_nb.own_code import remember_handed_over
from lfads_nb.sweep import collection_file
from lfads_nb.sweep.advice import Advice, advise_runs
from lfads_nb.sweep.contents import CollectionContents, is_one
from lfads_nb.sweep.folders import CollectionFolder, PosteriorKind
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.population import Population
from lfads_nb.sweep.population_run import PopulationRun
from lfads_nb.sweep.preparing import CountsCache
from lfads_nb.sweep.run import Run
from lfads_nb.sweep.run_spec import RunSpec
from lfads_nb.sweep.summary import summary_html, summary_text

if TYPE_CHECKING:
    import pandas as pd

    from lfads_nb.results import PosteriorMeans
    from lfads_nb.results.matlab import OldCollection

log = logging.getLogger(__name__)
Item = TypeVar("Item")


class RunCollection(CollectionContents):
    """A grid of runs in one folder: every run spec with every setting and every population.

    It holds what this script or panel put in; `save` (done by `prepare` and `launch` too) writes
    it to `collection.json`, from which `RunCollection.load` makes it again.

    Parameters
    ----------
    root : folder that holds collections.
    name : the collection's folder within it.
    dataset_collection : where the run specs choose from.
    params, run_specs, populations : to start with.
    comment : a note of your own.

    Raises
    ------
    CollectionError
        If the name cannot be a folder.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        dataset_collection: DatasetCollection,
        *,
        params: Iterable[RunParams] = (),
        run_specs: Iterable[RunSpec] = (),
        populations: Iterable[Population] = (),
        comment: str = "",
    ) -> None:
        self.root = Path(root).expanduser().absolute()
        self._runs: list[Run] = []
        self.left_out: list[collection_file.LeftOut] = []
        super().__init__(
            name, dataset_collection, params=params, run_specs=run_specs, populations=populations,
            comment=comment,
        )  # fmt: skip

    # ---------------------------------------------------------------------------------- places

    @property
    def folder(self) -> CollectionFolder:
        """Every path of the collection."""
        return CollectionFolder(self.path)

    @property
    def path(self) -> Path:
        return self.root / self.name

    @classmethod
    def load(cls, path: str | Path, *, all_runs: bool = False) -> RunCollection:
        """Open a collection from its folder, without the script that made it.

        Parameters
        ----------
        path : the collection's folder.
        all_runs : also take in runs that lie in the folder but were not in the collection when
            it was last saved.

        Raises
        ------
        RunFolderError
            If there is no collection, or it cannot be read.
        """
        return collection_file.load(
            cls, CollectionFolder(Path(path).expanduser().absolute()), all_runs
        )

    @staticmethod
    def from_matlab(path: str | Path, **known: Any) -> OldCollection:
        """Open a collection of the run manager; see `lfads_nb.results.matlab.open_collection`."""
        from lfads_nb.results.matlab import open_collection

        return open_collection(path, **known)

    def save(self) -> None:
        """Write `collection.json` and `summary.txt`.

        Loaders and classes of your own that you put in are remembered as trusted for this folder,
        so that the queue and later sessions load the same code.
        """
        collection_file.save(self)
        own = [code for dataset in self.dataset_collection for code in dataset.own_code()]
        remember_handed_over(self.path, [*own, *self._used_here])
        write_text(self.folder.summary, summary_text(self))

    # ------------------------------------------------------------------------------------- runs

    def _make_runs(self) -> None:
        fresh = [
            (spec.run_class or Run)(self.name, self.folder, spec, params)
            for params in self.params
            for spec in self.run_specs
        ]
        # A run that stays keeps its object, and with it references and comments of the user's.
        before = {run.name: run for run in self._runs}
        self._runs = [
            before[run.name] if run.name in before and before[run.name].same_as(run) else run
            for run in fresh
        ]

    @property
    def runs(self) -> list[Run]:
        """Every run, specs varying fastest (the run manager's linear order), then the winners."""
        return [*self._runs, *self.winners]

    @property
    def n_runs(self) -> int:
        return len(self.runs)

    @property
    def population_runs(self) -> list[PopulationRun]:
        """Every population with every run spec, specs varying fastest."""
        return [
            PopulationRun(self.name, self.folder, spec, population)
            for population in self.populations
            for spec in self.run_specs
        ]

    @property
    def winners(self) -> list[Run]:
        """What came out of the populations so far: ordinary runs."""
        found = (population.winner for population in self.population_runs)
        return [run for run in found if run is not None]

    def find_population_run(self, spec: Any, population: Any = 0) -> PopulationRun:
        """Find the population on a run spec, by index, hash, `pbt_` name or label.

        Raises
        ------
        CollectionError
            If it is not there; the message lists what is.
        """
        (chosen,) = self.find_run_specs([spec])
        for index, there in enumerate(self.populations):
            if population in (index, there, there.hash, there.population_name) or (
                there.name and there.name == population
            ):
                return PopulationRun(self.name, self.folder, chosen, there)
        names = ", ".join(p.population_name for p in self.populations) or "none yet"
        raise CollectionError(f"{self.name!r} has no population {population!r}; it has {names}.")

    def find_runs(self, specs: Any = None, params: Any = None) -> Run | list[Run]:
        """Find runs by spec and setting (objects, names, hashes, indices; None means all).

        Returns
        -------
        Run or list of Run
            The run itself if one spec and one setting are asked for by themselves, else a list.

        Raises
        ------
        CollectionError
            If a spec or a setting is not there.
        """
        chosen_specs, chosen_params = self.find_run_specs(specs), self.find_params(params)
        by_name = {(run.spec.name, run.params.param_hash): run for run in self._runs}
        found = [by_name[s.name, p.param_hash] for p in chosen_params for s in chosen_specs]
        return found[0] if is_one(specs) and is_one(params) else found

    def find_run(self, spec: Any, params: Any) -> Run:
        """Find the one run of a spec and a setting; see `find_runs`."""
        found = self.find_runs(spec, params)
        if isinstance(found, list):
            raise CollectionError("find_run takes one run spec and one setting; use find_runs")
        return found

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return self.n_runs

    # ----------------------------------------------------------------------------------- doing

    def prepare(
        self, *, regenerate: bool = False, on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Write the inputs and folders of all runs, as far as they are missing, and save.

        Parameters
        ----------
        regenerate : write inputs again even if they are there.
        on_progress : called with the number of runs ready and of all.

        Raises
        ------
        CollectionError
            If there is nothing to prepare.
        ParamsError, DataError
            If a setting does not fit the data; the message names the run.
        """
        wanted: list[Run | PopulationRun] = [*self._runs, *self.population_runs]
        if not wanted:
            missing = "run specs (add_run_spec)"
            if not self.params and not self.populations:
                missing = "settings (add_params, add_population)"
            raise CollectionError(f"collection {self.name!r} has no {missing} yet")
        self.save()
        cache = CountsCache()
        made: set[Path] = set()
        for done, run in enumerate(wanted, 1):
            data = run.data_folder
            run.prepare(regenerate=regenerate and data not in made, cache=cache)
            made.add(data)
            if on_progress:
                on_progress(done, len(wanted))

    def advice(self, runs: Iterable[Run] | None = None) -> dict[str, list[Advice]]:
        """Return what to think of before runs are trained, by the run's name.

        Steps per epoch against the ramps, trials against the model's size and its KL weights, bins
        against the controller's lag; `changes` of each piece are values to set.

        Parameters
        ----------
        runs : which ones; by default all that are not done.

        Raises
        ------
        DataError
            A dataset cannot be read.
        """
        chosen = [run for run in self._runs if not run.is_done] if runs is None else list(runs)
        return advise_runs(chosen)

    def launch(self, runs: Iterable[Run | PopulationRun] | None = None, **options: Any) -> Any:
        """Queue the runs and populations that are not done, and return at once.

        Parameters
        ----------
        runs : which ones, in which order; by default all.
        **options : see `lfads_nb.queue.launch`.

        Returns
        -------
        lfads_nb.queue.Queue
            A view of the queue; `wait()` shows progress until the runs end.
        """
        from lfads_nb.queue import launch

        self.save()
        every: list[Run | PopulationRun] = [*self.runs, *self.population_runs]
        return launch(list(runs) if runs is not None else every, **options)

    def launch_tensorboard(self, **options: Any) -> Any:
        """Start TensorBoard for all runs; see `lfads_nb.queue.launch_tensorboard`."""
        from lfads_nb.queue import launch_tensorboard

        return launch_tensorboard(self.folder, self.runs, **options)

    def delete_outputs(self, *, confirmed: bool = False) -> None:
        """Delete what training wrote, for every run; see `Run.delete_outputs`."""
        if not confirmed:
            raise CollectionError(
                f"deleting the outputs of all {self.n_runs} runs of {self.name!r} cannot be "
                "undone: pass confirmed=True"
            )
        every: list[Run | PopulationRun] = [*self._runs, *self.population_runs]
        for run in every:
            run.delete_outputs(confirmed=True)

    def posterior_means(self, *, kind: PosteriorKind | None = None) -> dict[str, PosteriorMeans]:
        """Open the posterior means of every run that is done, by run name, read lazily."""
        return {run.name: run.posterior_means(kind=kind) for run in self.runs if run.is_done}

    def status_table(self) -> pd.DataFrame:
        """Return one row for each run: state, stage, progress, costs."""
        from lfads_nb.queue import status_table

        every: list[Any] = [*self.runs, *self.population_runs]
        return status_table(every)

    def compare(self) -> pd.DataFrame:
        """Return one row for each run: parameters that differ, and how well it did."""
        from lfads_nb.results import compare

        return compare(self.runs)

    def export(self, folder: str | Path | None = None) -> dict[str, list[Path]]:
        """Write the results of every run that is done, each into a folder of its own.

        Parameters
        ----------
        folder : where to; `posterior_means_export/` in the collection's folder by default.
        """
        from lfads_nb.results.export import export_collection

        done = [run for run in self.runs if run.is_done]
        return export_collection(done, folder or self.path / "posterior_means_export")

    def __repr__(self) -> str:
        return summary_text(self, brief=True)

    def _repr_html_(self) -> str:
        return summary_html(self)
