"""Other sessions and other runs, laid over what a viewer of factors shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lfads_nb.errors import LfadsError
from lfads_nb.results import PosteriorMeans
from lfads_nb.widgets.viewers.projections import Procrustes, procrustes
from lfads_nb.widgets.viewers.trial_source import TrialSource
from lfads_nb.widgets.viewers.viewed import Viewed


class References:
    """Condition averages of other sessions of the run, and of other runs, by the same conditions.

    Sessions of a run share their factors, and lie over each other as they are. The basis of
    another run's is another one: it is turned, scaled and shifted (Procrustes).

    Parameters
    ----------
    viewed : what is looked at.
    runs : other runs by name.
    """

    def __init__(self, viewed: Viewed, runs: Mapping[str, PosteriorMeans] | None = None) -> None:
        self.viewed = viewed
        self.runs = dict(runs or {})
        self._sources: dict[tuple[str, str], TrialSource] = {}

    def averages_of(self, source: TrialSource, field: str = "factors") -> np.ndarray:
        """Return a session's averages in the time window: (conditions, bins, dims)."""
        selection = self.viewed.selection
        conditions = source.conditions(selection)
        averages = source.averages(field, source.chosen(selection), conditions)
        return averages[:, self.viewed.bins()]

    def groups(self, averages: np.ndarray) -> np.ndarray:
        """Return the conditions that are shown and have trials."""
        is_shown = self.viewed.conditions.is_shown(self.viewed.selection.shown)
        return np.flatnonzero(is_shown & np.isfinite(averages).any(axis=(1, 2)))

    def other_sessions(self, shown: np.ndarray, field: str = "factors") -> list[np.ndarray]:
        """Return the averages of the run's other sessions: (shown, bins, dims) each."""
        others = [s for s in self.viewed.sources.values() if s is not self.viewed.source]
        return [self.of_labels(source, shown, field) for source in others]

    def of_labels(
        self, source: TrialSource, shown: np.ndarray, field: str = "factors"
    ) -> np.ndarray:
        """Return another session's averages of the same conditions; NaN for those it lacks."""
        labels = source.conditions(self.viewed.selection).labels
        averages = self.averages_of(source, field)
        missing = np.full((1, *averages.shape[1:]), np.nan)
        position = {label: i for i, label in enumerate(labels)}
        wanted = [position.get(self.viewed.conditions.labels[g], len(labels)) for g in shown]
        return np.concatenate([averages, missing])[wanted]

    def lay_over(
        self, name: str, own: np.ndarray, shown: np.ndarray, field: str = "factors"
    ) -> tuple[np.ndarray, Procrustes]:
        """Return another run's averages laid over this one's, and how they were laid.

        Parameters
        ----------
        name : of the other run.
        own : (conditions, bins, dims) this run's averages; all conditions take part in the fit.
        shown : the conditions that are returned.

        Raises
        ------
        LfadsError
            The runs differ in their bins, or the other run did not store the field.
        """
        source = self._source(name)
        every = np.flatnonzero(np.isfinite(own).any(axis=(1, 2)))
        theirs = self.of_labels(source, every, field)
        if theirs.shape[1] != own.shape[1]:
            raise LfadsError(
                f"{name} has {theirs.shape[1]} bins and this run {own.shape[1]}: they cannot be "
                "laid over each other"
            )
        fit = procrustes(theirs, own[every])
        return fit.apply(theirs[np.isin(every, shown)]), fit

    def _source(self, name: str) -> TrialSource:
        key = (name, self.viewed.selection.dataset)
        if key not in self._sources:
            pm = self.runs[name]
            dataset = key[1] if key[1] in pm.datasets else 0
            self._sources[key] = TrialSource(pm.session(dataset))
        return self._sources[key]
