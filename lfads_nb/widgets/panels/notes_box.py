"""A star, tags and a note on a run, as its user types them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import ipywidgets as w

from lfads_nb.sweep.run_notes import RunNotes, tags_of
from lfads_nb.widgets.guard import Notice, guarded
from lfads_nb.widgets.live_table import cell
from lfads_nb.widgets.theme import row, stack, text_box

_SHOWN = 60


class NotesBox(w.VBox):
    """Shows and changes the notes in one folder at a time."""

    def __init__(self) -> None:
        self.star = w.ToggleButton(
            description="☆ Star", tooltip="Find it again by its star", layout=w.Layout(width="auto")
        )
        self.tags = text_box("Tags", width="220px", hint="with commas between")
        self.note = w.Textarea(
            description="Note", continuous_update=False, rows=2,
            style={"description_width": "initial"}, layout=w.Layout(width="auto"),
        )  # fmt: skip
        self.notice = Notice()
        self._folder: Path | None = None
        self._filling = False
        for widget, change in (
            (self.star, lambda value: {"star": value}),
            (self.tags, lambda value: {"tags": tags_of(value.split(","))}),
            (self.note, lambda value: {"note": value.strip()}),
        ):
            keep = guarded(self.notice, lambda event, change=change: self._keep(change(event.new)))
            widget.observe(keep, "value")
        super().__init__([stack(row(self.star, self.tags), self.note, self.notice)])

    def show(self, folder: Path | None) -> None:
        """Go to the notes of a folder; those that are shown already stay as they are typed."""
        self.layout.display = "" if folder is not None else "none"
        if folder == self._folder:
            return
        self._folder = folder
        notes = RunNotes() if folder is None else RunNotes.read(folder)
        self._filling = True
        try:
            self.star.value, self.note.value = notes.star, notes.note
            self.tags.value = ", ".join(notes.tags)
        finally:
            self._filling = False
        self.notice.clear()
        self._name_star()

    def _keep(self, change: dict[str, Any]) -> None:
        self._name_star()
        if self._filling or self._folder is None:
            return
        # Another window may have changed the rest meanwhile.
        replace(RunNotes.read(self._folder), **change).save(self._folder)

    def _name_star(self) -> None:
        self.star.description = "★ Starred" if self.star.value else "☆ Star"


class NotesReader:
    """Reads the notes of many folders again and again; a file only when it has changed."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, RunNotes]] = {}

    def read(self, folder: Path) -> RunNotes:
        """Return the notes in a folder as they are now."""
        try:
            stamp = os.stat(folder / "notes.json").st_mtime_ns
        except OSError:
            return RunNotes()
        known = self._known.get(folder)
        if known is None or known[0] != stamp:
            known = self._known[folder] = (stamp, RunNotes.read(folder))
        return known[1]


def notes_cell(notes: RunNotes) -> Any:
    """Describe notes for a table, whose filter finds every word of them that is shown."""
    if notes.is_empty:
        return None
    short = " ".join(notes.note.split())
    short = short if len(short) <= _SHOWN else short[: _SHOWN - 1] + "…"
    text = " ".join(["★"] * notes.star + [f"#{tag}" for tag in notes.tags])
    return cell(text or "note", sub=short, title=notes.note or None, sort=(text or "note"))
