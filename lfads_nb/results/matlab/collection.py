"""A run manager's collection, opened to look at: nothing in its folder is ever changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.datasets import Dataset, DatasetCollection
from lfads_nb.errors import CollectionError, RunFolderError
from lfads_nb.results.matlab.prepared_counts import read_prepared_counts
from lfads_nb.results.matlab.recovery import Recovery, recover
from lfads_nb.results.matlab.run_folders import OldRunFolder, find_run_folders
from lfads_nb.results.matlab.settings_files import (
    RecordedValues,
    SummaryBlock,
    read_hyperparameters,
    read_summary,
    read_train_script,
)
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.sweep.folders import CollectionFolder, PosteriorKind, RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run import Run
from lfads_nb.sweep.run_collection import RunCollection
from lfads_nb.sweep.run_spec import RunSpec

if TYPE_CHECKING:
    import pandas as pd

    from lfads_nb.queue.status import RunStatus

_READ_ONLY = (
    "this collection belongs to the LFADS Run Manager and is only looked at: {what} would change "
    "it. Make a RunCollection of your own for new runs."
)


class OldRun(Run):
    """A run of the run manager's. `recovery` says where its parameters come from."""

    recovery: Recovery
    old_folder: OldRunFolder

    @property
    def folder(self) -> RunFolder:
        return self.old_folder.folder

    @property
    def is_done(self) -> bool:
        """Whether its posterior has been sampled; `lfads.done` means only that it was trained."""
        return self.old_folder.has_outputs

    def status(self) -> RunStatus:
        """Return how far the run got, as its files tell."""
        from lfads_nb.queue.status import RunState, RunStatus

        if self.is_done:
            return RunStatus(RunState.DONE)
        if self.folder.fit_log.is_file():
            return RunStatus(RunState.INTERRUPTED, reason="trained, but its posterior is missing")
        return RunStatus(RunState.PREPARED)

    def posterior_means(
        self, dataset: str | int | None = None, *, kind: PosteriorKind | None = None
    ) -> PosteriorMeans:
        """Open the inferred rates, factors and the rest; see `Run.posterior_means`.

        Raises
        ------
        RunFolderError
            The run has not been sampled, or nothing tells its bin width.
        """
        if not self.recovery.bin_is_known:
            raise RunFolderError(
                f"the bin width of {self.name} is written nowhere, and without it rates have no "
                "unit: open the collection with RunCollection.from_matlab(path, spike_bin_ms=...)"
            )
        return super().posterior_means(dataset, kind=kind)

    def prepare(self, **_: Any) -> bool:
        raise CollectionError(_READ_ONLY.format(what="preparing runs"))

    def launch(self, **_: Any) -> Any:
        raise CollectionError(_READ_ONLY.format(what="launching runs"))

    def delete_outputs(self, *, confirmed: bool = False) -> None:  # noqa: ARG002
        raise CollectionError(_READ_ONLY.format(what="deleting outputs"))

    def export(self, folder: Path | None = None) -> list[Path]:
        if folder is None:
            raise CollectionError(_READ_ONLY.format(what="exporting without naming a folder"))
        return super().export(folder)


class OldCollection(RunCollection):
    """The runs of a run manager's collection.

    Unlike in a collection of ours, not every run spec need have every setting. `recovery_table`
    says how far each run's parameters can be trusted.

    Make it with `RunCollection.from_matlab`, or with `open_collection`.
    """

    def __init__(self, path: Path, runs: list[OldRun], datasets: DatasetCollection) -> None:
        self._found = runs
        super().__init__(path.parent, path.name, datasets)
        self.params = list(dict.fromkeys(run.params for run in runs))
        self.run_specs = list(dict.fromkeys(run.spec for run in runs))
        self._make_runs()

    def _make_runs(self) -> None:
        self._runs = [
            run for run in self._found if run.params in self.params and run.spec in self.run_specs
        ]

    def find_runs(self, specs: Any = None, params: Any = None) -> Run | list[Run]:
        """Find the runs that there are of some specs and settings; see `RunCollection.find_runs`.

        Raises
        ------
        CollectionError
            A spec or a setting is not there, or one run is asked for that never was.
        """
        chosen_specs, chosen_params = self.find_run_specs(specs), self.find_params(params)
        found = [r for r in self._runs if r.spec in chosen_specs and r.params in chosen_params]
        if not _is_one(specs) or not _is_one(params):
            return found
        if not found:
            raise CollectionError(
                f"{self.name!r} has no run of {chosen_specs[0].name!r} with "
                f"{chosen_params[0].param_name}"
            )
        return found[0]

    def recovery_table(self) -> pd.DataFrame:
        """Return one row for each run: are its parameters proven, what is missing, what is odd."""
        import pandas as pd

        rows = {
            run.name: {
                "proven": run.recovery.is_proven,
                "sources": ", ".join(dict.fromkeys(run.recovery.sources.values())),
                "not recorded": ", ".join(run.recovery.not_recorded),
                "notes": "; ".join(run.recovery.notes),
            }
            for run in self._runs
            if isinstance(run, OldRun)
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def add_params(self, params: RunParams | Iterable[RunParams]) -> None:
        if params:
            raise CollectionError(_READ_ONLY.format(what="adding settings"))

    def add_run_spec(self, run_spec: RunSpec | Iterable[RunSpec]) -> None:
        if run_spec:
            raise CollectionError(_READ_ONLY.format(what="adding run specs"))

    def export(self, folder: str | Path | None = None) -> dict[str, list[Path]]:
        if folder is None:
            raise CollectionError(_READ_ONLY.format(what="exporting without naming a folder"))
        return super().export(folder)

    def save(self) -> None:
        raise CollectionError(_READ_ONLY.format(what="saving"))

    def prepare(self, **_: Any) -> None:
        raise CollectionError(_READ_ONLY.format(what="preparing runs"))

    def launch(self, runs: Any = None, **_: Any) -> Any:  # noqa: ARG002
        raise CollectionError(_READ_ONLY.format(what="launching runs"))

    def delete_outputs(self, *, confirmed: bool = False) -> None:  # noqa: ARG002
        raise CollectionError(_READ_ONLY.format(what="deleting outputs"))


def _is_one(wanted: Any) -> bool:
    return wanted is not None and not isinstance(wanted, list | tuple | slice | set)


def open_collection(path: str | Path, **known: Any) -> OldCollection:
    """Open a run manager's collection folder, of either layout, without changing it.

    Parameters
    ----------
    path : the folder that holds the `param_XXXXXX` folders.
    **known : parameters that you know of all runs and the files may not tell, such as
        `spike_bin_ms=10`.

    Raises
    ------
    RunFolderError
        There is no run in the folder.
    ParamsError
        One of `known` is no parameter, or out of bounds.
    """
    collection = Path(path).expanduser().absolute()
    RunParams(**known)
    found = find_run_folders(collection)
    summary = read_summary(CollectionFolder(collection).summary)
    datasets = DatasetCollection(collection, comment="prepared inputs of the LFADS Run Manager")
    specs: dict[tuple[str, tuple[str, ...]], RunSpec] = {}
    runs = []
    for old in found:
        names = tuple(old.datasets())
        if not names:
            continue
        data_hash = old.data_hash()
        for name in names:
            _add_dataset(datasets, old, name, data_hash)
        key = (old.spec_name, names)
        if key not in specs:
            specs[key] = RunSpec(old.spec_name, datasets, list(names), run_class=OldRun)
        recovery = _recover(old, summary, len(names), data_hash, known)
        run = OldRun(collection.name, CollectionFolder(collection), specs[key], recovery.params)
        run.old_folder, run.recovery = old, recovery
        runs.append(run)
    if not runs:
        raise RunFolderError(f"the runs in {collection} name no dataset: their folders are empty")
    return OldCollection(collection, runs, datasets)


def _add_dataset(
    datasets: DatasetCollection, old: OldRunFolder, name: str, data_hash: str | None
) -> None:
    if name in datasets.names:
        return
    files = next(f for f in old.sessions(data_hash) if f.dataset == name)
    try:
        path = files.input_file
    except RunFolderError:
        path = old.folder.input_file(name)
    Dataset(datasets, path, name=name, loader=read_prepared_counts)


def _recover(
    old: OldRunFolder,
    summary: list[SummaryBlock],
    n_datasets: int,
    data_hash: str | None,
    known: Mapping[str, Any],
) -> Recovery:
    files = [f for f in (read_train_script(old.folder), read_hyperparameters(old.folder)) if f]
    observed = old.observe(data_hash)

    def with_block(block: SummaryBlock | None) -> Recovery:
        return recover(
            [*files, *([block.recorded] if block else [])],
            observed=observed,
            n_datasets=n_datasets,
            param_hash=old.param_hash,
            data_hash=data_hash,
            known=known,
        )

    blocks = _fitting(summary, old.param_hash, files)
    recoveries = [with_block(block) for block in blocks] or [with_block(None)]
    proven = [recovery for recovery in recoveries if recovery.is_proven]
    if proven:
        return proven[0]
    # Which of several settings is the run's cannot be told: none of them is taken.
    return recoveries[0] if len(recoveries) == 1 else with_block(None)


def _fitting(
    summary: list[SummaryBlock], param_hash: str | None, files: list[RecordedValues]
) -> list[SummaryBlock]:
    """Return the settings of the summary that the run may have had."""
    named = [block for block in summary if block.param_hash and block.param_hash == param_hash]
    if named:
        return named
    return [
        block
        for block in summary
        if block.param_hash is None and all(_agree(block.recorded, file) for file in files)
    ]


def _agree(block: RecordedValues, file: RecordedValues) -> bool:
    """Whether no value differs, but for the ramps, which the command line multiplies."""
    shared = set(block.values) & set(file.values)
    rest = [
        n for n in shared if not n.startswith(("kl_", "l2_")) or not n.endswith(("step", "steps"))
    ]
    return all(block.values[name] == file.values[name] for name in rest)
