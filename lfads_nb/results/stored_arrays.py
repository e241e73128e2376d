"""The arrays that a run stored, each read from its files when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lfads_nb.errors import DataError, RunFolderError
from lfads_nb.results.output_fields import (
    FIELDS,
    OUTPUT_DISTRIBUTIONS,
    OutputDistribution,
    OutputField,
)
from lfads_nb.results.session_files import SessionFiles
from lfads_nb.results.trial_arrays import SplitRows, TrialArray, open_hdf5
from lfads_nb.sweep.folders import PosteriorKind, RunFolder, Split
from lfads_nb.sweep.params import RunParams


class StoredArrays:
    """Arrays over the trials of one session, or of several in turn, by name.

    An attribute reads its array once and keeps it, and is None if the run did not store it;
    `field(name)` reads no more than what is indexed.

    Parameters
    ----------
    sessions : where they lie.
    params : the run's setting, for bin width and output distribution.
    kind : which of the posterior's outputs.
    """

    def __init__(
        self, sessions: Sequence[SessionFiles], params: RunParams, kind: PosteriorKind
    ) -> None:
        self._files = tuple(sessions)
        self.params = params
        self.kind: PosteriorKind = kind
        self._fields: dict[str, TrialArray | None] = {}

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the sessions, in the order of their trials."""
        return tuple(files.dataset for files in self._files)

    @property
    def run_folder(self) -> RunFolder:
        """Folder of the run (of the first one, where several were joined)."""
        return self._files[0].run

    @property
    def name(self) -> str:
        """Names of the sessions and of the run's folder, for titles and files."""
        folder = self.run_folder.path
        return f"{', '.join(self.datasets)} of {folder.name} {folder.parent.name}"

    @property
    def bin_ms(self) -> float:
        """Width of the bins that LFADS saw."""
        return self.params.spike_bin_ms

    @property
    def counts_to_rates(self) -> float:
        """Turns counts per bin into spikes/s; 1 for outputs that are not spikes."""
        return 1000 / self.bin_ms if self._distribution.per_second else 1.0

    @property
    def rate_unit(self) -> str:
        return self._distribution.unit

    # --------------------------------------------------------------------------------- fields

    def has(self, name: str) -> bool:
        """Whether the run stored that array."""
        return self._lazy(name) is not None

    @property
    def stored_fields(self) -> tuple[str, ...]:
        """Names of all arrays that the run stored."""
        return tuple(name for name in FIELDS if self.has(name))

    def field(self, name: str) -> TrialArray:
        """Return an array that is read as far as it is indexed.

        Raises
        ------
        DataError
            There is no field of that name.
        RunFolderError
            The run did not store it.
        """
        array = self._lazy(name)
        if array is None:
            raise RunFolderError(
                f"{self.name} stored no {name}. It stored: {', '.join(self.stored_fields)}."
            )
        return array

    def forget(self) -> None:
        """Give back the memory of all arrays that were read; they are read again when needed."""
        for array in self._fields.values():
            if array is not None:
                array.forget()

    def _lazy(self, name: str) -> TrialArray | None:
        if name not in FIELDS:
            raise DataError(f"there is no such field; there are {', '.join(FIELDS)}", field=name)
        if name not in self._fields:
            arrays = [self._of_session(files, FIELDS[name]) for files in self._files]
            found = [array for array in arrays if array is not None]
            # Sessions differ in neurons, and then their rates do not join.
            joins = len(found) == len(arrays) and len({a.shape[1:] for a in found}) == 1
            self._fields[name] = found[0].concatenated_with(*found[1:]) if joins else None
        return self._fields[name]

    def _of_session(self, files: SessionFiles, field: OutputField) -> TrialArray | None:
        if field.name == "output_variances" and self._distribution.variance is None:
            return None
        parts = []
        for split, path in self._paths(files, field).items():
            keys = [f"{split}_{key}" if field.is_input else key for key in field.keys]
            with open_hdf5(path) as file:
                stored = [key for key in keys if key in file]
            if stored:
                parts.append(self._rows(field, path, stored[0], files.inds[split]))
        return TrialArray(tuple(parts), files.n_trials) if parts else None

    def _paths(self, files: SessionFiles, field: OutputField) -> dict[Split, Any]:
        if field.is_input:
            return dict.fromkeys(files.inds, files.input_file)
        return {s: path for s, path in files.outputs(self.kind).items() if s in files.inds}

    def _rows(self, field: OutputField, path: Any, key: str, trials: np.ndarray) -> SplitRows:
        distribution = self._distribution
        return SplitRows(
            path,
            key,
            trials,
            n_axes=len(field.axes),
            blocks=distribution.n_blocks if field.from_output_params else 1,
            combine=distribution.variance if field.name == "output_variances" else None,
            scale=self.counts_to_rates if field.per_second else 1.0,
        )

    @property
    def _distribution(self) -> OutputDistribution:
        return OUTPUT_DISTRIBUTIONS[self.params.output_dist]

    def _read(self, name: str) -> np.ndarray | None:
        array = self._lazy(name)
        return None if array is None else array.load()

    @property
    def rates(self) -> np.ndarray:
        """(trials, bins, neurons) inferred firing rates in spikes/s.

        They are the mean of the output distribution; of outputs that are not spikes it is in the
        units of the data, per bin.
        """
        return self.field("rates").load()

    @property
    def factors(self) -> np.ndarray:
        """(trials, bins, factors), in a basis that is arbitrary and differs between runs."""
        return self.field("factors").load()

    @property
    def controller_outputs(self) -> np.ndarray | None:
        """(trials, bins, inputs) inferred inputs; None for a model without a controller."""
        return self._read("controller_outputs")

    @property
    def generator_states(self) -> np.ndarray | None:
        """(trials, bins, generator units)."""
        return self._read("generator_states")

    @property
    def generator_ics(self) -> np.ndarray | None:
        """(trials, generator units) states before the first bin."""
        return self._read("generator_ics")

    @property
    def post_g0_mean(self) -> np.ndarray | None:
        """(trials, ic) mean of the posterior of the initial condition."""
        return self._read("post_g0_mean")

    @property
    def post_g0_logvar(self) -> np.ndarray | None:
        """(trials, ic) log variance of the posterior of the initial condition."""
        return self._read("post_g0_logvar")

    @property
    def prior_g0_mean(self) -> np.ndarray | None:
        """(trials, ic) mean of the prior of the initial condition."""
        return self._read("prior_g0_mean")

    @property
    def prior_g0_logvar(self) -> np.ndarray | None:
        """(trials, ic) log variance of the prior of the initial condition."""
        return self._read("prior_g0_logvar")

    @property
    def output_variances(self) -> np.ndarray | None:
        """(trials, bins, neurons) variance of the output distribution per bin; None for Poisson."""
        return self._read("output_variances")

    @property
    def rates_sd(self) -> np.ndarray | None:
        """(trials, bins, neurons) spread of the rates over samples, in spikes/s, if stored."""
        return self._read("rates_sd")

    @property
    def factors_sd(self) -> np.ndarray | None:
        """(trials, bins, factors) spread of the factors over samples, if stored."""
        return self._read("factors_sd")

    @property
    def controller_outputs_sd(self) -> np.ndarray | None:
        """(trials, bins, inputs) spread of the inferred inputs over samples, if stored."""
        return self._read("controller_outputs_sd")

    @property
    def costs(self) -> np.ndarray | None:
        """(trials,) training cost in nats, L2 and ramps included."""
        return self._read("costs")

    @property
    def nll_bound_vaes(self) -> np.ndarray | None:
        """(trials,) bound on the negative log likelihood in nats.

        Of `posterior_push_mean` outputs it is the mean over a batch of trials.
        """
        return self._read("nll_bound_vaes")

    @property
    def nll_bound_iwaes(self) -> np.ndarray | None:
        """(trials,) importance-weighted bound on the negative log likelihood in nats."""
        return self._read("nll_bound_iwaes")

    @property
    def train_steps(self) -> np.ndarray | None:
        """(trials,) optimiser steps of the checkpoint that was sampled from."""
        return self._read("train_steps")

    @property
    def counts(self) -> np.ndarray | None:
        """(trials, bins, neurons) spikes in each bin that LFADS saw."""
        return self._read("counts")

    @property
    def true_rates(self) -> np.ndarray | None:
        """(trials, bins, neurons) true rates in spikes/s, where they are known."""
        return self._read("true_rates")

    @property
    def external_inputs(self) -> np.ndarray | None:
        """(trials, bins, external inputs), summed over the bins that LFADS saw."""
        return self._read("external_inputs")
