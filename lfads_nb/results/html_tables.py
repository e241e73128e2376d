"""Small HTML tables for reports; everything that comes from a user is escaped here."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

_TABLE = "border-collapse:collapse;margin:0.4em 0;font-size:0.92em;"
_CELL = "text-align:{align};padding:0.2em 0.9em 0.2em 0;vertical-align:top;"


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; cells of a `strong` row are bold.

    Columns in `numeric` are set flush right. `notes` are sentences below the table; further tables
    follow it, open (`below`) or behind their titles (`folded`).
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[int] = frozenset()
    notes: Sequence[str] = ()
    numeric: frozenset[int] = frozenset()
    below: Sequence[Table] = ()
    folded: Sequence[Table] = ()

    def _repr_html_(self) -> str:
        return f"<div><b>{html.escape(self.title)}</b>{self._body()}</div>"

    def _body(self) -> str:
        head = "".join(self._cell("th", i, text) for i, text in enumerate(self.header))
        rows = "".join(self._row(row, n in self.strong) for n, row in enumerate(self.rows))
        table = (
            f"<table style='{_TABLE}'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
            if self.rows
            else ""
        )
        notes = "".join(f"<div>{html.escape(note)}</div>" for note in self.notes)
        folded = "".join(
            f"<details><summary>{html.escape(t.title)}</summary>{t._body()}</details>"
            for t in self.folded
        )
        below = "".join(t._repr_html_() for t in self.below)
        return table + notes + below + folded

    def _row(self, row: Sequence[str], strong: bool) -> str:
        return (
            f"<tr>{''.join(self._cell('td', i, text, strong) for i, text in enumerate(row))}</tr>"
        )

    def _cell(self, tag: str, column: int, text: str, strong: bool = False) -> str:
        align = "right" if column in self.numeric else "left"
        shown = html.escape(str(text))
        shown = f"<b>{shown}</b>" if strong and column == 0 else shown
        return f"<{tag} style='{_CELL.format(align=align)}'>{shown}</{tag}>"

    def __repr__(self) -> str:
        lines = [self.title, *(["  ".join(self.header)] if self.rows else [])]
        lines += ["  ".join(str(cell) for cell in row) for row in self.rows]
        lines += self.notes
        lines += [repr(table) for table in (*self.below, *self.folded)]
        return "\n".join(lines)
