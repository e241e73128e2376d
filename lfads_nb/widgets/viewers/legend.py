"""The legend: which conditions are shown, and in which colours."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets as t

_HERE = Path(__file__).parent


class Legend(anywidget.AnyWidget):
    """Toggle conditions. `sizes` are the trials of each."""

    # anywidget takes one module, so what it is made of is joined.
    _esm = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (_HERE.parent / "control_names.js", _HERE / "legend.js")
    )

    title = t.Unicode("condition").tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    colours = t.List(t.Unicode()).tag(sync=True)
    sizes = t.List(t.Int()).tag(sync=True)
    shown = t.List(t.Bool()).tag(sync=True)
