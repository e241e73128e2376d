"""The server's list of runs that are to be done: their order, what is held back, what runs.

It knows no process, no dask and no clock; a run leaves it when it has ended.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lfads_nb.queue.batches import Batch, LaunchOptions
from lfads_nb.queue.devices import Device
from lfads_nb.queue.status import RunState
from lfads_nb.queue.task import RunTask
from lfads_nb.sweep.folders import RunFolder


@dataclass
class Entry:
    """A run that was asked for and has not ended.

    `stop` is how it shall end once it was told to stop, `held` whether it was paused by name.
    `tries`, `failures` and `resumes` count what was started and what went wrong since the launch;
    `not_before` (on the server's clock) delays another try. `relaunch` is a launch that came while
    it ran or was just ending. `taken` is whether another process worked on it when it was tried
    last, `alone` whether it shall not train in a pack any more. The rest says where it runs,
    `attempt` what its processes are marked with. `ahead` is how a worker was told to get it ready
    before its turn, `next_run` for which run this was said to the worker of this one. `was_lost`
    is whether a cluster's worker was lost with it, `after_job` the job that the worker ran in, and
    `how_far` how far it was then.
    """

    run: str
    batch: str
    options: LaunchOptions
    number: int
    priority: int
    held: bool = False
    running: bool = False
    stop: RunState | None = None
    tries: int = 0
    failures: int = 0
    resumes: int = 0
    not_before: float = 0.0
    waits_for: str = ""
    relaunch: Batch | None = None
    taken: bool = False
    attempt: str = ""
    device: Device | None = None
    memory_mb: float = 0.0
    started: float = 0.0
    alone: bool = False
    ahead: RunTask | None = None
    next_run: str = ""
    was_lost: bool = False
    after_job: str = ""
    how_far: tuple[int, float, float] = (0, -1.0, -1.0)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(Path(self.run))

    @property
    def rank(self) -> tuple[int, int]:
        """Sorts higher priorities first, then earlier launches."""
        return (-self.priority, self.number)


class Ledger:
    """All runs that are to be done, in their order."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._waiting: list[tuple[tuple[int, int], str]] = []
        self._running: dict[str, Entry] = {}
        self._left = Counter[str]()
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, run: str) -> bool:
        return run in self._entries

    def get(self, run: str) -> Entry | None:
        return self._entries.get(run)

    def add(self, batch: Batch, runs: Iterable[str]) -> list[Entry]:
        """Add a batch's runs; one that is there already is not added twice.

        Returns
        -------
        The entries that are now this batch's.
        """
        added = []
        for run in runs:
            there = self._entries.get(run)
            if there is None:
                there = self._new_entry(run, batch)
                self._entries[run] = there
                self._insert(there)
            elif there.running and there.relaunch is None:
                # Whether it has to run again is seen at its end: it may be about to end.
                there.relaunch = batch
            else:
                continue
            self._left[batch.key] += 1
            added.append(there)
        return added

    def _new_entry(self, run: str, batch: Batch) -> Entry:
        """Make an entry; a member's turn takes the place and the priority of its population."""
        driver = self._entries.get(batch.options.driver)
        if driver is not None:
            return Entry(run, batch.key, batch.options, driver.number, driver.priority)
        self._numbers += 1
        return Entry(run, batch.key, batch.options, self._numbers, batch.options.priority)

    def waiting(self) -> Iterator[Entry]:
        """Go through the runs that wait, the next one first; held ones are left out."""
        for _, run in self._waiting:
            entry = self._entries[run]
            if not entry.held:
                yield entry

    def delayed(self, now: float) -> list[Entry]:
        """Return the runs among the next few that wait for a time to come."""
        first = (self._entries[run] for _, run in self._waiting[:200])
        return [entry for entry in first if entry.not_before > now]

    def running(self) -> list[Entry]:
        return list(self._running.values())

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    def start(self, entry: Entry) -> None:
        """Note that a run was given to a worker."""
        self._take_out(entry)
        entry.running, entry.stop = True, None
        self._running[entry.run] = entry

    def put_back(self, entry: Entry, *, not_before: float = 0.0, why: str = "") -> None:
        """Note that a run is to be started again."""
        self._running.pop(entry.run, None)
        entry.running, entry.stop, entry.device = False, None, None
        entry.not_before, entry.waits_for = not_before, why
        self._insert(entry)

    def start_over(self, entry: Entry) -> str | None:
        """Have a run that ended run again for a later launch; return the launch that this ends."""
        batch = entry.relaunch
        assert batch is not None, "there must be a later launch"
        before, entry.batch = entry.batch, batch.key
        entry.options, entry.priority, entry.relaunch = batch.options, batch.options.priority, None
        entry.tries = entry.failures = entry.resumes = 0
        entry.alone = entry.was_lost = False
        self.put_back(entry)
        return before if self._leave(before) else None

    def drop_later_launch(self, entry: Entry) -> str | None:
        """Forget the launch that came while a run was running; return it if that ends it."""
        batch, entry.relaunch = entry.relaunch, None
        return batch.key if batch is not None and self._leave(batch.key) else None

    def end(self, entry: Entry) -> list[str]:
        """Forget a run that ended; return the launches of which it was the last."""
        if not entry.running:
            self._take_out(entry)
        self._running.pop(entry.run, None)
        del self._entries[entry.run]
        batches = [entry.batch, *([entry.relaunch.key] if entry.relaunch else [])]
        return [batch for batch in batches if self._leave(batch)]

    def _leave(self, batch: str) -> bool:
        self._left[batch] -= 1
        if self._left[batch] == 0:
            del self._left[batch]
            return True
        return False

    def set_priority(self, entry: Entry, priority: int) -> None:
        """Move a run forward or back."""
        if entry.running:
            entry.priority = priority
            return
        self._take_out(entry)
        entry.priority = priority
        self._insert(entry)

    def chosen(self, runs: Iterable[str] | None) -> list[Entry]:
        """Return the entries of these runs and of the members of these populations, or all."""
        if runs is None:
            return list(self._entries.values())
        named = dict.fromkeys(runs)
        found = [self._entries[run] for run in named if run in self._entries]
        members = [e for e in self._entries.values() if e.options.driver in named]
        return found + [entry for entry in members if entry.run not in named]

    def _insert(self, entry: Entry) -> None:
        bisect.insort(self._waiting, (entry.rank, entry.run))

    def _take_out(self, entry: Entry) -> None:
        index = bisect.bisect_left(self._waiting, (entry.rank, entry.run))
        if index < len(self._waiting) and self._waiting[index][1] == entry.run:
            del self._waiting[index]
