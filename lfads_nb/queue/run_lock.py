"""One run is trained by one process at a time: a lock file in the run's folder.

The lock is made in one step (a hard link to a finished file), names its holder by pid, start time,
host and attempt, and is taken over only from a holder that is known to be dead. It holds the very
folder: a lock whose folder was deleted or renamed is lost, whatever lies in its place by then.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from lfads_nb.errors import QueueError
from lfads_nb.queue.folder_hold import FolderHold
from lfads_nb.queue.processes import ProcessId, carries_marks, own_attempt, run_marks, this_host
from lfads_nb.queue.signs_of_life import SILENT_S, shared_signs, touched_at_ns
from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import RunFolder

_SEE_A_BEAT_S = 15.0


@dataclass(frozen=True)
class Holder(ProcessId):
    """Who works on a run: a process, in an attempt at that run's folder.

    A lock's file is only a claim: a signal goes only to a process that carries the attempt's marks.
    """

    run: str
    attempt: str

    @classmethod
    def own_of(cls, folder: RunFolder) -> Holder:
        own = ProcessId.own()
        return cls(own.pid, own.started, own.host, str(folder.path.resolve()), own_attempt())

    @classmethod
    def from_file(cls, path: Path, run: Path) -> Holder | None:
        """Read a lock's file; None if there is none, or it is damaged."""
        try:
            content = read_json(path)
        except (OSError, ValueError):
            return None
        found = ProcessId.from_json(content)
        if found is None:
            return None
        attempt = content.get("attempt", "")
        return cls(
            found.pid, found.started, found.host, str(run.resolve()),
            attempt if isinstance(attempt, str) else "",
        )  # fmt: skip

    @property
    def may_be_alive(self) -> bool:
        """Whether it lives, or is on another host that gave a sign of life of late."""
        if self.host == this_host():
            return self.is_alive
        return shared_signs.silence_s(lock_path(RunFolder(Path(self.run)))) < SILENT_S

    def _may_be_signalled(self) -> bool:
        try:
            marked = carries_marks(
                psutil.Process(self.pid), run_marks(Path(self.run), self.attempt)
            )
        except (psutil.Error, ValueError):
            return False
        return marked and self.is_alive


class RunIsTakenError(QueueError):
    """Another process works on the run.

    Parameters
    ----------
    holder : that process; None if it has ended since.
    """

    def __init__(self, holder: Holder | None) -> None:
        self.holder = holder
        by = f"process {holder.pid} on {holder.host}" if holder else "another process"
        since = "" if holder else ", which has ended since; run it again if it is not done"
        super().__init__(f"the run is worked on by {by}: nothing was started{since}")


def lock_path(folder: RunFolder) -> Path:
    return folder.path / ".lfads.lock"


def read_holder(folder: RunFolder) -> Holder | None:
    """Return who holds a run's lock, or None."""
    return Holder.from_file(lock_path(folder), folder.path)


def is_worked_on(folder: RunFolder, *, but_by: str = "") -> bool:
    """Return whether a process works on a run, as far as this host can tell.

    Parameters
    ----------
    but_by : an attempt that does not count.
    """
    holder = read_holder(folder)
    if holder is None or (but_by and holder.attempt == but_by):
        return False
    return holder.may_be_alive


class RunLock:
    """A context in which this process, and no other, works on a run.

    Parameters
    ----------
    folder : the run.
    beat : touches the lock's file, so that other hosts see it alive; call it now and then.
    watch_s : how long a lock of another host must stand still before it counts as left behind, by
        `signs_of_life` and as seen from here.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        watch_s: float = SILENT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder, self._watch_s, self._sleep = folder, watch_s, sleep
        self._own = Holder.own_of(folder)
        self._hold: FolderHold | None = None

    def __enter__(self) -> RunLock:
        hold = FolderHold(self._folder.path)
        try:
            self._take()
        except BaseException:
            hold.close()
            raise
        self._hold = hold
        return self

    def _take(self) -> None:
        for _ in range(5):
            if self._link():
                return
            holder = read_holder(self._folder)
            if holder is not None and self._holds(holder):
                raise RunIsTakenError(holder)
            self._break(holder)
        raise QueueError(f"the lock {lock_path(self._folder)} is fought over; launch the run again")

    def __exit__(self, *_: object) -> None:
        if read_holder(self._folder) == self._own:
            lock_path(self._folder).unlink(missing_ok=True)
        if self._hold is not None:
            self._hold.close()
            self._hold = None

    def lost(self) -> str:
        """Say why this process may not write to the folder any more; "" while it may."""
        if self._hold is None or not self._hold.is_in_place():
            return "its folder was deleted or renamed while it was worked on"
        holder = read_holder(self._folder)
        if holder is not None and holder != self._own:
            return f"process {holder.pid} on {holder.host} took the run over"
        return ""

    def folder_now(self) -> RunFolder | None:
        """Return where the folder lies now if it was only renamed."""
        path = self._hold.path_now() if self._hold is not None else None
        return RunFolder(path) if path is not None else None

    def beat(self) -> None:
        """Show other hosts that this one lives."""
        with suppress(OSError):
            os.utime(lock_path(self._folder))

    def _link(self) -> bool:
        handle, name = tempfile.mkstemp(dir=self._folder.path, prefix=".writing-")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(
                    {
                        "pid": self._own.pid, "started": self._own.started,
                        "host": self._own.host, "attempt": self._own.attempt,
                    },
                    file,
                )  # fmt: skip
            os.link(name, lock_path(self._folder))
        except FileExistsError:
            return False
        finally:
            os.unlink(name)
        return True

    def _holds(self, holder: Holder) -> bool:
        if holder.is_here:
            return holder.is_alive
        path = lock_path(self._folder)
        before, silent_s = touched_at_ns(path), shared_signs.silence_s(path)
        # However old it looks, it is watched for more than one beat: file systems differ in whose
        # clock they go by.
        self._sleep(max(self._watch_s - silent_s, min(_SEE_A_BEAT_S, self._watch_s)))
        return touched_at_ns(path) != before

    def _break(self, holder: Holder | None) -> None:
        """Take a dead holder's file away; of several that try, one finds it."""
        aside = lock_path(self._folder).with_name(f".writing-{self._own.pid}-lock")
        with suppress(FileNotFoundError):
            os.rename(lock_path(self._folder), aside)
            found = Holder.from_file(aside, self._folder.path)
            if found != holder and found is not None:
                # Somebody took the lock in between: give it back.
                with suppress(FileExistsError):
                    os.link(aside, lock_path(self._folder))
            aside.unlink()
