"""The legend: which conditions are shown, and in which colours."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets as t


class Legend(anywidget.AnyWidget):
    """Toggle conditions. `sizes` are the trials of each."""

    _esm = Path(__file__).parent / "legend.js"

    title = t.Unicode("condition").tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    colours = t.List(t.Unicode()).tag(sync=True)
    sizes = t.List(t.Int()).tag(sync=True)
    shown = t.List(t.Bool()).tag(sync=True)
