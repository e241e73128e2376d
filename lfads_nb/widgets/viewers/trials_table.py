"""The trials as a table: sorted, filtered, searched; what is selected is seen everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np
import pandas as pd

from lfads_nb.results.trial_scores import bits_per_spike_of_trials
from lfads_nb.widgets.guard import Notice
from lfads_nb.widgets.live_table import LiveTable, Row, cell, column
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.viewer import Viewer

MOST_ROWS = 3000
_MOST_VALUES_OF_A_FACET = 40
# Further work for huge sessions would keep the viewer blank for long.
_MOST_VALUES_SCORED = 40_000_000

_TRIAL = "lfads_nb trial"  # a recording may have a column of its own that is called trial
_TITLES = {
    _TRIAL: ("trial", "Its place in the recording, counted from 0"),
    "costs": ("cost (nats)", "Whole cost of the trial, posterior averaged"),
    "nll_bound_vaes": ("VAE bound (nats)", "Upper bound of the negative log likelihood"),
    "nll_bound_iwaes": ("IWAE bound (nats)", "A tighter bound of the same"),
    "bits_per_spike": (
        "bits/spike",
        "Beyond each neuron's mean rate over all trials; higher is better",
    ),
}
_HIDDEN = ("dataset", "train_steps")


class TrialsTable(Viewer):
    """All trials of a session with their columns and scores.

    Rows that are selected are the picked trials of every other viewer, and the other way round.
    """

    title: ClassVar[str] = "Trials"
    redraw_on: ClassVar[tuple[str, ...]] = ("dataset",)

    def build(self) -> Sequence[w.Widget]:
        self.notice = Notice()
        self.table = LiveTable(
            [], "Trials", selectable="many", filterable=True, max_height="560px",
            empty="This session has no trials.",
        )  # fmt: skip
        self._following = False
        self.table.observe(self._pick, "selected")
        self.selection.observe(self._follow, "picked")
        return [self.notice, self.table]

    @property
    def plots(self) -> Sequence[Plot]:
        return ()

    def show_only(self, reason: str) -> None:
        self.table.rows = []
        self.notice.say("warning", reason)

    def draw(self) -> None:
        frame = self._frame()
        self.table.facets = []
        self.table.columns = [_column(name, frame[name]) for name in frame]
        self.table.facets = [
            name
            for name in frame
            if frame[name].astype(str).nunique() <= _MOST_VALUES_OF_A_FACET
            and (name in ("split", "condition") or frame[name].dtype.kind in "OUTSb")
        ]
        shown = frame.iloc[:MOST_ROWS]
        self.table.update_rows(_rows(shown))
        if len(shown) < len(frame):
            self.notice.say(
                "info",
                f"The first {len(shown):,} of {len(frame):,} trials. All of them: "
                "run.posterior_means().trials_frame()",
            )
        else:
            self.notice.clear()
        self._follow()

    def _frame(self) -> pd.DataFrame:
        source = self.viewed.source
        pm, frame = source.pm, source.frame.drop(columns=list(_HIDDEN), errors="ignore")
        n_values = pm.n_trials * pm.n_bins * pm.n_neurons
        is_scored = pm.params.output_dist == "poisson" and n_values <= _MOST_VALUES_SCORED
        if is_scored and pm.has("counts"):
            frame = frame.assign(bits_per_spike=bits_per_spike_of_trials(pm))
        return frame.assign(**{_TRIAL: frame.index})[[_TRIAL, *frame]]

    def _pick(self, change: dict[str, Any]) -> None:
        if not self._following:
            self.selection.pick_all(int(trial) for trial in change["new"])

    def _follow(self, _change: Any = None) -> None:
        there = {row["id"] for row in self.table.rows}
        wanted = [str(trial) for trial in self.selection.picked if str(trial) in there]
        self._following = True
        try:
            if wanted != list(self.table.selected):
                self.table.selected = wanted
        finally:
            self._following = False

    def close(self) -> None:
        """Close the widget and stop following the selection."""
        self.selection.unobserve(self._follow, "picked")
        super().close()


def _column(name: str, values: pd.Series) -> dict[str, Any]:
    title, hint = _TITLES.get(name, (name, ""))
    is_number = values.dtype.kind in "iuf"
    return column(name, title, kind="number" if is_number else "text", hint=hint)


def _rows(frame: pd.DataFrame) -> list[Row]:
    columns = {name: _cells(frame[name]) for name in frame}
    return [
        {
            "id": str(trial),
            "label": f"trial {trial}",
            "cells": {name: cells[place] for name, cells in columns.items()},
        }
        for place, trial in enumerate(frame.index)
    ]


def _cells(values: pd.Series) -> list[Any]:
    if values.dtype.kind not in "iuf":
        return ["" if pd.isna(value) else str(value) for value in values]
    numbers = values.to_numpy(float)
    return [
        cell("–") if not np.isfinite(number) else cell(f"{number:.4g}", sort=float(number))
        for number in numbers
    ]
