"""Learned weights as images: recurrence, read-outs and read-ins, session by session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.results import TrainedParams
from lfads_nb.sweep import Run
from lfads_nb.widgets.viewers.heat_map import colour_bar, heat_image
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.linked_view import LinkedView
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.viewer import call_of

_FIRST = "gen_gengru_rh_to_c_W"
_MEANINGS = {
    "gen_gengru_rh_to_c_W": "recurrence of the generator",
    "gen_gengru_h_to_ru_W": "gates of the generator (reset, update) from its state",
    "gen_gengru_x_to_c_W": "from the inputs into the generator",
    "gen_to_factors_W": "from the generator to the factors",
    "factors_to_logrates_W": "read-out: from the factors to the log rates",
    "factors_to_logrates_b": "read-out: log rates without factors",
    "factors_to_means_W": "read-out: from the factors to the means",
    "factors_to_logvars_W": "read-out: from the factors to the log variances",
    "factors_to_logmeans_W": "read-out: from the factors to the log means",
    "factors_to_logshapes_W": "read-out: from the factors to the log shapes of Gamma outputs",
    "factors_to_zerologits_W": "read-out: from the factors to the log odds of a zero",
    "x_to_infac_W": "read-in: from the channels to the input factors",
    "g0_to_gen_ic_W": "from g0 to the generator's first state",
}


class WeightsViewer(LinkedView):
    """One weight matrix as an image, chosen by name and session.

    Parameters
    ----------
    weights : what `Run.trained_params()` returns, or the run itself.
    selection : shared with other viewers; its dataset chooses the session.
    """

    title: ClassVar[str] = "Weights"
    redraw_on: ClassVar[tuple[str, ...]] = ("dataset",)

    def __init__(self, weights: TrainedParams | Run, *, selection: Selection | None = None) -> None:
        if isinstance(weights, Run):
            weights = weights.trained_params()
        if not isinstance(weights, TrainedParams):
            raise TypeError(
                f"weights are shown of run.trained_params(), not of {type(weights).__name__}"
            )
        self.weights = weights
        super().__init__(selection or Selection(dataset=next(iter(weights.dataset_names), "")))
        self.children = self.build()
        self.start()

    def build(self) -> Sequence[w.Widget]:
        names = [name for name in self.weights.NAMES if self._has(name)]
        first = [name for name in _MEANINGS if name in names]
        options = [*first, *(name for name in names if name not in first)]
        labels = [f"{n}: {_MEANINGS[n]}" if n in _MEANINGS else n for n in options]
        self.name = w.Dropdown(
            description="weights", options=list(zip(labels, options, strict=True)),
            value=_FIRST if _FIRST in options else options[0],
            style={"description_width": "initial"}, layout={"width": "auto"},
        )  # fmt: skip
        self.name.observe(self.redraw, "value")
        self.plot = Plot("to", "from", height=440, margins=(8, 14, 40, 62))
        self.plot.layout.max_width = "760px"
        return [bar(self.name), self.plot]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    def matrix(self) -> np.ndarray:
        """Return what is shown: (inputs, outputs)."""
        value = self.weights[self.name.value]
        if isinstance(value, dict):
            value = value[self._session(value)]
        return np.atleast_2d(value)

    def _session(self, by_session: dict[str, Any]) -> str:
        dataset = self.selection.dataset
        return dataset if dataset in by_session else next(iter(by_session))

    def draw(self) -> None:
        name = self.name.value
        matrix = self.matrix()
        of = self.weights[name]
        session = f" of {self._session(of)}" if isinstance(of, dict) else ""
        self.plot.name(f"weights_{name}{session}", call_of(self, "run.trained_params()", {}))
        largest = float(np.abs(matrix).max()) or 1.0
        limits = (-largest, largest)
        rows, columns = matrix.shape
        self.plot.layer.show_image(
            *heat_image(matrix, limits, diverging=True), (0.0, columns, 0.0, rows)
        )
        # Row 0 lies on top, as one writes a matrix.
        ticks = np.unique(np.linspace(0, rows - 1, min(rows, 6)).astype(int))
        self.plot.y_axis.tick_values = rows - 0.5 - ticks
        self.plot.y_axis.tick_labels = {str(rows - 0.5 - t): str(t) for t in ticks.tolist()}
        self.plot.set_home((0, columns), (0, rows))
        bar_of_colours = colour_bar(limits, "", diverging=True)
        self.plot.explain_key(key_html(f"{name}{session}", []) + bar_of_colours)
        norm = float(np.linalg.norm(matrix))
        self.plot.say(
            f"{rows} x {columns}, a row per input, a column per output; Frobenius norm {norm:.3g}."
        )

    def _has(self, name: str) -> bool:
        value = self.weights[name]
        return bool(len(value)) if isinstance(value, dict) else value is not None
