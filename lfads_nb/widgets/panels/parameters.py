"""The parameters panel: one setting or a sweep of them, checked while it is typed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as w

from lfads_nb.datasets import DatasetInfo
from lfads_nb.demo import PUBLISHED, QUICK
from lfads_nb.errors import LfadsError
from lfads_nb.sweep import ParamProblem, RunParams
from lfads_nb.sweep.advice import Advice
from lfads_nb.widgets.bench import Source
from lfads_nb.widgets.guard import Notice
from lfads_nb.widgets.live_table import LiveTable, Row, cell, column
from lfads_nb.widgets.panel import Panel
from lfads_nb.widgets.panels.advice_box import AdviceBox, advise_all
from lfads_nb.widgets.panels.autolfads import AutolfadsForm
from lfads_nb.widgets.panels.field_values import value_text
from lfads_nb.widgets.panels.params_form import ParamsForm
from lfads_nb.widgets.panels.sweep_draft import DraftResult, FieldSweep, SweepDraft, read_draft
from lfads_nb.widgets.theme import button, html, plural, row, stack, title

MAX_SHOWN = 200
MOST_ALIKE = 2
_START_FROM = {
    "the defaults of LFADS": RunParams(),
    "the quick Lorenz demo (minutes)": QUICK,
    "the published Lorenz example": PUBLISHED,
}


SETTINGS, SEARCH = "settings", "search"


class ParametersPanel(Panel):
    """Sets hyperparameters, swept or not; `settings` are what the form makes.

    Parameters
    ----------
    source : where settings are added to and whose datasets they are checked against.
    params_class : `RunParams` or a subclass, whose own fields show first.
    """

    def __init__(
        self, source: Source = None, *, params_class: type[RunParams] | None = None
    ) -> None:
        super().__init__(source)
        self.params_class = params_class or self.bench.params_class
        self.form = ParamsForm(self.params_class)
        self.start_from = w.Dropdown(
            description="Start from", style={"description_width": "initial"},
            layout=w.Layout(width="330px"),
        )  # fmt: skip
        self.n_draws = _number("random settings", 10, 1, 2000)
        self.seed = _number("seed", 0, 0, 2**31 - 1)
        self.draws = w.Dropdown(
            options=[("at random", "random"), ("Latin hypercube", "latin"), ("Sobol", "sobol")],
            description="drawn", tooltip="How the random settings are spread over their ranges",
            layout=w.Layout(width="230px"),
        )  # fmt: skip
        self.reset = button("Reset all", tip="Every field back to its default")
        self.add = button("Add to the collection", style="primary")
        self.preview = LiveTable(
            [], "Settings that the form makes", max_height="330px", empty="No settings yet."
        )
        self.settings: list[RunParams] = []
        self.mode = w.ToggleButtons(
            options=[("One setting or a sweep", SETTINGS), ("AutoLFADS: find the setting", SEARCH)],
            style={"button_width": "auto"},
            tooltips=["Settings that you choose", "A population that searches while it trains"],
        )  # fmt: skip
        self.autolfads = AutolfadsForm(self.bench, self.load)
        self.autolfads.layout.display = "none"
        self._count = html()
        self._checked = html()
        self._problems = Notice(lasts=True)
        self.advice = AdviceBox(self.guard(self._take_advice))
        self._random = row(self.n_draws, self.draws, self.seed)
        self._result: DraftResult | None = None
        self._check_lock = threading.Lock()
        self._loading = False
        self._draft_of = self.bench.path
        self._lay_out()
        self._connect()
        self._load_draft()
        self._offer_starts()
        self.check()

    def _lay_out(self) -> None:
        left = stack(self.form)
        left.layout = w.Layout(flex="1 1 640px", min_width="0")
        right = stack(
            self._count, self._random, self._problems, self.advice, self.add, self.notice,
            self.preview, self._checked,
        )  # fmt: skip
        right.layout = w.Layout(flex="0 1 320px", min_width="260px")
        columns = w.HBox([left, right])
        columns.add_class("lfads-columns")
        self.fill(
            title(
                "Parameters",
                "One setting, or many: press “sweep” beside a field to try several values.",
            ),
            row(self.mode),
            self.autolfads,
            row(self.start_from, self.reset),
            columns,
        )
        self._settings_only = (self._count, self._random, self.add, self.preview)

    def _connect(self) -> None:
        changed = self.guard(lambda _change: self.check())
        for widget, trait in (
            (self.form, "values"), (self.form, "sweeps"), (self.n_draws, "value"),
            (self.seed, "value"), (self.draws, "value"),
        ):  # fmt: skip
            widget.observe(changed, trait)
        self.start_from.observe(self.guard(self._start), "value")
        self.mode.observe(self.guard(lambda _change: self._show_mode()), "value")
        self.on_click(self.reset, lambda: self.load(RunParams()))
        self.on_click(self.add, self.add_settings)
        self.bench.on_change(self.refresh)

    def _show_mode(self) -> None:
        is_search = self.mode.value == SEARCH
        self.autolfads.layout.display = "" if is_search else "none"
        for part in self._settings_only:
            part.layout.display = "none" if is_search else ""
        self.check()

    # ------------------------------------------------------------------------- what is typed

    @property
    def draft(self) -> SweepDraft:
        """What stands in the form."""
        return SweepDraft(
            dict(self.form.values),
            {name: FieldSweep(**sweep) for name, sweep in self.form.sweeps.items()},
            self.n_draws.value,
            self.seed.value,
            self.draws.value,
        )

    def load(self, params: RunParams) -> None:
        """Fill the form with a setting."""
        self._show_draft(SweepDraft.of(params))
        self.check()

    def _show_draft(self, draft: SweepDraft) -> None:
        content = draft.to_json()
        self._loading = True
        try:
            self.form.fill(content["values"], content["sweeps"])
            self.n_draws.value, self.seed.value = draft.n_draws, draft.seed
            self.draws.value = draft.draws
        finally:
            self._loading = False

    def _load_draft(self) -> None:
        names = [field["name"] for field in self.form.fields]
        self._show_draft(SweepDraft.from_json(self.bench.draft("parameters"), names))

    def _offer_starts(self) -> None:
        options: list[tuple[str, Any]] = [("choose …", ""), *_START_FROM.items()]
        if self.bench.collection is not None:
            options += [
                (f"{p.param_name} {p.differences_text()}"[:90], p)
                for p in self.bench.collection.params
            ]
        if [text for text, _ in options] != [text for text, _ in self.start_from.options or ()]:
            self._loading = True
            self.start_from.options = options
            self.start_from.index = 0
            self._loading = False

    def _start(self, change: Any) -> None:
        if change["new"] and not self._loading:
            self.load(change["new"])
            self.start_from.index = 0

    # ------------------------------------------------------------------------------ checking

    def refresh(self) -> None:
        """Show the form against the collection as it is now."""
        path = self.bench.path
        if path != self._draft_of:
            # What was typed before there was any collection is for the first one.
            if self._draft_of is not None or self.bench.draft("parameters") is not None:
                self._load_draft()
            self._draft_of = path
        self._offer_starts()
        self.check()

    def check(self) -> None:
        """Make the settings, hold them against the datasets, and show what comes of it."""
        if self._loading:
            return
        with self._check_lock:
            draft = self.draft
            self.bench.keep_draft("parameters", draft.to_json())
            runs, about = self._runs_to_check()
            result = read_draft(draft, self.params_class, runs)
            self._result, self.settings = result, result.settings
            self.form.problems = {
                name: _few_problems(listed) for name, listed in result.problems.items()
            }
            self._show_result(result, about)
            but_on = self.autolfads.decides_on if self.mode.value == SEARCH else ()
            advice = advise_all(result.settings, runs, but_on=but_on)
            self.advice.show([] if result.errors else advice)
            if self.mode.value == SEARCH:
                one = result.settings[0] if len(result.settings) == 1 else None
                why = result.errors or (
                    ["it starts from one setting: take the sweeps in the form back"]
                    if one is None
                    else []
                )
                self.autolfads.show(one, why, runs)

    def _runs_to_check(self) -> tuple[list[list[tuple[str, DatasetInfo]]], str]:
        """Return the datasets of every model that would be trained, and that in words."""
        collection, datasets = self.bench.collection, self.bench.datasets
        if collection is not None and collection.run_specs:
            groups = [list(spec.datasets) for spec in collection.run_specs]
            about = f"Checked against {plural(len(groups), 'run spec')}."
        else:
            groups = [[dataset] for dataset in datasets or ()]
            about = f"Checked against {plural(len(groups), 'dataset')}, each alone."
        runs, unreadable = [], set()
        for group in groups:
            try:
                runs.append([(dataset.name, dataset.info) for dataset in group])
            except LfadsError:
                unreadable |= {dataset.name for dataset in group}
        if not groups:
            about = "No datasets yet to check against."
        if unreadable:
            about += f" {plural(len(unreadable), 'dataset')} could not be read: see Datasets."
        return runs, about

    def _show_result(self, result: DraftResult, about: str) -> None:
        swept = " × ".join(
            f"{len(values.split(', '))} {name}" if not values.startswith(("random", "log random"))
            else f"random {name}"
            for name, values in result.swept.items()
        )  # fmt: skip
        there = self._hashes_there()
        new = [p for p in result.settings if p.param_hash not in there]
        old = len(result.settings) - len(new)
        words = plural(result.n_settings, "setting") if not result.errors else "Cannot be added yet"
        detail = swept + (f" ({old} already there, {len(new)} new)" if old else "")
        self._count.value = (
            f'<div class="lfads-count" role="status">{escape(words)}</div>'
            f'<div class="lfads-dim">{escape(detail)}</div>'
        )
        is_random = any(s.is_random for s in self.draft.sweeps.values())
        is_search = self.mode.value == SEARCH
        self._random.layout.display = "" if is_random and not is_search else "none"
        if result.errors:
            self._problems.say("error", "To be mended first:", points=tuple(result.errors[:12]))
        else:
            self._problems.clear()
        self._checked.value = f'<span class="lfads-dim">{escape(about)}</span>'
        self.add.disabled = not new or self.bench.collection is None
        self.add.description = f"Add {plural(len(new), 'setting')}" if new else "Nothing new to add"
        self.add.tooltip = (
            "Open or make a collection first" if self.bench.collection is None else "To the runs"
        )
        self._show_preview(result, there)

    def _hashes_there(self) -> set[str]:
        collection = self.bench.collection
        return {p.param_hash for p in collection.params} if collection is not None else set()

    def _show_preview(self, result: DraftResult, there: set[str]) -> None:
        names = list(result.swept)[:4]
        columns = [
            column("hash", "Setting", kind="code"),
            *(column(f"p_{name}", name, kind="number") for name in names),
            column("state", ""),
        ]
        rows: list[Row] = [
            {
                "id": params.param_hash,
                "faint": params.param_hash in there,
                "cells": {
                    "hash": cell(params.param_hash, title=params.differences_text()),
                    "state": "in the collection" if params.param_hash in there else "new",
                    **{
                        f"p_{name}": cell(
                            _short(getattr(params, name)), sort=_sort(getattr(params, name))
                        )
                        for name in names
                    },
                },
            }
            for params in result.settings[:MAX_SHOWN]
        ]
        if self.preview.columns != columns:
            self.preview.rows = []
            self.preview.columns = columns
        self.preview.empty = "Nothing: see above." if result.errors else "No settings yet."
        self.preview.update_rows(rows)

    # --------------------------------------------------------------------------------- doing

    def _take_advice(self, advice: Advice) -> None:
        """Write what is advised into the form, in place of a sweep of the same field."""
        values = {name: value_text(value) for name, value in advice.changes.items()}
        sweeps = {n: s for n, s in self.form.sweeps.items() if n not in values}
        self.form.fill({**self.form.values, **values}, sweeps)
        self.check()

    def add_settings(self) -> None:
        """Add what the form makes to the collection."""
        self.add.disabled = True
        collection = self.bench.collection
        if collection is None:
            return
        there = self._hashes_there()
        new = [params for params in self.settings if params.param_hash not in there]
        with self.bench.lock:
            collection.add_params(new)
        self.bench.changed()
        self.notice.say("success", f"{plural(len(new), 'setting')} added; see Runs.")


def _few_problems(problems: Sequence[ParamProblem]) -> list[dict[str, str]]:
    """Keep the first problems of each severity; many sessions tend to have the very same one."""
    shown: list[dict[str, str]] = []
    for severity in ("error", "warning"):
        alike = [p.message for p in problems if p.severity == severity]
        texts = alike[:MOST_ALIKE]
        if len(alike) > MOST_ALIKE:
            texts.append(f"and {len(alike) - MOST_ALIKE} more like these")
        shown += [{"message": text, "severity": severity} for text in texts]
    return shown


def _number(text: str, value: int, low: int, high: int) -> w.BoundedIntText:
    return w.BoundedIntText(
        value, low, high, description=text, style={"description_width": "initial"},
        layout=w.Layout(width="180px"),
    )  # fmt: skip


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else value_text(value)


def _sort(value: Any) -> Any:
    return value if isinstance(value, int | float) else None
