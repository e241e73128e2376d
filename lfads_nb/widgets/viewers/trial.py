"""One trial: what was recorded, and all that was inferred about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb import palette
from lfads_nb.palette import NEUTRAL
from lfads_nb.widgets.viewers.choices import offer
from lfads_nb.widgets.viewers.heat_map import colour_bar, heat_image
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.neuron_order import ORDERS, order_neurons
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.raster import raster_image
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar, toggle
from lfads_nb.widgets.viewers.trial_images import (
    INFERRED,
    SMOOTHED,
    TRUE,
    Scale,
    neuron_ticks,
    scale_by_neuron,
    scale_of_trial,
    trial_rates,
)
from lfads_nb.widgets.viewers.viewer import Viewer

_MARGINS = (4, 18, 8, 62)
_TIME = "time (ms)"  # on the last plot; the others show it when they are saved
_MS_A_TRIAL = 700  # while it plays
_SPREADS = ("factors_sd", "controller_outputs_sd")


class TrialViewer(Viewer):
    """A trial's spikes, rates, factors, inputs and behaviour, below each other.

    The rates, inferred and true, and the smoothed spikes are images on one scale, which fits the
    trial until it is locked. The slider, the drop-down, "play" and the keys ← and → go through the
    trials that are shown; a click on a row of the images chooses that neuron in the other viewers.
    """

    title: ClassVar[str] = "Trial"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "events",
        "time_window", "trial",
        "neuron",
    )  # fmt: skip

    def build(self) -> Sequence[w.Widget]:
        self.trial = Stepper(label="trial")
        self.trial.observe(self._step, "index")
        self.slider = w.IntSlider(readout=False, tooltip="trial", layout={"width": "130px"})
        self.slider.observe(self._step_by_slider, "value")
        self.play = w.Play(interval=_MS_A_TRIAL, show_repeat=False, tooltip="go through the trials")
        self.play.observe(self._step_by_slider, "value")
        self.order = w.Dropdown(
            description="neurons by", options=ORDERS, value="time of peak",
            style={"description_width": "initial"}, layout={"width": "auto"},
        )  # fmt: skip
        self.per_neuron = toggle(
            "a scale for each neuron", value=False,
            tooltip="else all neurons share one colour scale",
        )  # fmt: skip
        self.lock = toggle(
            "lock scale", value=False, tooltip="keep the colours' scale from trial to trial"
        )
        self._scale: Scale | None = None
        self.wanted = {name: toggle(name, value=True) for name in (SMOOTHED, TRUE)}
        for control in (self.order, self.per_neuron, self.lock, *self.wanted.values()):
            control.observe(self.redraw, "value")
        self.spikes = Plot(_TIME, "neuron", height=130, margins=_MARGINS)
        x_scale = self.spikes.x_scale
        self.smoothed, self.rates, self.truth = (
            Plot(_TIME, "neuron", height=130, margins=_MARGINS, x_scale=x_scale) for _ in range(3)
        )
        self.factors = Plot(_TIME, "a.u.", height=120, margins=_MARGINS, x_scale=x_scale)
        self.inputs = Plot(_TIME, "a.u.", height=110, margins=_MARGINS, x_scale=x_scale)
        self.external = Plot(_TIME, "", height=100, margins=_MARGINS, x_scale=x_scale)
        self.behavior = Plot(_TIME, "", height=120, margins=_MARGINS, x_scale=x_scale)
        self.signal = w.Dropdown(
            description="behaviour", options=[], style={"description_width": "initial"},
            layout={"width": "auto"},
        )  # fmt: skip
        self.signal.observe(self.redraw, "value")
        self.time = Plot(
            _TIME, "", height=46, margins=(0, 18, 40, 62), y_ticks=False, x_scale=x_scale,
            has_tools=False,
        )  # fmt: skip
        for images in (self.spikes, self.smoothed, self.rates, self.truth):
            images.layer.on_click(self._choose_neuron)
        self._order = np.zeros(0, dtype=np.int64)
        self._candidates = np.zeros(0, dtype=np.int64)
        controls = bar(
            self.trial, self.play, self.slider, *self.wanted.values(),
        )  # fmt: skip
        self.spikes.add_control(self.order)
        self.rates.add_control(self.per_neuron)
        self.rates.add_control(self.lock)
        self.behavior.add_control(self.signal)
        return [controls, *self.plots, self.time]

    @property
    def plots(self) -> Sequence[Plot]:
        return (
            self.spikes, self.smoothed, self.rates, self.truth, self.factors, self.inputs,
            self.external, self.behavior,
        )  # fmt: skip

    # ------------------------------------------------------------------------------ choosing

    def _step(self, change: dict[str, Any]) -> None:
        if change["new"] < len(self._candidates):
            self.selection.trial = int(self._candidates[change["new"]])

    def _step_by_slider(self, change: dict[str, Any]) -> None:
        self.trial.index = change["new"]

    def _choose_neuron(self, _x: float, y: float) -> None:
        row = len(self._order) - 1 - int(np.floor(y))
        if 0 <= row < len(self._order):
            self.selection.neuron = int(self._order[row])

    def _offer_trials(self, trial: int) -> None:
        shown = self.viewed.trials()
        self._candidates = np.union1d(shown, [trial]).astype(np.int64)
        index = int(np.searchsorted(self._candidates, trial))
        names = [self.viewed.name_of_trial(each) for each in self._candidates.tolist()]
        if names != self.trial.options or index != self.trial.index:
            self.trial.show(names, index)
        for each in (self.slider, self.play):
            if each.max != len(names) - 1:
                each.max = len(names) - 1
            each.value = index

    # ------------------------------------------------------------------------------- drawing

    def draw(self) -> None:
        viewed, source = self.viewed, self.viewed.source
        pm = source.pm
        trial = min(self.selection.trial, source.n_trials - 1)
        self._offer_trials(trial)
        for what, plot in zip(
            (
                "spikes", "smoothed_spikes", "rates", "true_rates", "factors", "inputs",
                "external_inputs", "behavior",
            ),
            self.plots, strict=True,
        ):  # fmt: skip
            plot.name(f"{what}_trial{trial}_{pm.name}", self.call(trial=trial))
        if not pm.field("factors").present[trial]:
            self.show_only(f"The run has no outputs for {viewed.name_of_trial(trial)}.")
            return
        averages = source.averages("rates", source.chosen(self.selection), viewed.conditions)
        self._order = order_neurons(averages, self.order.value)
        self._draw_spikes(trial)
        self._draw_images(trial, averages)
        self._draw_lines(self.factors, "Factors", "factors", trial)
        self._draw_lines(self.inputs, "Inferred inputs", "controller_outputs", trial)
        self._draw_lines(self.external, "External inputs", "external_inputs", trial)
        self._draw_behavior(trial)
        for plot in self.plots:
            plot.mark_time(viewed.event_ms())
            plot.mark_times([event.time_ms[trial] for event in viewed.events()])

    def _extent(self, n_rows: int) -> tuple[float, float, float, float]:
        time = self._time()
        return float(time[0]), float(time[-1]) + self.viewed.source.pm.bin_ms, 0.0, float(n_rows)

    def _time(self) -> np.ndarray:
        return self.viewed.source.time_ms[self.viewed.bins()]

    def _draw_spikes(self, trial: int) -> None:
        pm = self.viewed.source.pm
        _show(self.spikes, pm.has("counts"))
        if not pm.has("counts"):
            return
        counts = pm.field("counts")[trial, self.viewed.bins()][:, self._order].T
        marked = (self._order == self.selection.neuron).astype(np.int64)
        values, table = raster_image(counts, marked, ["#777777", palette.categorical(3)[2]])
        extent = self._extent(len(self._order))
        self.spikes.layer.show_image(values, table, extent)
        self.spikes.set_home(extent[:2], (0, len(self._order)))
        self.spikes.name_rows(neuron_ticks(self._order), across=False)
        name = self.viewed.name_of_trial(trial)
        self.spikes.explain_key(key_html(f"Spikes of {name}", []))
        marks = [f"{event.name} {event.time_ms[trial]:g} ms" for event in self.viewed.events()]
        self.spikes.say(f"Dashed: {', '.join(marks)}." if marks else "")

    def _draw_images(self, trial: int, averages: np.ndarray) -> None:
        images = trial_rates(self.viewed.source, trial)
        for name, each in self.wanted.items():
            _show(each, name in images)
        scale = self._scale_for(images, averages)
        plots = {SMOOTHED: self.smoothed, INFERRED: self.rates, TRUE: self.truth}
        unit = self.viewed.source.pm.rate_unit
        if scale.largest is not None:
            unit = "of each neuron's largest average"
        for name, plot in plots.items():
            is_there = name in images and (name not in self.wanted or self.wanted[name].value)
            _show(plot, is_there)
            if is_there:
                rates = scale.apply(images[name])[self.viewed.bins()][:, self._order].T
                self._draw_image(plot, rates, scale)
                title = f"{name.capitalize()} of {self.viewed.name_of_trial(trial)}"
                plot.explain_key(key_html(title, []) + colour_bar(scale.limits, unit))
        self.rates.say(
            f"{len(self._order)} neurons, sorted by {self.order.value}, the first on top. "
            f"Neuron {self.selection.neuron} is marked in the spikes; click a row to choose one. "
            f"{'The scale is locked.' if self.lock.value else 'The scale fits the trial.'}"
        )

    def _scale_for(self, images: dict[str, np.ndarray], averages: np.ndarray) -> Scale:
        """Return the scale of all images; a locked one stays until another kind is asked for."""
        kept = self._scale
        is_kind = kept is not None and (kept.largest is not None) == self.per_neuron.value
        if kept is None or not is_kind or not self.lock.value or not self._fits(kept):
            by_neuron = self.per_neuron.value
            kept = scale_by_neuron(averages) if by_neuron else scale_of_trial(images)
        self._scale = kept
        return kept

    def _fits(self, scale: Scale) -> bool:
        """Whether a scale is of a session with as many neurons."""
        return scale.largest is None or len(scale.largest) == len(self._order)

    def _draw_image(self, plot: Plot, rates: np.ndarray, scale: Scale) -> None:
        extent = self._extent(len(self._order))
        plot.layer.show_image(*heat_image(rates, scale.limits), extent)
        plot.set_home(extent[:2], (0, len(self._order)))
        plot.name_rows(neuron_ticks(self._order), across=False)

    def _draw_lines(self, plot: Plot, title: str, field: str, trial: int) -> None:
        source = self.viewed.source
        _show(plot, source.pm.has(field))
        if not source.pm.has(field):
            return
        values = source.pm.field(field)[trial, self.viewed.bins()].T
        colours = palette.of_dimensions(len(values))
        unit = title.lower().rstrip("s")
        chosen = [self.selection.factor] if field == "factors" else []
        time = self._time()
        plot.layer.show_lines(
            time, values, np.arange(len(values)), [*colours, NEUTRAL], alpha=0.95, line_width=1.6,
            names=[f"{unit} {i}" for i in range(len(values))],
            highlight=[i for i in chosen if i < len(values)] if len(values) > 1 else [],
        )  # fmt: skip
        low, high, kinds = self._draw_bands(plot, field, trial, values)
        room = 0.06 * (high - low) or 0.5
        plot.set_home(self._extent(1)[:2], (low - room, high + room))
        plot.explain_key(key_html(title, kinds))
        self.factors.say("The basis of the factors is arbitrary.")

    def _draw_behavior(self, trial: int) -> None:
        signals = self.viewed.source.pm.behavior
        _show(self.behavior, bool(signals))
        if not signals:
            return
        name = offer(self.signal, tuple(signals), self.redraw)
        signal = signals[name]
        values = signal.values[trial, self.viewed.bins()].T
        self.behavior.layer.show_lines(
            self._time(), values, np.arange(len(values)), palette.of_dimensions(len(values)),
            alpha=0.95, line_width=1.6, names=list(signal.dim_names),
        )  # fmt: skip
        known = values[~np.isnan(values)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        room = 0.06 * (high - low) or 0.5
        self.behavior.set_home(self._extent(1)[:2], (low - room, high + room))
        self.behavior.y_axis.label = signal.unit
        self.behavior.explain_key(key_html(f"Behaviour: {name}", []))
        self.behavior.explain_emptiness(None if len(known) else "Not known in this trial.")

    def _draw_bands(
        self, plot: Plot, field: str, trial: int, values: np.ndarray
    ) -> tuple[float, float, list[str]]:
        """Shade prior and posterior spread; return the lowest and highest value, and what it is."""
        source, kinds = self.viewed.source, []
        lows, highs, group = [values[:0]], [values[:0]], [np.arange(0)]
        prior = source.input_prior_sd() if field == "controller_outputs" else None
        if prior is not None:
            # The widest prior of all inputs; the inputs' viewer has each one's own.
            edge = np.full((1, values.shape[1]), float(prior.max()))
            lows, highs, group = [*lows, -edge], [*highs, edge], [*group, np.array([len(values)])]
            kinds.append("prior ± s.d.")
        if f"{field}_sd" in _SPREADS and source.pm.has(f"{field}_sd"):
            sd = source.pm.field(f"{field}_sd")[trial, self.viewed.bins()].T
            lows, highs = [*lows, values - sd], [*highs, values + sd]
            group.append(np.arange(len(values)))
            kinds.append("± s.d. of samples")
        low, high = np.concatenate(lows), np.concatenate(highs)
        plot.layer.show_bands(low, high, np.concatenate(group), below=int(prior is not None))
        every = np.concatenate([values, low, high])
        return float(np.nanmin(every)), float(np.nanmax(every)), kinds


def _show(widget: w.DOMWidget, is_there: bool) -> None:
    widget.layout.display = None if is_there else "none"
