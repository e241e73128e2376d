"""`Run`: one model to train, that is one run spec with one setting, and the folder it lives in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.datasets import Counts, Dataset
from lfads_nb.errors import CollectionError, DataError
from lfads_nb.sweep.folders import CollectionFolder, PosteriorKind, RunFolder
from lfads_nb.sweep.input_files import InputInfo, read_input_info
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.preparing import CountsCache, prepare_run
from lfads_nb.sweep.run_record import RunRecord, run_name
from lfads_nb.sweep.run_spec import RunSpec

if TYPE_CHECKING:
    from pathlib import Path

    from lfads_nb.datasets import Signal
    from lfads_nb.model.inference import Inference
    from lfads_nb.queue.status import RunStatus
    from lfads_nb.results import FitLog, PosteriorMeans, TrainedParams
    from lfads_nb.results.decoding import LabelResult, SignalResult
    from lfads_nb.sweep.applying import Applied


class Run:
    """One run of a collection. It keeps nothing but what it is; all else is in its folder.

    Subclass it, and give the subclass to `RunSpec(..., run_class=...)`, to change what it trains
    on: `generate_counts`, `generate_alignment_counts`, `extra_inputs`.

    Parameters
    ----------
    collection_name, collection_folder : the collection that it belongs to.
    spec : its datasets.
    params : its setting.

    Attributes
    ----------
    own_folder : where it lives instead of under its setting's name; a population's members and
        its winner do.
    """

    own_folder: RunFolder | None = None

    def __init__(
        self,
        collection_name: str,
        collection_folder: CollectionFolder,
        spec: RunSpec,
        params: RunParams,
    ) -> None:
        self.collection_name = collection_name
        self.collection_folder = collection_folder
        self.spec = spec
        self.params = params
        self.comment = ""
        self._inference: tuple[int | None, Inference] | None = None

    # ----------------------------------------------------------------------------------- hooks

    @classmethod
    def generate_counts(cls, dataset: Dataset) -> Counts:
        """Return the spikes to train on; by default all that the dataset holds."""
        return dataset.load_counts()

    @classmethod
    def generate_alignment_counts(cls, dataset: Dataset) -> Counts | None:
        """Return other spikes to align sessions by, or None for the same."""
        return dataset.load_alignment_counts()

    def extra_inputs(self, dataset: Dataset) -> Mapping[str, np.ndarray]:  # noqa: ARG002
        """Return further arrays to store in the dataset's input file, by name."""
        return {}

    # -------------------------------------------------------------------------------- identity

    @property
    def name(self) -> str:
        """`<spec>__param_XXXXXX`, unique within the collection."""
        return run_name(self.spec.name, self.params)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        return self.spec.datasets

    @property
    def folder(self) -> RunFolder:
        """Every path of the run."""
        if self.own_folder is not None:
            return self.own_folder
        return self.collection_folder.run(self.params.param_name, self.spec.name)

    @property
    def data_folder(self) -> Path:
        """Folder of its prepared inputs, shared with the runs that have the same data hash."""
        return self.collection_folder.data(self.params.data_name, self.spec.name)

    @property
    def record(self) -> RunRecord:
        return RunRecord(self.collection_name, self.spec.name, self.params, self.spec.dataset_names)

    def same_as(self, other: Run) -> bool:
        """Whether both are the same spec and setting in the same folder."""
        return (
            type(self) is type(other)
            and self.spec == other.spec
            and self.params.set_values() == other.params.set_values()
            and self.folder == other.folder
        )

    # ------------------------------------------------------------------------------- preparing

    @property
    def is_prepared(self) -> bool:
        """Whether its inputs and its folder are there."""
        return self.folder.run_json.exists() and all(
            self.folder.input_file(name).exists() and self.folder.input_info(name).exists()
            for name in self.spec.dataset_names
        )

    def prepare(self, *, regenerate: bool = False, cache: CountsCache | None = None) -> bool:
        """Make what is missing of its inputs; see `lfads_nb.sweep.preparing.prepare_run`."""
        return prepare_run(self, regenerate=regenerate, cache=cache)

    # --------------------------------------------------------------------------------- running

    def go_on(self, **options: Any) -> Any:
        """Train on to its own end after it was stopped early; see `RunCollection.launch`."""
        return self.launch(go_on=True, **options)

    def launch(self, **options: Any) -> Any:
        """Queue this run alone; see `RunCollection.launch`."""
        from lfads_nb.queue import launch

        return launch([self], **options)

    def bring_back(self) -> RunStatus:
        """Bring back what the run had made before training it again failed; it is done then.

        What is cancelled comes back by itself.

        Raises
        ------
        QueueError
            There is nothing to bring back, or the run is queued or worked on.
        """
        from lfads_nb.queue.retraining import bring_back

        return bring_back(self.folder)

    @property
    def is_done(self) -> bool:
        """Whether every stage ended well."""
        return self.folder.done.exists()

    def status(self) -> RunStatus:
        """Return where the run is now; one whose process is gone counts as interrupted."""
        from lfads_nb.queue.reading import current_status

        return current_status(self.folder)

    def delete_outputs(self, *, confirmed: bool = False) -> None:
        """Delete everything that training wrote; inputs stay.

        Raises
        ------
        CollectionError
            Unless `confirmed`, or while the run is queued or running.
        """
        if not confirmed:
            raise CollectionError(
                f"deleting the outputs of {self.name} cannot be undone: pass confirmed=True"
            )
        status = self.status()
        if status.state.is_active:
            raise CollectionError(
                f"{self.name} is {status.state.value}: cancel it before deleting its outputs"
            )
        shutil.rmtree(self.folder.output, ignore_errors=True)
        shutil.rmtree(self.folder.earlier_output, ignore_errors=True)
        for path in (
            self.folder.done, self.folder.log, self.folder.notebook, self.folder.status_json,
            self.folder.retraining_json, self.folder.earlier_notebook, self.folder.verdict_json,
            self.folder.provenance_json,
        ):  # fmt: skip
            path.unlink(missing_ok=True)

    # --------------------------------------------------------------------------------- results

    def posterior_means(
        self, dataset: str | int | None = None, *, kind: PosteriorKind | None = None
    ) -> PosteriorMeans:
        """Open the inferred rates, factors and the rest, read lazily.

        Parameters
        ----------
        dataset : name or index; needed only for a stitched run, where None joins all sessions.
        kind : which posterior; by default the one that the run was set to make.

        Raises
        ------
        RunFolderError
            If the run has not got that far.
        """
        from lfads_nb.results import PosteriorMeans

        return PosteriorMeans.open(
            self.folder, self.params, self.spec.dataset_names, dataset=dataset, kind=kind
        )

    def fit_log(self) -> FitLog:
        """Read the costs of every epoch so far."""
        from lfads_nb.results import FitLog

        return FitLog.read(self.folder.fit_log, select_by=self.params.select_by)

    def trained_params(self) -> TrainedParams:
        """Open the trained weights by name."""
        from lfads_nb.results import TrainedParams

        return TrainedParams.open(self.folder, self.spec.dataset_names)

    def export(self, folder: Path | None = None) -> list[Path]:
        """Write weights and posterior means as the run manager exports them.

        Parameters
        ----------
        folder : where to; `export/` in the run's folder by default.
        """
        from lfads_nb.results.export import export_results

        return export_results(self, folder)

    def decode(
        self,
        target: str | Signal | np.ndarray,
        *,
        dataset: str | int | None = None,
        kind: PosteriorKind | None = None,
        **options: Any,
    ) -> SignalResult | LabelResult:
        """Decode behaviour or conditions from what was inferred, and from the spikes beside it.

        Parameters
        ----------
        target : name of a behavioural signal, "condition", the name of a trial column, or an array.
        dataset : name or index; needed only for a stitched run.
        kind : which posterior, as for `posterior_means`.
        options : sources, lag_ms, evaluate, groups, n_permutations, ...; see
            `lfads_nb.results.decoding.decode_run`.

        Returns
        -------
        SignalResult or LabelResult
            `.table()` has a row per source: R2 or accuracy on trials that nothing was fitted on.
            Of a named target it is kept in the run's folder, for `compare` and the leaderboard,
            unless lag, groups, window or folds were given.

        Raises
        ------
        DataError
            There is no such target, it does not fit, or trials are too few.
        RunFolderError
            If the run has not got that far.
        """
        from lfads_nb.results.decoding import decode_and_keep
        from lfads_nb.results.session_files import pick_dataset

        name = pick_dataset(self.spec.dataset_names, dataset)
        return decode_and_keep(self.posterior_means(name, kind=kind), target, **options)

    def infer(
        self,
        counts: Counts | np.ndarray,
        dataset: str | None = None,
        *,
        external_inputs: np.ndarray | None = None,
        kind: PosteriorKind | None = None,
        n_samples: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Apply the trained model to new trials of the same channels.

        Parameters
        ----------
        counts : `Counts` of any bin width that divides the run's (their external inputs are used),
            or an array (trials, bins, channels) in the run's own bins, NaN where missing; of any
            number of bins.
        dataset : session whose read-in and read-out to use; needed if the run has several.
        external_inputs : (trials, bins, inputs), with an array of counts.
        kind, n_samples : how to sample the posterior, instead of the run's own way.

        Returns
        -------
        dict of arrays, trials first
            Named and in units as in `posterior_means()`: "rates" in spikes/s, "factors", ...

        Raises
        ------
        DataError, ParamsError, RunFolderError
            The trials do not fit the run, or it is not trained.
        """
        from lfads_nb.results.new_trials import as_fields

        if isinstance(counts, Counts):
            binned = counts.rebin(self.params.spike_bin_ms)
            counts, external_inputs = binned.counts, binned.external_inputs
        outputs = self.inference().infer(
            counts, dataset=dataset, external_inputs=external_inputs, kind=kind,
            n_samples=n_samples,
        )  # fmt: skip
        return as_fields(outputs, self.params)

    def prior_samples(self, n_samples: int | None = None) -> dict[str, np.ndarray]:
        """Return what the trained model makes up without data: samples from its prior.

        They are drawn anew, written to the run's folder (`model_runs_prior_sample`, as the original
        does), and always the same for the same number of samples and seed.

        Parameters
        ----------
        n_samples : how many; by default `num_samples_posterior`.

        Returns
        -------
        dict of arrays, samples first
            Named and in units as in `posterior_means()`: "rates" in spikes/s of the first
            session, "factors", "generator_states", ... Rates of further sessions of a stitched run
            are "rates_<session>"; the sampled inputs "controller_outputs".

        Raises
        ------
        RunFolderError, DataError
            The run is not trained, or its inputs are missing.
        """
        from lfads_nb.model import stages
        from lfads_nb.results.new_trials import read_prior_samples

        if n_samples is not None and n_samples < 1:
            raise DataError(f"must be 1 or more, not {n_samples}", field="n_samples")
        stages.sample_prior(self.folder, self.params, self.spec.dataset_names, n_samples=n_samples)
        return read_prior_samples(self.folder, self.params, self.spec.dataset_names)

    def inference(self) -> Inference:
        """Return the trained model, ready for new trials; kept until it is trained again.

        Raises
        ------
        RunFolderError
            The run is not trained.
        """
        from lfads_nb.model.inference import Inference

        weights = self.folder.model_params
        written = weights.stat().st_mtime_ns if weights.is_file() else None
        if self._inference is None or self._inference[0] != written:
            self._inference = (written, Inference(self.folder))
        return self._inference[1]

    def apply(
        self,
        data: Counts | Dataset,
        *,
        session: str | None = None,
        name: str | None = None,
        folder: str | Path | None = None,
        kind: PosteriorKind | None = None,
        n_samples: int | None = None,
    ) -> Applied:
        """Apply the trained model to other data, and write files that viewers open.

        See `lfads_nb.sweep.applying.apply_run`.

        Parameters
        ----------
        data : `Counts`, or a dataset, whose trials are taken as they are.
        session, name, folder, kind, n_samples : as there.
        """
        from lfads_nb.sweep.applying import apply_run

        counts = data.load_counts() if isinstance(data, Dataset) else data
        if name is None and isinstance(data, Dataset):
            name = data.name
        return apply_run(
            self, counts, session=session, name=name, folder=folder, kind=kind, n_samples=n_samples
        )

    def input_info(self, dataset: str | int = 0) -> InputInfo:
        """Read what is known about a dataset's trials."""
        name = self.spec.dataset_names[dataset] if isinstance(dataset, int) else dataset
        return read_input_info(self.folder.input_info(name))

    def __repr__(self) -> str:
        return f"<Run {self.name} ({self.params.data_name}) in {self.folder.path}>"
