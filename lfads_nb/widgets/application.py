"""The whole bench in one widget: datasets, parameters, runs, queue, and the viewers, as tabs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as w

from lfads_nb.errors import LfadsError
from lfads_nb.own_code import hand_over
from lfads_nb.sweep import CollectionFolder, Run, RunCollection, RunParams
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.frame import Frame
from lfads_nb.widgets.guard import Notice
from lfads_nb.widgets.panel import Panel
from lfads_nb.widgets.panels.collection_bar import DEFAULT_ROOT, CollectionBar
from lfads_nb.widgets.panels.datasets import DatasetsPanel
from lfads_nb.widgets.panels.parameters import ParametersPanel
from lfads_nb.widgets.panels.queue import QueuePanel
from lfads_nb.widgets.panels.results import ResultsPanel
from lfads_nb.widgets.panels.runs import RunsPanel
from lfads_nb.widgets.recent import collections_below, open_any, recent_collections

TABS = ("Datasets", "Parameters", "Runs", "Queue", "Results")


class App(w.VBox):
    """The panels as tabs under one line that names the collection.

    A tab is built when it is first shown. All that it shows is read from the collection's folder:
    after a restart of the kernel, run its cell again and everything is as it was.

    Parameters
    ----------
    bench : what the panels work on.
    folder : offered as the place of new collections.
    params_class : class of new settings, with your own parameters.
    """

    def __init__(self, bench: Bench, *, folder: str | Path = DEFAULT_ROOT) -> None:
        self.bench = bench
        self.notice = Notice()
        self.bar = CollectionBar(bench, folder=folder)
        self.panels: dict[str, Panel] = {}
        self._makers: dict[str, Callable[[], Panel]] = {
            "Datasets": lambda: DatasetsPanel(bench),
            "Parameters": lambda: ParametersPanel(bench),
            "Runs": lambda: RunsPanel(
                bench, on_edit=self._edit, on_launched=lambda: self.show_tab("Queue")
            ),
            "Queue": lambda: QueuePanel(bench, on_look=self._look_at),
            "Results": lambda: ResultsPanel(bench),
        }
        self.tabs = w.Tab([w.VBox() for _ in TABS], titles=TABS)
        self.tabs.observe(lambda change: self._show(TABS[change["new"]]), "selected_index")
        super().__init__([Frame(), self.bar, self.notice, self.tabs])
        self.add_class("lfads")
        self.add_class("lfads-root")
        draft = bench.draft("tab")
        self.show_tab(draft if draft in TABS else TABS[0])

    def show_tab(self, name: str) -> Panel:
        """Bring a tab to the front, and return its panel."""
        index = TABS.index(name)
        if self.tabs.selected_index != index:
            self.tabs.selected_index = index
        return self._show(name)

    def _show(self, name: str) -> Panel:
        if name not in self.panels:
            self.panels[name] = self._makers[name]()
            self.tabs.children[TABS.index(name)].children = [self.panels[name]]
        else:
            refresh = getattr(self.panels[name], "refresh", None)
            if refresh is not None:
                refresh()
        self.bench.keep_draft("tab", name)
        return self.panels[name]

    def _edit(self, params: RunParams) -> None:
        panel = self.show_tab("Parameters")
        assert isinstance(panel, ParametersPanel)
        panel.load(params)

    def _look_at(self, run: Run) -> None:
        panel = self.show_tab("Results")
        assert isinstance(panel, ResultsPanel)
        panel.look_at(run)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.bench.start()
        return super()._repr_mimebundle_(**kwargs)


def app(
    source: RunCollection | str | Path | None = None, *, params_class: type[RunParams] = RunParams
) -> App:
    """Show the whole bench.

    Parameters
    ----------
    source : a run collection, the folder of one, or a folder to make collections in; by default
        the collection that was open last.
    params_class : class of new settings, if you have added parameters of your own.

    Returns
    -------
    App
        A widget; make it the last line of a cell.

    Raises
    ------
    RunFolderError
        If the folder holds a collection that cannot be read.
    """
    if params_class is not RunParams:
        hand_over("params", params_class)  # before a collection with its settings is read
    if isinstance(source, RunCollection):
        return App(Bench(source, params_class=params_class))
    if source is not None:
        folder = Path(source).expanduser().absolute()
        if CollectionFolder(folder).json.exists():
            return App(Bench(RunCollection.load(folder), params_class=params_class))
        below = collections_below(folder) if folder.is_dir() else []
        is_old = not below and folder.is_dir() and any(folder.glob("param_*"))
        if below or is_old:
            # the latest; the others are one click away under Open
            opened = open_any(below[0] if below else folder)
            return App(Bench(opened, params_class=params_class), folder=folder)
        return App(Bench(params_class=params_class), folder=folder / "runs")
    bench, failure = Bench(params_class=params_class), None
    for path in (recent_collections() or collections_below(Path.cwd()))[:1]:
        try:
            bench = Bench(RunCollection.load(path), params_class=params_class)
        except LfadsError as error:
            failure = error
    made = App(bench)
    if failure is not None:
        made.notice.report(failure)
    return made
