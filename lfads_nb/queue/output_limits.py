"""How much a run may say: the outputs of a cell of its notebook, and its log.

A loop that prints must not make a report that nobody can open, nor fill the disk or the memory of
the run's process. The beginning and the end stay, and a note says how much was left out between.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lfads_nb.regular_files import open_regular

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MB = 10**6
MAX_TEXT = 4 * _MB
"""Characters that a cell may print into its notebook."""
MAX_SHOWN = 100 * _MB
"""Characters that the pictures and tables of a cell may take in its notebook."""
MAX_LOG = 32 * _MB
"""Bytes that a run's log may have."""
MAX_SERVICE_LOG = 4 * _MB
"""Bytes that the logs of what may run for weeks may have: the server, packs and TensorBoard."""


class CellOutputs:
    """Keeps the outputs of a cell within bounds: the first quarter and the latest stay.

    Parameters
    ----------
    outputs : the cell's own list, changed in place.
    max_text, max_shown : characters of printed text, and of everything else.
    """

    def __init__(
        self, outputs: list[NotebookNode], *, max_text: int = MAX_TEXT, max_shown: int = MAX_SHOWN
    ) -> None:
        from nbformat.v4 import new_output

        self._outputs, self._most = outputs, {True: max_text, False: max_shown}
        self._sizes = {True: 0, False: 0}
        self._left_out = 0
        self._note = new_output("stream", name="stderr")

    def added(self, output: NotebookNode) -> dict[int, int]:
        """See to it that there is room for an output that was just added to the list.

        Returns
        -------
        The new place of each output that stays, by its old one; empty if none moved.
        """
        is_text = output.output_type == "stream"
        self._sizes[is_text] += _size(output)
        if self._sizes[is_text] <= self._most[is_text]:
            return {}
        before, kept = list(self._outputs), self._choose(is_text=is_text)
        after = [output for output in before if id(output) in kept]
        if len(after) == len(before):
            return {}  # a single one that is larger than all may be
        if not any(output is self._note for output in before):
            first_gap = next(i for i, output in enumerate(before) if id(output) not in kept)
            after.insert(first_gap, self._note)
        self._outputs[:] = after
        self._note.text = f"\n[{self._left_out / _MB:.1f} MB of output were left out here]\n"
        places = {id(output): place for place, output in enumerate(after)}
        return {old: places[id(o)] for old, o in enumerate(before) if id(o) in places}

    def _choose(self, *, is_text: bool) -> set[int]:
        """Return which outputs stay when those of one kind have become too many."""
        quarter = self._most[is_text] // 4
        kind = [o for o in self._outputs if (o.output_type == "stream") is is_text]
        kind = [o for o in kind if o is not self._note and o.output_type != "error"]
        stay = [kind[-1], *_within(kind, quarter), *_within(kind[::-1], quarter)]
        kept = {id(output): output for output in stay}
        self._left_out += sum(_size(output) for output in kind if id(output) not in kept)
        self._sizes[is_text] = sum(map(_size, kept.values()))
        others = {id(output) for output in self._outputs} - {id(output) for output in kind}
        return others | set(kept)


def _within(outputs: list[NotebookNode], most: int) -> list[NotebookNode]:
    """Return as many of the first outputs as have room."""
    kept: list[NotebookNode] = []
    for output in outputs:
        most -= _size(output)
        if most < 0:
            break
        kept.append(output)
    return kept


def _size(output: NotebookNode) -> int:
    if output.output_type == "stream":
        return len(output.text)
    return sum(len(text) for text in output.get("data", {}).values() if isinstance(text, str))


def shorten_text(text: str, *, most: int = MAX_TEXT // 8) -> str:
    """Take the middle out of a text that is too long by itself."""
    if len(text) <= most:
        return text
    note = f"\n[{(len(text) - most) / _MB:.1f} MB were left out here]\n"
    return text[: most // 2] + note + text[-(most // 2) :]


def shorten_log(path: Path, *, most: int = MAX_LOG) -> bool:
    """Take the middle out of a log that has become too long, while others go on adding to it.

    What is added in the very moment may be lost. Other processes have the file open, so it is
    shortened in its place.

    Parameters
    ----------
    path : a log to which everybody only adds; a link is not followed.
    most : bytes that it may have; a quarter of it stays at either end.

    Returns
    -------
    Whether it was shortened.
    """
    quarter = most // 4
    with suppress(OSError), open_regular(path, follow_links=False) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= most:
            return False
        file.seek(size - quarter)
        tail = file.read(quarter)
        note = f"\n[{(size - 2 * quarter) / _MB:.1f} MB were left out here]\n".encode()
        handle = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "wb") as log:
            log.seek(quarter)
            log.write(note + tail)
            log.truncate()
        return True
    return False
