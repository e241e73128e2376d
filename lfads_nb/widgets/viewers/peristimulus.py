"""Data against model around an event: a small panel for each condition, or for each neuron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np
from bqplot import Label

from lfads_nb.errors import DataError
from lfads_nb.palette import NEUTRAL, TEXT
from lfads_nb.results import metrics
from lfads_nb.results.peristimulus import Peristimulus, peristimulus
from lfads_nb.results.run_numbers import AVERAGE_SMOOTHING_MS, NLB_SMOOTHING_MS, smoothing_bins
from lfads_nb.widgets.viewers.average_lines import AverageLines
from lfads_nb.widgets.viewers.choices import offer
from lfads_nb.widgets.viewers.event_dots import median_times
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.panel_grid import HEIGHT, WIDTH, PanelGrid
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar, toggle
from lfads_nb.widgets.viewers.viewer import Viewer

_COLUMNS, _PER_PAGE = 4, 12
_MOST_BINS = 120
_ROW_PIXELS = 150
_BY_CONDITION, _BY_NEURON = "each condition", "each neuron"
_KINDS = ("data", "± s.e.m.", "model", "± s.d. of single trials")


class PeristimulusViewer(Viewer):
    """Averages of the recorded spikes with their s.e.m., and of the inferred rates with the spread.

    The panels are the shown conditions of one neuron, or the neurons in one condition. The
    drop-down, its arrows and the keys ← and → choose the neuron or the page of neurons.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns.
    selection : shared with other viewers.
    chosen : what to select at first, such as `neuron=7`; see `Selection`.
    """

    title: ClassVar[str] = "PSTH"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "events",
        "time_window", "neuron",
    )  # fmt: skip

    def build(self) -> Sequence[w.Widget]:
        self.panels_of = w.Dropdown(
            description="a panel for", options=[_BY_CONDITION, _BY_NEURON],
            layout={"width": "auto"}, style={"description_width": "initial"},
        )  # fmt: skip
        self.step = Stepper(label="neuron")
        self.step.observe(self._follow_step, "index")
        self.condition = w.Dropdown(
            description="condition", options=[], layout={"width": "auto", "max_width": "260px"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.one_scale = toggle("one scale for all", value=True)
        self.show_spread = toggle("spread", value=True, tooltip="s.e.m. and s.d. as bands")
        self.panels_of.observe(self._change_panels, "value")
        for control in (self.condition, self.one_scale, self.show_spread):
            control.observe(self.redraw, "value")
        self.plot = Plot("", "", height=2 * _ROW_PIXELS, margins=(4, 14, 20, 14), y_ticks=False,
                         x_ticks=False)  # fmt: skip
        self.plot.layer.on_click(self._choose)
        self.floors = AverageLines(self.plot, width=0.8)
        self.zeros = AverageLines(self.plot, width=1.0, style="dotted")
        self.medians = AverageLines(self.plot, width=1.2, style="dashed")
        self.models = AverageLines(self.plot, width=2.2, halo=0.8)
        scales = {"x": self.plot.x_scale, "y": self.plot.y_scale}
        self.names = Label(
            x=[0.0], y=[0.0], text=[""], default_size=11, font_weight="normal", colors=[TEXT],
            scales=scales, visible=False,
        )  # fmt: skip
        self.plot.figure.marks = [self.names]
        self._panels = PanelGrid(np.zeros(0, dtype=np.int64), np.zeros(0), _COLUMNS)
        self._page, self._where = 0, ""
        return [
            bar(self.panels_of, self.step, self.condition, self.one_scale, self.show_spread),
            self.plot,
        ]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    @property
    def _is_by_neuron(self) -> bool:
        return self.panels_of.value == _BY_NEURON

    # ------------------------------------------------------------------------------ choosing

    def _change_panels(self, _change: Any) -> None:
        """Draw the other kind: conditions compare on one scale, neurons each have their own."""
        if self.one_scale.value == self._is_by_neuron:
            self.one_scale.value = not self._is_by_neuron
        else:
            self.redraw()

    def _follow_step(self, change: dict[str, Any]) -> None:
        if not self._is_by_neuron:
            self.selection.neuron = change["new"]
        elif change["new"] != self._page:
            self._page = change["new"]
            self.redraw()

    def _choose(self, x: float, y: float) -> None:
        panel = self._panels.at(x, y)
        if panel is not None and self._is_by_neuron:
            self.selection.neuron = panel

    def _offer_steps(self, neuron: int, n_neurons: int) -> None:
        if self._is_by_neuron:
            starts = range(0, n_neurons, _PER_PAGE)
            self._page = min(self._page, len(starts) - 1)
            names = [f"{at} to {min(at + _PER_PAGE, n_neurons) - 1} of {n_neurons}"
                     for at in starts]  # fmt: skip
            self.step.label = "neurons"
            self.step.show(names, self._page)
        else:
            self.step.label = "neuron"
            self.step.show([f"{i} of {n_neurons}" for i in range(n_neurons)], neuron)

    # ------------------------------------------------------------------------------- drawing

    def draw(self) -> None:
        viewed, pm = self.viewed, self.viewed.source.pm
        neuron = min(self.selection.neuron, pm.n_neurons - 1)
        self._offer_steps(neuron, pm.n_neurons)
        self.plot.name(f"psth_{pm.name}", self.call(neuron=neuron))
        self.condition.layout.display = None if self._is_by_neuron else "none"
        if not pm.has("counts"):
            raise DataError("The recorded spikes are not in the run's folder, only its outputs.")
        trials = viewed.trials()
        if not len(trials):
            self.show_only(viewed.why_no_trials())
            return
        if self._is_by_neuron:
            first = self._page * _PER_PAGE
            self._draw_neurons(np.arange(first, min(first + _PER_PAGE, pm.n_neurons)), trials)
        else:
            self._draw_conditions(neuron, trials)
        self.plot.say(self._where + self._scores(neuron))

    def _draw_conditions(self, neuron: int, trials: np.ndarray) -> None:
        labels = self.viewed.conditions.labels
        found = self._average(np.array([neuron]), trials)
        names = [
            f"{labels[group]} ({n} trials)"
            for group, n in zip(found.ids, found.data.n, strict=True)
        ]
        self._draw_panels(found, (slice(None), 0), found.ids, names)
        self.plot.explain_key(key_html(f"Neuron {neuron} of {self.viewed.source.name}", _KINDS))

    def _draw_neurons(self, neurons: np.ndarray, trials: np.ndarray) -> None:
        conditions, group = self.viewed.conditions, self.viewed.conditions.group
        there = [conditions.labels[at] for at in np.unique(group[trials])]
        label = offer(self.condition, there, self.redraw)
        trials = trials[group[trials] == conditions.labels.index(label)]
        found = self._average(neurons, trials)
        names = [f"neuron {neuron}" for neuron in neurons]
        self._draw_panels(found, (0, slice(None)), neurons, names)
        title = f"{label} ({len(trials):,} trials) in {self.viewed.source.name}"
        self.plot.explain_key(key_html(title, _KINDS))

    def _average(self, neurons: np.ndarray, trials: np.ndarray) -> Peristimulus:
        """Average the trials that are shown, smoothed in all their bins, by condition."""
        pm = self.viewed.source.pm
        spikes, rates = (self._read(field, neurons)[trials] for field in ("counts", "rates"))
        return peristimulus(
            spikes * pm.counts_to_rates, rates, self.viewed.conditions.group[trials],
            sd_bins=smoothing_bins(pm, AVERAGE_SMOOTHING_MS),
        )  # fmt: skip

    def _read(self, field: str, neurons: np.ndarray) -> np.ndarray:
        """(trials, bins, neurons)."""
        columns = [self.viewed.source.column(field, neuron) for neuron in neurons.tolist()]
        return np.stack(columns, axis=-1)

    def _draw_panels(
        self, found: Peristimulus, which: tuple[Any, Any], units: np.ndarray, names: list[str]
    ) -> None:
        """Draw a panel for each of `units`; `which` takes them from (conditions, neurons)."""
        bins = self.viewed.bins()
        every = max(1, -(-(bins.stop - bins.start) // _MOST_BINS))
        data, sem, model, spread = (
            np.moveaxis(values, 1, -1)[which][:, bins][:, ::every]
            for values in (found.data.mean, found.data.sem, found.model.mean, found.spread)
        )
        if not self.show_spread.value:
            sem, spread = np.full_like(sem, np.nan), np.full_like(spread, np.nan)
        tops = np.fmax(data + np.nan_to_num(sem), model + np.nan_to_num(spread)).max(axis=1)
        tops = np.full(len(tops), np.nanmax(tops)) if self.one_scale.value else tops
        panels = self._panels = PanelGrid(units, np.where(tops > 0, tops, 1.0), _COLUMNS)
        colours, group = self.viewed.conditions.colours, np.broadcast_to(found.ids, len(units))
        x, y = panels.place(np.stack([data.T, model.T]))
        half = HEIGHT * np.stack([sem, spread], axis=1) / panels.peaks[:, None, None]
        half = half.reshape(y.shape)
        floors = np.repeat(panels.floors, 2)[:, None]  # there is no rate below zero
        both = np.column_stack([np.full(len(group), len(colours)), group]).ravel()
        with self.plot.layer.hold_sync():
            self.plot.layer.show_lines(
                x, y, both, [*colours, TEXT], alpha=0.9, line_width=1.2,
                names=[f"{what}: {name}" for name in names for what in (_KINDS[0], _KINDS[2])],
            )  # fmt: skip
            self.plot.layer.show_bands(np.maximum(y - half, floors), y + half, both)
            self.models.show(x[1::2], y[1::2], [colours[at] for at in group])
            self._draw_frames(panels)
            self._mark_events(panels, group)
        fits = found.agreement()[which]
        self._label(
            panels, [f"{name}, R² {fit:.2f}" for name, fit in zip(names, fits, strict=True)]
        )

    def _draw_frames(self, panels: PanelGrid) -> None:
        lefts, floors = panels.lefts, panels.floors
        ends = np.stack([lefts, lefts + WIDTH], axis=1)
        self.floors.show(ends, np.stack([floors, floors], axis=1), [NEUTRAL] * len(lefts))
        event = self.viewed.event_ms()
        if event is None:
            self.zeros.hide()
            return
        start, end = self._span()
        x = lefts + WIDTH * (event - start) / (end - start)
        heights = np.stack([floors, floors + HEIGHT], axis=1)
        self.zeros.show(np.stack([x, x], axis=1), heights, [TEXT] * len(lefts))

    def _mark_events(self, panels: PanelGrid, group: np.ndarray) -> None:
        """Draw a dashed line at the median time of each event in the panel's condition."""
        (start, end), trials = self._span(), self.viewed.trials()
        across, down = np.zeros((0, 2)), np.zeros((0, 2))
        for event in self.viewed.events():
            at = median_times(self.viewed, event, trials)[group]
            at = np.where((at >= start) & (at <= end), at, np.nan)
            x = panels.lefts + WIDTH * (at - start) / (end - start)
            heights = np.stack([panels.floors, panels.floors + HEIGHT], axis=1)
            heights[np.isnan(x)] = np.nan
            across = np.concatenate([across, np.stack([x, x], axis=1)])
            down = np.concatenate([down, heights])
        self.medians.show(across, down, [TEXT] * len(down))

    def _label(self, panels: PanelGrid, names: list[str]) -> None:
        rate = self.viewed.source.pm.rate_unit
        if not self.one_scale.value:
            names = [f"{name}, to {top:.3g}" for name, top in zip(names, panels.peaks, strict=True)]
        with self.names.hold_sync():
            self.names.x, self.names.y = panels.lefts, panels.floors + HEIGHT + 0.09
            self.names.text = np.array(names)
            self.names.visible = True
        n_rows = -(-len(names) // _COLUMNS)
        self.plot.set_height(n_rows * _ROW_PIXELS + 12)
        self.plot.set_home((-0.03, _COLUMNS - 0.03), (-float(n_rows) - 0.03, 0.0))
        top = f" from 0 to {panels.peaks[0]:.3g} {rate}" if self.one_scale.value else (
            f" from 0 to the {rate} that it names"
        )  # fmt: skip
        start, end = self._span()
        names = [event.name for event in self.viewed.events()]
        marks = f" Dashed: median {', '.join(names)}." if names else ""
        self._where = f"Each panel: {start:g} to {end:g} ms,{top}.{marks}"

    def _span(self) -> tuple[float, float]:
        """Return the first and the last time of a panel in ms: the left edges of its bins."""
        time = self.viewed.source.time_ms[self.viewed.bins()]
        return float(time[0]), float(time[-1])

    def _scores(self, neuron: int) -> str:
        """Name the R2 of this neuron's averages, by the definitions of report and leaderboard."""
        pm, ids = self.viewed.source.pm, self.viewed.source.pm.condition_ids
        smoothed = (
            f" Spikes are smoothed by {smoothing_bins(pm, AVERAGE_SMOOTHING_MS) * pm.bin_ms:g} ms."
        )
        if ids is None:
            return smoothed
        one = np.array([neuron])
        spikes, rates = self._read("counts", one) * pm.counts_to_rates, self._read("rates", one)
        own = metrics.psth_r2(
            spikes, rates, ids, sd_bins=smoothing_bins(pm, AVERAGE_SMOOTHING_MS)
        ).pooled
        nlb = metrics.psth_r2_of_evaluation(
            spikes, rates, ids, np.sort(pm.valid_inds), sd_bins=NLB_SMOOTHING_MS / pm.bin_ms
        ).mean_over_channels
        return (
            f"{smoothed} Neuron {neuron} over all conditions: R² of condition averages {own:.2f} "
            f"(all trials), PSTH R² by NLB's definition {nlb:.2f} (validation trials "
            f"against all, whose spikes are smoothed by {NLB_SMOOTHING_MS:g} ms)."
        )
