"""A small check box for what a plot shows."""

from __future__ import annotations

import ipywidgets as w


def toggle(label: str, *, value: bool, tooltip: str = "") -> w.Checkbox:
    """Return a check box as wide as its words."""
    return w.Checkbox(
        value=value, description=label, indent=False, tooltip=tooltip, layout={"width": "auto"}
    )


def bar(*widgets: w.Widget) -> w.HBox:
    """Put controls in a row that wraps."""
    box = w.HBox(list(widgets))
    box.add_class("lfads-bar")
    return box
