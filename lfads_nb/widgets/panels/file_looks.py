"""What was recognised of a folder's files: each is opened once, and again when it has changed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lfads_nb.datasets.scanning import FoundFile, look_at


class Look(NamedTuple):
    """A file's size in bytes, and what it is; None if it was not looked at yet."""

    size: int
    found: FoundFile | None


class FileLooks:
    """Remembers what files are, so that a folder of thousands can be shown again at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[Path, tuple[tuple[int, int], FoundFile]] = {}
        self._clock = clock

    def at(self, paths: Sequence[Path], *, patience_s: float = math.inf) -> list[Look]:
        """Look at files, at those that are not known only for as long as patience lasts."""
        deadline = self._clock() + patience_s
        return [self._look(path, may_open=self._clock() < deadline) for path in paths]

    def _look(self, path: Path, *, may_open: bool) -> Look:
        stamp = _stamp(path)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return Look(stamp[1], known[1])
        if not may_open:
            return Look(stamp[1], None)
        found = look_at(path)
        self._known[path] = (stamp, found)
        return Look(stamp[1], found)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
