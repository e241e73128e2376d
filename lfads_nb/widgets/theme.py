"""The bench's style sheet and its few building blocks of HTML.

Only this module writes HTML around users' text, and it escapes what it is given.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as w

CSS = Path(__file__).with_name("theme.css")


def html(markup: str = "", **layout: Any) -> w.HTML:
    """Make an HTML widget; `markup` must already be escaped."""
    return w.HTML(markup, layout=w.Layout(width=layout.pop("width", "auto"), **layout))


def title(text: str, lead: str = "") -> w.HTML:
    """Make a panel's or section's title, with a sentence below it."""
    below = f'<p class="lfads-lead">{escape(lead)}</p>' if lead else ""
    return html(f'<h3 class="lfads-title">{escape(text)}</h3>{below}')


def row(*children: w.Widget) -> w.Box:
    """Put widgets side by side; they wrap where the room ends."""
    return _with_class(w.HBox(children), "lfads-row")


def stack(*children: w.Widget) -> w.Box:
    """Put widgets below each other."""
    return _with_class(w.VBox(children), "lfads-col")


def section(*children: w.Widget) -> w.Box:
    """Put widgets below each other, under a line."""
    return _with_class(w.VBox(children), "lfads-section")


def panel(*children: w.Widget) -> w.Box:
    return _with_class(w.VBox(children), "lfads", "lfads-panel")


def button(text: str, *, tip: str = "", style: str = "") -> w.Button:
    """Make a button; `style` is one of ipywidgets' (`primary`, `danger`)."""
    return w.Button(
        description=text, tooltip=tip, button_style=style, layout=w.Layout(width="auto")
    )


def text_box(label: str, value: str = "", *, width: str = "320px", hint: str = "") -> w.Text:
    """Make a labelled text box that reports once editing ends (Enter, or leaving it)."""
    return w.Text(
        value=value, description=label, placeholder=hint, continuous_update=False,
        style={"description_width": "initial"}, layout=w.Layout(width=width),
    )  # fmt: skip


def _with_class(widget: Any, *names: str) -> Any:
    for name in names:
        widget.add_class(name)
    return widget


def plural(n: int, what: str) -> str:
    """Count things in words: `1 run`, `24 runs`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"
