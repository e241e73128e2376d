"""Single-trial rates of one neuron, coloured by condition, over what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.widgets.viewers import budget
from lfads_nb.widgets.viewers.behavior_traces import NO_SIGNAL, trace, traces_of
from lfads_nb.widgets.viewers.choices import choose, offer
from lfads_nb.widgets.viewers.event_dots import dots_in_rows, dots_on_trials, send
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.raster import raster_image
from lfads_nb.widgets.viewers.smoothing import DATA_SD_MS, smooth_over_bins
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar, toggle
from lfads_nb.widgets.viewers.trial_bundle import TrialBundle
from lfads_nb.widgets.viewers.viewer import Viewer

_MOST_RASTER_ROWS = 300
_CONDITION, _RECORDED = "colour", "recording"
_TIME = "time (ms)"  # below the first plot; the others show it when they are saved


class RatesViewer(Viewer):
    """Inferred single-trial rates of a neuron, with condition averages, truth, spikes.

    The drop-down, its arrows and the keys ← and → choose the neuron; the legend toggles
    conditions; a click on a line picks its trial in all viewers that share the selection.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns.
    selection : shared with other viewers.
    chosen : what to select at first, such as `neuron=7`; see `Selection`.

    Examples
    --------
    >>> RatesViewer(run.posterior_means(), neuron=3)  # doctest: +SKIP
    """

    title: ClassVar[str] = "Rates"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "events",
        "time_window", "neuron",
    )  # fmt: skip

    def build(self) -> Sequence[w.Widget]:
        self.neuron = Stepper(label="neuron")
        self.neuron.observe(self._choose_neuron, "index")
        self.bundle = TrialBundle(
            self.viewed, "rate", self.redraw, overlays={"true rate": True, "smoothed data": False}
        )
        self.plot = self.bundle.plot
        self.show_spikes = toggle("spikes", value=True)
        self.show_spikes.observe(self.redraw, "value")
        self.raster = Plot(
            _TIME, "trials", height=130, margins=(4, 18, 6, 66), y_ticks=False,
            x_scale=self.plot.x_scale,
        )  # fmt: skip
        self.order = w.Dropdown(
            description="rows by", options=[_CONDITION], style={"description_width": "initial"},
            layout={"width": "auto", "max_width": "200px"},
        )  # fmt: skip
        self.order.observe(self.redraw, "value")
        self.behavior = Plot(
            _TIME, "", height=130, margins=(4, 18, 6, 66), x_scale=self.plot.x_scale
        )  # fmt: skip
        self.signal = w.Dropdown(
            description="behaviour", options=[NO_SIGNAL], style={"description_width": "initial"},
            layout={"width": "auto"},
        )  # fmt: skip
        self.signal.observe(self.redraw, "value")
        self._has_offered = False
        self.raster.add_control(self.order)
        self.behavior.add_control(self.signal)
        controls = bar(self.neuron, *self.bundle.controls, self.show_spikes)
        return [controls, self.plot, self.raster, self.behavior]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot, self.raster, self.behavior)

    def _choose_neuron(self, change: dict[str, Any]) -> None:
        self.selection.neuron = change["new"]

    def draw(self) -> None:
        viewed, source = self.viewed, self.viewed.source
        pm = source.pm
        self.plot.y_axis.label = f"inferred rate ({pm.rate_unit})"
        neuron = min(self.selection.neuron, pm.n_neurons - 1)
        self.neuron.show([f"{i} of {pm.n_neurons}" for i in range(pm.n_neurons)], neuron)
        self.plot.name(f"rates_neuron{neuron}_{pm.name}", self.call(neuron=neuron))
        self.raster.name(f"spikes_neuron{neuron}_{pm.name}", self.call(neuron=neuron))
        trials = viewed.trials()
        if not len(trials):
            self.show_only(viewed.why_no_trials())
            return
        overlays = {}
        if pm.has("true_rates"):
            overlays["true rate"] = lambda: source.column("true_rates", neuron)
        if pm.has("counts"):
            overlays["smoothed data"] = lambda: smooth_over_bins(
                source.column("counts", neuron), bin_ms=pm.bin_ms, sd_ms=DATA_SD_MS,
                to_rates=pm.counts_to_rates,
            )  # fmt: skip
        spread = (lambda: source.column("rates_sd", neuron)) if pm.has("rates_sd") else None
        self.bundle.draw(
            source.column("rates", neuron), trials, title=f"Neuron {neuron} of {source.name}",
            overlays=overlays, spread=spread, from_zero=True,
        )  # fmt: skip
        self._draw_raster(neuron, trials)
        self._draw_behavior(trials)

    def _draw_raster(self, neuron: int, trials: np.ndarray) -> None:
        viewed = self.viewed
        show = self.show_spikes.value and viewed.source.pm.has("counts")
        self.raster.layout.display = self.order.layout.display = None if show else "none"
        if not show:
            return
        conditions, bins = viewed.conditions, viewed.bins()
        group, time = conditions.group, viewed.source.time_ms[bins]
        rows = budget.spend(trials, group[trials], 1, most_points=_MOST_RASTER_ROWS).trials
        rows, order = self._sorted(rows)
        counts = viewed.source.column("counts", neuron)[rows][:, bins]
        values, table = raster_image(counts, group[rows], list(conditions.colours))
        bin_ms = viewed.source.pm.bin_ms
        extent = (float(time[0]), float(time[-1]) + bin_ms, 0.0, float(len(rows)))
        self.raster.layer.show_image(values, table, extent)
        self.raster.set_home(extent[:2], (0, len(rows)))
        self.raster.mark_time(viewed.event_ms())
        send(self.raster.layer, dots_in_rows(viewed, rows))
        some = f"{len(rows):,} of {len(trials):,}" if len(rows) < len(trials) else f"{len(rows):,}"
        self.raster.explain_key(key_html("Spikes", []))
        self.raster.say(f"Recorded spikes of {some} trials, a row each, sorted by {order}.")

    def _sorted(self, rows: np.ndarray) -> tuple[np.ndarray, str]:
        """Return trials in the order of the raster's rows, and what orders them."""
        frame = self.viewed.source.frame
        numbers = [name for name in self.viewed.source.colour_columns
                   if frame[name].dtype.kind in "iuf"]  # fmt: skip
        chosen = offer(self.order, (_CONDITION, _RECORDED, *numbers), self.redraw)
        if chosen == _RECORDED:
            return np.sort(rows), "their time in the recording"
        if chosen == _CONDITION:
            group = self.viewed.conditions.group
            return rows[np.argsort(group[rows], kind="stable")], "condition"
        return rows[np.argsort(frame[chosen].to_numpy()[rows], kind="stable")], chosen

    def _draw_behavior(self, trials: np.ndarray) -> None:
        viewed = self.viewed
        signals = viewed.source.pm.behavior
        offered = traces_of(signals)
        self.behavior.layout.display = None if offered else "none"
        chosen = offer(self.signal, (*offered, NO_SIGNAL), self.redraw)
        if offered and not self._has_offered:  # shown at once where there is some
            self._has_offered = True
            chosen = choose(self.signal, next(iter(offered)), self.redraw)
        self.behavior.fold(chosen == NO_SIGNAL)
        if chosen == NO_SIGNAL:
            self.behavior.explain_key(key_html("Behaviour", []))
            return
        conditions, bins = viewed.conditions, viewed.bins()
        time, unit = viewed.source.time_ms[bins], signals[offered[chosen][0]].unit
        drawn = budget.spend(trials, conditions.group[trials], len(time), most_points=15_000)
        values = trace(signals, offered[chosen])[drawn.trials][:, bins][:, :: drawn.every]
        self.behavior.layer.show_lines(
            time[:: drawn.every], values, conditions.group[drawn.trials], list(conditions.colours),
            names=[viewed.name_of_trial(trial) for trial in drawn.trials.tolist()],
        )  # fmt: skip
        known = values[~np.isnan(values)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        extent = (float(time[0]), float(time[-1]) + viewed.source.pm.bin_ms)
        self.behavior.set_home(extent, (low, high))
        self.behavior.mark_time(viewed.event_ms())
        whole = trace(signals, offered[chosen])
        send(self.behavior.layer, dots_on_trials(viewed, whole, drawn.trials, lambda y, _: y))
        self.behavior.y_axis.label = unit
        self.behavior.explain_key(key_html(f"Behaviour: {chosen}", []))
        self.behavior.say(drawn.sentence() + ".")
        self.behavior.name(f"{chosen}_{viewed.source.pm.name}", self.call())
