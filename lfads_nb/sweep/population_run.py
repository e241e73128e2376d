"""`PopulationRun`: a population on one run spec, and the folder it lives in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.errors import CollectionError, RunFolderError
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.sweep.folders import CollectionFolder, PopulationFolder, RunFolder
from lfads_nb.sweep.population import Population, ramp_epochs
from lfads_nb.sweep.population_history import Generation, read_history
from lfads_nb.sweep.population_record import PopulationRecord, population_run_name
from lfads_nb.sweep.preparing import CountsCache
from lfads_nb.sweep.run import Run
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.run_spec import RunSpec

if TYPE_CHECKING:
    from lfads_nb.queue.status import RunStatus


class PopulationRun:
    """One population of a collection. All that it knows beyond what it is lies in its folder.

    Parameters
    ----------
    collection_name, collection_folder : the collection that it belongs to.
    spec : its datasets.
    population : what is searched, and how.
    """

    def __init__(
        self,
        collection_name: str,
        collection_folder: CollectionFolder,
        spec: RunSpec,
        population: Population,
    ) -> None:
        self.collection_name = collection_name
        self.collection_folder = collection_folder
        self.spec = spec
        self.population = population

    @property
    def name(self) -> str:
        """`<spec>__pbt_XXXXXX`, unique within the collection."""
        return population_run_name(self.spec.name, self.population)

    @property
    def folder(self) -> PopulationFolder:
        """Every path of the population."""
        return self.collection_folder.population(self.population.population_name, self.spec.name)

    @property
    def data_folder(self) -> Path:
        """Folder of the prepared inputs, shared with runs that have the same data hash."""
        return self.collection_folder.data(self.population.base.data_name, self.spec.name)

    @property
    def members(self) -> list[Run]:
        """Return the members as runs: costs and inputs can be read, but they are never launched."""
        return [
            self._run_in(self.folder.member(number)) for number in range(self.population.members)
        ]

    @property
    def winner(self) -> Run | None:
        """Return the ordinary run that came out; None while there is none."""
        if not self.folder.best.run_json.exists():
            return None
        run = self._run_in(self.folder.best)
        run.params = RunRecord.load(self.folder.best).params
        return run

    def _run_in(self, folder: RunFolder) -> Run:
        run_class = self.spec.run_class or Run
        run = run_class(
            self.collection_name, self.collection_folder, self.spec, self.population.base
        )
        run.own_folder = folder
        return run

    # ------------------------------------------------------------------------------- preparing

    @property
    def is_prepared(self) -> bool:
        """Whether its inputs, its members' folders and its record are there."""
        return self.folder.population_json.exists()

    def prepare(self, *, regenerate: bool = False, cache: CountsCache | None = None) -> bool:
        """Make what is missing of the inputs, the members' folders and `population.json`.

        Returns
        -------
        bool
            Whether input files were written.

        Raises
        ------
        ParamsError, DataError
            The base setting does not fit the data.
        CollectionError
            The inputs shall be written again, but members have trained on them.
        """
        if regenerate and read_history(self.folder):
            raise CollectionError(
                f"{self.name} has trained on its inputs: delete its outputs before they are "
                "written again"
            )
        infos = [dataset.info for dataset in self.spec.datasets]
        self.population.measure.check_data(infos)
        cache, written = cache or CountsCache(), False
        for member in self.members:
            written |= member.prepare(regenerate=regenerate and not written, cache=cache)
        if regenerate or not self.is_prepared:
            self._record().save(self.folder)
        return written

    def _record(self) -> PopulationRecord:
        first = self.folder.member(0)
        sizes = [read_sizes(first, name) for name in self.spec.dataset_names]
        return PopulationRecord(
            collection=self.collection_name,
            spec=self.spec.name,
            datasets=self.spec.dataset_names,
            population=self.population,
            n_bins=sizes[0][1],
            n_channels=sum(n_channels for _, _, n_channels in sizes) / len(sizes),
            ramp_epochs=ramp_epochs(self.population.base, [n_train for n_train, _, _ in sizes]),
        )

    @property
    def record(self) -> PopulationRecord:
        """Read what the population is on these data."""
        return PopulationRecord.load(self.folder)

    # --------------------------------------------------------------------------------- running

    def launch(self, **options: Any) -> Any:
        """Queue this population alone; see `RunCollection.launch`."""
        from lfads_nb.queue import launch

        return launch([self], **options)

    @property
    def is_done(self) -> bool:
        """Whether the search ended and its winner is complete."""
        return self.folder.done.exists()

    def status(self) -> RunStatus:
        """Return where the population is now."""
        from lfads_nb.queue.reading import current_status

        return current_status(self.folder)

    def history(self) -> list[Generation]:
        """Read what every generation did so far."""
        return read_history(self.folder)

    def delete_outputs(self, *, confirmed: bool = False) -> None:
        """Delete the whole population but its inputs, which runs share.

        Raises
        ------
        CollectionError
            Unless `confirmed`, or while it is queued or running.
        """
        if not confirmed:
            raise CollectionError(
                f"deleting the members of {self.name} cannot be undone: pass confirmed=True"
            )
        status = self.status()
        if status.state.is_active:
            raise CollectionError(
                f"{self.name} is {status.state.value}: cancel it before deleting its outputs"
            )
        shutil.rmtree(self.folder.path, ignore_errors=True)

    def __repr__(self) -> str:
        return f"<PopulationRun {self.name} in {self.folder.path}>"


def read_sizes(folder: RunFolder, dataset: str) -> tuple[int, int, int]:
    """Read training trials, bins and channels of a session.

    Raises
    ------
    RunFolderError
        Its input file cannot be read.
    """
    path = folder.input_file(dataset)
    try:
        with open_hdf5(path) as file:
            trials, bins, channels = file["train_data"].shape
            return trials, bins, channels
    except (OSError, KeyError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}") from error
