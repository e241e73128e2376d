"""The runs that the viewers of many runs share: their views, colours and names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lfads_nb.errors import RunFolderError
from lfads_nb.results import FitLog
from lfads_nb.results.run_view import RunView
from lfads_nb.sweep import RunCollection
from lfads_nb.widgets.palette import categorical
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
            self.selection.run = next(iter(self.views), "")

    @property
    def names(self) -> list[str]:
        """Unique names of the runs."""
        return list(self.views)

    @property
    def short_names(self) -> dict[str, str]:
        """Names without what all of them share: the setting alone if there is one run spec."""
        specs = {view.folder.path.name for view in self.views.values()}
        if len(specs) > 1:
            return {name: name.replace("__param_", " ") for name in self.views}
        return {name: view.folder.path.parent.name for name, view in self.views.items()}

    @property
    def colours(self) -> dict[str, str]:
        """A colour for each run."""
        return dict(zip(self.views, categorical(len(self.views)), strict=True))

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
