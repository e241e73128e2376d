"""The collection's settings: what differs, how far each run spec is with it, two compared."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as w

from lfads_nb.errors import CollectionError
from lfads_nb.queue.status import RunStatus
from lfads_nb.sweep import RunCollection, RunParams
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.guard import Notice, guarded
from lfads_nb.widgets.live_table import LiveTable, Row, cell, column
from lfads_nb.widgets.panels.field_values import value_text
from lfads_nb.widgets.panels.shared_values import assignments, own_values_text, shared_values
from lfads_nb.widgets.run_states import counts_text, run_cell
from lfads_nb.widgets.theme import button, html, plural, row, section, title

MAX_SPEC_COLUMNS = 6


class SettingsTable(w.VBox):
    """Shows the settings against the run specs; `table.selected` holds their hashes.

    Parameters
    ----------
    bench : whose collection.
    on_edit : called with a setting that is to be put into the form, None for no such button.
    """

    def __init__(self, bench: Bench, on_edit: Callable[[RunParams], Any] | None = None) -> None:
        self.bench = bench
        self.notice = Notice()
        self._on_edit = on_edit
        self.compare = button("Compare two", tip="Select two settings")
        self.edit = button("Put into the form", tip="Select one setting")
        self.remove = button("Remove selected", tip="What its runs wrote stays on disk")
        self.put_back = button("Put back what was removed")
        self.put_back.layout.display = "none"
        self._removed: list[RunParams] = []
        self.table = LiveTable(
            [], "Settings and their runs", selectable="many", max_height="320px", filterable=True,
            empty="No settings yet: add them in Parameters.",
        )  # fmt: skip
        self._shared = html()
        self.differences = LiveTable(
            [], "How the two settings differ", max_height="260px", empty="They are the same."
        )
        self.differences.layout.display = "none"
        for widget, action in (
            (self.compare, self.compare_selected), (self.edit, self.edit_selected),
            (self.remove, self.remove_selected), (self.put_back, self.put_back_removed),
        ):  # fmt: skip
            widget.on_click(guarded(self.notice, lambda _b, action=action: action()))
        if on_edit is None:
            self.edit.layout.display = "none"
        self.table.observe(lambda _change: self._enable(), "selected")
        bench.on_open(self._forget_removed)
        super().__init__([
            section(
                title("Settings", "Each row is one setting; each run spec is trained with it."),
                self._shared, self.table, row(self.compare, self.edit, self.remove, self.put_back),
                self.notice,
                self.differences,
            )
        ])  # fmt: skip
        self._enable()

    def show(self, statuses: dict[str, RunStatus]) -> None:
        """Show the collection's settings, with the state of every run."""
        collection = self.bench.collection
        if collection is None:
            self.table.update_rows([])
            return
        columns = self._columns(collection)
        if self.table.columns != columns:
            with self.table.hold_sync():
                self.table.rows = []
                self.table.columns = columns
        shared = shared_values(collection.params)
        self._shared.value = _shared_html(shared)
        self.table.update_rows(
            [_setting_row(collection, p, statuses, shared) for p in collection.params]
        )
        self._enable()

    def _columns(self, collection: RunCollection) -> list[dict[str, Any]]:
        columns = [
            column("hash", "Setting", kind="code", width="92px"),
            column(
                "data", "Data", kind="code", width="76px", hint="Runs of equal data share files"
            ),
            column("label", "Label"),
            column("differs", "Differs from the others in", wrap=True),
        ]
        if not any(params.name for params in collection.params):
            columns.pop(2)
        if len(collection.run_specs) <= MAX_SPEC_COLUMNS:
            columns += [column(f"s_{spec.name}", spec.name[:24]) for spec in collection.run_specs]
        else:
            columns.append(column("runs", "Runs"))
        return columns

    def _enable(self) -> None:
        n = len(self.table.selected)
        self.compare.disabled, self.edit.disabled, self.remove.disabled = n != 2, n != 1, not n

    def _chosen(self) -> list[RunParams]:
        if self.bench.collection is None:
            raise CollectionError("open or make a collection first")
        return self.bench.collection.find_params(list(self.table.selected))

    def compare_selected(self) -> None:
        """Show in what the two selected settings differ."""
        first, second = self._chosen()
        rows: list[Row] = [
            {"id": name, "cells": {"name": name, "a": value_text(a), "b": value_text(b)}}
            for name, (a, b) in first.diff(second).items()
        ]
        self.differences.columns = [
            column("name", "Parameter", kind="code"),
            column("a", first.param_name, wrap=True),
            column("b", second.param_name, wrap=True),
        ]
        self.differences.rows = []
        self.differences.update_rows(rows)
        self.differences.layout.display = ""

    def edit_selected(self) -> None:
        """Put the selected setting into the form."""
        if self._on_edit is not None:
            self._on_edit(self._chosen()[0])

    def remove_selected(self) -> None:
        """Take settings out of the collection; what their runs wrote stays on disk."""
        chosen = set(self.table.selected)
        with self.bench.lock:
            collection = self.bench.collection
            assert collection is not None
            removed = [params for params in collection.params if params.param_hash in chosen]
            done = [
                run
                for run in collection.runs
                if run.params.param_hash in chosen and run.folder.done.exists()
            ]
            n_lost = sum(run.folder.lacks_outputs for run in done)
            collection.filter_params(lambda p: p.param_hash not in chosen)
        self.table.selected = []
        self.differences.layout.display = "none"
        self.bench.changed()
        self._removed = removed
        self.put_back.layout.display = ""
        trained = f" {plural(len(done), 'run')} of them had been trained" if done else ""
        trained += f" (the outputs of {n_lost} were deleted before)" if n_lost else ""
        trained += ";" if done else ""
        self.notice.say(
            "info", f"{plural(len(removed), 'setting')} removed;{trained} files stay on disk."
        )

    def put_back_removed(self) -> None:
        """Undo the last removal; runs that were trained are done again, as their files are there.

        Raises
        ------
        RunFolderError
            If the collection cannot be saved.
        """
        removed = self._removed
        with self.bench.lock:
            assert self.bench.collection is not None
            there = {params.param_hash for params in self.bench.collection.params}
            self.bench.collection.add_params([p for p in removed if p.param_hash not in there])
        self._forget_removed()
        self.bench.changed()
        self.notice.say("success", f"{plural(len(removed), 'setting')} put back.")

    def _forget_removed(self) -> None:
        self._removed = []
        self.put_back.layout.display = "none"


def _shared_html(shared: dict[str, Any]) -> str:
    if not shared:
        return ""
    return f'<span class="lfads-dim">All have <code>{escape(assignments(shared))}</code></span>'


def _setting_row(
    collection: RunCollection,
    params: RunParams,
    statuses: dict[str, RunStatus],
    shared: dict[str, Any],
) -> Row:
    runs = [run for run in collection.runs if run.params.param_hash == params.param_hash]
    own = own_values_text(params, shared)
    cells: dict[str, Any] = {
        "hash": params.param_hash,
        "data": params.data_hash,
        "label": params.name,
        "differs": cell(own or "nothing", title=params.differences_text()),
        "runs": counts_text(statuses[run.name] for run in runs) or "no run specs yet",
    }
    if len(runs) <= MAX_SPEC_COLUMNS:
        for run in runs:
            cells[f"s_{run.spec.name}"] = run_cell(statuses[run.name])
    else:
        cells["runs"] = cell(cells["runs"])
    return {"id": params.param_hash, "cells": cells}
