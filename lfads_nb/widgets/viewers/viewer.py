"""What every viewer of a run's trials is: a widget that redraws when the selection changes.

A viewer is never blank: what cannot be shown is said in its place. Only this module catches
everything, so that an error in a callback is seen instead of swallowed by the kernel.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import RLock
from typing import Any, ClassVar

import ipywidgets as w

from lfads_nb.errors import LfadsError
from lfads_nb.results import PosteriorMeans
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.selection_bar import SelectionBar, make_legend
from lfads_nb.widgets.viewers.viewed import Viewed

log = logging.getLogger(__name__)


class Viewer(w.VBox):
    """A view of a run's trials.

    Subclasses build their widgets in `build`, and fill them in `draw` from `self.viewed`; `draw`
    is called at first, and whenever one of the selection's traits in `redraw_on` changes.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns, or a `Viewed` to share.
    selection : shared with other viewers; what is chosen in one is then seen in all.
    chrome : whether to show the selection's own controls and the legend.
    chosen : what to select at first, such as `neuron=7`; see `Selection`.
    """

    redraw_on: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = ""

    def __init__(
        self,
        posterior_means: PosteriorMeans | Viewed,
        *,
        selection: Selection | None = None,
        chrome: bool = True,
        **chosen: Any,
    ) -> None:
        if isinstance(posterior_means, Viewed):
            self.viewed = posterior_means
        else:
            self.viewed = Viewed(posterior_means, selection, **chosen)
        self._lock = RLock()
        self._follows = False
        parts = self.build()
        body: w.Widget = w.VBox(
            parts, layout={"flex": "1 1 auto", "min_width": "0", "width": "auto"}
        )
        if chrome:
            self.legend = make_legend(self.viewed)
            row = w.HBox([body, self.legend], layout={"align_items": "flex-start"})
            super().__init__([SelectionBar(self.viewed), row])
        else:
            super().__init__([body])
        self.layout.width = "100%"
        self.add_class("lfads-viewer")
        self.add_class(f"lfads-{type(self).__name__}")
        self.redraw()
        self.selection.observe(self.redraw, list(self.redraw_on))
        self._follows = True

    @property
    def selection(self) -> Selection:
        """What is selected; set its traits to steer the viewer."""
        return self.viewed.selection

    def build(self) -> Sequence[w.Widget]:
        """Make the widgets, once."""
        raise NotImplementedError

    def draw(self) -> None:
        """Fill the widgets with what is selected."""
        raise NotImplementedError

    @property
    def plots(self) -> Sequence[Plot]:
        """The plots, the first of which says what cannot be shown."""
        raise NotImplementedError

    def redraw(self, _change: Any = None) -> None:
        """Draw anew, and say in the plot's place why something cannot be drawn."""
        with self._lock:
            plot = self.plots[0]
            try:
                plot.explain_emptiness(None)
                self.draw()
            except LfadsError as error:
                self._show_only(str(error))
            except Exception as error:  # the guard of all callbacks
                log.exception("%s could not draw", type(self).__name__)
                self._show_only(f"This could not be drawn ({type(error).__name__}: {error}).")

    def _show_only(self, reason: str) -> None:
        for plot in self.plots:
            plot.blank()
        self.plots[0].explain_emptiness(reason)

    def close(self) -> None:
        """Close the widget and stop following the selection."""
        if self._follows:
            self.selection.unobserve(self.redraw, list(self.redraw_on))
            self._follows = False
        super().close()

    def call(self, **more: Any) -> str:
        """Return the Python call that makes this viewer with what is selected now."""
        selection, viewed = self.selection, self.viewed
        arguments: dict[str, Any] = {}
        if len(viewed.sources) > 1:
            arguments["dataset"] = selection.dataset
        if selection.colour_by != "condition":
            arguments["colour_by"] = selection.colour_by
        if selection.shown != viewed.conditions.shown_at_first():
            arguments["shown"] = selection.shown
        if selection.scheme != "auto":
            arguments["scheme"] = selection.scheme
        if selection.trials != "all":
            arguments["trials"] = selection.trials
        for name in ("picked", "time_window"):
            if getattr(selection, name):
                arguments[name] = getattr(selection, name)
        arguments.update(more)
        name = type(self).__name__
        lines = "".join(f"\n    {key}={value!r}," for key, value in arguments.items())
        return (
            f"from lfads_nb.widgets.viewers import {name}\n\n"
            f"{name}(\n    run.posterior_means(),{lines}\n)"
        )
