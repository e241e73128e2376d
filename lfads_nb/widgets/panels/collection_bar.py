"""The line at the top: which collection is open, make one, open another, show the code."""

from __future__ import annotations

from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as w

from lfads_nb.datasets import generate_demo_datasets
from lfads_nb.demo import make_demo
from lfads_nb.errors import CollectionError
from lfads_nb.sweep.run_notes import RunNotes
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.bench import Source
from lfads_nb.widgets.code_view import CodeView
from lfads_nb.widgets.jupyter_place import bench_page
from lfads_nb.widgets.links import Links, page_link
from lfads_nb.widgets.live_table import LiveTable, cell, column
from lfads_nb.widgets.panel import Panel
from lfads_nb.widgets.panels.notes_box import NotesBox, notes_cell
from lfads_nb.widgets.panels.trust_question import TrustQuestion
from lfads_nb.widgets.recent import FoundCollection, found_collections, remember
from lfads_nb.widgets.script import script_of
from lfads_nb.widgets.theme import button, html, plural, row, stack, text_box

DEFAULT_ROOT = "~/lfads_nb/runs"
DEMO_SESSIONS = 3
_FOUND_COLUMNS = [
    column("name", "Collection", kind="code"),
    column("runs", "Runs", kind="number", hint="that were prepared"),
    column("done", "Done", kind="number"),
    column("changed", "Changed"),
    column("notes", "Notes", width="200px", hint="Your star, tags and note on the collection"),
    column("folder", "In folder"),
]


class CollectionBar(Panel):
    """Opens and makes collections; every change is saved by itself.

    Parameters
    ----------
    source : a bench, or what it starts with.
    folder : offered as the place of new collections.
    """

    def __init__(self, source: Source = None, *, folder: str | Path = DEFAULT_ROOT) -> None:
        super().__init__(source)
        self._about = html()
        self._about.add_class("lfads-about")
        self.new = w.ToggleButton(description="New …", layout=w.Layout(width="auto"))
        self.open = w.ToggleButton(description="Open …", layout=w.Layout(width="auto"))
        self.code = w.ToggleButton(description="Show me the code", layout=w.Layout(width="auto"))
        self.noted = w.ToggleButton(
            description="Notes …", tooltip="a star, tags and a note on the collection",
            layout=w.Layout(width="auto"),
        )  # fmt: skip
        self.notes = NotesBox()
        self.root = text_box("In folder", str(folder), width="430px")
        self.name = text_box("Name", "example", width="220px")
        self.make = button("Make collection", style="primary")
        self.quick = button("Quick example", tip="Demo data and four settings, ready to launch")
        self.task = TaskBar()
        self.path = text_box("Folder", width="460px", hint="folder of a collection")
        self.found = LiveTable(
            _FOUND_COLUMNS, "Collections to open", selectable="one", max_height="220px",
            filterable=True, empty="None was open lately, and none is below this folder.",
        )  # fmt: skip
        self.load = button("Open collection", style="primary")
        self.script = CodeView()
        self.trust = TrustQuestion(self.bench)
        page = bench_page()
        self.own_page = Links(links=[page_link("Own tab", page)] if page is not None else [])
        self._new_box = stack(
            row(self.root, self.name, self.make, html("<span class='lfads-dim'>or</span>"),
                self.quick)
        )  # fmt: skip
        self._open_box = stack(
            html("<span class='lfads-dim'>Click one to open it, or name its folder.</span>"),
            self.found, row(self.path, self.load),
        )  # fmt: skip
        self._code_box, self._notes_box = stack(self.script), stack(self.notes)
        for form in (self._new_box, self._open_box):
            form.add_class("lfads-form")  # Enter does what its first button does
        self._boxes = {
            self.new: self._new_box, self.open: self._open_box, self.code: self._code_box,
            self.noted: self._notes_box,
        }  # fmt: skip
        self.fill(
            row(self._about, self.new, self.open, self.code, self.noted, self.own_page,
                html("<span class='lfads-dim'>Keys: <kbd>?</kbd></span>")),
            self._new_box, self._open_box, self._code_box, self._notes_box, self.task, self.notice,
            self.trust,
        )  # fmt: skip
        for toggle in self._boxes:
            toggle.observe(self.guard(self._fold), "value")
        self.on_click(self.make, self.make_collection)
        self.on_click(self.quick, self.make_quick_example)
        self.on_click(self.load, self.open_collection)
        self.found.observe(self.guard(self._open_found), "selected")
        self.bench.on_change(self.refresh)
        self._fold_all()
        self.refresh()
        if self.bench.collection is None:
            self.new.value = True

    # -------------------------------------------------------------------------------- showing

    def refresh(self) -> None:
        """Show which collection is open."""
        collection = self.bench.collection
        self.code.disabled = self.noted.disabled = collection is None
        self.notes.show(self.bench.path)
        self.trust.refresh()
        if collection is None:
            self._about.value = "<b>No collection open.</b>"
            return
        remember(collection.path)
        facts = (
            f"{plural(len(collection.dataset_collection), 'dataset')}, "
            f"{plural(len(collection.params), 'setting')}, "
            f"{plural(len(collection.run_specs), 'run spec')}, {plural(collection.n_runs, 'run')}"
        )
        place = escape(str(collection.path))
        self._about.value = (
            f"<b>{escape(collection.name)}</b> <span class='lfads-dim' title='{place}'>"
            f"{escape(facts)} · saved in {place}</span>"
        )
        if self.code.value:
            self.script.code = script_of(collection)

    def _fold(self, change: Any) -> None:
        toggle = change["owner"]
        if change["new"]:
            for other in self._boxes:
                if other is not toggle:
                    other.value = False
            if toggle is self.open:
                self._list_found()
            if toggle is self.code and self.bench.collection is not None:
                self.script.code = script_of(self.bench.collection)
        self._fold_all()

    def _fold_all(self) -> None:
        for toggle, box in self._boxes.items():
            box.layout.display = "" if toggle.value else "none"

    def _list_found(self) -> None:
        here = self.bench.path
        places = (Path(self.root.value.strip() or DEFAULT_ROOT).expanduser(), Path.cwd())
        self.found.selected = []
        self.found.update_rows([
            {
                "id": str(each.path),
                "label": each.path.name,
                "faint": each.path == here,
                "cells": {
                    "name": each.path.name,
                    "runs": each.n_runs,
                    "done": _done(each),
                    "changed": cell(_date(each.changed), sort=each.changed),
                    "notes": notes_cell(RunNotes.read(each.path)),
                    "folder": "open now" if each.path == here else str(each.path.parent),
                },
            }
            for each in found_collections(*places)
        ])  # fmt: skip

    def _open_found(self, change: Any) -> None:
        if change["new"]:
            self.path.value = change["new"][0]
            self.open_collection()

    # --------------------------------------------------------------------------------- doing

    def make_collection(self) -> None:
        """Make a collection under the name that was typed, and open it."""
        self.make.disabled = True
        try:
            root = Path(self.root.value.strip() or DEFAULT_ROOT).expanduser()
            self._refuse_while_busy()
            self.bench.create(root, self.name.value.strip(), root.parent / "datasets")
            self.new.value = False
        finally:
            self.make.disabled = False

    def make_quick_example(self) -> None:
        """Make the demo's collection, with its data and inputs, and open it."""
        self._refuse_while_busy()
        self.quick.disabled = True
        folder = Path(self.root.value.strip() or DEFAULT_ROOT).expanduser().parent

        def work(progress: Progress) -> Path:
            # session by session, so that it can be stopped
            for made in range(1, DEMO_SESSIONS + 1):
                progress(made - 1, DEMO_SESSIONS + 1, "making demo data")
                generate_demo_datasets(folder / "datasets", made)
            progress(DEMO_SESSIONS, DEMO_SESSIONS + 1, "preparing inputs")
            return make_demo(folder).path

        def done(path: Path) -> None:
            self.bench.open(path)
            self.new.value = False
            self.notice.say("success", "Ready: look at the tabs, then launch the four in Runs.")

        def end() -> None:
            self.quick.disabled = False

        self.task.start("Quick example", work, on_done=done, on_end=end)

    def open_collection(self) -> None:
        """Open the folder that was typed or chosen."""
        self.load.disabled = True
        try:
            if not self.path.value.strip():
                raise CollectionError("type or choose the folder of a collection")
            self._refuse_while_busy()
            self.bench.open(self.path.value.strip())
            self.open.value = False
        finally:
            self.load.disabled = False

    def _refuse_while_busy(self) -> None:
        if self.bench.busy:
            raise CollectionError("inputs are being prepared: wait for that, or cancel it, first")


def _done(found: FoundCollection) -> Any:
    if not found.n_lost:
        return found.n_done
    return cell(
        str(found.n_done), sort=found.n_done, tone="warn", icon="!",
        title="Launched again, they make anew what is missing.",
        sub=f"{found.n_lost} without outputs",
    )  # fmt: skip


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
