"""Single-trial rates of one neuron, coloured by condition, over what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.results.condition_averages import average_by_condition
from lfads_nb.widgets.palette import TEXT
from lfads_nb.widgets.viewers import budget
from lfads_nb.widgets.viewers.average_lines import AverageLines
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.raster import raster_image
from lfads_nb.widgets.viewers.smoothing import smooth_over_bins
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.viewer import Viewer, toggle

_MOST_RASTER_ROWS = 300
_DATA_SD_MS = 40.0


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
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "time_window", "neuron",
    )  # fmt: skip

    def build(self) -> Sequence[w.Widget]:
        self.neuron = Stepper(label="neuron")
        self.neuron.observe(self._choose_neuron, "index")
        self.show_trials = toggle("single trials", value=True)
        self.show_averages = toggle("averages", value=True)
        self.show_sem = toggle("± s.e.m.", value=False)
        self.show_truth = toggle("true rates", value=True)
        self.show_data = toggle("smoothed data", value=False)
        self.show_spikes = toggle("spikes", value=True)
        toggles = (
            self.show_trials, self.show_averages, self.show_sem, self.show_truth, self.show_data,
            self.show_spikes,
        )  # fmt: skip
        for each in toggles:
            each.observe(self.redraw, "value")
        bar = w.HBox([self.neuron, *toggles])
        bar.add_class("lfads-bar")
        self.plot = Plot("time (ms)", "rate", height=330, margins=(8, 14, 40, 62))
        self.plot.layer.on_pick(self._pick)
        self.averages = AverageLines(self.plot, halo=True)
        self.truth = AverageLines(self.plot, width=1.4, style="dashed")
        self.data = AverageLines(self.plot, width=1.8, style="dotted")
        self.raster = Plot(
            "", "trials", height=130, margins=(4, 14, 6, 62), y_ticks=False,
            x_scale=self.plot.x_scale,
        )  # fmt: skip
        self._drawn_trials = np.zeros(0, dtype=np.int64)
        return [bar, self.plot, self.raster]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot, self.raster)

    def _choose_neuron(self, change: dict[str, Any]) -> None:
        self.selection.neuron = change["new"]

    def _pick(self, line: int, extend: bool) -> None:
        trial = -1 if line < 0 else int(self._drawn_trials[line])
        self.selection.pick(trial, extend=extend)

    def draw(self) -> None:
        viewed, pm = self.viewed, self.viewed.source.pm
        self.plot.y_axis.label = f"inferred rate ({pm.rate_unit})"
        neuron = min(self.selection.neuron, pm.n_neurons - 1)
        with self.neuron.hold_sync():
            self.neuron.options = [f"{i} of {pm.n_neurons}" for i in range(pm.n_neurons)]
            self.neuron.index = neuron
        self.show_truth.disabled = not pm.has("true_rates")
        self.plot.name(f"rates_neuron{neuron}_{pm.name}", self.call(neuron=neuron))
        self.raster.name(f"spikes_neuron{neuron}_{pm.name}", self.call(neuron=neuron))
        trials = viewed.trials()
        if not len(trials):
            self._show_only(viewed.why_no_trials())
            return
        self._draw_trials(neuron, trials)
        self._draw_averages(neuron, trials)
        self._draw_raster(neuron, trials)

    def _draw_trials(self, neuron: int, trials: np.ndarray) -> None:
        viewed, bins = self.viewed, self.viewed.bins()
        time = viewed.source.time_ms[bins]
        group = viewed.conditions.group
        values = viewed.source.column("rates", neuron)[:, bins]
        drawn = budget.spend(trials, group[trials], len(time))
        picked = np.intersect1d(self.selection.picked, trials).astype(np.int64)
        shown = np.union1d(drawn.trials, picked) if self.show_trials.value else picked
        self._drawn_trials = shown
        self.plot.layer.show_lines(
            time[:: drawn.every], values[shown, :: drawn.every], group[shown],
            viewed.conditions.colours, names=[viewed.name_of_trial(t) for t in shown.tolist()],
            highlight=np.flatnonzero(np.isin(shown, picked)).tolist(),
        )  # fmt: skip
        top = float(np.nanmax(values[trials]))
        end = float(time[-1]) + viewed.source.pm.bin_ms
        self.plot.set_home((float(time[0]), end), (0, 1.05 * top if top > 0 else 1))
        self._note = (
            f"Showing {drawn.sentence()} ({viewed.source.pm.bin_ms:g} ms)."
            if self.show_trials.value
            else "Single trials are hidden."
        )
        if len(picked):
            names = [viewed.name_of_trial(t) for t in picked.tolist()[:5]]
            more = f" and {len(picked) - 5} more" if len(picked) > 5 else ""
            self._note += f" Picked: {'; '.join(names)}{more}."

    def _draw_averages(self, neuron: int, trials: np.ndarray) -> None:
        viewed, bins = self.viewed, self.viewed.bins()
        source, conditions = viewed.source, viewed.conditions
        time, group = source.time_ms[bins], conditions.group[trials]
        kinds = ["single trial"] if self.show_trials.value else []
        layer = self.plot.layer
        layer.show_bands(np.zeros((0, len(time))), np.zeros((0, len(time))), np.zeros(0))
        for lines, kind, wanted in (
            (self.averages, "average", self.show_averages.value or self.show_sem.value),
            (self.truth, "true rate", self.show_truth.value and source.pm.has("true_rates")),
            (self.data, "smoothed data", self.show_data.value and source.pm.has("counts")),
        ):
            if not wanted:
                lines.hide()
                continue
            values = self._values_of(kind, neuron)[trials][:, bins]
            average = average_by_condition(values, group)
            colours = [conditions.colours[i] for i in average.ids]
            if kind == "true rate":
                # In one colour: each lies over the average that it is to be compared with.
                colours = [TEXT] * len(colours)
            lines.show(time, average.mean, colours)
            kinds.append(kind)
            if kind == "average" and self.show_sem.value:
                every = max(1, round(len(time) / max(layer.n_bins, 1)))
                low, high = average.mean - average.sem, average.mean + average.sem
                layer.show_bands(low[:, ::every], high[:, ::every], average.ids)
                kinds.append("± s.e.m.")
        every = max(self.averages.every, self.truth.every, self.data.every)
        thinned = f" Averages are over all {len(trials):,} trials"
        self.plot.say(self._note + thinned + (f", every {every} bins." if every > 1 else "."))
        title = f"Neuron {neuron} of {source.name}"
        self.plot.explain_key(key_html(title, kinds))

    def _values_of(self, kind: str, neuron: int) -> np.ndarray:
        source = self.viewed.source
        if kind == "true rate":
            return source.column("true_rates", neuron)
        if kind == "average":
            return source.column("rates", neuron)
        counts = source.column("counts", neuron)
        return smooth_over_bins(counts, bin_ms=source.pm.bin_ms, sd_ms=_DATA_SD_MS)

    def _draw_raster(self, neuron: int, trials: np.ndarray) -> None:
        viewed = self.viewed
        show = self.show_spikes.value and viewed.source.pm.has("counts")
        self.raster.layout.display = None if show else "none"
        if not show:
            return
        conditions, bins = viewed.conditions, viewed.bins()
        group, time = conditions.group, viewed.source.time_ms[bins]
        rows = budget.spend(trials, group[trials], 1, most_points=_MOST_RASTER_ROWS).trials
        rows = rows[np.argsort(group[rows], kind="stable")]
        counts = viewed.source.column("counts", neuron)[rows][:, bins]
        values, table = raster_image(counts, group[rows], list(conditions.colours))
        bin_ms = viewed.source.pm.bin_ms
        extent = (float(time[0]), float(time[-1]) + bin_ms, 0.0, float(len(rows)))
        self.raster.layer.show_image(values, table, extent)
        self.raster.set_home(extent[:2], (0, len(rows)))
        some = f"{len(rows):,} of {len(trials):,}" if len(rows) < len(trials) else f"{len(rows):,}"
        self.raster.explain_key(key_html("Spikes", []))
        self.raster.say(f"Recorded spikes of {some} trials, a row each, sorted by condition.")
