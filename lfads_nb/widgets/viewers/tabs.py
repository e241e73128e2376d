"""All viewers of a run, or of the runs of a sweep, in tabs that share one selection."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from typing import Any

import ipywidgets as w

from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.results import PosteriorMeans, TrainedParams
from lfads_nb.results.run_view import RunView
from lfads_nb.results.verdict_report import run_verdict
from lfads_nb.widgets.viewers.alignment import AlignmentViewer
from lfads_nb.widgets.viewers.behavior import BehaviorViewer
from lfads_nb.widgets.viewers.decoding import DecodingViewer
from lfads_nb.widgets.viewers.factors import FactorsViewer
from lfads_nb.widgets.viewers.fit import FitViewer
from lfads_nb.widgets.viewers.initial_conditions import InitialConditionsViewer
from lfads_nb.widgets.viewers.inputs import InputsViewer
from lfads_nb.widgets.viewers.neurons import NeuronsViewer
from lfads_nb.widgets.viewers.peristimulus import PeristimulusViewer
from lfads_nb.widgets.viewers.prior import PriorViewer
from lfads_nb.widgets.viewers.rates import RatesViewer
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.selection_bar import make_side
from lfads_nb.widgets.viewers.state_space import StateSpaceViewer
from lfads_nb.widgets.viewers.sweep import SweepViewer
from lfads_nb.widgets.viewers.trial import TrialViewer
from lfads_nb.widgets.viewers.trials_table import TrialsTable
from lfads_nb.widgets.viewers.verdict_line import verdict_line
from lfads_nb.widgets.viewers.viewed import Viewed
from lfads_nb.widgets.viewers.viewed_runs import ViewedRuns
from lfads_nb.widgets.viewers.weights import WeightsViewer

log = logging.getLogger(__name__)

_OF_TRIALS = (
    RatesViewer, PeristimulusViewer, NeuronsViewer, FactorsViewer, StateSpaceViewer, TrialViewer,
    InitialConditionsViewer, InputsViewer, BehaviorViewer, DecodingViewer, TrialsTable,
)  # fmt: skip


class Viewers(w.VBox):
    """Every viewer of one run or of several, each in a tab that is built when first shown.

    Parameters
    ----------
    runs : a run or several (such as `rc.runs`), or their folders.
    selection : what is selected, to share with others.
    heading : stands first in the line above the plots, such as the collection's name.
    """

    def __init__(
        self, runs: Any, *, selection: Selection | None = None, heading: w.Widget | None = None
    ) -> None:
        self.runs = ViewedRuns(runs, selection)
        self.selection = self.runs.selection
        self._viewed: Viewed | None = None
        self.run = w.Dropdown(
            description="run", options=self.runs.menu(), value=self.selection.run or None,
            style={"description_width": "initial"},
            layout={"width": "auto", "max_width": "420px"},
        )  # fmt: skip
        self.run.observe(self._choose_run, "value")
        self._side = w.Box()
        self._side.add_class("lfads-beside-tabs")
        self.tabs = w.Tab(layout={"flex": "1 1 auto", "min_width": "0", "width": "auto"})
        super().__init__(layout={"width": "100%"})
        self.add_class("lfads-viewer")
        self.add_class("lfads-viewers")
        row = w.HBox([self.tabs, self._side], layout={"align_items": "flex-start"})
        self.verdict = w.HTML()
        self.verdict.add_class("lfads-verdict")
        menu = [self.run] if len(self.runs.names) > 1 else []
        head = w.HBox([*([heading] if heading is not None else []), *menu, self.verdict])
        head.add_class("lfads-head")
        self.children = [head, row]
        self._makers = self._tab_makers()
        self._built: set[str] = set()
        self._open_run()
        self.tabs.children = [w.VBox(layout={"width": "100%"}) for _ in self._makers]
        self.tabs.titles = list(self._makers)
        self.tabs.observe(self._show_tab, "selected_index")
        self.selection.observe(self._follow_run, "run")
        self.tabs.selected_index = 0
        self._show_tab()

    # ---------------------------------------------------------------------------------- tabs

    def _tab_makers(self) -> dict[str, Callable[[], w.Widget]]:
        makers: dict[str, Callable[[], w.Widget]] = {
            viewer.title: self._maker_of_trials(viewer) for viewer in _OF_TRIALS
        }
        makers[FitViewer.title] = lambda: FitViewer(self.runs)
        if len(self.runs.names) > 1:
            makers[SweepViewer.title] = lambda: SweepViewer(self.runs)
        makers[WeightsViewer.title] = lambda: WeightsViewer(
            TrainedParams.open(self._view.folder, self._view.datasets), selection=self.selection
        )
        makers[PriorViewer.title] = lambda: PriorViewer(self._view, selection=self.selection)
        if any(len(view.datasets) > 1 for view in self.runs.views.values()):
            makers[AlignmentViewer.title] = lambda: AlignmentViewer(
                self._view, selection=self.selection
            )
        return makers

    def _maker_of_trials(self, viewer: type) -> Callable[[], w.Widget]:
        def make() -> w.Widget:
            if self._viewed is None:
                raise RunFolderError(self._why_no_trials)
            if viewer in (FactorsViewer, StateSpaceViewer):
                return viewer(self._viewed, references=self._references(), chrome=False)
            return viewer(self._viewed, chrome=False)

        return make

    def _references(self) -> dict[str, PosteriorMeans]:
        """Return the other runs that have outputs, to lay over this one."""
        found = {}
        for name, view in self.runs.views.items():
            if name == self.selection.run:
                continue
            try:
                found[self.runs.short_names[name]] = view.posterior_means()
            except LfadsError:
                continue
        return found

    def show(self, title: str) -> w.Widget:
        """Go to a tab by its title, and return what it shows."""
        self.tabs.selected_index = list(self._makers).index(title)
        return self.tabs.children[self.tabs.selected_index].children[0]

    def _show_tab(self, _change: Any = None) -> None:
        index = self.tabs.selected_index
        if index is None:
            return
        title = list(self._makers)[index]
        viewed, viewer = self._viewed, {each.title: each for each in _OF_TRIALS}.get(title)
        # What is chosen beside the plots must matter to them.
        there = viewer is not None and viewed is not None
        if viewer in (DecodingViewer, TrialsTable) and viewed is not None:
            there = len(viewed.sources) > 1
        self._side.layout.display = None if there else "none"
        (self.add_class if there else self.remove_class)("lfads-has-side")
        if title in self._built:
            return
        self._built.add(title)
        self.tabs.children[index].children = [_words("Reading ...")]
        self.tabs.children[index].children = [self._make(title)]

    def _make(self, title: str) -> w.Widget:
        try:
            return self._makers[title]()
        except LfadsError as error:
            return _words(str(error))
        except Exception as error:
            log.exception("the viewer %s could not be made", title)
            return _words(f"This could not be shown ({type(error).__name__}: {error}).")

    # ---------------------------------------------------------------------------------- runs

    @property
    def _view(self) -> RunView:
        return self.runs.views[self.selection.run]

    def _choose_run(self, change: dict[str, Any]) -> None:
        self.selection.run = change["new"]

    def _follow_run(self, _change: Any = None) -> None:
        if self.selection.run not in self.runs.views:
            return
        self.run.value = self.selection.run
        self._open_run()
        # What is about many runs stays; what is about this one is made anew when it is shown.
        kept = {FitViewer.title, SweepViewer.title}
        for index, title in enumerate(self._makers):
            if title in self._built and title not in kept:
                self._built.discard(title)
                old = self.tabs.children[index].children
                self.tabs.children[index].children = []
                for widget in old:
                    widget.close()
        self._show_tab()

    def _open_run(self) -> None:
        self._why_no_trials = ""
        self.verdict.value = verdict_line(run_verdict(self._view)) if self.runs.names else ""
        try:
            if not self.runs.names:
                raise RunFolderError("There are no runs to look at.")
            self._viewed = Viewed(self._view.posterior_means(), self.selection)
        except LfadsError as error:
            self._viewed, self._why_no_trials = None, str(error)
            self._side.children = []
            return
        self._side.children = [make_side(self._viewed)]


def _words(text: str) -> w.HTML:
    made = w.HTML(f"<div class='lfads-words'>{html.escape(text)}</div>")
    made.add_class("lfads-why")
    return made
