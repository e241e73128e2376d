"""The controls of the selection: session, trials, colours, time window, and the legend."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from lfads_nb.widgets.viewers.events import MOST_EVENTS
from lfads_nb.widgets.viewers.legend import Legend
from lfads_nb.widgets.viewers.selection import SCHEMES
from lfads_nb.widgets.viewers.viewed import Viewed

NO_COLUMN = "nothing"
NO_EVENT = "no events"
_WORDS = {"auto": "automatic", "categories": "categories", "numbers": "numbers", "angles": "angles"}


class SelectionBar(w.VBox):
    """Chooses the session, the trials, what they are coloured by, and the time window.

    It stands beside the plots, above the legend, so that what stands above them stays low.
    """

    def __init__(self, viewed: Viewed) -> None:
        self._viewed, self._is_offering = viewed, False
        selection = viewed.selection
        self.dataset = _dropdown("session", list(viewed.sources))
        if len(viewed.sources) == 1:
            self.dataset.layout.display = "none"
        self.trials = _dropdown("trials", ["all"])
        self.colour_by = _dropdown("colour by", [NO_COLUMN])
        self.scheme = _dropdown("as", [(_WORDS[name], name) for name in SCHEMES])
        self.window = w.FloatRangeSlider(
            description="time (ms)", continuous_update=False, readout_format=".0f",
            style={"description_width": "initial"}, layout={"width": "100%"},
        )  # fmt: skip
        self.window.add_class("lfads-window")
        self.events = _dropdown("mark", [(NO_EVENT, ())])
        self.events.tooltip = "columns of the trials in ms, read as times after time zero"
        super().__init__(
            [self.dataset, self.trials, self.colour_by, self.scheme, self.window, self.events]
        )
        self.add_class("lfads-choices")
        self._fill()
        for control, name in ((self.dataset, "dataset"), (self.scheme, "scheme")):
            w.link((selection, name), (control, "value"))
        w.link((selection, "trials"), (self.trials, "value"))
        w.link(
            (selection, "colour_by"), (self.colour_by, "value"),
            transform=(lambda column: column or NO_COLUMN, _column_named),
        )  # fmt: skip
        self.window.observe(self._set_window, "value")
        self.events.observe(self._set_events, "value")
        selection.observe(self._show_events, "events")
        selection.observe(self._show_window, "time_window")
        selection.observe(self._fill, "dataset")

    def _fill(self, _change: Any = None) -> None:
        source, selection = self._viewed.source, self._viewed.selection
        splits = [s for s in ("train", "valid", "test") if len(source.pm.trials_of(s))]
        self.trials.options = ["all", *splits, "picked"]
        self.trials.value = selection.trials if selection.trials in self.trials.options else "all"
        self.colour_by.options = [NO_COLUMN, *source.colour_columns]
        self.colour_by.value = selection.colour_by or NO_COLUMN
        time = source.time_ms
        low, high = float(time[0]), float(time[-1])
        with self.window.hold_sync():
            self.window.min = min(low, self.window.min)
            self.window.max, self.window.min = max(high, low + 1e-9), low
            self.window.step = float(source.pm.bin_ms)
        self._show_window()
        self._show_events()

    def _show_events(self, _change: Any = None) -> None:
        names = list(self._viewed.source.events)
        chosen = tuple(event.name for event in self._viewed.events())
        offered: list[tuple[str, tuple[str, ...]]] = [(NO_EVENT, ()), *((n, (n,)) for n in names)]
        if len(names) > 1:
            offered.append(
                (
                    f"{'all' if len(names) <= MOST_EVENTS else 'the first'} "
                    f"{min(len(names), MOST_EVENTS)}",
                    tuple(names[:MOST_EVENTS]),
                )
            )
        if chosen not in [value for _, value in offered]:
            offered.append((", ".join(chosen), chosen))
        self.events.layout.display = None if names else "none"
        self._is_offering = True
        self.events.options = offered
        self.events.value = chosen
        self._is_offering = False

    def _set_events(self, change: dict[str, Any]) -> None:
        if not self._is_offering:
            self._viewed.selection.events = tuple(change["new"])

    def _show_window(self, _change: Any = None) -> None:
        window = self._viewed.selection.time_window
        self.window.value = window or (self.window.min, self.window.max)

    def _set_window(self, change: dict[str, Any]) -> None:
        whole = (self.window.min, self.window.max)
        value: tuple[float, ...] = tuple(float(edge) for edge in change["new"])
        chosen: Any = None if value == whole else value
        self._viewed.selection.time_window = chosen


def make_side(viewed: Viewed) -> w.VBox:
    """Return the column beside the plots: what is chosen, and the legend."""
    side = w.VBox([SelectionBar(viewed), make_legend(viewed)])
    side.add_class("lfads-side")
    return side


def make_legend(viewed: Viewed) -> Legend:
    """Return a legend that toggles the selection's conditions."""
    legend = Legend(layout={"width": "100%", "flex": "0 1 auto", "max_height": "420px"})
    selection = viewed.selection

    def fill(_change: Any = None) -> None:
        conditions = viewed.conditions
        with legend.hold_sync():
            legend.title = conditions.column or "trials"
            legend.labels = list(conditions.labels)
            legend.colours = list(conditions.colours)
            legend.sizes = [int(n) for n in conditions.sizes]
            legend.shown = [bool(on) for on in conditions.is_shown(selection.shown)]

    def toggle(change: dict[str, Any]) -> None:
        labels = viewed.conditions.labels
        if len(labels) == len(change["new"]):
            pairs = zip(labels, change["new"], strict=True)
            selection.shown = tuple(label for label, on in pairs if on)

    fill()
    legend.observe(toggle, "shown")
    selection.observe(fill, ["dataset", "colour_by", "scheme", "shown"])
    return legend


def _dropdown(description: str, options: list[Any]) -> w.Dropdown:
    return w.Dropdown(
        description=description, options=options, layout={"width": "100%"},
        style={"description_width": "initial"},
    )  # fmt: skip


def _column_named(text: str) -> str | None:
    return None if text == NO_COLUMN else text
