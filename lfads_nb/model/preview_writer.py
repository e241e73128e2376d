"""Shows, while a run or a member trains, how it sees a few trials: about once a minute."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

import numpy as np

from lfads_nb.errors import DiskFullError
from lfads_nb.model.callbacks import EpochEnd, Logs
from lfads_nb.model.fit_log import EpochFigures
from lfads_nb.model.inputs import Session, Trials
from lfads_nb.model.sampling import PosteriorSampler
from lfads_nb.model.training import Training
from lfads_nb.sweep.live_preview import LivePreview, write_preview

log = logging.getLogger(__name__)

N_TRIALS = 3
SECONDS_BETWEEN = 60.0
COST_SHARE = 0.01
"""The most of the time of a training that previews take, once they are compiled."""


class PreviewWriter(EpochEnd):
    """Writes `preview.h5` after an epoch, if the last one is a minute old.

    A preview that fails is given up for good: no training ends because of it.

    Parameters
    ----------
    training, session : the run's, and the session that is shown.
    index : int
        Of that session among the run's.
    n_alike : int
        How many trainings of one program show previews, and share the time for that.
    """

    def __init__(
        self, training: Training, session: Session, *, index: int = 0, n_alike: int = 1
    ) -> None:
        super().__init__(training)
        self._session, self._index, self._share = session, index, COST_SHARE / n_alike
        valid = session.splits["valid"]
        n = min(N_TRIALS, len(valid))
        self._trials = np.unique(np.linspace(0, len(valid) - 1, n).round().astype(int))
        self._shown = Trials(valid.counts[self._trials], valid.external_inputs[self._trials])
        self._is_compiled = bool(training.preview)
        self._due = training.clock() + SECONDS_BETWEEN
        self._is_given_up = not len(self._trials)

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Write a preview where one is due."""
        clock = self.training.clock
        if self._is_given_up or clock() < self._due:
            return
        started = clock()
        try:
            write_preview(self.training.run, self._preview(figures.epoch + 1))
        except DiskFullError as error:
            # Room may be made before the next is due.
            log.warning("No preview now: %s.", error)
        except Exception:
            # Also what a framework raises where memory is short: the training has precedence.
            log.exception("No more previews of this training, which goes on.")
            self._is_given_up = True
            self.training.preview.clear()
        # The first one compiles, and says nothing of what the next will cost.
        cost = (clock() - started) / self._share if self._is_compiled else 0.0
        self._is_compiled = True
        self._due = clock() + max(SECONDS_BETWEEN, cost)

    def _preview(self, epoch: int) -> LivePreview:
        compiled, session = self.training.preview, self._session
        model = self.training.model.shown()
        if not compiled:
            sampler = PosteriorSampler(
                model, kind="posterior_push_mean", n_samples=1, max_trials=N_TRIALS
            )
            compiled.append(sampler.means)
        outputs = compiled[0](self._shown, self._index)
        truth = session.truth.get("valid")
        return LivePreview(
            epoch=epoch,
            bin_ms=self.training.params.spike_bin_ms,
            session=session.name,
            trials=self._trials,
            counts=self._shown.counts,
            rates=outputs["output_dist_params"][..., : session.n_channels],
            truth=None if truth is None else truth[self._trials],
            factors=outputs["factors"],
        )


class TurnPreview(PreviewWriter):
    """Writes a member's preview at the end of its turn, if the last one is a minute old.

    After a copy it is written in any case: the one that is there shows weights that are gone.

    Parameters
    ----------
    training, session : the member's.
    is_copy : whether its weights are another's.
    n_alike : how many turns are taken as one program.
    """

    def __init__(
        self, training: Training, session: Session, *, is_copy: bool, n_alike: int = 1
    ) -> None:
        super().__init__(training, session, n_alike=n_alike)
        age = SECONDS_BETWEEN
        with suppress(OSError):
            age = time.time() - training.run.preview.stat().st_mtime
        self._due = training.clock() + (0.0 if is_copy else max(0.0, SECONDS_BETWEEN - age))

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:
        """Write it where the turn ends."""
        if self.training.stop_reason:
            super().after_epoch(figures, logs)
