"""One run is trained by one process at a time: a lock file in the run's folder.

The lock is made in one step (a hard link to a finished file), names its holder by pid, start time
and host, and is taken over only from a holder that is known to be dead.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from lfads_nb.errors import QueueError
from lfads_nb.queue.processes import ProcessId
from lfads_nb.sweep.folders import RunFolder


class RunIsTakenError(QueueError):
    """Another process works on the run."""

    def __init__(self, holder: ProcessId) -> None:
        self.holder = holder
        super().__init__(f"the run is worked on by process {holder.pid} on {holder.host}")


def lock_path(folder: RunFolder) -> Path:
    return folder.path / ".lfads.lock"


def read_holder(folder: RunFolder) -> ProcessId | None:
    """Return who holds a run's lock, or None."""
    try:
        content = json.loads(lock_path(folder).read_bytes())
        return ProcessId(content["pid"], content["started"], content["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


class RunLock:
    """A context in which this process, and no other, works on a run.

    Parameters
    ----------
    folder : the run.
    beat : touches the lock's file, so that other hosts see it alive; call it now and then.
    watch_s : how long a lock of another host must stand still before it counts as left behind.
        It is measured on this machine's own clock: clocks of two hosts are never compared.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        watch_s: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder, self._watch_s, self._sleep = folder, watch_s, sleep
        self._own = ProcessId.own()

    def __enter__(self) -> RunLock:
        for _ in range(5):
            if self._link():
                return self
            holder = read_holder(self._folder)
            if holder is not None and self._holds(holder):
                raise RunIsTakenError(holder)
            self._break(holder)
        raise QueueError(f"the lock {lock_path(self._folder)} is fought over; launch the run again")

    def __exit__(self, *_: object) -> None:
        if read_holder(self._folder) == self._own:
            lock_path(self._folder).unlink(missing_ok=True)

    def beat(self) -> None:
        """Show other hosts that this one lives."""
        with suppress(OSError):
            os.utime(lock_path(self._folder))

    def _link(self) -> bool:
        handle, name = tempfile.mkstemp(dir=self._folder.path, prefix=".writing-")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(asdict(self._own), file)
            os.link(name, lock_path(self._folder))
        except FileExistsError:
            return False
        finally:
            os.unlink(name)
        return True

    def _holds(self, holder: ProcessId) -> bool:
        if holder.is_here:
            return holder.is_alive
        before = self._mtime()
        self._sleep(self._watch_s)
        return self._mtime() != before

    def _mtime(self) -> int:
        try:
            return lock_path(self._folder).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _break(self, holder: ProcessId | None) -> None:
        """Take a dead holder's file away; of several that try, one finds it."""
        aside = lock_path(self._folder).with_name(f".writing-{self._own.pid}-lock")
        with suppress(FileNotFoundError):
            os.rename(lock_path(self._folder), aside)
            found = _holder_in(aside)
            if found != holder and found is not None:
                # Somebody took the lock in between: give it back.
                with suppress(FileExistsError):
                    os.link(aside, lock_path(self._folder))
            aside.unlink()


def _holder_in(path: Path) -> ProcessId | None:
    try:
        content = json.loads(path.read_bytes())
        return ProcessId(content["pid"], content["started"], content["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
