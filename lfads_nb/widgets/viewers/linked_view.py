"""A widget that is drawn anew when the selection changes, and never blank.

What cannot be shown is said in its place. Only this module catches everything, so that an error in
a callback is seen instead of swallowed by the kernel.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import RLock
from typing import Any, ClassVar

import ipywidgets as w

from lfads_nb.errors import LfadsError
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.selection import Selection

log = logging.getLogger(__name__)


class LinkedView(w.VBox):
    """Plots that follow a selection.

    Subclasses make their widgets in `build` and fill them in `draw`, which is called when `start`
    is, and then whenever one of the selection's traits in `redraw_on` changes.
    """

    redraw_on: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = ""
    _follows = False  # also of a view that could not be made, which is closed too

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self._lock = RLock()
        super().__init__(layout={"width": "100%"})
        self.add_class("lfads-viewer")
        self.add_class(f"lfads-{type(self).__name__}")

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

    def start(self) -> None:
        """Draw, and follow the selection from now on."""
        self.redraw()
        self.selection.observe(self.redraw, list(self.redraw_on))
        self._follows = True

    def redraw(self, _change: Any = None) -> None:
        """Draw anew, or say in the plot's place why that cannot be."""
        with self._lock:
            for plot in self.plots:
                plot.remove_class("lfads-gone")
            if self.plots:
                self.plots[0].explain_emptiness(None)
            try:
                self.draw()
            except LfadsError as error:
                self.show_only(str(error))
            except Exception as error:
                log.exception("%s could not draw", type(self).__name__)
                self.show_only(f"This could not be drawn ({type(error).__name__}: {error}).")

    def show_only(self, reason: str) -> None:
        """Show nothing but the reason why there is nothing to show."""
        for plot in self.plots:
            plot.blank()
        for plot in self.plots[1:]:
            plot.add_class("lfads-gone")
        self.plots[0].explain_emptiness(reason)

    def close(self) -> None:
        """Close the widget and stop following the selection."""
        if self._follows:
            self.selection.unobserve(self.redraw, list(self.redraw_on))
            self._follows = False
        super().close()
