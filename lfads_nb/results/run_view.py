"""A run as the reports see it, whether it is given as its folder or as a `Run`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from lfads_nb.errors import RunFolderError
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.new_trials import read_prior_samples
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.sweep.folders import PosteriorKind, RunFolder
from lfads_nb.sweep.halving import lost_at
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.vocabulary import STOPPED_EARLY


def with_epoch(state: str, folder: RunFolder) -> str:
    """Return a run's state in words, such as "stopped early at epoch 27"."""
    if state != STOPPED_EARLY:
        return state
    try:
        lost = lost_at(folder)
    except RunFolderError:
        lost = None  # whoever goes on with the run is told what is wrong with the file
    return state if lost is None else f"{state} at epoch {lost.epoch}"


@dataclass(frozen=True)
class RunView:
    """What there is to know about a run without opening its outputs."""

    name: str
    folder: RunFolder
    params: RunParams
    datasets: tuple[str, ...]

    @classmethod
    def of(cls, run: Any) -> RunView:
        """Return the view of a run.

        Parameters
        ----------
        run : its `RunFolder` (or path), which must hold a `run.json`, or what looks like a `Run`.

        Raises
        ------
        RunFolderError
            The folder does not say what it is.
        TypeError
            Something else was given.
        """
        if isinstance(run, RunView):
            return run
        if isinstance(run, str | Path):
            run = RunFolder(Path(run).absolute())
        if isinstance(run, RunFolder):
            record = RunRecord.load(run)
            return cls(record.name, run, record.params, record.datasets)
        if not hasattr(run, "spec"):
            raise TypeError(
                f"a run, such as rc.runs[0], or its folder is needed, not {type(run).__name__}"
            )
        return cls(run.name, run.folder, run.params, tuple(run.spec.dataset_names))

    def fit_log(self) -> FitLog:
        return FitLog.read(self.folder.fit_log, select_by=self.params.select_by)

    def posterior_means(
        self, dataset: str | int | None = None, *, kind: PosteriorKind | None = None
    ) -> PosteriorMeans:
        return PosteriorMeans.open(
            self.folder, self.params, self.datasets, dataset=dataset, kind=kind
        )

    def prior_samples(self) -> dict[str, np.ndarray]:
        """Read samples from the prior that were made before; see `Run.prior_samples`."""
        return read_prior_samples(self.folder, self.params, self.datasets)

    def training_seconds(self) -> float | None:
        """Return how long training took, if the run's status says so."""
        from lfads_nb.queue.status import read_status

        times = read_status(self.folder).times
        when = {name: datetime.fromisoformat(text).astimezone() for name, text in times.items()}
        start = when.get("training")
        # A run that was started again still carries the times of its attempt before.
        ends = [when[k] for k in ("sampling", "exporting", "ended") if k in when]
        ends = [end for end in ends if start is not None and end >= start]
        return (min(ends) - start).total_seconds() if start is not None and ends else None

    def training_end(self) -> str:
        """Return why training stopped, in words, if the run's status says so."""
        from lfads_nb.queue.status import read_status

        return read_status(self.folder).training_end

    def state(self) -> str:
        """Return where the run is now, in one word; see `lfads_nb.queue.current_status`."""
        from lfads_nb.queue.reading import current_status

        return current_status(self.folder).state.value

    def state_text(self) -> str:
        """Return where the run is now, and for one that was stopped early at which epoch."""
        return with_epoch(self.state(), self.folder)

    def progress(self) -> dict[str, Any]:
        """Return what the run's status says of its training; empty where it says nothing."""
        from lfads_nb.queue.status import read_status

        return dict(read_status(self.folder).progress)
