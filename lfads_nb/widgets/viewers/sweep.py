"""The runs of a sweep: who did best, and which parameters made the difference."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np
import pandas as pd
from bqplot import Label

from lfads_nb.palette import TEXT, graded
from lfads_nb.results import compare
from lfads_nb.vocabulary import FIGURES
from lfads_nb.widgets.viewers.brush import Box, set_brush
from lfads_nb.widgets.viewers.leaderboard import make_leaderboard
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.linked_view import LinkedView
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.sweep_axes import (
    SweepAxis,
    figures_of,
    main_figures_of,
    parameters_of,
    sweep_axes,
)
from lfads_nb.widgets.viewers.sweep_findings import SweepFindings
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.viewed_runs import ViewedRuns
from lfads_nb.widgets.viewers.viewer import call_of

_UNKNOWN = "#999999"


class SweepViewer(LinkedView):
    """A leaderboard beside a scatter plot or parallel coordinates of the same runs.

    Rows, dots and lines are linked: what is selected in one, by a click or by a rectangle drawn
    with "select", is highlighted in the others.

    Parameters
    ----------
    runs : the runs, such as `rc.runs`.
    selection : shared with other viewers.
    """

    title: ClassVar[str] = "Sweep"
    redraw_on: ClassVar[tuple[str, ...]] = ("runs",)

    def __init__(self, runs: Any, *, selection: Selection | None = None) -> None:
        self.viewed = runs if isinstance(runs, ViewedRuns) else ViewedRuns(runs, selection)
        super().__init__(self.viewed.selection)
        self.table: pd.DataFrame = compare(self.viewed.runs.values())
        self.axes = sweep_axes(self.table)
        self.children = self.build()
        self.start()

    def build(self) -> Sequence[w.Widget]:
        self.board = make_leaderboard(
            self.table, self.viewed.short_names,
            {name: self.viewed.hash_of(name) for name in self.viewed.names},
        )  # fmt: skip
        self.board.observe(self._take_rows, "selected")
        metrics = figures_of(self.axes)
        parameters = parameters_of(self.axes)
        self.kind = w.ToggleButtons(
            options=["scatter", "parallel coordinates"], style={"button_width": "auto"}
        )
        self.x = self._choice("x", parameters[:1] or metrics[:1])
        self.y = self._choice("y", metrics[:1])
        self.colour = self._choice("colour", metrics[:1])
        self.select = w.ToggleButton(
            description="select", tooltip="drag a rectangle to select runs",
            layout={"width": "80px"},
        )  # fmt: skip
        self.select.observe(self._set_brush, "value")
        for control in (self.kind, self.x, self.y, self.colour):
            control.observe(self.redraw, "value")
        self.plot = Plot("", "", height=330, margins=(26, 34, 44, 76))
        self.plot.layer.on_pick(self._pick)
        scales = {"x": self.plot.x_scale, "y": self.plot.y_scale}
        self.ends = Label(
            x=[0.0], y=[0.0], text=[""], scales=scales, default_size=11, align="middle",
            colors=[TEXT], font_weight="normal", apply_clip=False, visible=False,
        )  # fmt: skip
        self.plot.figure.marks = [self.ends]
        table = w.Box([self.board], layout={"width": "100%", "overflow": "auto"})
        table.add_class("lfads")
        controls = bar(self.kind, self.x, self.y, self.colour, self.select)
        self.findings = SweepFindings(self.table)
        return [table, controls, self.plot, self.findings]

    def _choice(self, label: str, first: list[str]) -> w.Dropdown:
        options = [(axis.label, name) for name, axis in self.axes.items()]
        return w.Dropdown(
            description=label, options=options, value=first[0] if first else None,
            style={"description_width": "initial"}, layout={"width": "auto", "max_width": "300px"},
        )  # fmt: skip

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    # ------------------------------------------------------------------------------ choosing

    def _take_rows(self, change: dict[str, Any]) -> None:
        if set(change["new"]) != set(self.selection.runs):
            self._choose(change["new"])

    def _pick(self, line: int, extend: bool) -> None:
        name = self.viewed.names[line] if line >= 0 else None
        kept = self.selection.runs if extend else ()
        self._choose([*kept, *([name] if name and name not in kept else [])])

    def _choose(self, names: Sequence[str]) -> None:
        self.selection.runs = tuple(names)
        if len(names) == 1:
            self.selection.run = names[0]

    def _set_brush(self, change: dict[str, Any]) -> None:
        set_brush(self.plot, change["new"], self._choose_brushed)

    def _choose_brushed(self, box: Box) -> None:
        (x0, x1), (y0, y1) = box
        x, y = self._points()
        across = (x >= x0) & (x <= x1)
        inside = (y >= y0) & (y <= y1)
        # In parallel coordinates, on every axis that the rectangle crosses.
        is_in: Any = across.any(axis=1) & (inside | ~across).all(axis=1)
        self._choose([name for name, on in zip(self.viewed.names, is_in, strict=True) if on])

    # ------------------------------------------------------------------------------- drawing

    def draw(self) -> None:
        self.plot.name("sweep", call_of(self, "rc.runs", {}))
        if list(self.board.selected) != list(self.selection.runs):
            self.board.selected = [n for n in self.selection.runs if n in self.viewed.views]
        is_parallel = self.kind.value != "scatter"
        for control in (self.x, self.y):
            control.layout.display = "none" if is_parallel else None
        if not figures_of(self.axes):
            self.show_only("None of these runs has results yet: train them first.")
            return
        x, y = self._points()
        colours = self._colours()
        lit = [i for i, name in enumerate(self.viewed.names) if name in self.selection.runs]
        self.plot.layer.show_lines(
            x, y, np.arange(len(y)), colours, highlight=lit, alpha=0.9, line_width=1.6,
            names=list(self.viewed.short_names.values()),
        )  # fmt: skip
        if is_parallel:
            self._label_parallel()
        else:
            self._label_scatter()
        shade = self.axes[self.colour.value]
        direction = FIGURES[shade.name].better if shade.name in FIGURES else ""
        better = f"{direction} is better" if direction else "dark low, bright high"
        self.plot.explain_key(
            key_html(f"{len(y)} runs", []) + f"coloured by {html.escape(shade.label)} ({better})"
        )
        self.plot.say(
            f"{len(lit)} runs selected." if lit else "Click a row, a dot or a line to select runs."
        )

    def _parallel_axes(self) -> list[SweepAxis]:
        chosen = [*parameters_of(self.axes), *main_figures_of(self.axes)]
        return [self.axes[name] for name in chosen]

    def _points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where runs are drawn: (runs, axes) each."""
        if self.kind.value == "scatter":
            return self.axes[self.x.value].values[:, None], self.axes[self.y.value].values[:, None]
        y = np.stack([axis.fractions() for axis in self._parallel_axes()], axis=1)
        return np.broadcast_to(np.arange(y.shape[1], dtype=float), y.shape).copy(), y

    def _colours(self) -> list[str]:
        fractions = self.axes[self.colour.value].fractions()
        known = np.isfinite(fractions)
        named = graded(np.where(known, fractions, 0))
        return [name if is_known else _UNKNOWN for name, is_known in zip(named, known, strict=True)]

    def _label_scatter(self) -> None:
        self.ends.visible = False
        for axis, chosen in ((self.plot.x_axis, self.x), (self.plot.y_axis, self.y)):
            shown = self.axes[chosen.value]
            axis.label = shown.label
            _set_ticks(axis, shown.ticks)
        self.plot.y_axis.visible = True
        limits = [self.axes[each.value].limits for each in (self.x, self.y)]
        self.plot.set_home(*[(lo - 0.08 * (hi - lo), hi + 0.08 * (hi - lo)) for lo, hi in limits])

    def _label_parallel(self) -> None:
        axes = self._parallel_axes()
        self.plot.x_axis.label = self.plot.y_axis.label = ""
        _set_ticks(self.plot.x_axis, {float(i): axis.name for i, axis in enumerate(axes)})
        self.plot.y_axis.visible = False
        low, high = ([axis.text(axis.limits[end]) for axis in axes] for end in (0, 1))
        at = np.arange(len(axes), dtype=float)
        with self.ends.hold_sync():
            self.ends.x = np.concatenate([at, at])
            self.ends.y = np.concatenate([np.full(len(at), -0.06), np.full(len(at), 1.04)])
            self.ends.text = np.array([*low, *high])
            self.ends.visible = True
        self.plot.set_home((-0.3, len(axes) - 0.7), (-0.1, 1.12))


def _set_ticks(axis: Any, ticks: dict[float, str]) -> None:
    """Set named ticks, or leave them to bqplot."""
    with axis.hold_sync():
        axis.tick_values = np.array(list(ticks)) if ticks else None
        axis.tick_labels = {f"{at:g}": text for at, text in ticks.items()}
