"""Whether sessions that were stitched agree: shared components against each session's own."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.datasets.alignment import Alignment
from lfads_nb.datasets.conditions import condition_label
from lfads_nb.errors import RunFolderError
from lfads_nb.palette import TEXT, of_sessions
from lfads_nb.results.alignment_report import RunAlignment, alignment_of
from lfads_nb.results.run_view import RunView
from lfads_nb.widgets.viewers.legend import Legend
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.linked_view import LinkedView
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.viewer import call_of

_PER_PAGE = 6
_NOTES = {
    True: "",
    False: " These are not the run's own read-ins, which were made of other trials.",
    None: " The run does not start from this alignment.",
}
_GAP = 0.15  # of a panel's width, between conditions


class AlignmentViewer(LinkedView):
    """A grid of factors by conditions: the shared component, and what each session makes of it.

    Parameters
    ----------
    run : the run, or its folder.
    selection : shared with other viewers.
    """

    title: ClassVar[str] = "Alignment"

    def __init__(self, run: Any, *, selection: Selection | None = None) -> None:
        self.run = RunView.of(run)
        super().__init__(selection or Selection())
        self.children = self.build()
        self.start()

    @cached_property
    def alignment(self) -> RunAlignment:
        """The alignment, worked out when it is first drawn."""
        if len(self.run.datasets) < 2:
            raise RunFolderError(
                "This run has a single session: there is nothing to align it to. Alignment "
                "matrices are made for stitched runs."
            )
        return alignment_of(self.run)

    def build(self) -> Sequence[w.Widget]:
        self.factors = Stepper(label="factors", step_keys=["↑", "↓"])
        self.conditions = Stepper(label="conditions")
        self.plot = Plot("", "", height=440, margins=(8, 14, 40, 90))
        self.legend = Legend(title="sessions", layout={"width": "170px", "max_height": "400px"})
        with self.legend.hold_sync():
            self.legend.labels = list(self.run.datasets)
            self.legend.colours = of_sessions(len(self.run.datasets))
            self.legend.shown = [True] * len(self.run.datasets)
        for control, trait in (
            (self.factors, "index"), (self.conditions, "index"), (self.legend, "shown"),
        ):  # fmt: skip
            control.observe(self.redraw, trait)
        self.table = w.HTML()
        row = w.HBox([self.plot, self.legend], layout={"align_items": "flex-start"})
        return [bar(self.factors, self.conditions), row, self.table]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    def draw(self) -> None:
        folder = f"RunFolder({str(self.run.folder.path)!r})"
        self.plot.name(f"alignment_{self.run.name}", call_of(self, folder, {}))
        what = self.alignment
        n_conditions, _, n_factors = _first(what).global_pcs.shape
        self.factors.show(_pages(n_factors), self.factors.index)
        self.conditions.show(_pages(n_conditions), self.conditions.index)
        factors = _page(n_factors, self.factors.index)
        conditions = _page(n_conditions, self.conditions.index)
        self._draw_grid(what, factors, conditions)
        self.table.value = r2_table(what)

    def _draw_grid(self, what: RunAlignment, factors: np.ndarray, conditions: np.ndarray) -> None:
        sessions = [n for n, on in zip(self.legend.labels, self.legend.shown, strict=True) if on]
        x, spacing = _panel_times(what.time_ms, len(conditions))
        lines, group = [], []
        shared = _first(what).global_pcs
        scale = np.nanmax(np.abs(shared), axis=(0, 1))
        sources = [*(what.alignments[name].reconstruction for name in sessions), shared]
        for row, factor in enumerate(factors):
            for position, values in enumerate(sources):
                panel = values[conditions, :, factor] / (2.1 * (scale[factor] or 1))
                lines.append(np.pad(panel, ((0, 0), (0, 1)), constant_values=np.nan).ravel() - row)
                is_global = position == len(sessions)
                own = len(self.legend.labels) if is_global else self._colour_of(sessions[position])
                group.append(own)
        names = [*sessions, "shared component"]
        self.plot.layer.show_lines(
            x, np.array(lines), np.array(group), [*self.legend.colours, TEXT], alpha=0.95,
            line_width=1.6, names=[f"{names[i % len(names)]}" for i in range(len(lines))],
        )  # fmt: skip
        self._label(what, factors, conditions, spacing)
        self.plot.set_home((float(x[0]), float(x[-1])), (0.5 - len(factors), 0.5))
        self.plot.explain_key(key_html(f"Alignment of {self.run.name}", []))
        self.plot.say(
            "Black: components of the condition averages of all sessions together. In colour: the "
            "same, from one session's channels alone. Rows are scaled each to its own size. Where "
            "colours leave black, that session's neurons do not hold the component."
            + _NOTES[what.is_the_runs]
        )

    def _colour_of(self, session: str) -> int:
        return self.legend.labels.index(session)

    def _label(
        self, what: RunAlignment, factors: np.ndarray, conditions: np.ndarray, spacing: float
    ) -> None:
        middles = [(i + 0.5 / (1 + _GAP)) * spacing for i in range(len(conditions))]
        self.plot.x_axis.tick_values = np.array(middles)
        labels = [f"condition {condition_label(_first(what).condition_ids[c])}" for c in conditions]
        self.plot.x_axis.tick_labels = dict(zip(map(_tick, middles), labels, strict=True))
        rows = [float(-row) for row in range(len(factors))]
        self.plot.y_axis.tick_values = np.array(rows)
        names = [f"factor {factor}" for factor in factors]
        self.plot.y_axis.tick_labels = dict(zip(map(_tick, rows), names, strict=True))


def r2_table(what: RunAlignment) -> str:
    """Return the sessions' R2 of each component, as an HTML table."""
    n_factors = _first(what).global_pcs.shape[-1]
    head = "".join(f"<th>factor {i}</th>" for i in range(n_factors))
    rows = "".join(
        f"<tr><td style='text-align:left'>{html.escape(name)}</td>"
        + "".join(f"<td>{'' if np.isnan(r2) else f'{r2:.2f}'}</td>" for r2 in values)
        + "</tr>"
        for name, values in ((name, each.r2) for name, each in what.alignments.items())
    )
    return (
        "<b>R² of each component from one session alone</b><table class='lfads-numbers'>"
        f"<tr><th></th>{head}</tr>{rows}</table>"
    )


def _first(what: RunAlignment) -> Alignment:
    """Return one session's alignment, which holds what all share."""
    return next(iter(what.alignments.values()))


def _panel_times(time_ms: np.ndarray, n_panels: int) -> tuple[np.ndarray, float]:
    """Return the x of panels side by side, a gap's NaN after each, and their spacing."""
    width = float(time_ms[-1] - time_ms[0]) or 1.0
    spacing = width * (1 + _GAP)
    one = np.append(time_ms - time_ms[0], width)
    return (one + spacing * np.arange(n_panels)[:, None]).ravel(), spacing


def _pages(n: int) -> list[str]:
    starts = range(0, n, _PER_PAGE)
    return [f"{start + 1} to {min(start + _PER_PAGE, n)} of {n}" for start in starts]


def _page(n: int, index: int) -> np.ndarray:
    return np.arange(n)[index * _PER_PAGE : (index + 1) * _PER_PAGE]


def _tick(value: float) -> str:
    """Return a tick's position as bqplot writes it, in JavaScript's way."""
    return str(int(value)) if value == int(value) else repr(value)
