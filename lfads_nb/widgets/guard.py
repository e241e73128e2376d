"""Where a panel says what went wrong, or well: in words, at the place where it happened.

`Notice` is the one widget that does; `guarded` is the one place of the panels that catches
everything. What `LfadsError` says is shown as it stands; anything else is a bug, is logged with
its traceback, and is named in one line.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from html import escape
from typing import Any, Literal

import ipywidgets as w

from lfads_nb.errors import LfadsError

log = logging.getLogger(__name__)
Kind = Literal["error", "warning", "info", "success"]

_SIGNS = {"error": ("✗", "Error"), "warning": ("!", "Warning"), "info": ("i", "Note"),
          "success": ("✓", "Done")}  # fmt: skip


def notice_html(kind: Kind, text: str, *, details: str = "", points: tuple[str, ...] = ()) -> str:
    """Return a message as HTML; all arguments are plain text.

    Parameters
    ----------
    kind, text : what it is and says.
    details : shown folded, as it stands.
    points : shown as a list.
    """
    sign, word = _SIGNS[kind]
    role = "alert" if kind == "error" else "status"
    items = "".join(f"<li>{escape(point)}</li>" for point in points)
    listed = f'<ul class="lfads-blockers">{items}</ul>' if points else ""
    folded = (
        f"<details><summary>Details</summary><pre>{escape(details)}</pre></details>"
        if details
        else ""
    )
    return (
        f'<div class="lfads-notice lfads-{kind}" role="{role}">'
        f'<span aria-label="{word}">{sign}</span>'
        f"<div>{escape(text)}{listed}{folded}</div></div>"
    )


class Notice(w.HTML):
    """One message, or nothing.

    Parameters
    ----------
    lasts : whether it says how things stand, and not what the last action did.
    """

    def __init__(self, *, lasts: bool = False) -> None:
        self.lasts = lasts
        super().__init__(layout=w.Layout(display="none"))
        self.add_class("lfads")

    def say(
        self, kind: Kind, text: str, *, details: str = "", points: tuple[str, ...] = ()
    ) -> None:
        """Show a message; plain text, escaped here."""
        self.value = notice_html(kind, text, details=details, points=points)
        self.layout.display = ""

    def clear(self) -> None:
        """Show nothing."""
        self.layout.display = "none"
        self.value = ""

    def report(self, error: BaseException) -> None:
        """Show what went wrong."""
        if isinstance(error, LfadsError):
            self.say("error", str(error))
            return
        log.error("unexpected error in a panel", exc_info=error)
        self.say(
            "error",
            f"Something unexpected went wrong: {type(error).__name__}: {error}. "
            "Nothing was changed by this step; the kernel's log has the whole story.",
        )


def clear_messages(widget: w.Widget) -> None:
    """Take away what earlier actions said, here and in all that the widget holds."""
    if isinstance(widget, Notice) and not widget.lasts:
        widget.clear()
    for child in getattr(widget, "children", ()):
        clear_messages(child)


def guarded(notice: Notice, callback: Callable[..., Any]) -> Callable[..., None]:
    """Wrap a widget's callback so that whatever it raises is shown in `notice`."""

    @functools.wraps(callback)
    def run(*args: Any, **kwargs: Any) -> None:
        notice.clear()
        try:
            callback(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a callback must never die silently
            notice.report(error)

    return run
