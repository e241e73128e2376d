"""One quantity over time, in all its trials: single trials, averages, bands, and what to compare.

The rates, factors and inferred inputs of a run are all looked at in this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as w
import numpy as np

from lfads_nb.palette import NEUTRAL
from lfads_nb.results.condition_averages import ConditionAverages, average_by_condition
from lfads_nb.widgets.viewers import budget
from lfads_nb.widgets.viewers.average_lines import AverageLines, Style
from lfads_nb.widgets.viewers.condition_rows import MOST_OVERLAID, ConditionRows
from lfads_nb.widgets.viewers.event_dots import Dots, dots_on_averages, dots_on_trials, send
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.raster_layer import fading
from lfads_nb.widgets.viewers.toggle import toggle
from lfads_nb.widgets.viewers.viewed import Viewed

Reader = Callable[[], np.ndarray]
_MOST_NAMED = 5
_STYLES: dict[str, tuple[Style, float]] = {
    "true rate": ("dashed", 1.6),
    "smoothed data": ("dotted", 1.8),
}
_FAINT = 0.3  # averages, where single trials are picked
_ROW_PIXELS = 52
_MOST_PIXELS = 900
_LAYOUTS = (("automatic", "auto"), ("overlaid", "overlaid"), ("a row each", "rows"))


class TrialBundle:
    """A plot of (trials, bins) values with the toggles of what is drawn of them.

    Parameters
    ----------
    viewed : what is selected.
    y_label : of the plot.
    on_change : called when a toggle was clicked, to have everything drawn again.
    overlays : further quantities whose condition averages can be drawn, and whether they are at
        first: "true rate", "smoothed data".
    has_spread : whether there is a toggle for the spread over samples of the posterior.
    """

    def __init__(
        self,
        viewed: Viewed,
        y_label: str,
        on_change: Callable[[Any], None],
        *,
        overlays: Mapping[str, bool] | None = None,
        has_spread: bool = True,
        height: int = 330,
    ) -> None:
        self.viewed = viewed
        self.plot = Plot("time (ms)", y_label, height=height)
        self.plot.layer.on_pick(self._pick)
        self._height = height
        self.averages = AverageLines(self.plot, width=2.4, halo=1.2)
        self.overlays = {
            name: AverageLines(self.plot, style=_STYLES[name][0], width=_STYLES[name][1], halo=0.0)
            for name in overlays or {}
        }
        self.toggles = {
            "single trial": toggle("single trials", value=True),
            "average": toggle("averages", value=True),
            "± s.e.m.": toggle("± s.e.m.", value=False),
            # At 1280 px all of this fits one line: a second one is the plot's.
            **{
                name: toggle(name.removesuffix(" data"), value=on)
                for name, on in (overlays or {}).items()
            },
        }
        if has_spread:
            self.toggles["± s.d. of samples"] = toggle(
                "± samples", value=True,
                tooltip="s.d. of the posterior's samples, of the trials that are picked",
            )  # fmt: skip
        self.arrangement = w.Dropdown(
            description="conditions", options=_LAYOUTS, layout={"width": "auto"},
            style={"description_width": "initial"},
        )  # fmt: skip
        for each in (*self.toggles.values(), self.arrangement):
            each.observe(on_change, "value")
        self._trials = np.zeros(0, dtype=np.int64)
        self._bands: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._kinds: list[str] = []
        self._reach: list[np.ndarray] = []
        self._every, self._opacity = 1, 1.0
        self._rows: ConditionRows | None = None

    @property
    def controls(self) -> Sequence[w.Widget]:
        """The toggles, and how the conditions are arranged."""
        return [*self.toggles.values(), self.arrangement]

    def is_on(self, kind: str) -> bool:
        """Whether a kind of line is wanted and can be drawn."""
        box = self.toggles.get(kind)
        return box is not None and box.value and not box.disabled

    def draw(
        self,
        values: np.ndarray,
        trials: np.ndarray,
        *,
        title: str,
        overlays: Mapping[str, Reader] | None = None,
        spread: Reader | None = None,
        prior: tuple[np.ndarray, np.ndarray] | None = None,
        from_zero: bool = False,
    ) -> None:
        """Draw what the toggles want.

        Parameters
        ----------
        values : (all trials, all bins).
        trials : 0-based trials to show.
        title : of the plot.
        overlays : what reads each overlay that there is: (all trials, all bins).
        spread : what reads the standard deviation over samples, if it was stored.
        prior : mean and standard deviation of a prior, (all bins,) each.
        from_zero : whether the values are never negative.
        """
        bins = self.viewed.bins()
        time = self.viewed.source.time_ms[bins]
        # One message for all of it, and so one drawing.
        with self.plot.layer.hold_sync():
            note = self._draw_all(values, trials, overlays or {}, spread, prior, bins, from_zero)
        self._set_home(time, from_zero)
        averaged = f" Averages are over all {len(trials):,} trials." if self._has_averages else ""
        marks = " Marks on averages lie at the median times." if self.viewed.events() else ""
        self.plot.say(note + averaged + marks + self._scale_of_rows())
        events = [event.name for event in self.viewed.events()]
        self.plot.explain_key(key_html(title, self._kinds, events))

    # -------------------------------------------------------------------------------- parts

    def _draw_all(
        self,
        values: np.ndarray,
        trials: np.ndarray,
        overlays: Mapping[str, Reader],
        spread: Reader | None,
        prior: tuple[np.ndarray, np.ndarray] | None,
        bins: slice,
        from_zero: bool,
    ) -> str:
        time = self.viewed.source.time_ms[bins]
        self._bands, self._kinds = [], []
        averages = self._average_overlays(overlays, trials, bins)
        self._reach = [values[trials][:, bins], *(each.mean for each in averages.values())]
        if prior is not None:
            mean, sd = prior[0][bins], prior[1][bins]
            self._reach += [mean - sd, mean + sd]
        self._rows = self._arrange(trials, from_zero)
        if "± s.d. of samples" in self.toggles:
            self.toggles["± s.d. of samples"].layout.display = "none" if spread is None else None
        note = self._draw_trials(values, trials, time, bins)
        self._add_prior(prior, bins)
        self._add_spread(values, spread, bins)
        self._draw_averages(values, trials, time, bins)
        for name, average in averages.items():
            self._show_average(self.overlays[name], time, average)
            self._kinds.append(name)
        self._send_bands(len(time))
        self._mark_events(values, trials, bins)
        return note

    def _draw_trials(
        self, values: np.ndarray, trials: np.ndarray, time: np.ndarray, bins: slice
    ) -> str:
        viewed = self.viewed
        conditions = viewed.conditions
        drawn = budget.spend(trials, conditions.group[trials], len(time))
        picked = np.intersect1d(viewed.selection.picked, trials).astype(np.int64)
        show = self.is_on("single trial")
        shown = np.union1d(drawn.trials, picked) if show else picked
        self._trials, self._every = shown, drawn.every
        self._opacity = _FAINT if len(picked) else 1.0
        self.plot.layer.show_lines(
            time[:: drawn.every],
            self._lifted(values[shown][:, bins][:, :: drawn.every], conditions.group[shown]),
            conditions.group[shown], [*conditions.colours, NEUTRAL],
            names=[viewed.name_of_trial(trial) for trial in shown.tolist()],
            highlight=np.flatnonzero(np.isin(shown, picked)).tolist(),
            alpha=fading(len(shown) // (1 if self._rows is None else len(self._rows.shown))),
        )  # fmt: skip
        note = "Single trials are hidden."
        if show:
            self._kinds.append("single trial")
            note = f"Showing {drawn.sentence()} ({viewed.source.pm.bin_ms:g} ms)."
        return note + self._name_picked(picked)

    def _name_picked(self, picked: np.ndarray) -> str:
        if not len(picked):
            return ""
        names = [self.viewed.name_of_trial(trial) for trial in picked[:_MOST_NAMED].tolist()]
        more = len(picked) - len(names)
        return f" Picked: {'; '.join(names)}{f' and {more} more' if more else ''}."

    def _draw_averages(
        self, values: np.ndarray, trials: np.ndarray, time: np.ndarray, bins: slice
    ) -> None:
        wants_sem = self.is_on("± s.e.m.")
        if not self.is_on("average") and not wants_sem:
            self.averages.hide()
            return
        average = self._average(values, trials, bins)
        self._show_average(self.averages, time, average)
        self._kinds.append("average")
        if wants_sem:
            low, high = average.mean - average.sem, average.mean + average.sem
            self._bands.append((*self._lifted_both(low, high, average.ids), average.ids))
            self._kinds.append("± s.e.m.")

    def _average_overlays(
        self, readers: Mapping[str, Reader], trials: np.ndarray, bins: slice
    ) -> dict[str, ConditionAverages]:
        averages = {}
        for name, lines in self.overlays.items():
            self.toggles[name].disabled = name not in readers
            if self.is_on(name):
                averages[name] = self._average(readers[name](), trials, bins)
            else:
                lines.hide()
        return averages

    def _show_average(
        self, lines: AverageLines, time: np.ndarray, average: ConditionAverages
    ) -> None:
        lines.show(
            time[:: self._every], self._lifted(average.mean[:, :: self._every], average.ids),
            self._colours_of(average), opacity=self._opacity,
        )  # fmt: skip

    def _add_spread(self, values: np.ndarray, spread: Reader | None, bins: slice) -> None:
        picked = np.intersect1d(self.viewed.selection.picked, self._trials).astype(np.int64)
        is_wanted = self.is_on("± s.d. of samples")
        if spread is None or not is_wanted or not 0 < len(picked) <= _MOST_NAMED:
            return
        centre, sd = values[picked][:, bins], spread()[picked][:, bins]
        group = self.viewed.conditions.group[picked]
        self._bands.append((*self._lifted_both(centre - sd, centre + sd, group), group))
        self._kinds.append("± s.d. of samples")

    def _add_prior(self, prior: tuple[np.ndarray, np.ndarray] | None, bins: slice) -> None:
        if prior is None:
            return
        mean, sd = prior[0][bins], prior[1][bins]
        # The same in every row, in a colour that belongs to no condition.
        rows = np.array([0]) if self._rows is None else self._rows.shown
        low, high = (
            self._lifted(np.repeat(edge[None], len(rows), axis=0), rows)
            for edge in (mean - sd, mean + sd)
        )
        neutral = np.full(len(rows), len(self.viewed.conditions.colours))
        self._bands.append((low, high, neutral))
        self._kinds.append("prior ± s.d.")

    def _mark_events(self, values: np.ndarray, trials: np.ndarray, bins: slice) -> None:
        dots: list[Dots] = []
        if self.viewed.events():
            dots += dots_on_trials(self.viewed, values, self._trials, self._lifted)
            if self.is_on("average"):
                average = self._average(values, trials, bins)
                dots += dots_on_averages(self.viewed, average, trials, self._lifted)
        send(self.plot.layer, dots)

    def _send_bands(self, n_bins: int) -> None:
        none = np.zeros((0, n_bins))
        low, high, group = (
            np.concatenate(parts)
            for parts in zip((none, none, np.zeros(0)), *self._bands, strict=True)
        )
        every = self._every
        below = int("prior ± s.d." in self._kinds)
        self.plot.layer.show_bands(low[:, ::every], high[:, ::every], group, below=below)

    # ------------------------------------------------------------------------------ numbers

    @property
    def _has_averages(self) -> bool:
        return any(lines.visible for lines in (self.averages, *self.overlays.values()))

    def _average(self, values: np.ndarray, trials: np.ndarray, bins: slice) -> ConditionAverages:
        return average_by_condition(values[trials][:, bins], self.viewed.conditions.group[trials])

    def _colours_of(self, average: ConditionAverages) -> list[str]:
        return [self.viewed.conditions.colours[group] for group in average.ids]

    def _range(self, from_zero: bool) -> tuple[float, float]:
        """Return the lowest and the highest value of all that is drawn."""
        low = min(float(np.nanmin(values)) for values in self._reach)
        high = max(float(np.nanmax(values)) for values in self._reach)
        return (0.0, high) if from_zero and low >= 0 else (low, high)

    def _set_home(self, time: np.ndarray, from_zero: bool) -> None:
        end = float(time[-1]) + self.viewed.source.pm.bin_ms
        low, high = self._range(from_zero)
        room = 0.05 * (high - low) or 0.5
        y, ticks, height = (low if low == 0 else low - room, high + room), {}, self._height
        if self._rows is not None:
            y, ticks = self._rows.limits, self._rows.ticks(self.viewed.conditions.labels)
            height = max(height, min(_ROW_PIXELS * len(self._rows.shown) + 48, _MOST_PIXELS))
        self.plot.set_height(height)
        self.plot.set_home((float(time[0]), end), y)
        self.plot.name_rows(ticks)
        self.plot.mark_time(self.viewed.event_ms())

    # --------------------------------------------------------------------------------- rows

    def _arrange(self, trials: np.ndarray, from_zero: bool) -> ConditionRows | None:
        """Return the rows of the conditions, or None where they are overlaid."""
        shown = np.unique(self.viewed.conditions.group[trials])
        is_many = len(shown) > MOST_OVERLAID
        wanted = is_many if self.arrangement.value == "auto" else self.arrangement.value == "rows"
        return ConditionRows(shown, *self._range(from_zero)) if wanted and len(shown) > 1 else None

    def _lifted(self, values: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Return values (lines, bins) where they are drawn: in the rows of their conditions."""
        return values if self._rows is None else values + self._rows.lift(groups)[:, None]

    def _lifted_both(
        self, low: np.ndarray, high: np.ndarray, groups: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return self._lifted(low, groups), self._lifted(high, groups)

    def _scale_of_rows(self) -> str:
        if self._rows is None:
            return ""
        low, high = self._rows.low, self._rows.high
        return f" Each row: {self.plot.y_axis.label} from {low:.3g} to {high:.3g}."

    def _pick(self, line: int, extend: bool) -> None:
        trial = -1 if line < 0 else int(self._trials[line])
        self.viewed.selection.pick(trial, extend=extend)
