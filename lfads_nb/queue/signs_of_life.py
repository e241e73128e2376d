"""How long the holder of a run's lock on another host has been silent.

A runner touches its lock every ten seconds. What is measured here is how long that file has stood
still: on this machine's own steady clock from when it was first seen, and before that by the clock
of the file system, which a file that is made there tells. Clocks of two hosts are never compared
where they disagree.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SILENT_S = 60.0
"""A host that has been silent for so long is gone: six touches were missed."""
_CLOCKS_AGREE_S = 30.0


@dataclass(frozen=True)
class _Seen:
    """A lock as it was found: its time, and how old that was when the steady clock said `at`."""

    touched_ns: int
    age_s: float
    at: float


class SignsOfLife:
    """What this process has seen of locks.

    Parameters
    ----------
    clock : steady seconds.
    wall : seconds since the epoch, as this host has them.
    folder_time : the same as the file system has them, from a file made in that folder; None where
        none can be made.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        folder_time: Callable[[Path], float | None] | None = None,
    ) -> None:
        self._clock, self._wall = clock, wall
        self._folder_time = folder_time or time_of_file_system
        self._seen: dict[Path, _Seen] = {}

    def silence_s(self, lock: Path) -> float:
        """Return for how long a lock has not been touched, at least; 0 for one that is not there.

        Parameters
        ----------
        lock : its file.
        """
        touched_ns = touched_at_ns(lock)
        if touched_ns is None:
            self._seen.pop(lock, None)
            return 0.0
        seen = self._seen.get(lock)
        if seen is None or seen.touched_ns != touched_ns:
            seen = _Seen(touched_ns, self._age_s(lock, touched_ns / 1e9), self._clock())
            self._seen[lock] = seen
        return seen.age_s + self._clock() - seen.at

    def _age_s(self, lock: Path, touched: float) -> float:
        if abs(self._wall() - touched) < _CLOCKS_AGREE_S:
            return 0.0
        now = self._folder_time(lock.parent)
        return 0.0 if now is None else max(0.0, now - touched)


def touched_at_ns(path: Path) -> int | None:
    """Return when a file was touched; None if there is none.

    It is opened, as a network file system tells what others did no sooner.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        return os.fstat(handle).st_mtime_ns
    finally:
        os.close(handle)


def time_of_file_system(folder: Path) -> float | None:
    """Return the time by the clock that stamps a folder's files; None where nothing can be made."""
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".writing-")
    except OSError:
        return None
    try:
        return os.fstat(handle).st_mtime
    finally:
        os.close(handle)
        with suppress(OSError):
            os.unlink(name)


shared_signs = SignsOfLife()
"""What every view in this process knows."""
