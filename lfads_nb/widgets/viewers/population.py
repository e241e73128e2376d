"""A population at work: scores of its members, who copied whom, and the paths of what is searched.

Drawn from the files that the population writes, while it trains or long after: `read_again` looks
for what is new. The weights that lead now are followed back through every copy as a strong line.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np
from bqplot import Lines

from lfads_nb.palette import graded
from lfads_nb.results.population import PopulationResults
from lfads_nb.results.verdict_report import winner_verdict
from lfads_nb.sweep.population_history import Known
from lfads_nb.widgets.live_preview import LivePreviewBox
from lfads_nb.widgets.viewers.linked_view import LinkedView
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.verdict_line import verdict_line

SCORES, PATHS, VALUES = "scores by epoch", "paths of a parameter", "score against a parameter"
_UNKNOWN = "#999999"
_BEST_SHARE, _SETTLED = 0.98, 0.15
"""The first epochs are off the scale: limits are those of this share of the values after them."""


class PopulationViewer(LinkedView):
    """Members over epochs, coloured by how good they are in the last whole generation.

    A click on a line selects its member, in all three pictures and in the table of members.

    Parameters
    ----------
    population : a `PopulationRun`, or its folder.
    selection : `runs` holds the members that are highlighted, as "member 7".
    """

    title: ClassVar[str] = "Population"
    redraw_on: ClassVar[tuple[str, ...]] = ("runs",)

    def __init__(self, population: Any, *, selection: Selection | None = None) -> None:
        super().__init__(selection or Selection())
        self.population = population
        self._known: Known = {}
        self.found = PopulationResults.open(population, known=self._known)
        self.children = self.build()
        self.start()

    def build(self) -> Sequence[w.Widget]:
        self.kind = w.ToggleButtons(options=[SCORES, PATHS, VALUES], style={"button_width": "auto"})
        self.parameter = w.Dropdown(
            options=list(self.found.space), description="parameter",
            style={"description_width": "initial"}, layout={"width": "auto"},
        )  # fmt: skip
        self.refresh = w.Button(description="read again", layout={"width": "auto"})
        self.refresh.on_click(self.read_again)
        for control in (self.kind, self.parameter):
            control.observe(self.redraw, "value")
        self.plot = Plot("epoch", "", height=340, margins=(8, 14, 44, 78))
        self.plot.layer.on_pick(self._pick)
        scales = {"x": self.plot.x_scale, "y": self.plot.y_scale}
        self.leader = Lines(
            x=[0.0], y=[0.0], scales=scales, colors=["#d62728"], stroke_width=2.5, visible=False
        )
        self.plot.figure.marks = [self.leader]
        self._head = w.HTML()
        self._head.add_class("lfads-note")
        self._drawn: list[int] = []
        self.preview = LivePreviewBox()
        self.verdict = w.HTML()
        self.verdict.add_class("lfads-verdict")
        return [
            self._head,
            self.verdict,
            bar(self.kind, self.parameter, self.refresh),
            self.plot,
            self.preview,
        ]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    def read_again(self, _button: Any = None) -> None:
        """Read what the population has written since, and draw it."""
        self.found = PopulationResults.open(self.population, known=self._known)
        self.redraw()

    def _pick(self, line: int, extend: bool) -> None:
        name = _name(self._drawn[line]) if 0 <= line < len(self._drawn) else None
        kept = self.selection.runs if extend else ()
        self.selection.runs = tuple(dict.fromkeys([*kept, *([name] if name else [])]))

    # ------------------------------------------------------------------------------- drawing

    def draw(self) -> None:
        found = self.found
        self.plot.name(f"population_{found.record.name}", self._call())
        self.parameter.layout.display = "none" if self.kind.value == SCORES else None
        self._head.value = self._sentence()
        self.leader.visible = False
        self._show_leader()
        self._show_verdict()
        if not found.history:
            self.show_only("The population has not begun: its first generation is still to come.")
            return
        if self.kind.value == SCORES:
            self._draw_scores()
        elif self.kind.value == PATHS:
            self._draw_paths()
        else:
            self._draw_values()

    def _show_verdict(self) -> None:
        shown = winner_verdict(self.found.folder)
        self.verdict.value = verdict_line(shown, of="The winner: ") or (
            f"<span class='lfads-dim'>{html.escape(shown.reason)}</span>"
        )

    def _show_leader(self) -> None:
        """Show a few trials as the member that leads now saw them at the end of a turn."""
        leader = self.found.leader
        if leader is None:
            self.preview.show(None)
        else:
            whose = f"the leader, {_name(leader)},"
            self.preview.show(self.found.folder.member(leader), whose=whose)

    def _call(self) -> str:
        return (
            "from lfads_nb.widgets.viewers import PopulationViewer\n\n"
            "PopulationViewer(rc.population_runs[0])"
        )

    def _sentence(self) -> str:
        found, p = self.found, self.found.population
        whole = len(found.best)
        parts = [
            f"{p.members} members",
            f"generation {found.n_generations} of at most {p.generations}",
            f"{int(found.last_epochs[-1]) if found.n_generations else 0} epochs each at its end",
        ]
        if whole and np.isfinite(found.best[-1]):
            parts.append(f"best {found.measure.name} {found.best[-1]:.5g} {found.measure.unit}")
        return html.escape(", ".join(parts) + ".")

    def _draw_scores(self) -> None:
        found = self.found
        curves = found.curves()
        lineage = found.lineage_curve()
        longest = max((len(c.epochs) for c in curves), default=1)
        x = np.full((len(curves), max(longest, 1)), np.nan)
        y = x.copy()
        for row, curve in enumerate(curves):
            x[row, : len(curve.epochs)], y[row, : len(curve.values)] = curve.epochs, curve.values
        whole = any(generation.is_whole for generation in found.history)
        if not np.isfinite(y).any():
            self.show_only(
                "No member has a score that is a number: all diverged."
                if whole
                else "The first generation is under way: scores follow at its end."
            )
            return
        self._show(x, y, self._colours(), [_name(c.member) for c in curves])
        with self.leader.hold_sync():
            self.leader.x, self.leader.y = lineage if len(lineage[0]) else ([0.0], [0.0])
            self.leader.visible = bool(len(lineage[0]))
        last = float(np.nanmax(x)) if np.isfinite(x).any() else 1.0
        late = y[np.isfinite(y) & (x >= _SETTLED * last)]
        self.plot.set_home((0, last), _limits(late, better=found.measure.higher_is_better))
        self.plot.x_axis.label = "epoch"
        self.plot.y_axis.label = f"{found.measure.name} ({found.measure.unit})"
        copies = sum(len(c.copied_at) for c in curves)
        leader = "Red: the leader's weights. " if self.leader.visible else ""
        self._explain(
            "Members", f"{leader}{copies} times weights were copied from a better member."
        )

    def _draw_paths(self) -> None:
        found, name = self.found, self.parameter.value
        values = found.settings[name].T
        item = found.space[name]
        shown = 1 - values if item.complement else values
        y = np.log10(np.where(shown > 0, shown, np.nan)) if item.log else shown
        x = np.broadcast_to(np.arange(1, values.shape[1] + 1, dtype=float), values.shape)
        self._show(x, y, self._colours(), [_name(m) for m in range(len(values))])
        known = y[np.isfinite(y)]
        room = 0.06 * float(np.ptp(known)) or 0.2 if len(known) else 0.5
        limits = (float(known.min()) - room, float(known.max()) + room) if len(known) else (0, 1)
        self.plot.set_home((0.8, values.shape[1] + 0.2), limits)
        self.plot.x_axis.label = "generation"
        self.plot.y_axis.label = _label(name, item)
        self._explain("What each member trained with", "A jump is a copy from another member.")

    def _draw_values(self) -> None:
        found, name = self.found, self.parameter.value
        whole = [g for g in found.history if g.is_whole]
        if not whole:
            self.show_only("No generation is whole yet: scores follow with the first one.")
            return
        item = found.space[name]
        values = np.array([turn.settings[name] for turn in whole[-1].turns])
        shown = 1 - values if item.complement else values
        x = np.log10(np.where(shown > 0, shown, np.nan)) if item.log else shown
        scores = np.array(whole[-1].scores)
        self._show(x[:, None], scores[:, None], self._colours(), [_name(m) for m in range(len(x))])
        for_axis = [_padded(x), _padded(scores)]
        self.plot.set_home(*for_axis)
        self.plot.x_axis.label = _label(name, item)
        self.plot.y_axis.label = f"score, smoothed ({found.measure.unit})"
        self._explain(f"Generation {whole[-1].number + 1}", "One dot for each member.")

    def _show(
        self, x: np.ndarray, y: np.ndarray, colours: Sequence[str], names: Sequence[str]
    ) -> None:
        self._drawn = list(range(self.found.population.members))
        chosen = [m for m in self._drawn if _name(m) in self.selection.runs]
        self.plot.layer.show_lines(
            x, y, np.arange(len(y)), colours, names=names, highlight=chosen,
            alpha=0.75, line_width=1.3,
        )  # fmt: skip

    def _colours(self) -> list[str]:
        """Members from the worst (pale) to the best (strong), by the last whole generation."""
        found = self.found
        whole = [g for g in found.history if g.is_whole]
        if not whole:
            return [_UNKNOWN] * found.population.members
        ranks = np.array([found.measure.rank(score) for score in whole[-1].scores])
        known = np.isfinite(ranks)
        order = np.argsort(np.argsort(np.where(known, ranks, -np.inf))) / max(len(ranks) - 1, 1)
        named = graded(order)
        return [name if is_known else _UNKNOWN for name, is_known in zip(named, known, strict=True)]

    def _explain(self, what: str, note: str) -> None:
        direction = "higher" if self.found.measure.higher_is_better else "lower"
        self.plot.explain_key(
            f"<span class='lfads-plot-title'>{html.escape(what)}</span> &nbsp; coloured by rank "
            f"(dark worst, bright best; {direction} is better)"
        )
        chosen = [name for name in self.selection.runs if name.startswith("member ")]
        about = self._about(chosen[0]) if len(chosen) == 1 else "Click a line to follow a member."
        self.plot.say(f"{note} {about}")

    def _about(self, name: str) -> str:
        member = int(name.removeprefix("member "))
        if member >= self.found.population.members or not self.found.history:
            return ""
        turn = self.found.history[-1].turns[member]
        values = ", ".join(f"{key} {value:.3g}" for key, value in turn.settings.items())
        return f"{name}: {values}."


def _name(member: int) -> str:
    return f"member {member}"


def _label(name: str, item: Any) -> str:
    shown = f"dropout, 1 − {name}" if item.complement else name
    return f"log10 of {shown}" if item.log else shown


def _limits(values: np.ndarray, *, better: bool) -> tuple[float, float]:
    """Limits that leave the worst few values out; `better` says whether higher ones are."""
    if not len(values):
        return 0.0, 1.0
    share = (1 - _BEST_SHARE, 1.0) if better else (0.0, _BEST_SHARE)
    low, high = (float(q) for q in np.quantile(values, share))
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def _padded(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    room = 0.08 * float(np.ptp(known)) or 0.5
    return float(known.min()) - room, float(known.max()) + room
