"""Posterior means of the members of a pack, with one compiled pass for all of them.

A pass of the sampler fills a GPU with the trials and samples of one member, so members go one after
the other; what is saved is the start of a process, the compilation and the wait for the card that
each would have by itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from lfads_nb.model.inputs import Session, describe
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.sampling import PosteriorSampler
from lfads_nb.model.stages import load_best, posterior_sampler, write_posterior
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams


class PackSampler:
    """Writes the posterior means of runs that differ in numbers only.

    Parameters
    ----------
    sessions : the runs' data.
    """

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions
        self._model: Lfads | None = None
        self._samplers: dict[Hashable, PosteriorSampler] = {}

    def sample(self, run: RunFolder, params: RunParams) -> None:
        """Write what `stages.sample_posterior` does, from the run's best checkpoint.

        Raises
        ------
        RunFolderError
            There are no trained weights.
        """
        architecture = describe(params, self._sessions)
        if self._model is None:
            self._model = Lfads(architecture)
        else:
            # Its layers keep the first one's, which differs in nothing that they compile.
            self._model.architecture = architecture
            self._model.network.settings.set(params)
        load_best(run, self._model)
        key = params.posterior_mean_kind, params.num_samples_posterior, params.store_posterior_sd
        if key not in self._samplers:
            self._samplers[key] = posterior_sampler(self._model, self._sessions)
        write_posterior(run, self._samplers[key], self._sessions, params.posterior_mean_kind)
