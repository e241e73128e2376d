"""What the trained model makes up without data, over what it infers from data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.errors import LfadsError
from lfads_nb.palette import TEXT, categorical
from lfads_nb.results import PosteriorMeans
from lfads_nb.results.run_view import RunView
from lfads_nb.widgets.viewers import budget
from lfads_nb.widgets.viewers.choices import offer
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.linked_view import LinkedView
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.viewer import call_of

_MOST = 80
"""Samples that are drawn: more hide each other and the band."""

_NAMES = {
    "factors": "factor", "rates": "neuron", "generator_states": "generator unit",
    "controller_outputs": "inferred input",
}  # fmt: skip


class PriorViewer(LinkedView):
    """Samples from the prior as lines, over mean ± s.d. of the inferred trials.

    Samples that keep to the band say that the generator by itself makes what was recorded; such as
    run away or stay flat, that it needs the data at every moment, or has learned nothing.

    Parameters
    ----------
    run : the run, or its folder, with samples made by `Run.prior_samples` or `lfads-nb prior`.
    selection : shared with other viewers.
    """

    title: ClassVar[str] = "Prior"
    redraw_on: ClassVar[tuple[str, ...]] = ("neuron", "factor")

    def __init__(self, run: Any, *, selection: Selection | None = None) -> None:
        self.run = RunView.of(run)
        super().__init__(selection or Selection())
        self.children = self.build()
        self.start()

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        """The samples by name, (samples, bins, dims)."""
        found = self.run.prior_samples()
        return {name: found[name] for name in found if _kind(name) in _NAMES}

    @cached_property
    def inferred(self) -> PosteriorMeans | None:
        """What was inferred from data, of every session, if it is there."""
        try:
            return self.run.posterior_means()
        except LfadsError:
            return None

    def build(self) -> Sequence[w.Widget]:
        self.what = w.Dropdown(
            description="show", options=["factors"], style={"description_width": "initial"},
            layout={"width": "auto"},
        )  # fmt: skip
        self.what.observe(self.redraw, "value")
        self.dim = Stepper(label="factor")
        self.dim.observe(self._choose, "index")
        self.plot = Plot("time (ms)", "")
        return [bar(self.what, self.dim), self.plot]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    def _choose(self, change: dict[str, Any]) -> None:
        kind = _kind(self.what.value or "")
        if kind == "rates":
            self.selection.neuron = change["new"]
        elif kind == "factors":
            self.selection.factor = change["new"]
        else:
            self.redraw()

    def draw(self) -> None:
        name = offer(self.what, tuple(self.samples), self.redraw)
        kind, samples = _kind(name), self.samples[name]
        chosen = {"rates": self.selection.neuron, "factors": self.selection.factor}
        n_samples, n_bins, n_dims = samples.shape
        dim = min(chosen.get(kind, self.dim.index), n_dims - 1)
        self.dim.label = _NAMES[kind]
        self.dim.show([f"{i} of {n_dims}" for i in range(n_dims)], dim)
        lines, band = samples[..., dim], self._band(name, dim)
        drawn = budget.spend(
            np.arange(n_samples), np.zeros(n_samples, int), n_bins, most_points=_MOST * n_bins
        )
        shown, time = slice(None, None, drawn.every), self._time(n_bins)
        low, high = band if band is not None else (lines[:0], lines[:0])
        mean = (low + high) / 2
        y = np.concatenate([lines[drawn.trials], mean])[:, shown]
        group = np.repeat([0, 1], [len(drawn.trials), len(mean)])
        self.plot.layer.show_lines(
            time[shown], y, group, [categorical(1)[0], TEXT],
            names=[*(f"sample {i}" for i in drawn.trials.tolist()), "mean of the inferred trials"],
        )  # fmt: skip
        self.plot.layer.show_bands(low[:, shown], high[:, shown], np.ones(len(low), int))
        every = np.concatenate([lines, low, high])
        bottom, top = float(np.nanmin(every)), float(np.nanmax(every))
        room = 0.06 * (top - bottom) or 0.5
        self.plot.set_home((float(time[0]), float(time[-1])), (bottom - room, top + room))
        unit = " (spikes/s)" if kind == "rates" and self.run.params.output_dist == "poisson" else ""
        self.plot.y_axis.label = f"{_NAMES[kind]} {dim}{unit}"
        kinds = [] if band is None else ["mean ± s.d. of the inferred trials"]
        self.plot.explain_key(key_html(f"{_NAMES[kind].capitalize()} {dim} without data", kinds))
        some = f"{len(drawn.trials):,} of {n_samples:,}" if len(drawn.trials) < n_samples else ""
        self.plot.say(
            f"{some or f'{n_samples:,}'} samples from the prior: what the generator makes up "
            "when it is given no data."
        )
        code = call_of(self, "run", {})
        self.plot.name(f"prior_{name}{dim}_{self.run.name}", code)

    def _band(self, name: str, dim: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return mean minus and plus s.d. over inferred trials, each (1, bins)."""
        pm = self.inferred
        if pm is None:
            return None
        kind, sessions = _kind(name), pm.sessions
        if kind == "rates":  # of its own session; all else is shared
            session = name.removeprefix("rates").removeprefix("_") or self.run.datasets[0]
            sessions = (pm.session(session),)
        values = [each.field(kind)[...] for each in sessions if each.has(kind)]
        if not values:
            return None
        trials = np.concatenate([array[..., dim] for array in values])
        mean, sd = np.nanmean(trials, axis=0)[None], np.nanstd(trials, axis=0)[None]
        return mean - sd, mean + sd

    def _time(self, n_bins: int) -> np.ndarray:
        if self.inferred is not None and len(self.inferred.sessions[0].time_ms) == n_bins:
            return self.inferred.sessions[0].time_ms
        return np.arange(n_bins) * float(self.run.params.spike_bin_ms)


def _kind(name: str) -> str:
    return "rates" if name.startswith("rates_") else name
