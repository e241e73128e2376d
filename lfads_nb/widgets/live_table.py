"""A table whose cells change one by one, so that hundreds of live rows stay fluid.

The browser gets all rows once; `update_rows` then sends only the cells that differ. Every text is
set as text: names of files, datasets and runs can hold anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import anywidget
import traitlets as t

from lfads_nb.widgets.theme import CSS

Cell = str | float | int | dict[str, Any] | None
Tone = Literal["good", "bad", "warn", "run", "wait", "dim"]


class Row(TypedDict, total=False):
    """One row: `id` unique and lasting, `cells` by column key, `faint` for a greyed row."""

    id: str
    cells: dict[str, Cell]
    label: str
    faint: bool


def column(
    key: str,
    title: str,
    *,
    kind: Literal["text", "code", "number"] = "text",
    width: str = "",
    hint: str = "",
    wrap: bool = False,
    sortable: bool = True,
) -> dict[str, Any]:
    """Describe a column; numbers stand at the right."""
    align = "right" if kind == "number" else "left"
    return {
        "key": key, "title": title, "kind": kind, "align": align, "width": width, "hint": hint,
        "wrap": wrap, "sortable": sortable,
    }  # fmt: skip


def cell(
    text: str,
    *,
    sort: float | str | None = None,
    tone: Tone | None = None,
    icon: str = "",
    title: str | None = None,
    fraction: float | None = None,
    spark: Sequence[float | None] | None = None,
    sub: str = "",
) -> dict[str, Any]:
    """Describe a cell that is more than its text.

    Parameters
    ----------
    text : what it says.
    sort : what to sort by instead.
    tone, icon : colour and a sign before the text; never one without the text.
    title : shown on hovering.
    fraction : 0..1, drawn as a bar.
    spark : drawn as a small curve behind the text.
    sub : a second, smaller line.
    """
    extras = {
        "sort": sort, "tone": tone, "icon": icon or None, "title": title, "fraction": fraction,
        "spark": list(spark) if spark is not None else None, "sub": sub or None,
    }  # fmt: skip
    return {"text": text, **{name: value for name, value in extras.items() if value is not None}}


class LiveTable(anywidget.AnyWidget):
    """Rows to look at, sort, filter and select; `selected` holds ids of rows, in their order.

    Parameters
    ----------
    columns : made by `column`.
    label : what the table is, for screen readers.
    selectable : how many rows can be selected.
    facets : columns that can be filtered by their values.
    """

    _esm = Path(__file__).with_name("live_table.js")
    _css = CSS
    columns = t.List(t.Dict()).tag(sync=True)
    rows = t.List(t.Dict()).tag(sync=True)
    selected = t.List(t.Unicode())
    _shown = t.Dict(default_value={"n": 0, "rev": 0, "ids": []}).tag(sync=True)
    selectable = t.Enum(["none", "one", "many"], "none").tag(sync=True)
    filterable = t.Bool(False).tag(sync=True)
    facets = t.List(t.Unicode()).tag(sync=True)
    max_height = t.Unicode("420px").tag(sync=True)
    empty = t.Unicode("Nothing here yet.").tag(sync=True)
    label = t.Unicode("table").tag(sync=True)

    def __init__(self, columns: Sequence[dict[str, Any]], label: str, **traits: Any) -> None:
        super().__init__(columns=list(columns), label=label, **traits)
        self._lock = threading.RLock()
        self._patching = False
        self._seen_at = time.monotonic()
        self._picks = self._told = 0
        self.on_msg(self._on_message)
        self.observe(self._show_selected, "selected")
        self._show_selected()

    def update_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows, sending as little as possible; selected rows that went are dropped."""
        new = [dict(row) for row in rows]
        with self._lock:
            before = {row["id"]: row for row in self.rows}
            if [row["id"] for row in self.rows] == [row["id"] for row in new]:
                self._patch(before, new)
            else:
                self.rows = new
                there = {row["id"] for row in new}
                if not there.issuperset(self.selected):
                    self.selected = [name for name in self.selected if name in there]

    def _patch(self, before: dict[str, dict[str, Any]], new: list[dict[str, Any]]) -> None:
        changes = [change for row in new if (change := _difference(before[row["id"]], row))]
        if not changes:
            return
        self._patching = True
        try:
            self.rows = new
        finally:
            self._patching = False
        self.send({"op": "patch", "rows": changes})

    def notify_change(self, change: Any) -> None:
        if change["name"] == "rows" and self._patching:
            return  # the browser gets the patch instead
        super().notify_change(change)

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        if content.get("op") == "seen":
            self._seen_at = time.monotonic()
        elif content.get("op") == "pick":
            self._take_pick(content)

    def _take_pick(self, content: dict[str, Any]) -> None:
        """Select what the page chose, and tell it that its choice has come."""
        with self._lock:
            self._picks = max(int(content["n"]), self._picks)
            picked = set(content["ids"])
            chosen = [row["id"] for row in self.rows if row["id"] in picked]
        if chosen == self.selected:
            self._show_selected()
        else:
            self.selected = chosen

    def _show_selected(self, _change: Any = None) -> None:
        """Tell the page, with numbers by which it knows what is older than its own last choice."""
        with self._lock:
            self._told += 1
            self._shown = {"n": self._picks, "rev": self._told, "ids": list(self.selected)}

    @property
    def seconds_unseen(self) -> float:
        """How long ago a browser last said that it shows the table."""
        return time.monotonic() - self._seen_at


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any] | None:
    cells = {
        name: value
        for name, value in after["cells"].items()
        if name not in before["cells"] or before["cells"][name] != value
    }
    change: dict[str, Any] = {"id": after["id"], "cells": cells}
    if before.get("faint", False) != after.get("faint", False):
        change["faint"] = after.get("faint", False)
    return change if cells or "faint" in change else None
