"""Which run a worker gets ready for while its own one ends, see `ahead.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from lfads_nb.queue.devices import Device, refreshed
from lfads_nb.queue.home import QueueHome, put_json
from lfads_nb.queue.ledger import Entry, Ledger
from lfads_nb.queue.plan import Wish
from lfads_nb.queue.processes import new_attempt
from lfads_nb.queue.runner import MODULE
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.queue.task import RunTask

# To start a process and compile takes ten seconds on a quiet processor.
AHEAD_S = 30.0


class NextRuns:
    """Tells workers which run comes next, and finds the runs that are ready by then.

    Parameters
    ----------
    home : the queue's folder.
    ledger : the runs that are to be done.
    task : says how a run is to be executed on a device, in an attempt, once another has ended.
    wish : says what a run needs.
    may_pack : whether a run may train as one program with others on a kind of device.
    """

    def __init__(
        self,
        home: QueueHome,
        ledger: Ledger,
        *,
        task: Callable[[Entry, Device, str], RunTask],
        wish: Callable[[Entry], Wish],
        may_pack: Callable[[Entry, str], bool],
    ) -> None:
        self._home, self._ledger = home, ledger
        self._task, self._wish, self._may_pack = task, wish, may_pack

    async def get_ready(self, ready: list[Entry]) -> None:
        """Have workers whose run ends soon start the process of the run that comes next.

        Parameters
        ----------
        ready : the runs that wait for a device here, in their order.
        """
        waiting = [e for e in ready if e.options.ahead and e.options.runner == MODULE]
        for entry in self._ledger.running() if waiting else []:
            known = self._ledger.get(entry.next_run)
            still_next = known is not None and known.ahead is not None and not known.running
            if entry.device is None or still_next or not _ends_soon(entry):
                continue
            following = next((e for e in waiting if self._may_follow(e, entry)), None)
            if following is None:
                continue
            needed = self._wish(following).memory_mb(entry.device.kind)
            device = (await asyncio.to_thread(refreshed, [entry.device]))[0]
            if entry.device.kind == "cpu" and device.free_mb < 2 * needed:
                continue
            following.ahead = self._task(following, entry.device, new_attempt())
            entry.next_run = following.run
            put_json(self.path(entry.attempt), asdict(following.ahead))

    def ready_one(
        self, first: Entry, entries: list[Entry], device: Device, *, free_mb: float
    ) -> Entry:
        """Return the run of the same launch that is ready on a device and fits there.

        Without one, the run whose turn it is.
        """
        for entry in entries:
            alike = entry.batch == first.batch and entry.priority == first.priority
            on_device = entry.ahead is not None and entry.ahead.device == device.key
            if not alike or not on_device or entry.running:
                continue
            if entry is first or self._wish(entry).memory_mb(device.kind) <= free_mb:
                return entry
        return first

    @staticmethod
    def begun(entry: Entry, task: RunTask) -> RunTask:
        """Return the task with which a run begins, in the process that waits for it if it can.

        Parameters
        ----------
        task : as it would begin in a process of its own; what was told ahead must be the same.
        """
        ahead, entry.ahead, entry.next_run = entry.ahead, None, ""
        if ahead is None:
            return task
        own = {n: getattr(ahead, n) for n in ("attempt", "threads", "followed_by")}
        as_told = replace(task, **own)
        return as_told if as_told == ahead else task

    def path(self, attempt: str) -> Path:
        """Where a worker is told which run follows its own, by the attempt of that."""
        return self._home.ahead / f"{attempt}.json"

    def _may_follow(self, following: Entry, entry: Entry) -> bool:
        device = entry.device
        return (
            device is not None
            and following.options == entry.options
            and following.ahead is None
            and not following.running
            and not self._may_pack(following, device.kind)
        )


def _ends_soon(entry: Entry) -> bool:
    """Whether a run that runs has trained, or is about to."""
    status = read_status(entry.folder)
    if status.attempt_id != entry.attempt:
        return False
    eta_s = status.progress.get("eta_s")
    has_trained = RunState.TRAINING.value in status.finished_stages
    return has_trained or (isinstance(eta_s, int | float) and eta_s < AHEAD_S)
