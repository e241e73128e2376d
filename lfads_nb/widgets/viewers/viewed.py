"""What one run's viewers share: its sessions, the selection, and the conditions that follow."""

from __future__ import annotations

from typing import Any

import numpy as np

from lfads_nb.results import PosteriorMeans
from lfads_nb.widgets.viewers.conditions import Conditions
from lfads_nb.widgets.viewers.events import Event, marked
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.trial_source import TrialSource


class Viewed:
    """The sessions of a run and what is selected of them.

    Parameters
    ----------
    posterior_means : what the run inferred, of one session or of several.
    selection : shared with other viewers; a new one by default.
    chosen : what to select at first, by the names of `Selection`.
    """

    def __init__(
        self, posterior_means: PosteriorMeans, selection: Selection | None = None, **chosen: Any
    ) -> None:
        self.pm = posterior_means
        self.sources = {pm.datasets[0]: TrialSource(pm) for pm in posterior_means.sessions}
        self.selection = selection or Selection()
        self._conditions: tuple[tuple[Any, ...], Conditions] | None = None
        self._coloured: tuple[tuple[str, ...], Conditions, Conditions] | None = None
        self._chosen_before: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.selection.set_trait("dataset", chosen.pop("dataset", self.selection.dataset))
        if self.selection.dataset not in self.sources:
            self.selection.dataset = next(iter(self.sources))
        self.selection.observe(self._start_conditions, ["dataset", "colour_by", "scheme"])
        if self.selection.colour_by is None and "colour_by" not in chosen:
            has_conditions = "condition" in self.source.colour_columns
            self.selection.colour_by = "condition" if has_conditions else None
        self._start_conditions()
        self.selection.observe(self._remember_choice, "shown")
        for name, value in chosen.items():
            if not self.selection.has_trait(name):
                raise TypeError(
                    f"{name!r} is no part of a selection: {self.selection.trait_names()}"
                )
            self.selection.set_trait(name, value)

    @property
    def source(self) -> TrialSource:
        """The session that is selected."""
        return self.sources[self.selection.dataset]

    @property
    def conditions(self) -> Conditions:
        """The groups of its trials, in colours that fit those that are shown."""
        found, shown = self._find_conditions(), self.selection.shown
        if self._coloured is None or (self._coloured[0] != shown or self._coloured[1] is not found):
            self._coloured = (shown, found, found.coloured_for(shown))
        return self._coloured[2]

    def _find_conditions(self) -> Conditions:
        selection = self.selection
        key = (selection.dataset, selection.colour_by, selection.scheme)
        if self._conditions is None or self._conditions[0] != key:
            self._conditions = (key, self.source.conditions(selection))
        return self._conditions[1]

    def trials(self) -> np.ndarray:
        """Return the 0-based trials that are shown: of the chosen split and of shown conditions."""
        chosen = self.source.chosen(self.selection)
        conditions = self.conditions
        is_shown = np.append(conditions.is_shown(self.selection.shown), False)
        return chosen[is_shown[conditions.group[chosen]]]

    def bins(self) -> slice:
        """Return the bins within the time window."""
        time = self.source.time_ms
        if self.selection.time_window is None:
            return slice(0, len(time))
        low, high = self.selection.time_window
        first = min(int(np.searchsorted(time, low)), len(time) - 1)
        return slice(first, max(int(np.searchsorted(time, high, side="right")), first + 1))

    def why_no_trials(self) -> str:
        """Say why `trials` is empty, and what to do."""
        selection = self.selection
        if selection.trials == "picked" and not selection.picked:
            return "No trial is picked. Click a line to pick its trial, or show all trials."
        if not selection.shown:
            return "No condition is shown. Click one in the legend."
        if not len(self.source.chosen(selection)):
            return f"The run has no {selection.trials} trials with outputs. Show all trials."
        return "None of these trials belongs to a condition that is shown. Show more conditions."

    def name_of_trial(self, trial: int) -> str:
        """Return a trial's number, condition and split, for people."""
        conditions = self.conditions
        group = conditions.group[trial]
        parts = [f"trial {trial}"]
        if conditions.column is not None:
            label = conditions.labels[group] if group >= 0 else "none"
            parts.append(f"{conditions.column} {label}")
        split = self.source.pm.splits[trial]
        return ", ".join([*parts, str(split)] if split else parts)

    def event_ms(self) -> float | None:
        """Return time zero, the event that trials are aligned to, if it lies within what is shown.

        Trials that begin at zero are aligned to nothing but their start.
        """
        time = self.source.time_ms[self.bins()]
        return 0.0 if time[0] < 0 < time[-1] else None

    def events(self) -> list[Event]:
        """Return the events that are marked, as far as this session has them."""
        return marked(self.source.events, self.selection.events)

    def _start_conditions(self, _change: Any = None) -> None:
        found, selection = self._find_conditions(), self.selection
        before = self._chosen_before.get(found.labels, ())
        kept = tuple(label for label in selection.shown if label in set(found.labels))
        selection.shown = before or kept or found.shown_at_first()

    def _remember_choice(self, change: dict[str, Any]) -> None:
        """Keep what was chosen of these conditions, for when they are looked at again."""
        self._chosen_before[self._find_conditions().labels] = change["new"]
