"""Initial conditions g0 of all trials in the plane of two components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np
from bqplot import Scatter

from lfads_nb.errors import RunFolderError
from lfads_nb.palette import TEXT
from lfads_nb.results.condition_averages import average_by_condition
from lfads_nb.results.metrics import gaussian_kl
from lfads_nb.widgets.viewers.bars import BarPlot
from lfads_nb.widgets.viewers.brush import Box, set_brush
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.projections import principal_axes
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.viewer import Viewer

_FIELDS = {"post_g0_mean": "posterior mean of g0", "generator_ics": "generator's first state"}
_PLANES = {"PC 1 and 2": (0, 1), "PC 1 and 3": (0, 2), "PC 2 and 3": (1, 2)}
_MOST_BARS = 12


class InitialConditionsViewer(Viewer):
    """Where trials start: a dot each, coloured by condition, in principal components.

    A click picks a trial, a rectangle drawn with "select" picks many, in all viewers.
    """

    title: ClassVar[str] = "Initial conditions"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked",
    )  # fmt: skip

    def build(self) -> Sequence[w.Widget]:
        self.plane = w.Dropdown(
            description="plane", options=_PLANES, layout={"width": "auto"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.plane.observe(self.redraw, "value")
        self.select = w.ToggleButton(
            description="select", tooltip="drag a rectangle to pick trials",
            layout={"width": "80px"},
        )  # fmt: skip
        self.select.observe(self._set_brush, "value")
        self.plot = Plot("PC 1", "PC 2", height=380)
        self.plot.layer.on_pick(self._pick)
        self.plot.layout.flex, self.plot.layout.width = "1 1 420px", "auto"
        self.centres = Scatter(
            x=[0.0], y=[0.0], scales={"x": self.plot.x_scale, "y": self.plot.y_scale},
            marker="cross", default_size=90, stroke=TEXT, visible=False,
        )  # fmt: skip
        self.plot.figure.marks = [self.centres]
        self.use = BarPlot("KL (nats)")
        self._trials = np.zeros(0, dtype=np.int64)
        self._points = np.zeros((0, 2))
        row = w.HBox([self.plot, self.use], layout={"flex_flow": "row wrap"})
        return [bar(self.plane, self.select), row]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    def draw(self) -> None:
        viewed, pm = self.viewed, self.viewed.source.pm
        field = next((name for name in _FIELDS if pm.has(name)), None)
        if field is None:
            raise RunFolderError("The run stored no initial conditions (it has ic_dim = 0).")
        self.plot.name(f"initial_conditions_{pm.name}", self.call())
        trials = viewed.trials()
        if not len(trials):
            self.show_only(viewed.why_no_trials())
            return
        values = pm.field(field).load()
        axes = principal_axes(values[viewed.source.chosen(self.selection)], 3)
        plane = [min(i, axes.axes.shape[1] - 1) for i in self.plane.value]
        points = axes.project(values[trials])[:, plane]
        self._trials, self._points = trials, points
        self._draw_dots(trials, points)
        self._draw_centres(trials, points)
        self.plot.x_axis.label, self.plot.y_axis.label = (
            f"PC {i + 1} ({100 * axes.explained[i]:.0f}%)" for i in plane
        )
        low, high = points.min(axis=0), points.max(axis=0)
        room = 0.06 * (high - low)
        x, y = ((low - room)[i].item() for i in (0, 1)), ((high + room)[i].item() for i in (0, 1))
        (x0, y0), (x1, y1) = tuple(x), tuple(y)
        self.plot.set_home((x0, x1), (y0, y1))
        self.plot.explain_key(key_html(f"Initial conditions of {viewed.source.name}", []))
        picked = np.intersect1d(self.selection.picked, trials)
        self.plot.say(
            f"{len(trials):,} trials ({_FIELDS[field]}); crosses are the conditions' centres. "
            "The axes are those of all trials of this choice."
            + (f" {len(picked)} picked." if len(picked) else "")
        )
        self._draw_kl(trials)

    def _draw_dots(self, trials: np.ndarray, points: np.ndarray) -> None:
        conditions = self.viewed.conditions
        names = [self.viewed.name_of_trial(trial) for trial in trials.tolist()]
        picked = np.flatnonzero(np.isin(trials, self.selection.picked)).tolist()
        self.plot.layer.show_lines(
            points[:, :1], points[:, 1:], conditions.group[trials], conditions.colours,
            names=names, highlight=picked, alpha=0.7,
        )  # fmt: skip

    def _draw_centres(self, trials: np.ndarray, points: np.ndarray) -> None:
        conditions = self.viewed.conditions
        centres = average_by_condition(points, conditions.group[trials])
        with self.centres.hold_sync():
            self.centres.x = centres.mean[:, 0].astype(np.float32)
            self.centres.y = centres.mean[:, 1].astype(np.float32)
            self.centres.colors = [conditions.colours[group] for group in centres.ids]
            self.centres.visible = True

    def _draw_kl(self, trials: np.ndarray) -> None:
        pm = self.viewed.source.pm
        names = ("post_g0_mean", "post_g0_logvar", "prior_g0_mean", "prior_g0_logvar")
        there = all(pm.has(name) for name in names)
        self.use.layout.display = None if there else "none"
        if not there:
            return
        kl = gaussian_kl(*(pm.field(name)[trials] for name in names)).mean(axis=0)
        order = np.argsort(-kl)[:_MOST_BARS]
        note = (
            f"{kl.sum():.1f} nats per trial in all; the {len(order)} of {len(kl)} dimensions that "
            "hold most. A dimension with none is not used."
        )
        self.use.show([str(i) for i in order], kl[order], "KL of g0 by dimension", note)

    # ------------------------------------------------------------------------------ choosing

    def _pick(self, line: int, extend: bool) -> None:
        trial = -1 if line < 0 else int(self._trials[line])
        self.selection.pick(trial, extend=extend)

    def _set_brush(self, change: dict[str, Any]) -> None:
        set_brush(self.plot, change["new"], self._pick_brushed)

    def _pick_brushed(self, box: Box) -> None:
        (x0, x1), (y0, y1) = box
        inside = (self._points >= [x0, y0]) & (self._points <= [x1, y1])
        self.selection.pick_all(self._trials[inside.all(axis=1)])
