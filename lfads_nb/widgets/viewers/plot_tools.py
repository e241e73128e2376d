"""The buttons of one plot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t
from bqplot import Figure
from ipywidgets import widget_serialization

_HERE = Path(__file__).parent


class PlotTools(anywidget.AnyWidget):
    """Pan and zoom, reset, save as PNG or SVG under `file_name`, show `code`."""

    # anywidget takes one module, so what the tools are made of is joined.
    _esm = "\n".join(
        (_HERE / name).read_text(encoding="utf-8") for name in ("saved_picture.js", "plot_tools.js")
    )

    figure = t.Instance(Figure).tag(sync=True, **widget_serialization)
    file_name = t.Unicode("figure").tag(sync=True)
    code = t.Unicode("").tag(sync=True)
    panning = t.Bool(False).tag(sync=True)

    def on_reset(self, callback: Callable[[], None]) -> None:
        """Call `callback()` when everything is to be shown again."""

        def receive(_widget: Any, content: dict[str, Any], _buffers: Any) -> None:
            if content.get("event") == "reset":
                callback()

        self.on_msg(receive)
