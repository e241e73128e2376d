"""The runs that the viewers of many runs share: their views, colours and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from lfads_nb.errors import RunFolderError
from lfads_nb.palette import of_runs
from lfads_nb.results import FitLog
from lfads_nb.results.compare import differing_parameters
from lfads_nb.results.run_view import RunView
from lfads_nb.sweep import RunCollection
from lfads_nb.sweep.params import format_value
from lfads_nb.sweep.verdict import read_verdict
from lfads_nb.vocabulary import JUDGES, Figure, best_first, best_runs, was_stopped_early
from lfads_nb.widgets.viewers.selection import Selection


class ViewedRuns:
    """Runs, and which of them are selected.

    Parameters
    ----------
    runs : `Run`s, or run folders; a single one, too, or a whole `RunCollection`.
    selection : shared with other viewers.
    """

    def __init__(self, runs: Any, selection: Selection | None = None) -> None:
        if isinstance(runs, RunCollection):
            runs = runs.runs
        each: Sequence[Any] = list(runs) if _is_many(runs) else [runs]
        self.runs = {RunView.of(run).name: run for run in each}
        self.views = {name: RunView.of(run) for name, run in self.runs.items()}
        self.selection = selection or Selection()
        if self.selection.run not in self.views:
            self.selection.run = next(iter(self.best_first), "")

    @property
    def names(self) -> list[str]:
        """Unique names of the runs."""
        return list(self.views)

    @cached_property
    def short_names(self) -> dict[str, str]:
        """What sets each run apart from the others, such as `factors_dim = 6, seed = 2`.

        The run spec stands before it where there are several; where that tells two runs apart no
        more than their settings do, the setting's hash stands behind it.
        """
        settings = {name: view.params.set_values() for name, view in self.views.items()}
        differing = differing_parameters(list(settings.values()))
        differing.sort(key=lambda parameter: parameter.endswith("seed"))  # what was chosen first
        several_specs = len({view.folder.path.name for view in self.views.values()}) > 1
        texts = {}
        for name, view in self.views.items():
            values = settings[name]
            own = ", ".join(f"{each} = {format_value(values.get(each))}" for each in differing)
            parts = [view.folder.path.name] if several_specs or not own else []
            texts[name] = ": ".join([*parts, *([own] if own else [])])
        often = Counter(texts.values())
        return {
            name: text if often[text] == 1 else f"{text} ({self.hash_of(name)})"
            for name, text in texts.items()
        }

    def hash_of(self, name: str) -> str:
        """Return the folder's name of a run's setting, such as `param_YOs74u`."""
        return self.views[name].folder.path.parent.name

    def menu(self) -> list[tuple[str, str]]:
        """Return (text, name) of every run for a menu: the best first and with a star.

        Those that were stopped early come last and say so.
        """
        return [
            (f"{'★ ' if name in self.best else ''}{self.short_names[name]} · "
             f"{self.hash_of(name).removeprefix('param_')}{self._stopped(name)}", name)
            for name in self.best_first
        ]  # fmt: skip

    @cached_property
    def states(self) -> dict[str, str]:
        """Where each run is, as when this was made."""
        return {name: view.state_text() for name, view in self.views.items()}

    def _stopped(self, name: str) -> str:
        return f" · {self.states[name]}" if was_stopped_early(self._judging[name]) else ""

    @cached_property
    def best_first(self) -> list[str]:
        """The runs' names, those of each run spec together, the best of them first."""
        return best_first(self._judging, self._specs)

    @cached_property
    def best(self) -> dict[str, Figure]:
        """The best run of each run spec, and the figure that says so."""
        return best_runs(self._judging, self._specs)

    @property
    def _specs(self) -> dict[str, str]:
        return {name: view.folder.path.name for name, view in self.views.items()}

    @cached_property
    def _judging(self) -> dict[str, dict[str, Any]]:
        """What lies in small files: the outputs are not read again to put a menu in order."""
        figures: dict[str, dict[str, Any]] = {}
        for name, view in self.views.items():
            verdict = read_verdict(view.folder)
            judged = {} if verdict is None else verdict.figures
            figures[name] = {**judged, "state": self.states[name]}
        for name, log in self.fit_logs().items():
            figures[name]["best_recon_valid"] = log.recon_valid_lve
        # A verdict may not be made yet: those that have one are not better for it.
        able = [set(f) for f in figures.values() if len(f) > 1 and not was_stopped_early(f)]
        shared = {"state", *set(JUDGES).intersection(*able)}
        return {name: {k: each[k] for k in shared if k in each} for name, each in figures.items()}

    @property
    def colours(self) -> dict[str, str]:
        """A colour for each run."""
        return dict(zip(self.views, of_runs(len(self.views)), strict=True))

    def fit_logs(self) -> dict[str, FitLog]:
        """Read the logs of the runs that have one."""
        logs = {}
        for name, view in self.views.items():
            try:
                logs[name] = view.fit_log()
            except RunFolderError:
                continue
        return logs


def _is_many(runs: Any) -> bool:
    return isinstance(runs, Iterable) and not isinstance(runs, str | bytes)
