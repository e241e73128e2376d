"""One plot: a transparent bqplot figure over a canvas layer, with its tools and its words.

Axes, averages, brushes and selections are bqplot's; bundles of single trials and images lie on the
layer below and follow the same scales.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

import ipywidgets as w
import numpy as np
from bqplot import Axis, Figure, LinearScale, PanZoom

from lfads_nb.palette import TEXT
from lfads_nb.widgets.viewers.average_lines import AverageLines
from lfads_nb.widgets.viewers.nice_ticks import nice_ticks
from lfads_nb.widgets.viewers.plot_tools import PlotTools
from lfads_nb.widgets.viewers.raster_layer import RasterLayer

Margins = tuple[int, int, int, int]
_LOW = 200  # pixels; a lower plot has room for few ticks


class Plot(w.VBox):
    """A figure, the layer under it, a note below, and what to say when there is nothing.

    Parameters
    ----------
    x_label, y_label : of the axes; an empty one leaves the axis without a label.
    height : of the figure in pixels.
    margins : top, right, bottom, left, in pixels.
    x_ticks, y_ticks : whether there is an axis at all.
    x_scale : another plot's, to pan and zoom together.
    has_tools : whether there are buttons above it.
    """

    def __init__(
        self,
        x_label: str,
        y_label: str,
        *,
        height: int = 320,
        margins: Margins = (8, 18, 40, 66),
        x_ticks: bool = True,
        y_ticks: bool = True,
        x_scale: LinearScale | None = None,
        has_tools: bool = True,
    ) -> None:
        top, right, bottom, left = margins
        self.x_scale = x_scale or LinearScale(min=0.0, max=1.0, allow_padding=False)
        self.y_scale = LinearScale(min=0.0, max=1.0, allow_padding=False)
        self.x_axis = Axis(
            scale=self.x_scale, label=x_label, grid_lines="none", label_offset="30px"
        )
        self.y_axis = Axis(
            scale=self.y_scale, label=y_label, orientation="vertical", grid_lines="none",
            label_offset="50px",
        )  # fmt: skip
        self.figure = Figure(
            axes=[*([self.x_axis] if x_ticks else []), *([self.y_axis] if y_ticks else [])],
            marks=[],
            fig_margin={"top": top, "right": right, "bottom": bottom, "left": left},
            padding_x=0,
            padding_y=0,
            animation_duration=0,
            display_toolbar=False,
            background_style={"fill": "transparent"},
            layout={"width": "100%", "height": f"{height}px", "min_width": "0"},
        )
        self.layer = RasterLayer(
            x_scale=self.x_scale,
            y_scale=self.y_scale,
            layout={
                "top": f"{top}px", "right": f"{right}px", "bottom": f"{bottom}px",
                "left": f"{left}px",
            },
        )  # fmt: skip
        self.tools = PlotTools(figure=self.figure)
        self.tools.observe(self._set_interaction, "panning")
        self.tools.on_reset(self.reset)
        self.curve_sets: list[AverageLines] = []
        self._event = AverageLines(self, width=1.0, style="dotted")
        self._events = AverageLines(self, width=1.2, style="dashed")
        self._is_low = height < _LOW
        self._home: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)
        self._empty = w.HTML(layout={"display": "none"})
        self._empty.add_class("lfads-empty")
        self._note = w.HTML()
        self._note.add_class("lfads-note")
        stage = w.Box(
            [self.layer, self.figure, self._empty],
            layout={"width": "100%", "height": f"{height}px", "overflow": "hidden"},
        )
        stage.add_class("lfads-stage")
        self.stage = stage
        self._key = w.HTML(layout={"flex": "1 1 auto"})
        head = w.HBox([self._key, self.tools], layout={"overflow": "visible"})
        head.add_class("lfads-bar")
        super().__init__(
            [*([head] if has_tools else []), stage, self._note],
            layout={"width": "100%", "min_width": "0", "overflow": "visible"},
        )
        self.add_class("lfads-plot")

    def add_control(self, control: w.Widget) -> None:
        """Put a control that is about this plot alone beside its title."""
        head = self.children[0]
        head.children = [*head.children[:-1], control, self.tools]

    def fold(self, is_folded: bool) -> None:
        """Leave nothing but the title and its controls, or show the figure again."""
        display = "none" if is_folded else None
        for part in (self.stage, self._note, self.tools):
            part.layout.display = display

    def blank(self) -> None:
        """Show nothing but the axes."""
        self.layer.clear()
        for curves in self.curve_sets:
            curves.hide()
        for mark in self.figure.marks:
            mark.visible = False

    def set_home(self, x: tuple[float, float], y: tuple[float, float], *, go: bool = True) -> None:
        """Set the limits that `reset` goes back to, and go there."""
        self._home = (*_with_width(*x), *_with_width(*y))
        if self._is_low:
            self.y_axis.tick_values = nice_ticks(*self._home[2:], most=3)
        if go:
            self.reset()

    def reset(self) -> None:
        """Show everything again."""
        x0, x1, y0, y1 = (float(limit) for limit in self._home)
        for scale, low, high in ((self.x_scale, x0, x1), (self.y_scale, y0, y1)):
            if (scale.min, scale.max) != (low, high):
                with scale.hold_sync():
                    scale.min, scale.max = low, high

    def set_height(self, pixels: int) -> None:
        """Make the figure higher or lower."""
        for each in (self.figure, self.stage):
            each.layout.height = f"{pixels}px"

    def name_rows(self, ticks: Mapping[float, str], *, across: bool = True) -> None:
        """Set named ticks on the vertical axis; none: numbers again.

        Parameters
        ----------
        ticks : place -> name.
        across : whether there is a line across the plot at each.
        """
        with self.y_axis.hold_sync():
            if ticks or self.y_axis.tick_labels:
                self.y_axis.tick_values = np.array(list(ticks)) if ticks else None
                self.y_axis.tick_labels = {f"{at:g}": text for at, text in ticks.items()}
            self.y_axis.grid_lines = "solid" if ticks and across else "none"

    def mark_time(self, at: float | None) -> None:
        """Draw a line down at a time, such as that of the event that trials are aligned to."""
        if at is None:
            self._event.hide()
            return
        _, _, low, high = self._home
        far = 20 * (high - low)  # beyond what is seen, however it is panned
        ends = np.array([[low - far, high + far]])
        self._event.show(np.full((1, 2), at), ends, [TEXT])

    def mark_times(self, at: Sequence[float]) -> None:
        """Draw dashed lines down at the times of a trial's events; NaN is none."""
        known = np.array([time for time in at if np.isfinite(time)])
        if not len(known):
            self._events.hide()
            return
        _, _, low, high = self._home
        far = 20 * (high - low)
        ends = np.tile([low - far, high + far], (len(known), 1))
        self._events.show(np.column_stack([known, known]), ends, [TEXT] * len(known))

    def explain_key(self, key: str) -> None:
        """Set what stands above the figure, as HTML: its title, what the kinds of line mean."""
        self._key.value = key

    def say(self, note: str) -> None:
        """Set the line below the figure; plain text."""
        self._note.value = html.escape(note)

    def explain_emptiness(self, reason: str | None) -> None:
        """Say in the figure's place why it shows nothing, or take that back with None."""
        self._empty.value = html.escape(reason or "")
        self._empty.layout.display = "none" if reason is None else "flex"
        # Axes from 0 to 1 would be numbers that mean nothing.
        (self.remove_class if reason is None else self.add_class)("lfads-nothing")

    @property
    def emptiness(self) -> str:
        """The reason why nothing is shown, as HTML; empty if something is."""
        return self._empty.value

    def name(self, file_name: str, code: str) -> None:
        """Set the name that pictures are saved under and the code that makes them."""
        with self.tools.hold_sync():
            self.tools.file_name = re.sub(r"[^\w.-]+", "_", file_name).strip("_")
            self.tools.code = code

    def _set_interaction(self, change: dict) -> None:
        old = self.figure.interaction
        self.figure.interaction = (
            PanZoom(scales={"x": [self.x_scale], "y": [self.y_scale]}) if change["new"] else None
        )
        if old is not None:
            old.close()


def _with_width(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5, low + 0.5)
