"""Run specs: which sessions each model learns from. Made one by one, or for all at once."""

from __future__ import annotations

import ipywidgets as w

from lfads_nb.errors import CollectionError
from lfads_nb.queue.status import RunStatus
from lfads_nb.sweep import RunCollection, RunSpec
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.guard import Notice, guarded
from lfads_nb.widgets.live_table import LiveTable, Row, column
from lfads_nb.widgets.run_states import counts_text
from lfads_nb.widgets.theme import button, plural, row, section, stack, text_box, title

_COLUMNS = [
    column("name", "Run spec", kind="code"),
    column("n", "Sessions", kind="number", width="80px"),
    column("datasets", "Datasets", wrap=True),
    column("runs", "Its runs"),
]


class SpecMaker(w.VBox):
    """Shows a collection's run specs and makes new ones; `table.selected` holds their names."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.notice = Notice()
        self.each = button("One for each dataset", tip="single_<dataset>: a model of its own")
        self.stitched = button("One of all, stitched", tip="One model over all datasets")
        self.datasets = w.SelectMultiple(
            description="Sessions", rows=4, layout=w.Layout(width="330px"),
            style={"description_width": "initial"},
        )  # fmt: skip
        self.name = text_box("Name", width="220px", hint="two_days")
        self.make = button("Make run spec")
        self.remove = button("Remove selected", tip="What its runs wrote stays on disk")
        self.put_back = button("Put back what was removed")
        self.put_back.layout.display = "none"
        self._removed: list[RunSpec] = []
        self.table = LiveTable(
            _COLUMNS, "Run specs", selectable="many", max_height="220px",
            empty="No run specs yet: make one for each dataset, or choose sessions below.",
        )  # fmt: skip
        chooser = w.Accordion([row(self.datasets, self.name, self.make)], selected_index=None)
        chooser.set_title(0, "Choose sessions for one model …")
        for widget, action in (
            (self.each, self.make_each), (self.stitched, self.make_stitched),
            (self.make, self.make_chosen), (self.remove, self.remove_selected),
            (self.put_back, self.put_back_removed),
        ):  # fmt: skip
            widget.on_click(guarded(self.notice, lambda _b, action=action: action()))
        self.table.observe(lambda _change: self._enable(), "selected")
        bench.on_open(self._forget_removed)
        super().__init__([
            section(
                title("Run specs", "Which sessions each model learns from."),
                row(self.each, self.stitched, self.remove, self.put_back), self.notice, self.table,
                stack(chooser),
            )
        ])  # fmt: skip

    def show(self, statuses: dict[str, RunStatus]) -> None:
        """Show the collection's run specs, with the states of their runs."""
        collection = self.bench.collection
        names = collection.dataset_collection.names if collection is not None else []
        if list(self.datasets.options) != names:
            self.datasets.options = names
        rows: list[Row] = []
        runs = collection.runs if collection is not None else []
        for spec in collection.run_specs if collection is not None else ():
            states = [statuses[run.name] for run in runs if run.spec.name == spec.name]
            listed = ", ".join(spec.dataset_names)
            rows.append({
                "id": spec.name,
                "cells": {
                    "name": spec.name, "n": len(spec.datasets), "datasets": listed,
                    "runs": counts_text(states) or "no settings yet",
                },
            })  # fmt: skip
        self.table.update_rows(rows)
        self._enable()

    def _enable(self) -> None:
        there = self.bench.collection is not None
        n = len(self.bench.datasets) if there and self.bench.datasets is not None else 0
        self.each.disabled = self.make.disabled = n < 1
        self.stitched.disabled = n < 2
        self.remove.disabled = not self.table.selected

    def _collection(self) -> RunCollection:
        if self.bench.collection is None:
            raise CollectionError("open or make a collection first")
        return self.bench.collection

    def make_each(self) -> None:
        """Make a run spec for each dataset that has none of its own."""
        collection = self._collection()
        there = {spec.name for spec in collection.run_specs}
        datasets = collection.dataset_collection
        new = [d for d in datasets if d.single_run_name not in there]
        with self.bench.lock:
            collection.add_run_spec(RunSpec(d.single_run_name, datasets, [d.name]) for d in new)
        self.bench.changed()
        if not new:
            self.notice.say("info", "Every dataset has its run spec already.")

    def make_stitched(self) -> None:
        """Make a run spec of all datasets."""
        self._add("all", self._collection().dataset_collection.names)

    def make_chosen(self) -> None:
        """Make a run spec of the chosen datasets under the name that was typed."""
        chosen = list(self.datasets.value)
        if not chosen:
            raise CollectionError("choose one or more sessions first (Ctrl+click for several)")
        name = self.name.value.strip() or "_".join(chosen)[:100]
        self._add(name, chosen)
        self.name.value = ""

    def _add(self, name: str, datasets: list[str]) -> None:
        collection = self._collection()
        spec = RunSpec(name, collection.dataset_collection, datasets)
        if any(there.name == name and there != spec for there in collection.run_specs):
            raise CollectionError(
                f"there is a run spec {name!r} of other sessions: choose another name, or remove it"
            )
        with self.bench.lock:
            collection.add_run_spec(spec)
        self.bench.changed()

    def remove_selected(self) -> None:
        """Take run specs out of the collection; what their runs wrote stays on disk."""
        chosen, collection = set(self.table.selected), self._collection()
        with self.bench.lock:
            self._removed = [spec for spec in collection.run_specs if spec.name in chosen]
            collection.filter_run_specs(lambda spec: spec.name not in chosen)
        self.table.selected = []
        self.bench.changed()
        self.put_back.layout.display = ""
        self.notice.say("info", f"{plural(len(chosen), 'run spec')} removed; files stay on disk.")

    def put_back_removed(self) -> None:
        """Undo the last removal; runs that were trained are done again, as their files are there.

        Raises
        ------
        CollectionError
            A dataset of theirs is gone, or there is another run spec of that name by now.
        """
        collection, removed = self._collection(), self._removed
        taken = {spec.name for spec in collection.run_specs} & {spec.name for spec in removed}
        if taken:
            raise CollectionError(
                f"there is another run spec {', '.join(sorted(taken))} by now: remove it first"
            )
        there = set(collection.dataset_collection.names)
        lost = {name for spec in removed for name in spec.dataset_names} - there
        if lost:
            raise CollectionError(f"{', '.join(sorted(lost))} is no dataset any more: add it first")
        with self.bench.lock:
            collection.add_run_spec(removed)
        self._forget_removed()
        self.bench.changed()
        self.notice.say("success", f"{plural(len(removed), 'run spec')} put back.")

    def _forget_removed(self) -> None:
        self._removed = []
        self.put_back.layout.display = "none"
