"""Factors: one over time in all trials, and all of them as trajectories in two dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np
from bqplot import Scatter

from lfads_nb.palette import PAPER, TEXT
from lfads_nb.results import PosteriorMeans
from lfads_nb.widgets.theme import plural
from lfads_nb.widgets.viewers.average_lines import AverageLines
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.projections import PrincipalAxes, principal_axes
from lfads_nb.widgets.viewers.references import References
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar, toggle
from lfads_nb.widgets.viewers.trial_bundle import TrialBundle
from lfads_nb.widgets.viewers.viewed import Viewed
from lfads_nb.widgets.viewers.viewer import Viewer

ARBITRARY = (
    "The basis of the factors is arbitrary: factor 0 of one run has nothing to do with factor 0 of "
    "another. Compare what they span together, laid over a reference run."
)
_NO_REFERENCE = "no other run"
_SPACE_WIDTH, _SPACE_HEIGHT = 420, 350
_SPACE_ASPECT = (_SPACE_WIDTH - 76) / (_SPACE_HEIGHT - 48)
_PLANES = {"PC 1 and 2": (0, 1), "PC 1 and 3": (0, 2), "PC 2 and 3": (1, 2)}


class FactorsViewer(Viewer):
    """Factors of single trials and of condition averages, and their principal components.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns.
    references : other runs by name, to lay over this one (Procrustes).
    selection : shared with other viewers.
    chosen : what to select at first, such as `factor=2`; see `Selection`.
    """

    title: ClassVar[str] = "Factors"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "events",
        "time_window", "factor",
    )  # fmt: skip

    def __init__(
        self,
        posterior_means: PosteriorMeans | Viewed,
        *,
        references: Mapping[str, PosteriorMeans] | None = None,
        selection: Selection | None = None,
        chrome: bool = True,
        **chosen: Any,
    ) -> None:
        self._runs = dict(references or {})
        super().__init__(posterior_means, selection=selection, chrome=chrome, **chosen)

    def build(self) -> Sequence[w.Widget]:
        self.references = References(self.viewed, self._runs)
        self.factor = Stepper(label="factor")
        self.factor.observe(self._choose_factor, "index")
        self.bundle = TrialBundle(self.viewed, "factor (a.u.)", self.redraw, height=350)
        self.plot = self.bundle.plot
        self.reference = w.Dropdown(
            description="lay over", options=[_NO_REFERENCE, *self._runs],
            style={"description_width": "initial"}, layout={"width": "auto", "max_width": "330px"},
        )  # fmt: skip
        self.plane = w.Dropdown(
            description="plane", options=_PLANES, layout={"width": "auto"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.all_sessions = toggle("all sessions", value=True)
        for control in (self.reference, self.plane, self.all_sessions):
            control.observe(self.redraw, "value")
        if not self._runs:
            self.reference.layout.display = "none"
        if len(self.viewed.sources) == 1:
            self.all_sessions.layout.display = "none"
        self.space = Plot("PC 1", "PC 2", height=_SPACE_HEIGHT)
        self.space.layout.width = f"{_SPACE_WIDTH}px"
        self.others = AverageLines(self.space, width=1.0)
        self.laid_over = AverageLines(self.space, width=1.4, style="dashed", halo=0.0)
        self.trajectories = AverageLines(self.space, width=2.2, halo=2.0)
        self.starts = Scatter(
            x=[0.0], y=[0.0], scales={"x": self.space.x_scale, "y": self.space.y_scale},
            default_size=50, stroke=PAPER, visible=False,
        )  # fmt: skip
        self.space.figure.marks = [*self.space.figure.marks, self.starts]
        self.space.add_control(self.plane)
        controls = bar(self.factor, *self.bundle.controls, self.all_sessions, self.reference)
        row = w.HBox([self.plot, self.space], layout={"flex_flow": "row wrap"})
        self.plot.layout.flex, self.plot.layout.width = "1 1 420px", "auto"
        words = w.HTML(ARBITRARY)
        words.add_class("lfads-note")
        return [controls, row, words]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot, self.space)

    def _choose_factor(self, change: dict[str, Any]) -> None:
        self.selection.factor = change["new"]

    def draw(self) -> None:
        viewed, source = self.viewed, self.viewed.source
        pm = source.pm
        factor = min(self.selection.factor, pm.n_factors - 1)
        self.factor.show([f"{i} of {pm.n_factors}" for i in range(pm.n_factors)], factor)
        self.plot.name(f"factor{factor}_{pm.name}", self.call(factor=factor))
        self.space.name(f"factors_pca_{pm.name}", self.call(factor=factor))
        trials = viewed.trials()
        if not len(trials):
            self.show_only(viewed.why_no_trials())
            return
        spread = (lambda: source.column("factors_sd", factor)) if pm.has("factors_sd") else None
        self.bundle.draw(
            source.column("factors", factor), trials, spread=spread,
            title=f"Factor {factor} of {source.name}",
        )  # fmt: skip
        self.draw_space()

    # ------------------------------------------------------------------------- state space

    def draw_space(self) -> None:
        """Draw the condition averages of all factors in the plane of two components."""
        viewed = self.viewed
        own = self.references.averages_of(viewed.source)
        shown = self.references.groups(own)
        everyone = [own[shown]]
        if self.all_sessions.value:
            everyone += self.references.other_sessions(shown)
        axes = principal_axes(np.concatenate(everyone), 3)
        if axes.axes.shape[1] < 2:
            self.space.blank()
            self.space.explain_emptiness("A single factor has no second dimension to show.")
            return
        self.space.explain_emptiness(None)
        plane = [min(i, axes.axes.shape[1] - 1) for i in self.plane.value]
        colours = [viewed.conditions.colours[group] for group in shown]
        flat = [axes.project(each)[..., plane] for each in everyone]
        self.trajectories.show(flat[0][..., 0], flat[0][..., 1], colours)
        self._show_starts(flat[0], colours)
        rest = np.concatenate(flat[1:]) if flat[1:] else np.zeros((0, 1, 2))
        self.others.show(rest[..., 0], rest[..., 1], colours * (len(flat) - 1))
        kinds = ["average"]
        note = self._explained(axes, plane) + " Dots mark the first bin."
        name = self.reference.value
        if name == _NO_REFERENCE:
            self.laid_over.hide()
        else:
            laid, fit = self.references.lay_over(name, own, shown)
            flat.append(axes.project(laid)[..., plane])
            self.laid_over.show(flat[-1][..., 0], flat[-1][..., 1], [TEXT] * len(shown))
            kinds.append("reference")
            note += f" Dashed: {name}, laid over these (R² {fit.r2:.2f})."
        self._set_home(np.concatenate(flat), plane)
        if len(everyone) > 1:
            note += f" Thin: {plural(len(everyone) - 1, 'other session')}."
        self.space.say(note)
        self.space.explain_key(key_html("Condition averages", kinds))

    def _show_starts(self, trajectories: np.ndarray, colours: list[str]) -> None:
        with self.starts.hold_sync():
            self.starts.x = trajectories[:, 0, 0].astype(np.float32)
            self.starts.y = trajectories[:, 0, 1].astype(np.float32)
            self.starts.colors = colours
            self.starts.visible = True

    def _explained(self, axes: PrincipalAxes, plane: list[int]) -> str:
        parts = [f"PC {i + 1} holds {100 * axes.explained[i]:.0f}%" for i in plane]
        return f"{' and '.join(parts)} of the variance of the condition averages."

    def _set_home(self, points: np.ndarray, plane: list[int]) -> None:
        self.space.x_axis.label, self.space.y_axis.label = (f"PC {i + 1}" for i in plane)
        low, high = np.nanmin(points, axis=(0, 1)), np.nanmax(points, axis=(0, 1))
        # One unit is as long on both axes: a circle looks like one.
        centre, half = (low + high) / 2, 0.54 * float((high - low).max()) or 0.5
        wide = half * _SPACE_ASPECT
        self.space.set_home(
            (centre[0] - wide, centre[0] + wide), (centre[1] - half, centre[1] + half)
        )
