"""What LFADS inferred about every trial: rates, factors, initial conditions, inputs.

Successor of the run manager's class of the same name (features.md K1-K8), with two differences:
arrays are trials x time x units, and nothing is read from the files before it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.datasets.behavior import Signal, join_signals
from lfads_nb.errors import CollectionError, DataError, RunFolderError
from lfads_nb.results.condition_averages import ConditionAverages, average_by_condition
from lfads_nb.results.session_files import SPLITS, SessionFiles, pick_dataset
from lfads_nb.results.stored_arrays import StoredArrays
from lfads_nb.results.trial_arrays import TrialArray
from lfads_nb.results.trial_outputs import TRIAL_ARRAYS, TrialOutputs
from lfads_nb.sweep.folders import PosteriorKind, RunFolder, Split
from lfads_nb.sweep.input_files import InputInfo
from lfads_nb.sweep.params import RunParams

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class PosteriorMeans(StoredArrays):
    """What a run inferred about the trials of one session, or of several in turn.

    Every array has the trials first, in the order that they were recorded in; trials that the run
    has no output for are NaN. An attribute such as `pm.rates` reads its array once and keeps it;
    `pm.field("rates")[trials, bins, neurons]` reads no more than what is indexed. An array that
    the run did not store is None.

    Make it with `Run.posterior_means()`, or with `PosteriorMeans.open`.
    """

    def __init__(
        self, sessions: Sequence[SessionFiles], params: RunParams, kind: PosteriorKind
    ) -> None:
        super().__init__(sessions, params, kind)
        self._single: dict[int, PosteriorMeans] = {}

    @classmethod
    def open(
        cls,
        run: RunFolder,
        params: RunParams,
        datasets: Sequence[str],
        *,
        dataset: str | int | None = None,
        kind: PosteriorKind | None = None,
    ) -> PosteriorMeans:
        """Open the outputs in a run's folder.

        Parameters
        ----------
        run : the folder.
        params : the run's setting: bin width, distribution and usual kind of posterior.
        datasets : names of the run's sessions.
        dataset : one of them, by name or 0-based index; None opens all, their trials in turn.
        kind : which outputs; by default those that the setting asks for, or else those there are.

        Raises
        ------
        CollectionError
            The run has no such dataset.
        RunFolderError
            There are no outputs of that kind; the message says what to do.
        """
        if not datasets:
            raise CollectionError(f"the run in {run.path} has no datasets")
        names = datasets if dataset is None else [pick_dataset(datasets, dataset)]
        sessions = [SessionFiles(run, name, params.data_name) for name in names]
        kinds = {s.choose_kind(kind, params.posterior_mean_kind) for s in sessions}
        if len(kinds) > 1:
            raise RunFolderError(
                f"the sessions of {run.path} have been sampled in different ways: ask for one "
                "kind, or sample the missing sessions"
            )
        return cls(sessions, params, kinds.pop())

    # ------------------------------------------------------------------------------- sessions

    @property
    def sessions(self) -> tuple[PosteriorMeans, ...]:
        """One object for each session."""
        return tuple(self.session(i) for i in range(len(self._files)))

    def session(self, dataset: str | int) -> PosteriorMeans:
        """Return the outputs of one session, by name or 0-based index."""
        if len(self._files) == 1:
            pick_dataset(self.datasets, dataset)
            return self
        index = self.datasets.index(pick_dataset(self.datasets, dataset))
        if index not in self._single:
            self._single[index] = PosteriorMeans([self._files[index]], self.params, self.kind)
        return self._single[index]

    def forget(self) -> None:
        """Give back the memory of all arrays that were read; they are read again when needed."""
        super().forget()
        self.__dict__.pop("behavior", None)
        for single in self._single.values():
            single.forget()

    @cached_property
    def dataset_index(self) -> np.ndarray:
        """(trials,) 0-based session of each trial."""
        return np.repeat(np.arange(len(self._files)), [f.n_trials for f in self._files])

    # --------------------------------------------------------------------------------- trials

    @property
    def info(self) -> InputInfo | None:
        """What is known about the trials of a single session beyond the outputs."""
        if len(self._files) > 1:
            raise CollectionError(
                f"this joins the sessions {', '.join(self.datasets)}: take one of pm.sessions"
            )
        return self._files[0].info

    @property
    def raw_counts(self) -> np.ndarray | None:
        """(trials, raw bins, neurons) spikes before rebinning, of a single session."""
        info = self.info
        return None if info is None else info.raw_counts

    @cached_property
    def n_trials(self) -> int:
        return sum(files.n_trials for files in self._files)

    def trials_of(self, split: Split) -> np.ndarray:
        """Return the 0-based trials of "train", "valid" or "test", in the order of their rows."""
        offsets = np.cumsum([0, *(files.n_trials for files in self._files)])
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate(
            [
                f.inds.get(split, none) + start
                for f, start in zip(self._files, offsets, strict=False)
            ]
        )

    @property
    def train_inds(self) -> np.ndarray:
        """0-based trials that the model was trained on."""
        return self.trials_of("train")

    @property
    def valid_inds(self) -> np.ndarray:
        """0-based trials that were kept for validation."""
        return self.trials_of("valid")

    @property
    def test_inds(self) -> np.ndarray:
        """0-based trials that were kept for a test."""
        return self.trials_of("test")

    @cached_property
    def splits(self) -> np.ndarray:
        """(trials,) "train", "valid", "test", or "" for a trial that no split uses."""
        splits = np.full(self.n_trials, "", dtype="U5")
        for split in SPLITS:
            splits[self.trials_of(split)] = split
        return splits

    @cached_property
    def condition_ids(self) -> np.ndarray | None:
        """(trials,) numbers or texts; None where no session has conditions."""
        ids = [None if f.info is None else f.info.condition_ids for f in self._files]
        if all(each is None for each in ids):
            return None
        is_text = any(each is not None and each.dtype.kind == "U" for each in ids)
        missing: Any = "" if is_text else np.nan
        filled = [
            np.full(files.n_trials, missing) if each is None else each
            for each, files in zip(ids, self._files, strict=True)
        ]
        return np.concatenate([each.astype(str) if is_text else each for each in filled])

    # ------------------------------------------------------------------------------- behaviour

    @cached_property
    def behavior(self) -> Mapping[str, Signal]:
        """Behavioural signals by name, each (trials, bins, dims) in the order of the trials.

        Of several sessions, those that all of them have in the same dimensions and unit.
        """
        return join_signals([files.behavior() for files in self._files])

    @property
    def behavior_names(self) -> tuple[str, ...]:
        """Names of the behavioural signals, without reading them."""
        first, *others = [files.behavior_names() for files in self._files]
        return tuple(name for name in first if all(name in names for names in others))

    # ---------------------------------------------------------------------------------- sizes

    @cached_property
    def _any_outputs(self) -> TrialArray:
        for name in ("factors", "rates", "generator_states"):
            if self.has(name):
                return self.field(name)
        raise RunFolderError(f"{self.name}: the outputs hold neither factors nor rates")

    @property
    def is_valid(self) -> bool:
        """Whether there are outputs for every trial of every split."""
        used = self.splits != ""
        return bool(self._any_outputs.present[used].all())

    @property
    def n_bins(self) -> int:
        return self._any_outputs.shape[1]

    @property
    def n_neurons(self) -> int:
        return self.field("rates").shape[-1]

    @property
    def n_factors(self) -> int:
        return self.field("factors").shape[-1]

    @property
    def n_controller_outputs(self) -> int:
        return self._width("controller_outputs")

    @property
    def n_generator_units(self) -> int:
        return self._width("generator_states")

    def _width(self, name: str) -> int:
        return self.field(name).shape[-1] if self.has(name) else 0

    @cached_property
    def time_ms(self) -> np.ndarray:
        """(bins,) left edge of each bin in ms, as in the data; from 0 where that is not known."""
        info = self._files[0].info
        if info is None:
            return np.arange(self.n_bins) * self.bin_ms
        # Counting raw bins would go wrong where a tail was too short for a last bin.
        ratio = max(round(self.bin_ms / info.raw_bin_ms), 1)
        return info.raw_time_ms[::ratio][: self.n_bins]

    @property
    def bin_centers_ms(self) -> np.ndarray:
        """(bins,) middle of each bin in ms, where its values are drawn."""
        return self.time_ms + self.bin_ms / 2

    # ------------------------------------------------------------------------------ other forms

    def condition_averages(
        self, field: str = "rates", *, trials: Any = None, condition_ids: np.ndarray | None = None
    ) -> ConditionAverages:
        """Average a field over the trials of each condition.

        Parameters
        ----------
        field : name of an array with trials first.
        trials : which trials to use, as 0-based numbers or a mask; all by default.
        condition_ids : (trials,) other ids than those that came with the data.

        Returns
        -------
        ConditionAverages
            ids, and mean and s.e.m. (conditions, bins, units), and trials of each.

        Raises
        ------
        DataError
            The trials have no condition ids.
        """
        ids = self.condition_ids if condition_ids is None else np.asarray(condition_ids)
        if ids is None:
            raise DataError("the trials of this run have no conditions", field="condition ids")
        chosen = np.arange(self.n_trials) if trials is None else np.arange(self.n_trials)[trials]
        return average_by_condition(self.field(field)[chosen], ids[chosen])

    def to_frame(self, field: str = "rates", *, trials: Any = None) -> pd.DataFrame:
        """Return a field as a table, see `lfads_nb.results.tables.field_frame`."""
        from lfads_nb.results.tables import field_frame

        return field_frame(self, field, trials=trials)

    def trials_frame(self) -> pd.DataFrame:
        """Return a table of the trials, see `lfads_nb.results.tables.trials_frame`."""
        from lfads_nb.results.tables import trials_frame

        return trials_frame(self)

    def to_xarray(self, fields: Sequence[str] | None = None) -> xr.Dataset:
        """Return named arrays with coordinates, see `lfads_nb.results.tables.to_xarray`."""
        from lfads_nb.results.tables import to_xarray

        return to_xarray(self, fields)

    def attach_to_trials(self) -> list[TrialOutputs]:
        """Return one object per trial, of each session in turn."""
        return [trial for session in self.sessions for trial in session._trials_of_session()]

    def _trials_of_session(self) -> list[TrialOutputs]:
        arrays = {name: self.field(name).load() for name in TRIAL_ARRAYS if self.has(name)}
        return [
            TrialOutputs(
                trial=trial,
                dataset=self.datasets[0],
                split=str(self.splits[trial]),
                condition=None if self.condition_ids is None else self.condition_ids[trial],
                time_ms=self.time_ms,
                behavior={name: signal.values[trial] for name, signal in self.behavior.items()},
                **{name: arrays[name][trial] if name in arrays else None for name in TRIAL_ARRAYS},
            )
            for trial in range(self.n_trials)
        ]

    def __repr__(self) -> str:
        from lfads_nb.results.descriptions import describe

        return describe(self)

    def _repr_html_(self) -> str:
        from lfads_nb.results.descriptions import describe_html

        return describe_html(self)


def concatenate_over_trials(posterior_means: Sequence[PosteriorMeans]) -> PosteriorMeans:
    """Join the trials of several sessions.

    Fields of equal width (factors, inputs, ...) join; fields that differ in width between the
    sessions (usually the rates) are not stored in what is returned.

    Raises
    ------
    DataError
        There are none, or they differ in bin width, bins or kind.
    """
    pms = list(posterior_means)
    if not pms:
        raise DataError("there is nothing to join")
    for what, values in (
        ("bin width (ms)", [pm.bin_ms for pm in pms]),
        ("number of bins", [pm.n_bins for pm in pms]),
        ("kind", [pm.kind for pm in pms]),
        ("output distribution", [pm.params.output_dist for pm in pms]),
    ):
        if len(set(values)) > 1:
            raise DataError(f"the {what} differs: {', '.join(str(v) for v in values)}")
    files = [each for pm in pms for each in pm._files]
    return PosteriorMeans(files, pms[0].params, pms[0].kind)
