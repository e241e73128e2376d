"""Runs that were given to other dask clusters: what they wait for, and whether one was lost.

dask by itself gives a run whose worker was lost to the next one, be that in an hour, and says
nothing. Here the run is taken back at once: its folder says that it waits, and it is given to the
cluster anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from lfads_nb.queue.foreign_pool import ForeignPool
from lfads_nb.queue.ledger import Entry
from lfads_nb.queue.run_lock import lock_path, read_holder
from lfads_nb.queue.signs_of_life import SILENT_S, shared_signs
from lfads_nb.queue.slurm.scheduler import Job, Jobs, shared_jobs
from lfads_nb.queue.slurm.states import pending_text
from lfads_nb.queue.status import RunState, RunStatus, read_status
from lfads_nb.queue.tickets import Ticket, UnsharedFolderError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
# A run that ends by itself says so within this, and its worker hands that over.
GOES_PROPERLY_S = 4.0


@dataclass
class _Given:
    """A run that a cluster has.

    `worker` is where it runs, as far as is known; `ended_at` when it was first seen to have been
    interrupted.
    """

    entry: Entry
    pool: ForeignPool
    key: str
    future: Any
    ticket: Ticket
    worker: str = ""
    ended_at: float | None = None
    is_let_go: bool = False


class _Room(NamedTuple):
    """What a cluster's runs wait for: its workers if it has any, and jobs that are to come."""

    busy: str
    coming: str


class ClusterRuns:
    """What the server has given to other clusters.

    Parameters
    ----------
    clock : seconds that never jump.
    jobs : what SLURM says; by default what this process shares.
    """

    def __init__(self, *, clock: Callable[[], float], jobs: Jobs | None = None) -> None:
        self._clock, self._jobs = clock, jobs or shared_jobs()
        self._pools: dict[str, ForeignPool] = {}
        self._given: dict[str, _Given] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        self.waits: dict[str, str] = {}

    # ------------------------------------------------------------------------------- clusters

    def pool_of(self, entry: Entry) -> ForeignPool:
        """Return a run's cluster, connected or about to be."""
        cluster = entry.options.cluster or {}
        name = f"{cluster['address']} {entry.options.resources}"
        if name not in self._pools or self._pools[name].is_closed:
            pool = ForeignPool(cluster, entry.options.resources)
            self._pools[name] = pool
            connecting = asyncio.create_task(pool.start())
            self._tasks.add(connecting)
            connecting.add_done_callback(self._tasks.discard)
        return self._pools[name]

    def give_up(self, pools: Iterable[ForeignPool]) -> None:
        """Forget clusters that do not answer; the next launch tries anew."""
        gone = list(pools)
        self._pools = {name: pool for name, pool in self._pools.items() if pool not in gone}

    async def close(self) -> None:
        """Leave all clusters."""
        if self._looking is not None:
            self._looking.cancel()
        for given in self._given.values():
            given.ticket.remove()
        for pool in self._pools.values():
            with suppress(OSError, asyncio.TimeoutError):
                await pool.close()

    # ----------------------------------------------------------------------------------- runs

    def gave(self, entry: Entry, pool: ForeignPool, key: str, future: Any) -> None:
        """Take note of a run that a cluster was given."""
        ticket = Ticket(entry.folder, entry.attempt)
        self._given[entry.run] = _Given(entry, pool, key, future, ticket)
        self._looked_at = float("-inf")

    def ended(self, entry: Entry) -> bool:
        """Forget a run that a cluster has no more; return whether a worker had begun it."""
        given = self._given.pop(entry.run, None)
        self.waits.pop(entry.run, None)
        if given is None:
            return False
        was_begun = given.ticket.is_taken
        given.ticket.remove()
        return was_begun

    def refused(self, entry: Entry, error: UnsharedFolderError) -> bool:
        """Take note of a worker that does not see the run folders; return whether others may."""
        given = self._given.get(entry.run)
        if given is None:
            return False
        given.pool.blind[error.worker] = str(error)
        return bool(given.pool.seeing)

    @property
    def runs(self) -> list[str]:
        """The runs that clusters have."""
        return sorted(self._given)

    def look_soon(self) -> None:
        """Look at the next turn."""
        self._looked_at = float("-inf")

    def look(self) -> None:
        """See how the runs are that clusters have, beside whatever else is done."""
        busy = self._looking is not None and not self._looking.done()
        if busy or not self._given or self._clock() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = self._clock()
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        given = list(self._given.values())
        answers = {id(pool): await pool.look() for pool in {g.pool for g in given}}
        if any(g.pool.jobs or g.entry.after_job for g in given):
            await asyncio.to_thread(self._jobs.look)
        room = {id(g.pool): self._room(g.pool) for g in given}
        for one in given:
            if self._given.get(one.entry.run) is not one or one.is_let_go:
                continue
            if one.ticket.is_taken:
                self.waits[one.entry.run] = "a worker of the cluster starts it"
                why = await self._why_lost(one, is_answered=answers[id(one.pool)])
                if why:
                    log.warning("%s is taken back: %s", one.entry.run, why)
                    await self._let_go(one)
            elif self._is_unwanted(one.entry) and one.ticket.withdraw():
                await self._let_go(one)
            else:
                self.waits[one.entry.run] = await asyncio.to_thread(
                    self._text, one.entry, room[id(one.pool)]
                )

    async def take_back(self) -> None:
        """Take back what no worker has begun: another server gives it anew."""
        for one in list(self._given.values()):
            if not one.is_let_go and one.ticket.withdraw():
                await self._let_go(one)

    @staticmethod
    def _is_unwanted(entry: Entry) -> bool:
        """Whether a run that no worker has begun was cancelled or paused, here or elsewhere."""
        return entry.stop is not None or read_status(entry.folder).state is RunState.CANCELLED

    async def _let_go(self, given: _Given) -> None:
        """Have dask forget a run; whoever follows its future sees to the rest."""
        given.is_let_go = True
        with suppress(OSError, asyncio.TimeoutError):
            await given.future.cancel()

    # --------------------------------------------------------------------------------- a loss

    async def _why_lost(self, given: _Given, *, is_answered: bool) -> str:
        """Say why a run that a worker had begun goes on no more there; "" if it does."""
        entry, now = given.entry, self._clock()
        status = read_status(entry.folder)
        if status.attempt_id != entry.attempt:
            return "" if not is_answered else self._worker_is_gone(given)
        if status.state is RunState.INTERRUPTED:
            given.ended_at = now if given.ended_at is None else given.ended_at
            late = now - given.ended_at > GOES_PROPERLY_S
            return status.reason or "it was interrupted" if late else ""
        if not status.state.is_running:
            return ""
        if is_answered and (gone := self._worker_is_gone(given)):
            return gone
        job = await self._job_of(status)
        if job is not None and job.is_over:
            self._free(entry)
            return f"SLURM job {job.id} ended ({job.state})"
        return self._no_sign_of_life(given)

    def _worker_is_gone(self, given: _Given) -> str:
        if given.worker and given.worker not in given.pool.workers:
            return f"its worker {given.worker} is gone"
        # Another worker that dask gave it to leaves it alone.
        given.worker = given.worker or given.pool.worker_of(given.key)
        return ""

    def _no_sign_of_life(self, given: _Given) -> str:
        if shared_signs.silence_s(lock_path(given.entry.folder)) < SILENT_S:
            return ""
        self._free(given.entry)
        return f"there was no sign of it for {SILENT_S:.0f} s"

    @staticmethod
    def _free(entry: Entry) -> None:
        """Take away the lock of an attempt that is known to be dead."""
        holder = read_holder(entry.folder)
        if holder is not None and holder.attempt == entry.attempt and not holder.is_here:
            with suppress(OSError):
                lock_path(entry.folder).unlink(missing_ok=True)

    async def _job_of(self, status: RunStatus) -> Job | None:
        if not status.job:
            return None
        await asyncio.to_thread(self._jobs.look)
        return await asyncio.to_thread(self._jobs.find, status.job) if self._jobs.answers else None

    # ---------------------------------------------------------------------------------- words

    def _text(self, entry: Entry, room: _Room) -> str:
        """Say why a run waits that no worker has begun."""
        before = self._after_job(entry)
        if room.busy:
            words = f"waits for {room.busy}"
            return "; ".join(filter(None, [f"{before}, {words}" if before else words, room.coming]))
        return f"{before}, waits for another: {room.coming}" if before else f"waits: {room.coming}"

    def _after_job(self, entry: Entry) -> str:
        """Say what became of the job in which a run was before; "" if there was none."""
        if not entry.was_lost:
            return ""
        if not entry.after_job:
            return "its worker was lost"
        job = self._jobs.find(entry.after_job) if self._jobs.answers else None
        return (
            f"its job ended ({job.state})" if job is not None and job.is_over else "its job ended"
        )

    def _room(self, pool: ForeignPool) -> _Room:
        """Return what a cluster has, and what is to come."""
        jobs = self._jobs.with_name(pool.jobs) if pool.jobs and self._jobs.answers else []
        coming = [pending_text(job) for job in jobs if job.waits]
        if len(coming) > 1:
            coming[0] += f", and {len(coming) - 1} more"
        n = len(pool.workers)
        if n:
            busy = "the cluster's one worker" if n == 1 else f"one of the cluster's {n} workers"
            return _Room(busy, coming[0] if coming else "")
        starting = [job for job in jobs if not job.is_over]
        if not coming and starting:
            coming = [f"SLURM job {starting[0].id} starts on {starting[0].node}"]
        return _Room(
            "", coming[0] if coming else f"the cluster at {pool.address} has no worker yet"
        )
