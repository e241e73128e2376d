"""A few numbers as bars."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as w
import numpy as np
from bqplot import Axis, Bars, Figure, LinearScale, OrdinalScale

from lfads_nb.palette import categorical
from lfads_nb.widgets.viewers.nice_ticks import nice_ticks


class BarPlot(w.VBox):
    """Labelled bars with a title above and a note below."""

    def __init__(self, y_label: str, *, height: int = 230, width: int = 300) -> None:
        self.y_scale = LinearScale(min=0.0, max=1.0, allow_padding=False)
        x_scale = OrdinalScale()
        self.y_axis = Axis(
            scale=self.y_scale, orientation="vertical", label=y_label, grid_lines="none",
            label_offset="42px",
        )  # fmt: skip
        self.bars = Bars(
            x=["0"], y=[0.0], scales={"x": x_scale, "y": self.y_scale}, visible=False,
            colors=[categorical(1)[0]],
        )  # fmt: skip
        self.figure = Figure(
            marks=[self.bars], axes=[Axis(scale=x_scale, grid_lines="none"), self.y_axis],
            fig_margin={"top": 8, "right": 8, "bottom": 30, "left": 58}, display_toolbar=False,
            background_style={"fill": "transparent"},
            layout={"width": f"{width}px", "height": f"{height}px"},
        )  # fmt: skip
        self.head, self.note = w.HTML(), w.HTML()
        self.note.add_class("lfads-note")
        super().__init__([self.head, self.figure, self.note], layout={"width": f"{width + 8}px"})
        self.add_class("lfads-stage")

    def show(self, labels: Sequence[str], values: np.ndarray, title: str, note: str) -> None:
        """Draw bars; `title` and `note` are HTML."""
        self.head.value, self.note.value = f"<b>{title}</b>", note
        with self.bars.hold_sync():
            self.bars.x = list(labels)
            self.bars.y = np.nan_to_num(values).astype(np.float32)
            self.bars.visible = bool(len(values))
        top = float(np.nanmax(values, initial=0.0))
        self.y_scale.max = 1.08 * top if top > 0 else 1.0
        self.y_axis.tick_values = nice_ticks(0.0, self.y_scale.max)
