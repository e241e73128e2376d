"""Behaviour of single trials: each signal over time, and paths such as the hand's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.datasets import Signal
from lfads_nb.errors import DataError
from lfads_nb.widgets.viewers import budget
from lfads_nb.widgets.viewers.behavior_traces import trace, traces_of
from lfads_nb.widgets.viewers.choices import offer
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.trial_bundle import TrialBundle
from lfads_nb.widgets.viewers.viewer import Viewer


class BehaviorViewer(Viewer):
    """A behavioural signal of the shown trials over time, and the path that it draws.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns.
    selection : shared with other viewers.
    chosen : what to select at first; see `Selection`.
    """

    title: ClassVar[str] = "Behaviour"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "events",
        "time_window",
    )  # fmt: skip

    def build(self) -> Sequence[w.Widget]:
        self.choice = w.Dropdown(
            description="signal", options=[], style={"description_width": "initial"},
            layout={"width": "auto"},
        )  # fmt: skip
        self.choice.observe(self.redraw, "value")
        self.path_of = w.Dropdown(
            description="path of", options=[], style={"description_width": "initial"},
            layout={"width": "auto"},
        )  # fmt: skip
        self.path_of.observe(self.redraw, "value")
        self.bundle = TrialBundle(self.viewed, "", self.redraw, has_spread=False, height=280)
        self.plot = self.bundle.plot
        self.path = Plot("", "", height=380)
        self.path.layer.on_pick(self._pick)
        self.path.layout.max_width = "470px"
        self._drawn = np.zeros(0, dtype=np.int64)
        return [
            bar(self.choice, *self.bundle.controls), self.plot, bar(self.path_of), self.path
        ]  # fmt: skip

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot, self.path)

    def draw(self) -> None:
        source = self.viewed.source
        signals = dict(source.pm.behavior)
        offered = traces_of(signals)
        if not offered:
            raise DataError(
                "This session has no behaviour. It comes with the data, as "
                "Counts(behavior={'hand_vel': ...}); a run that was prepared before needs its "
                "inputs prepared again."
            )
        chosen = offer(self.choice, tuple(offered), self.redraw)
        signal = signals[offered[chosen][0]]
        trials = self.viewed.trials()
        self.plot.name(f"{chosen}_{source.pm.name}", self.call())
        if not len(trials):
            self.show_only(self.viewed.why_no_trials())
            return
        values = trace(signals, offered[chosen])
        self.plot.y_axis.label = f"{chosen} ({signal.unit})" if signal.unit else chosen
        self.bundle.draw(values, trials, title=chosen, from_zero=offered[chosen][1] is None)
        self._draw_path(signals, trials)

    def _draw_path(self, signals: dict[str, Signal], trials: np.ndarray) -> None:
        flat = [name for name, signal in signals.items() if signal.n_dims >= 2]
        for each in (self.path, self.path_of):
            each.layout.display = None if flat else "none"
        if not flat:
            return
        # Positions first: where the hand went is what a path is for.
        flat.sort(key=lambda name: "pos" not in name.lower())
        name = offer(self.path_of, flat, self.redraw)
        signal = signals[name]
        self.path.name(f"path_{name}_{self.viewed.source.pm.name}", self.call())
        group = self.viewed.conditions.group
        bins = self.viewed.bins()
        drawn = budget.spend(trials, group[trials], bins.stop - bins.start)
        self._drawn = drawn.trials
        # All bins of a path: to leave some out would cut its corners.
        x, y = (signal.values[drawn.trials][:, bins, dim] for dim in (0, 1))
        picked = set(self.selection.picked)
        self.path.layer.show_lines(
            x, y, group[drawn.trials], list(self.viewed.conditions.colours),
            names=[self.viewed.name_of_trial(trial) for trial in drawn.trials.tolist()],
            highlight=[i for i, trial in enumerate(drawn.trials.tolist()) if trial in picked],
        )  # fmt: skip
        unit = f" ({signal.unit})" if signal.unit else ""
        self.path.x_axis.label, self.path.y_axis.label = (
            f"{name} {dim}{unit}" for dim in signal.dim_names[:2]
        )
        # The same scale on both axes, or a circle would look like an egg.
        reach = [(np.nanmin(v), np.nanmax(v)) if (~np.isnan(v)).any() else (0, 1) for v in (x, y)]
        half = 0.53 * max(high - low for low, high in reach) or 0.5
        homes = [((low + high) / 2 - half, (low + high) / 2 + half) for low, high in reach]
        self.path.set_home(*((float(low), float(high)) for low, high in homes))
        self.path.explain_key(key_html(f"Path of {name}", ["single trial"]))
        self.path.say(f"{len(drawn.trials):,} of {len(trials):,} trials.")

    def _pick(self, line: int, extend: bool) -> None:
        chosen = [int(self._drawn[line])] if 0 <= line < len(self._drawn) else []
        before = list(self.selection.picked) if extend else []
        self.selection.picked = tuple(dict.fromkeys([*before, *chosen]))
