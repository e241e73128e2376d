"""How training went: the costs of one run or of many, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np
from bqplot import Lines, Scatter

from lfads_nb.palette import PAPER, TRAIN, VALID
from lfads_nb.results import FitLog
from lfads_nb.widgets.viewers.fit_curves import COSTS, curves_of, figures_of, ramp_end
from lfads_nb.widgets.viewers.legend import Legend
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.linked_view import LinkedView
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.toggle import bar, toggle
from lfads_nb.widgets.viewers.viewed_runs import ViewedRuns
from lfads_nb.widgets.viewers.viewer import call_of


class FitViewer(LinkedView):
    """Loss curves with the ramps shaded and the best epochs marked.

    A click on a curve selects its run, here and in the viewer of the sweep.

    Parameters
    ----------
    runs : one run or several, or their folders.
    selection : shared with other viewers.
    """

    title: ClassVar[str] = "Fit"
    redraw_on: ClassVar[tuple[str, ...]] = ("run", "runs")

    def __init__(self, runs: Any, *, selection: Selection | None = None) -> None:
        self.viewed = runs if isinstance(runs, ViewedRuns) else ViewedRuns(runs, selection)
        super().__init__(self.viewed.selection)
        self._logs: dict[str, FitLog] = self.viewed.fit_logs()
        self.children = self.build()
        self.start()

    def build(self) -> Sequence[w.Widget]:
        narrow = {"layout": {"width": "auto"}, "style": {"description_width": "initial"}}
        self.figure = w.Dropdown(description="show", options=list(COSTS), **narrow)
        self.by_step = w.Dropdown(description="over", options=["epochs", "steps"], **narrow)
        self.show_train = toggle("training trials", value=True)
        self.show_valid = toggle("validation trials", value=True)
        self.log_scale = toggle("logarithmic", value=False)
        self.refresh = w.Button(description="read again", layout={"width": "auto"})
        self.refresh.on_click(self.read_again)
        for control in (self.figure, self.by_step, self.show_train, self.show_valid):
            control.observe(self.redraw, "value")
        self.log_scale.observe(self.redraw, "value")
        self.plot = Plot("epoch", "", height=340, margins=(8, 14, 40, 72))
        self.plot.layer.on_pick(self._pick)
        scales = {"x": self.plot.x_scale, "y": self.plot.y_scale}
        self.ramp = Lines(
            x=[0.0, 0.0], y=[0.0, 0.0], scales=scales, fill="bottom", fill_opacities=[0.12],
            fill_colors=["#888888"], stroke_width=0, visible=False,
        )  # fmt: skip
        self.best = Scatter(
            x=[0.0], y=[0.0], scales=scales, default_size=70, stroke=PAPER, visible=False
        )
        self.plot.figure.marks = [self.ramp, self.best]
        self.legend = Legend(title="runs", layout={"width": "210px", "max_height": "380px"})
        self.legend.observe(self.redraw, "shown")
        self._drawn: list[str] = []
        row = w.HBox([self.plot, self.legend], layout={"align_items": "flex-start"})
        controls = bar(
            self.figure, self.by_step, self.show_train, self.show_valid, self.log_scale,
            self.refresh,
        )  # fmt: skip
        return [controls, row]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    def read_again(self, _button: Any = None) -> None:
        """Read the logs anew, of runs that are being trained."""
        self._logs = self.viewed.fit_logs()
        self.redraw()

    def _pick(self, line: int, extend: bool) -> None:
        if line < 0:
            self.selection.runs = self.selection.runs if extend else ()
            return
        name = self._drawn[line]
        self.selection.runs = (*self.selection.runs, name) if extend else (name,)
        self.selection.run = name

    def draw(self) -> None:
        names = list(self._logs)
        self._offer(names)
        self.plot.name(f"fit_{'_'.join(names[:3])}", call_of(self, "rc.runs", {}))
        if not names:
            self.show_only(
                "None of these runs has finished its first epoch: there is no fitlog.csv yet."
            )
            return
        shown = [name for name, on in zip(names, self.legend.shown, strict=True) if on]
        if not shown or not (self.show_train.value or self.show_valid.value):
            self.show_only("No curve is wanted: show runs in the legend, and a kind of trials.")
            return
        self._draw_curves({name: self._logs[name] for name in shown})

    def _offer(self, names: list[str]) -> None:
        figures = list(figures_of(self._logs))
        if list(self.figure.options) != figures:
            chosen = self.figure.value
            self.figure.options = figures
            self.figure.value = chosen if chosen in figures else figures[0]
        short, colours = self.viewed.short_names, self.viewed.colours
        if self.legend.labels != [short[name] for name in names]:
            with self.legend.hold_sync():
                self.legend.labels = [short[name] for name in names]
                self.legend.colours = [colours[name] for name in names]
                self.legend.sizes = [len(self._logs[name]) for name in names]
                self.legend.shown = [True] * len(names)

    def _draw_curves(self, logs: dict[str, FitLog]) -> None:
        by_step = self.by_step.value == "steps"
        curves = curves_of(logs, figures_of(self._logs)[self.figure.value], by_step=by_step)
        wanted = np.where(curves.is_valid, self.show_valid.value, self.show_train.value)
        order = np.flatnonzero(wanted)
        names, all_colours = list(logs), self.viewed.colours
        y = np.log10(np.where(curves.y > 0, curves.y, np.nan)) if self.log_scale.value else curves.y
        colours = [all_colours[name] for name in names]
        # Training curves are paler; a run that is selected stands out.
        pale = [colour + "88" for colour in colours]
        if len(logs) == 1:
            colours, pale = [VALID], [TRAIN]
        group = np.where(curves.is_valid, curves.run, curves.run + len(colours))[order]
        self._drawn = [names[run] for run in curves.run[order]]
        kind = {True: "validation", False: "training"}
        short = self.viewed.short_names
        lit = [i for i, name in enumerate(self._drawn) if name in self.selection.runs]
        self.plot.layer.show_lines(
            curves.x[order], y[order], group, [*colours, *pale], alpha=0.95, line_width=1.5,
            highlight=lit,
            names=[
                f"{short[names[curves.run[i]]]}, {kind[bool(curves.is_valid[i])]}" for i in order
            ],
        )  # fmt: skip
        best = np.log10(curves.best[:, 1]) if self.log_scale.value else curves.best[:, 1]
        self._draw_best(np.stack([curves.best[:, 0], best], axis=1), colours)
        limits = type(curves)(curves.x[order], y[order], group, curves.is_valid, curves.best)
        x_limits, y_limits = limits.limits()
        self._draw_ramp(logs, y_limits, by_step=by_step)
        self.plot.set_home(x_limits, y_limits)
        self.plot.x_axis.label = "optimiser steps" if by_step else "epoch"
        label = self.figure.value
        self.plot.y_axis.label = f"log10 of {label}" if self.log_scale.value else label
        self.plot.explain_key(key_html(f"Training of {len(logs)} runs", []))

    def _draw_best(self, best: np.ndarray, colours: list[str]) -> None:
        known = np.isfinite(best).all(axis=1)
        with self.best.hold_sync():
            self.best.x, self.best.y = best[known].T.astype(np.float32)
            self.best.colors = [c for c, is_known in zip(colours, known, strict=True) if is_known]
            self.best.visible = bool(known.any())

    def _draw_ramp(
        self, logs: dict[str, FitLog], y_limits: tuple[float, float], *, by_step: bool
    ) -> None:
        name = self.selection.run if self.selection.run in logs else next(iter(logs))
        end = ramp_end(logs[name], by_step=by_step)
        with self.ramp.hold_sync():
            self.ramp.x = np.array([0.0, end], dtype=np.float32)
            self.ramp.y = np.array([y_limits[1], y_limits[1]], dtype=np.float32)
            self.ramp.visible = end > 0
        strong, pale = ("Orange", "blue") if len(logs) == 1 else ("Strong", "pale")
        self.plot.say(
            f"{strong}: validation trials; {pale}: training trials. Dots: each run's best epoch, "
            "the lowest validation cost after the ramps. Shaded: the ramps of "
            f"{self.viewed.short_names[name]}."
        )
