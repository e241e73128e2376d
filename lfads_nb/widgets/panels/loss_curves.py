"""The costs of the chosen runs, overlaid, one colour for each run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np

from lfads_nb.vocabulary import curve
from lfads_nb.widgets.panels.loss_history import thin
from lfads_nb.widgets.theme import html, row, stack

if TYPE_CHECKING:
    from lfads_nb.results import FitLog

MAX_RUNS = 40
MAX_POINTS = 20_000  # a figure stays fluid up to that
_CHOICES = {
    curve(column).name: column
    for column in (
        "total_valid", "total_train", "recon_valid", "recon_train", "kl_valid",
        "learning_rate", "l2",
    )
}  # fmt: skip


class LossCurves(w.VBox):
    """Overlays one figure of the fit logs of several runs against the epoch."""

    def __init__(self) -> None:
        self.which = w.Dropdown(
            options=list(_CHOICES), description="Show", style={"description_width": "initial"},
            layout=w.Layout(width="250px"),
        )  # fmt: skip
        self.log_scale = w.Checkbox(
            False, description="log scale", indent=False, layout=w.Layout(width="auto")
        )
        self._legend = html()
        self._words = html('<span class="lfads-dim">Select runs to see their curves.</span>')
        self._box = w.VBox()
        self._logs: list[tuple[str, str, FitLog]] = []
        self._places: dict[str, int] = {}
        self._drawn: Any = None
        self._bq: Any = None
        for widget in (self.which, self.log_scale):
            widget.observe(lambda _change: self._draw(), "value")
        super().__init__([
            row(self.which, self.log_scale), self._words, self._box, stack(self._legend),
        ])  # fmt: skip

    def show(self, logs: Sequence[tuple[str, str, FitLog]], n_without: int = 0) -> None:
        """Draw the logs of runs: (name, label, log) each.

        Parameters
        ----------
        logs : what to draw.
        n_without : chosen runs that have no log yet.
        """
        self._logs = list(logs[:MAX_RUNS])
        words = ""
        if not logs:
            words = (
                "The selected runs have not finished an epoch yet."
                if n_without
                else "Select runs in the table to see their curves."
            )
        elif len(logs) > MAX_RUNS:
            words = f"The first {MAX_RUNS} of {len(logs)} selected runs."
        elif n_without:
            words = f"{n_without} of the selected runs have not finished an epoch yet."
        self._words.value = f'<span class="lfads-dim">{escape(words)}</span>'
        self._draw()

    def _make_figure(self) -> None:
        import bqplot as bq

        from lfads_nb.widgets.small_figure import make_figure

        self._bq = bq
        self._y, self._y_log = bq.LinearScale(), bq.LogScale()
        self._x = bq.LinearScale()
        self.figure = make_figure(
            [], self._x, self._y, x_label="epoch", y_label="", width="100%", height="300px"
        )
        self.figure.add_class("lfads-curves")
        self._box.children = [self.figure]

    def _draw(self) -> None:
        key = (
            self.which.value,
            self.log_scale.value,
            tuple((name, len(log)) for name, _, log in self._logs),
        )
        if key == self._drawn:
            return
        self._drawn = key
        self._box.layout.display = "" if self._logs else "none"
        if not self._logs:
            self._legend.value = ""
            return
        if self._bq is None:
            self._make_figure()
        self._replace_marks()

    def _steady_colours(self) -> list[str]:
        """Return the runs' colours: a run keeps its own while others come and go."""
        from lfads_nb.palette import of_runs

        names = [name for name, _, _ in self._logs]
        self._places = {name: at for name, at in self._places.items() if name in names}
        free = iter(sorted(set(range(len(names))) - set(self._places.values())))
        for name in names:
            if name not in self._places:
                self._places[name] = next(free)
        every = of_runs(max(self._places.values(), default=0) + 1)
        return [every[self._places[name]] for name in names]

    def _replace_marks(self) -> None:
        colours = self._steady_colours()
        column = _CHOICES[self.which.value]
        y_scale = self._y_log if self.log_scale.value else self._y
        old = list(self.figure.marks)
        budget = MAX_POINTS // len(self._logs)
        marks, legend = [], []
        for (_name, label, log), colour in zip(self._logs, colours, strict=True):
            values = log.columns.get(column)
            if values is None:
                continue
            place = thin(np.arange(len(values)), budget)
            y = values[place].astype(np.float64)
            if self.log_scale.value:
                y = np.where(y > 0, y, np.nan)
            marks.append(
                self._bq.Lines(
                    x=place.astype(np.float32), y=y.astype(np.float32),
                    scales={"x": self._x, "y": y_scale}, colors=[colour], stroke_width=1.6,
                )
            )  # fmt: skip
            legend.append(_legend_item(label, colour, values))
        with self.figure.hold_sync():
            y_axis = self.figure.axes[1]
            y_axis.scale, y_axis.label = y_scale, self.which.value
            self.figure.marks = marks
        self._legend.value = f'<div class="lf-links">{"".join(legend)}</div>'
        for mark in old:
            mark.close()


def _legend_item(label: str, colour: str, values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    last = f" {known[-1]:.5g}" if len(known) else ""
    return (
        f'<span><b aria-hidden="true" style="color:{colour}">━</b> '
        f"{escape(label)}<b>{escape(last)}</b></span>"
    )
