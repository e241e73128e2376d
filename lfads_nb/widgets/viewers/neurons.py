"""Many neurons at once: a small panel for each, with its averages by condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np
from bqplot import Label

from lfads_nb.palette import NEUTRAL, TEXT
from lfads_nb.results.condition_averages import ConditionAverages, average_by_condition
from lfads_nb.widgets.viewers.average_lines import AverageLines
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.neuron_order import ORDERS, order_neurons
from lfads_nb.widgets.viewers.panel_grid import COLUMNS, HEIGHT, PER_PAGE, ROWS, WIDTH, PanelGrid
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.smoothing import DATA_SD_MS, smooth_over_bins
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar, toggle
from lfads_nb.widgets.viewers.viewer import Viewer

_MOST_BINS = 80  # of a panel, which is some 180 pixels wide
_MOST_PICKED = 5


class NeuronsViewer(Viewer):
    """Condition averages of the rates of many neurons, twenty to a page.

    The drop-down, its arrows and the keys ← and → turn the pages; a click on a panel chooses its
    neuron in all viewers that share the selection. Trials that are picked are drawn too.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns.
    selection : shared with other viewers.
    chosen : what to select at first; see `Selection`.
    """

    title: ClassVar[str] = "Neurons"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "time_window", "neuron",
    )  # fmt: skip

    def build(self) -> Sequence[w.Widget]:
        self.pages = Stepper(label="neurons")
        self.pages.observe(self._turn, "index")
        self.order = w.Dropdown(
            description="neurons by", options=ORDERS, value="number",
            style={"description_width": "initial"}, layout={"width": "auto"},
        )  # fmt: skip
        self.one_scale = toggle("one scale for all", value=False)
        self.overlay_toggles = {
            "true rate": toggle("true rate", value=False),
            "smoothed data": toggle("smoothed data", value=False),
        }
        self.plot = Plot(
            "", "", height=ROWS * 118, margins=(4, 14, 4, 14), y_ticks=False, x_ticks=False
        )
        self.plot.layer.on_click(self._choose)
        self.floors = AverageLines(self.plot, width=0.8)
        self.frame = AverageLines(self.plot, width=1.4)
        self.overlays = {
            "true rate": AverageLines(self.plot, width=1.2, style="dashed"),
            "smoothed data": AverageLines(self.plot, width=1.3, style="dotted"),
        }
        self.names = Label(
            x=[0.0], y=[0.0], text=[""], default_size=11, font_weight="normal", colors=[TEXT],
            scales={"x": self.plot.x_scale, "y": self.plot.y_scale}, visible=False,
        )  # fmt: skip
        self.plot.figure.marks = [self.names]
        for control in (self.order, self.one_scale, *self.overlay_toggles.values()):
            control.observe(self.redraw, "value")
        self._order = np.zeros(0, dtype=np.int64)
        self._panels = PanelGrid(self._order, np.zeros(0))
        self._page, self._followed = 0, -1
        controls = bar(self.pages, self.order, self.one_scale, *self.overlay_toggles.values())
        return [controls, self.plot]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    # ------------------------------------------------------------------------------ choosing

    def _turn(self, change: dict[str, Any]) -> None:
        if change["new"] != self._page:
            self._page = change["new"]
            self.redraw()

    def _choose(self, x: float, y: float) -> None:
        neuron = self._panels.at(x, y)
        if neuron is not None:
            self._followed = neuron
            self.selection.neuron = neuron

    def _offer_pages(self, neuron: int) -> None:
        n = len(self._order)
        if neuron != self._followed:
            self._page = int(np.flatnonzero(self._order == neuron)[0]) // PER_PAGE
            self._followed = neuron
        self._page = min(self._page, (n - 1) // PER_PAGE)
        starts = range(0, n, PER_PAGE)
        names = [f"{start + 1} to {min(start + PER_PAGE, n)} of {n}" for start in starts]
        self.pages.show(names, self._page)

    # ------------------------------------------------------------------------------- drawing

    def draw(self) -> None:
        viewed, source = self.viewed, self.viewed.source
        pm = source.pm
        self.plot.name(f"neurons_{pm.name}", self.call())
        trials = viewed.trials()
        if not len(trials):
            self.show_only(viewed.why_no_trials())
            return
        self._order = self._ordered()
        self._offer_pages(min(self.selection.neuron, pm.n_neurons - 1))
        neurons = self._order[self._page * PER_PAGE :][:PER_PAGE]
        bins = viewed.bins()
        every = max(1, -(-(bins.stop - bins.start) // _MOST_BINS))
        shown = np.arange(bins.start, bins.stop, every)
        average = self._averages("rates", neurons, trials, shown)
        overlays = self._read_overlays(neurons, trials, shown)
        panels = self._lay_out(neurons, [average, *overlays.values()])
        with self.plot.layer.hold_sync():
            self._draw_curves(panels, average, trials, shown)
            self._draw_overlays(panels, overlays)
            self._draw_frames(panels)
        self._label(panels)
        self._explain(len(trials), every, list(overlays))

    def _ordered(self) -> np.ndarray:
        source, order = self.viewed.source, self.order.value
        if order == "number":
            return np.arange(source.pm.n_neurons)
        chosen = source.chosen(self.selection)
        return order_neurons(source.averages("rates", chosen, self.viewed.conditions), order)

    def _averages(
        self, field: str, neurons: np.ndarray, trials: np.ndarray, bins: Any
    ) -> ConditionAverages:
        columns = [self.viewed.source.column(field, n)[trials][:, bins] for n in neurons.tolist()]
        group = self.viewed.conditions.group[trials]
        return average_by_condition(np.stack(columns, axis=-1), group)

    def _smoothed(
        self, neurons: np.ndarray, trials: np.ndarray, bins: np.ndarray
    ) -> ConditionAverages:
        """Smooth the averages of the spikes: much less work than to average what is smoothed."""
        average = self._averages("counts", neurons, trials, slice(None))
        pm = self.viewed.source.pm
        smoothed = smooth_over_bins(
            np.moveaxis(average.mean, 1, -1), bin_ms=pm.bin_ms, sd_ms=DATA_SD_MS,
            to_rates=pm.counts_to_rates,
        )  # fmt: skip
        return average._replace(mean=np.moveaxis(smoothed, -1, 1)[:, bins])

    def _read_overlays(
        self, neurons: np.ndarray, trials: np.ndarray, bins: np.ndarray
    ) -> dict[str, ConditionAverages]:
        pm, found = self.viewed.source.pm, {}
        for name, field in (("true rate", "true_rates"), ("smoothed data", "counts")):
            box = self.overlay_toggles[name]
            box.disabled = not pm.has(field)
            if not box.disabled and box.value:
                found[name] = (
                    self._smoothed(neurons, trials, bins) if field == "counts"
                    else self._averages(field, neurons, trials, bins)
                )  # fmt: skip
        return found

    def _lay_out(self, neurons: np.ndarray, averages: Sequence[ConditionAverages]) -> PanelGrid:
        peaks = np.max([np.nanmax(each.mean, axis=(0, 1)) for each in averages], axis=0)
        if self.one_scale.value:
            peaks = np.full(len(neurons), peaks.max())
        self._panels = PanelGrid(neurons, np.where(peaks > 0, peaks, 1.0))
        return self._panels

    def _draw_curves(
        self, panels: PanelGrid, average: ConditionAverages, trials: np.ndarray, bins: np.ndarray
    ) -> None:
        viewed = self.viewed
        picked = np.intersect1d(viewed.selection.picked, trials).astype(np.int64)[:_MOST_PICKED]
        curves, group = average.mean, average.ids
        names = [f"condition {viewed.conditions.labels[g]}" for g in group]
        if len(picked):
            columns = [viewed.source.column("rates", n)[picked][:, bins] for n in panels.neurons]
            curves = np.concatenate([curves, np.stack(columns, axis=-1)])
            group = np.append(group, viewed.conditions.group[picked])
            names += [viewed.name_of_trial(trial) for trial in picked.tolist()]
        x, y = panels.place(curves)
        n = len(panels.neurons)
        lit = np.tile(np.arange(len(group)) >= len(average.ids), n)
        self.plot.layer.show_lines(
            x, y, np.tile(group, n), [*viewed.conditions.colours, NEUTRAL], alpha=0.9,
            line_width=1.3, highlight=np.flatnonzero(lit).tolist(),
            names=[f"neuron {neuron}, {name}" for neuron in panels.neurons for name in names],
        )  # fmt: skip

    def _draw_overlays(self, panels: PanelGrid, overlays: dict[str, ConditionAverages]) -> None:
        for name, lines in self.overlays.items():
            if name not in overlays:
                lines.hide()
                continue
            colours = [self.viewed.conditions.colours[group] for group in overlays[name].ids]
            lines.show(*panels.place(overlays[name].mean), colours * len(panels.neurons))

    def _draw_frames(self, panels: PanelGrid) -> None:
        lefts, floors = panels.lefts, panels.floors
        ends = np.stack([lefts, lefts + WIDTH], axis=1)
        self.floors.show(ends, np.stack([floors, floors], axis=1), [NEUTRAL] * len(lefts))
        frame = panels.frame_of(self.selection.neuron)
        if frame is None:
            self.frame.hide()
        else:
            self.frame.show(*frame, [NEUTRAL])

    def _label(self, panels: PanelGrid) -> None:
        rate = self.viewed.source.pm.rate_unit
        with self.names.hold_sync():
            self.names.x, self.names.y = panels.lefts, panels.floors + HEIGHT + 0.07
            self.names.text = np.array(
                [f"neuron {n}, to {peak:.3g} {rate}"
                 for n, peak in zip(panels.neurons, panels.peaks, strict=True)]
            )  # fmt: skip
            self.names.visible = True
        self.plot.set_home((-0.03, COLUMNS - 0.03), (-float(ROWS) - 0.02, 0.0))

    def _explain(self, n_trials: int, every: int, overlays: list[str]) -> None:
        source = self.viewed.source
        time = source.time_ms[self.viewed.bins()]
        self.plot.explain_key(key_html(f"Neurons of {source.name}", ["average", *overlays]))
        some = "" if every == 1 else f", 1 of {every} bins"
        self.plot.say(
            f"Averages over {n_trials:,} trials by condition{some}. Each panel runs from "
            f"{time[0]:g} to {time[-1] + source.pm.bin_ms:g} ms and from 0 to the rate that it "
            "names. Click one to choose its neuron in the other viewers."
        )
