"""The results panel: the viewers of whichever runs are done, or were stopped early."""

from __future__ import annotations

import importlib
from html import escape
from typing import Any

from lfads_nb.datasets import Dataset
from lfads_nb.queue.status import RunState
from lfads_nb.sweep import Run
from lfads_nb.widgets.bench import Source
from lfads_nb.widgets.panel import Panel
from lfads_nb.widgets.panels.apply_run import ApplyRun
from lfads_nb.widgets.run_states import RunStatuses
from lfads_nb.widgets.theme import html, stack


class ResultsPanel(Panel):
    """Shows the viewers, made when there is a first run to look at.

    Parameters
    ----------
    source : a run collection, its folder, or a bench.
    """

    def __init__(self, source: Source = None) -> None:
        super().__init__(source)
        self._reader = RunStatuses()
        self._words = html()
        self._place = stack()
        self._what = html()
        self._shown: tuple[Any, ...] = ()
        self._runs: dict[str, Run] = {}
        self._stopped: set[str] = set()
        self._viewers: Any = None
        self.apply = ApplyRun(self._applied, self._datasets)
        self.apply.layout.display = "none"
        self.fill(self.notice, self._words, self._place, self.apply)
        self.refresh = self.guard(self._refresh)
        self.bench.on_change(self.refresh)
        self.refresh()

    def done_runs(self) -> list[Run]:
        """Return the runs of the collection that are done."""
        return self._runs_in(RunState.DONE)

    def _runs_in(self, state: RunState) -> list[Run]:
        if self.bench.collection is None:
            return []
        runs = self.bench.collection.runs
        statuses = self._reader.read(runs)
        return [run for run in runs if statuses[run.name].state is state]

    def look_at(self, run: Run) -> None:
        """Show a run that is done in the viewers."""
        if self._viewers is not None and run.name in self._runs:
            self._viewers.selection.run = run.name

    def _looked_at(self) -> Run | None:
        return None if self._viewers is None else self._runs.get(self._viewers.selection.run)

    def _applied(self) -> Run | None:
        """Return the run that is looked at if it can be applied: one that was stopped cannot."""
        run = self._looked_at()
        return None if run is None or run.name in self._stopped else run

    def _datasets(self) -> list[Dataset]:
        return list(self.bench.datasets or ())

    def _refresh(self) -> None:
        done, stopped = self.done_runs(), self._runs_in(RunState.STOPPED_EARLY)
        runs = [*done, *stopped]
        path = str(self.bench.collection.path) if self.bench.collection else ""
        # A run that was trained again is another one to look at.
        key = (path, len(done), *((run.name, _done_at(run)) for run in runs))
        if key == self._shown:
            return
        self._shown = key
        self._clear()
        if not done:
            self._words.value = (
                '<span class="lfads-dim">No run is done yet. As soon as one is, its rates, factors '
                "and fits show here.</span>"
            )
            return
        self._words.value = ""
        self._runs, self._stopped = {r.name: r for r in runs}, {r.name for r in stopped}
        viewers = importlib.import_module("lfads_nb.widgets.viewers")
        self._viewers = viewers.Viewers(runs, heading=self._what)
        self._viewers.selection.observe(self._name, ["run", "dataset"])
        self._place.children = [self._viewers]
        self.apply.layout.display = ""
        self._name()

    def _clear(self) -> None:
        """Take away what is shown: nothing of another collection may stay under a new name."""
        if self._viewers is not None:
            self._viewers.selection.unobserve(self._name, ["run", "dataset"])
            self._viewers.close()
        self._viewers, self._runs, self._stopped = None, {}, set()
        self._place.children = ()
        self._what.value = ""
        self.apply.layout.display = "none"

    def _name(self, _change: Any = None) -> None:
        """Say what the plots below are of."""
        if self._viewers is None or self.bench.collection is None:
            return
        if self.apply.selected_index is not None:
            self.apply.check()
        chosen = self._viewers.selection
        parts = [("collection", self.bench.collection.name)]
        if len(self._runs) == 1:  # several are in the menu beside it
            parts.append(("run", self._viewers.runs.short_names.get(chosen.run, chosen.run)))
        run = self._looked_at()
        if run is not None and chosen.dataset in run.spec.dataset_names:
            parts.append(("session", chosen.dataset))
        self._what.value = " · ".join(
            f'<span class="lfads-dim">{what}</span> <b>{escape(name)}</b>' for what, name in parts
        )


def _done_at(run: Run) -> int:
    try:
        return run.folder.done.stat().st_mtime_ns
    except OSError:
        return 0
