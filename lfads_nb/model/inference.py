"""A trained run applied to trials that it was not trained on, of any number of bins.

Nothing in LFADS' weights depends on how long a trial is; only compiled loops do, so one is made for
each length and kept.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

import numpy as np

from lfads_nb.errors import ParamsError
from lfads_nb.model import weights
from lfads_nb.model.architecture import Architecture, architecture_of
from lfads_nb.model.devices import on_device
from lfads_nb.model.hyperparameters import read_hyperparameters
from lfads_nb.model.inputs import check_counts, checked_trials
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.sampling import PosteriorSampler
from lfads_nb.sweep.folders import PosteriorKind, RunFolder

log = logging.getLogger(__name__)

FAR_BEYOND = 2.0
"""Trials longer than this many times those of training are extrapolated; a warning says so."""
FAR_BELOW = 0.5
"""The encoders see less than this share of what they saw in training; a warning says so."""

_KEPT = 8


class Inference:
    """A trained run, ready for new trials.

    Parameters
    ----------
    run : its folder, with its weights exported.

    Raises
    ------
    RunFolderError
        It has no trained weights.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.stored = read_hyperparameters(run)
        self._arrays = weights.read_model_params(run.model_params)
        self._samplers: OrderedDict[tuple[object, ...], PosteriorSampler] = OrderedDict()

    @property
    def sessions(self) -> dict[str, int]:
        """The run's sessions and how many channels each has."""
        return dict(zip(self.stored.datasets, self.stored.n_channels, strict=True))

    def infer(
        self,
        counts: np.ndarray,
        *,
        dataset: str | None = None,
        external_inputs: np.ndarray | None = None,
        kind: PosteriorKind | None = None,
        n_samples: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Infer what underlies new trials.

        Parameters
        ----------
        counts : array, (trials, bins, channels)
            Binned as the run's own data; NaN where missing. Any number of bins.
        dataset : str, optional
            Session whose read-in and read-out to use; needed if the run has several.
        external_inputs : array, (trials, bins, inputs), optional
        kind, n_samples : optional
            Instead of the run's own.

        Returns
        -------
        dict of arrays, trials first
            As in a `model_runs_*` file; `output_dist_params` in counts per bin.

        Raises
        ------
        DataError, ParamsError
            The trials do not fit the run, in words.
        """
        stored, params = self.stored, self.stored.params
        counts = np.asarray(counts)
        check_counts(counts, params, dataset=dataset)
        architecture = self._architecture(counts.shape[1])
        session = _chosen_session(architecture, dataset)
        n_channels = stored.n_channels[session]
        if counts.shape[2] != n_channels:
            fitting = [name for name, n in self.sessions.items() if n == counts.shape[2]]
            raise ParamsError(
                f"the trials have {counts.shape[2]} channels, but the run was trained on "
                f"{n_channels} ({architecture.sessions[session]}): select and order channels as "
                "for training" + (f", or take session {' or '.join(fitting)}" if fitting else "")
            )
        if counts.shape[1] > FAR_BEYOND * stored.n_bins:
            log.warning(
                "The trials have %d bins, those of training had %d: what is inferred so far beyond "
                "is an extrapolation. Cut them into windows (chop_recording) and merge.",
                counts.shape[1], stored.n_bins,
            )  # fmt: skip
        elif counts.shape[1] < FAR_BELOW * stored.n_bins:
            log.warning(
                "The trials have %d bins, those of training had %d: so little of a trial tells the "
                "model less of where it begins than what it was trained with. Infer longer trials, "
                "or train with windows of this length (chop_recording).",
                counts.shape[1], stored.n_bins,
            )  # fmt: skip
        if external_inputs is None:
            external_inputs = np.zeros((*counts.shape[:2], 0), np.float32)
        external = np.asarray(external_inputs, np.float32)
        trials = checked_trials(counts, external, params, dataset=dataset)
        with on_device(params):
            sampler = self._sampler(
                architecture,
                kind or params.posterior_mean_kind,
                n_samples or params.num_samples_posterior,
                len(trials),
            )
            return sampler.means(trials, session)

    def _architecture(self, n_bins: int) -> Architecture:
        stored = self.stored
        return architecture_of(
            stored.params, stored.datasets, stored.n_channels, n_bins,
            aligned=any("x_2_infac" in key for key in self._arrays),
        )  # fmt: skip

    def _sampler(
        self, architecture: Architecture, kind: PosteriorKind, n_samples: int, n_trials: int
    ) -> PosteriorSampler:
        # Batches are padded anyway: a few sizes serve all numbers of trials.
        most = 1 << (n_trials - 1).bit_length() if n_trials > 1 else 1
        key = (architecture.n_bins, kind, n_samples, most)
        if key not in self._samplers:
            model = Lfads(architecture)
            weights.from_tf1(model.network, self._arrays, source=self.run.model_params)
            model.step.assign(int(self._arrays.get("LFADS_global_step:0", 0)))
            self._samplers[key] = PosteriorSampler(
                model, kind=kind, n_samples=n_samples, max_trials=most,
                with_sd=architecture.params.store_posterior_sd,
            )  # fmt: skip
            while len(self._samplers) > _KEPT:
                self._samplers.popitem(last=False)
        self._samplers.move_to_end(key)
        return self._samplers[key]


def _chosen_session(architecture: Architecture, dataset: str | None) -> int:
    if dataset is None and architecture.n_sessions > 1:
        raise ParamsError(
            f"the run has several sessions, say which one: {', '.join(architecture.sessions)}"
        )
    return 0 if dataset is None else architecture.session_index(dataset)
