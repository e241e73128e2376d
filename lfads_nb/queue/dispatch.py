"""From the ledger to the devices: which runs start now, on which workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice

from lfads_nb.cores import usable_cores
from lfads_nb.queue.cluster_runs import ClusterRuns
from lfads_nb.queue.devices import Device, list_devices, refreshed
from lfads_nb.queue.ends import record_end
from lfads_nb.queue.following import NOTICE_S, Ends
from lfads_nb.queue.foreign_pool import ForeignPool
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.ledger import Entry, Ledger
from lfads_nb.queue.memory import BASE_MB, MemoryBook
from lfads_nb.queue.next_runs import NextRuns
from lfads_nb.queue.packing import make_pack_folder, may_pack, n_members, pack_key, turn_pack_key
from lfads_nb.queue.plan import LOOK_AHEAD, Occupant, Wish, make_plan
from lfads_nb.queue.pool import DriverPool, LocalPool
from lfads_nb.queue.processes import new_attempt
from lfads_nb.queue.run_lock import is_worked_on
from lfads_nb.queue.runner import MODULE as RUN_RUNNER
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.queue.stopping import ask_to_stop, forget_stop
from lfads_nb.queue.task import RunTask
from lfads_nb.queue.tickets import Ticket
from lfads_nb.queue.turn_runner import MODULE as TURN_RUNNER

# Memory that was free is looked at again so often while a run waits for it.
LOOK_AGAIN_S = 2.0
# A run that started less than this ago may not have taken its memory yet.
CLAIM_S = 60.0
CONNECT_AGAIN_S = 1.0
DRIVE_AGAIN_S = 1.0
# A pack whose process died is tried again so often; then its members train alone.
RESUMES_IN_PACKS = 2
MAX_ON_CLUSTER = 1000


_PACK_KEYS = {RUN_RUNNER: pack_key, TURN_RUNNER: turn_pack_key}
"""What must be equal for those of a pack, by what executes one of them alone."""


class Dispatcher:
    """Gives waiting runs to workers while there is room; what follows their end is for `Ends`.

    Parameters
    ----------
    home : the queue's folder.
    ledger : the runs that are to be done.
    on_end : told of a run that ended and will not be started again.
    on_room : told that a device became free.
    read_launches : takes in the launches that were saved up to now.
    clock : seconds that never jump.
    """

    def __init__(
        self,
        home: QueueHome,
        ledger: Ledger,
        *,
        on_end: Callable[[Entry], None],
        on_room: Callable[[], None],
        read_launches: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home, self._ledger, self._clock = home, ledger, clock
        self._on_end = on_end
        self._memory = MemoryBook(home)
        self.clusters = ClusterRuns(clock=clock)
        self._ends = Ends(
            home,
            ledger,
            self._memory,
            self.clusters,
            on_end=on_end,
            on_room=self._room_is_free,
            read_launches=read_launches,
            clock=clock,
        )
        self._told_of_room = on_room
        self._next = NextRuns(
            home,
            ledger,
            task=lambda e, device, attempt: self._task(e, device, attempt=attempt, ending=1),
            wish=self._wish,
            may_pack=self._may_pack,
        )
        self._pool: LocalPool | None = None
        self._drivers = DriverPool()
        self._followers: set[asyncio.Task[None]] = set()
        self._looked_at = float("-inf")
        self.waits: dict[str, str] = {}

    # --------------------------------------------------------------------------------- starting

    async def start_runs(self) -> None:
        """Start every run that may start now."""
        now = self._clock()
        ready = [
            e
            for e in list(islice(self._ledger.waiting(), LOOK_AHEAD))
            if e.not_before <= now and not self._was_done_elsewhere(e)
        ]
        self._start_drivers(ready)
        ready = [e for e in ready if not e.options.drives]
        self._start_on_clusters(e for e in ready if e.options.cluster is not None)
        gathering = self._gathering()
        here = [e for e in ready if e.options.cluster is None and e.options.driver not in gathering]
        if self._pool is not None:
            await self._next.get_ready(here)
        if here and (not self.waits or now - self._looked_at >= LOOK_AGAIN_S):
            await self._start_here(here)

    def _start_drivers(self, ready: list[Entry]) -> None:
        """Start the drivers that nothing waits before: a population fills the devices by itself."""
        for place, entry in enumerate(ready):
            if not entry.options.drives:
                continue
            before = sum(not other.options.drives for other in ready[:place])
            if before or self._drivers.is_full:
                entry.not_before = self._clock() + DRIVE_AGAIN_S
                entry.waits_for = "waits until the devices are free of what is before it"
            else:
                self._submit(entry, self._drivers, None)

    def _gathering(self) -> set[str]:
        """Return the populations whose next turns wait for members whose last is about to end.

        A generation that is packed starts as a whole.
        """
        again = [e.relaunch.options for e in self._ledger.running() if e.relaunch is not None]
        return {options.driver for options in again if options.driver and options.pack}

    def _was_done_elsewhere(self, entry: Entry) -> bool:
        """Forget a run that another process worked on and brought to an end."""
        if not entry.taken or is_worked_on(entry.folder):
            return False
        entry.taken = False
        state = read_status(entry.folder).state
        if state.is_active or state is RunState.INTERRUPTED:
            return False
        self._on_end(entry)
        return True

    def look_soon(self) -> None:
        """Look at the devices at the next turn, though runs wait for them."""
        self._looked_at = float("-inf")
        self.clusters.look_soon()

    def _room_is_free(self) -> None:
        self.look_soon()
        self._told_of_room()

    async def _start_here(self, entries: list[Entry]) -> None:
        self._looked_at = self._clock()
        if self._pool is None:
            pool = LocalPool(self._home, await asyncio.to_thread(list_devices))
            await pool.start()
            self._pool = pool
        devices = await asyncio.to_thread(refreshed, self._pool.devices)
        wishes = (self._wish(entry) for entry in entries)
        plan = make_plan(wishes, devices, self._occupants())
        self.waits = plan.waits
        free = {device.pool: device.free_mb for device in devices}
        for occupant in self._occupants():
            pool_of = next((d.pool for d in devices if d.key == occupant.device), "")
            free[pool_of] = free.get(pool_of, 0.0) - occupant.unclaimed_mb
        for wish, device in plan.starts:
            entry = self._ledger.get(wish.run)
            if entry is None:
                continue
            if not entry.running:
                entry = self._next.ready_one(entry, entries, device, free_mb=free[device.pool])
            if entry.running:  # it went with one that was before it, and its device is free again
                self.look_soon()
                continue
            entry.memory_mb = self._wish(entry).memory_mb(device.kind)
            members = self._members(entry, entries, device, free_mb=free[device.pool])
            if len(members) > 1:
                self._submit_pack(members, self._pool, device)
                for member in members:
                    self.waits.pop(member.run, None)
            else:
                self._submit(entry, self._pool, device)
            free[device.pool] -= entry.memory_mb

    def _members(
        self, first: Entry, entries: list[Entry], device: Device, *, free_mb: float
    ) -> list[Entry]:
        """Return a run and those of the others that train with it as one program on a device.

        What they need together is noted with the first.
        """
        options = first.options
        key_of = _PACK_KEYS.get(options.runner, pack_key)
        key = key_of(first.folder) if self._may_pack(first, device.kind) else None
        if key is None:
            return [first]
        alike = [
            e
            for e in entries
            if e is not first
            and not e.running
            and e.options == options
            and self._may_pack(e, device.kind)
            and key_of(e.folder) == key
        ]
        assert self._pool is not None, "runs start on a pool"
        allowed = [
            d for d in self._pool.devices if options.gpu_list is None or d.index in options.gpu_list
        ]
        needed = first.memory_mb
        if not options.gpu_memory_required:
            needed = self._memory.needed_in_pack_mb(first.run, device.kind)
        n = n_members(
            options.pack,
            1 + len(alike),
            n_devices=len(allowed),
            needed_mb=needed,
            free_mb=free_mb,
            kind=device.kind,
        )
        if n > 1:
            first.memory_mb = needed + (n - 1) * max(0.0, needed - BASE_MB[device.kind])
        return [first, *alike[: n - 1]]

    def _may_pack(self, entry: Entry, kind: str) -> bool:
        options = entry.options
        return (
            may_pack(options.pack, kind)
            and not entry.alone
            and entry.resumes < RESUMES_IN_PACKS
            and options.runner in _PACK_KEYS
            and options.mode == "all"
            # Each of a sweep that is halved may end by itself.
            and not entry.folder.halving_json.exists()
        )

    def _occupants(self) -> list[Occupant]:
        now = self._clock()
        # Members of a pack share an attempt: it is one program.
        programs = {e.attempt: e for e in reversed(self._ledger.running()) if e.device is not None}
        return [
            Occupant(
                entry.device.key,
                entry.batch,
                entry.options.one_task_per_gpu,
                entry.memory_mb if now - entry.started < CLAIM_S else 0.0,
            )
            for entry in programs.values()
            if entry.device is not None
        ]

    def _wish(self, entry: Entry) -> Wish:
        options, run = entry.options, entry.run

        def memory_mb(kind: str) -> float:
            return options.gpu_memory_required or self._memory.needed_mb(run, kind)

        return Wish(
            run,
            entry.batch,
            memory_mb,
            options.gpu_list,
            options.one_task_per_gpu,
            options.max_tasks_simultaneously,
        )

    def _start_on_clusters(self, entries: Iterable[Entry]) -> None:
        given_up = []
        for entry in entries:
            running = sum(e.batch == entry.batch for e in self._ledger.running())
            if running >= (entry.options.max_tasks_simultaneously or MAX_ON_CLUSTER):
                continue
            pool = self.clusters.pool_of(entry)
            if pool.is_ready:
                self._submit(entry, pool, None)
            elif pool.problem:
                given_up.append(pool)
                record_end(entry.folder, RunState.FAILED, pool.problem)
                self._on_end(entry)
            else:
                entry.not_before = self._clock() + CONNECT_AGAIN_S
                entry.waits_for = f"connecting to the cluster at {pool.address}"
        self.clusters.give_up(given_up)

    def _submit(
        self, entry: Entry, pool: LocalPool | ForeignPool | DriverPool, device: Device | None
    ) -> None:
        if not is_worked_on(entry.folder):
            forget_stop(entry.folder)
        self._ledger.start(entry)
        task = self._next.begun(entry, self._task(entry, device, attempt=new_attempt()))
        entry.attempt = task.attempt
        entry.device, entry.started = device, self._clock()
        entry.tries += 1
        key = f"run-{entry.number}-{entry.tries}-{time.time_ns()}"
        if isinstance(pool, ForeignPool):
            with suppress(OSError):  # then no worker can start it, and says why
                Ticket(entry.folder, entry.attempt).issue()
        future = pool.submit(task, key=key, priority=entry.priority)
        if isinstance(pool, ForeignPool):
            self.clusters.gave(entry, pool, key, future)
        self._keep(asyncio.create_task(self._ends.follow(entry, future)))

    def _task(
        self, entry: Entry, device: Device | None, *, attempt: str, ending: int = 0
    ) -> RunTask:
        """Say how a run is to be executed.

        Parameters
        ----------
        ending : how many of the runs that run now will have ended when this one starts.
        """
        options = entry.options
        return RunTask(
            folder=entry.run,
            device=device.key if device else "cpu" if options.drives else "",
            threads=self._threads(entry, ending) if device else int(options.drives),
            mode=options.mode,
            template=options.template,
            python=options.python,
            runner=options.runner,
            environment=options.environment,
            memory_mb=options.gpu_memory_required or 0.0,
            attempt=attempt,
            has_ticket=options.cluster is not None,
            followed_by=str(self._next.path(attempt)) if device and options.ahead else "",
        )

    def _submit_pack(self, entries: list[Entry], pool: LocalPool, device: Device) -> None:
        """Start the common training of some runs; each goes on by itself after that."""
        attempt, first = new_attempt(), entries[0]
        folder = self._home.packs / attempt
        make_pack_folder(folder, [entry.run for entry in entries])
        threads = self._threads(first)
        for entry in entries:
            if not is_worked_on(entry.folder):
                forget_stop(entry.folder)
            self._ledger.start(entry)
            entry.attempt, entry.device, entry.started = attempt, device, self._clock()
            entry.tries += 1
        task = RunTask(
            folder=str(folder),
            device=device.key,
            threads=threads,
            mode=first.options.mode,
            template=None,
            python=first.options.python,
            runner=first.options.pack_runner,
            environment=first.options.environment,
            attempt=attempt,
        )
        future = pool.submit(task, key=f"pack-{attempt}", priority=first.priority)
        self._keep(asyncio.create_task(self._ends.follow_pack(entries, future, folder)))

    def _threads(self, entry: Entry, ending: int = 0) -> int:
        """Share the cores among the runs that will run at once."""
        assert self._pool is not None, "runs start on a pool"
        devices = self._pool.devices
        alone = devices[0].kind == "gpu" and entry.options.one_task_per_gpu
        places = len(devices) if alone else sum(device.slots for device in devices)
        running = [e for e in self._ledger.running() if not e.options.drives]
        wanted = self._ledger.n_waiting + len(running) - ending
        at_once = min(places, entry.options.max_tasks_simultaneously or places, wanted)
        return max(1, usable_cores() // max(1, at_once))

    # ----------------------------------------------------------------------------------- ending

    def _keep(self, follower: asyncio.Task[None]) -> None:
        self._followers.add(follower)
        follower.add_done_callback(self._followers.discard)

    async def close(self) -> None:
        """Interrupt what runs, wait for it, and end the workers."""
        self._ends.is_closing = True
        await self.clusters.take_back()
        for entry in self._ledger.running():
            entry.stop = RunState.INTERRUPTED
            ask_to_stop(entry.folder, RunState.INTERRUPTED, attempt=entry.attempt)
        if self._followers:
            await asyncio.wait(self._followers, timeout=NOTICE_S)
        self._drivers.close()
        if self._pool is not None:
            with suppress(OSError, asyncio.TimeoutError):
                await self._pool.close()
        await self.clusters.close()
