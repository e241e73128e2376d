"""The results panel: the viewers of whichever runs are done."""

from __future__ import annotations

import importlib
from typing import Any

from lfads_nb.queue.status import RunState
from lfads_nb.sweep import Run
from lfads_nb.widgets.bench import Source
from lfads_nb.widgets.panel import Panel
from lfads_nb.widgets.run_states import RunStatuses
from lfads_nb.widgets.theme import html, stack, title


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
        self._shown: tuple[Any, ...] = ()
        self.fill(title("Results"), self.notice, self._words, self._place)
        self.refresh = self.guard(self._refresh)
        self.refresh()

    def done_runs(self) -> list[Run]:
        """Return the runs of the collection that are done."""
        if self.bench.collection is None:
            return []
        runs = self.bench.collection.runs
        statuses = self._reader.read(runs)
        return [run for run in runs if statuses[run.name].state is RunState.DONE]

    def _refresh(self) -> None:
        runs = self.done_runs()
        if not runs:
            self._words.value = (
                '<span class="lfads-dim">No run is done yet. As soon as one is, its rates, factors '
                "and fits show here.</span>"
            )
            self._place.children = ()
            self._shown = ()
            return
        key = (str(self.bench.collection.path) if self.bench.collection else "", len(runs))
        if key == self._shown:
            return
        self._shown = key
        self._words.value = ""
        viewers = importlib.import_module("lfads_nb.widgets.viewers").Viewers
        for old in self._place.children:
            old.close()
        self._place.children = [viewers(runs)]
