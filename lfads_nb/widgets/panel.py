"""`Panel`: what the panels share, which is a bench, a place for messages, and a guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as w

from lfads_nb.widgets.bench import Bench, Source
from lfads_nb.widgets.frame import Frame
from lfads_nb.widgets.guard import Notice, clear_messages, guarded


class Panel(w.VBox):
    """A part of the bench that is a widget of its own: show it in any cell.

    Parameters
    ----------
    source : a run collection, its folder, or the bench that several panels share.
    """

    def __init__(self, source: Source = None) -> None:
        self.bench = Bench.of(source)
        self.notice = Notice()
        super().__init__()
        self.add_class("lfads")
        self.add_class("lfads-panel")
        # What was done to one collection says nothing of another, and ends with the next action.
        self.bench.on_open(lambda: clear_messages(self))
        self.bench.on_act(lambda: clear_messages(self))

    def fill(self, *children: w.Widget) -> None:
        """Set what the panel shows."""
        self.children = [Frame(), *children]

    def guard(self, callback: Callable[..., Any], notice: Notice | None = None) -> Any:
        """Wrap a callback; what it raises is shown in `notice`, by default the panel's own."""
        return guarded(notice or self.notice, callback)

    def on_click(
        self, button: w.Button, callback: Callable[[], Any], notice: Notice | None = None
    ) -> None:
        """Have a button call `callback` without arguments, guarded.

        What earlier actions said, here and in the other panels, ends with the click.
        """

        def act(_button: w.Button) -> None:
            self.bench.act()
            callback()

        button.on_click(self.guard(act, notice))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.bench.start()
        return super()._repr_mimebundle_(**kwargs)
