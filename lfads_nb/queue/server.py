"""`python -m lfads_nb.queue.server`: the process that serves all of a user's collections.

It reads what was asked for from the queue's folder, gives runs to dask workers as devices become
free, and writes down the end of those that cannot do it themselves. Killed at any moment, it loses
nothing: a new one reads the same files. With nothing to do for a while, it ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from lfads_nb.errors import LfadsError
from lfads_nb.queue.batches import Batch
from lfads_nb.queue.devices import list_devices, refreshed, usable_cores
from lfads_nb.queue.ends import RESUMES, cancel_without_server, record_end
from lfads_nb.queue.home import QueueHome, put_json, read_json_file
from lfads_nb.queue.ledger import Entry, Ledger
from lfads_nb.queue.memory import MemoryBook
from lfads_nb.queue.plan import Occupant, Wish, make_plan
from lfads_nb.queue.pool import ForeignPool, LocalPool
from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.runner import EXIT_TAKEN
from lfads_nb.queue.status import RunState, local_now, move_status, read_status
from lfads_nb.queue.stopping import ask_to_stop, forget_stop
from lfads_nb.queue.task import RunTask

log = logging.getLogger(__name__)

TICK_S = 0.25
LOOK_AGAIN_S = 2.0
CLAIM_S = 60.0
IDLE_S = 300.0
NEWS_EVERY_S = 1.0
MAX_RESUMES = 3
MAX_ON_CLUSTER = 1000


class QueueServer:
    """The queue's one server for a user on a machine.

    Parameters
    ----------
    home : its folder.
    idle_s : seconds without any run after which it ends.
    clock : seconds that never jump.
    """

    def __init__(
        self,
        home: QueueHome,
        *,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.home, self._idle_s, self._clock = home, idle_s, clock
        self.ledger = Ledger()
        self._memory = MemoryBook(home)
        held = read_json_file(home.held_json)
        self._paused = bool(held.get("paused"))
        self._held = set(held.get("runs", ()))
        self._pool: LocalPool | None = None
        self._clusters: dict[str, ForeignPool] = {}
        self._batches: dict[str, Batch] = {}
        self._followers: set[asyncio.Task[None]] = set()
        self._waits: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._busy_at = self._looked_at = self._news_at = self._clock()
        self._news: dict[str, Any] = {}

    # ------------------------------------------------------------------------------- main loop

    async def serve(self) -> None:
        """Serve until there is nothing to do for a while, or until it is told to stop."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(signum, self.stop)
        put_json(self.home.server_json, {**asdict(ProcessId.own()), "python": sys.executable})
        while not self._stopping:
            self._read_inbox()
            self._read_batches()
            await self._start_runs()
            self._tell_news()
            if self._has_been_idle() and self._close_for_good():
                break
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_S)
            self._wake.clear()
        await self._shut_down()

    def stop(self) -> None:
        """End soon; runs are interrupted, and go on with the next server."""
        self._stopping = True
        self._wake.set()

    def _has_been_idle(self) -> bool:
        if len(self.ledger):
            self._busy_at = self._clock()
        return self._clock() - self._busy_at > self._idle_s

    def _close_for_good(self) -> bool:
        """Stop being the server, unless a launch came in at the last moment."""
        with self.home.exclusive("launch"):
            self._read_batches()
            if len(self.ledger):
                return False
            self.home.server_json.unlink(missing_ok=True)
            return True

    async def _shut_down(self) -> None:
        running = self.ledger.running()
        for entry in running:
            entry.stop = RunState.INTERRUPTED
            ask_to_stop(entry.folder, RunState.INTERRUPTED)
        if self._followers:
            await asyncio.wait(self._followers, timeout=12)
        for pool in filter(None, [self._pool, *self._clusters.values()]):
            with suppress(OSError, asyncio.TimeoutError):
                await pool.close()
        self.home.server_json.unlink(missing_ok=True)

    # ------------------------------------------------------------------------- what is asked for

    def _read_batches(self) -> None:
        for path in sorted(self.home.batches.glob("*.json")):
            if path.stem in self._batches:
                continue
            batch = Batch.load(path)
            if batch is None:
                log.warning("%s cannot be read and is set aside", path)
                path.rename(path.with_suffix(".damaged"))
                continue
            self._batches[batch.key] = batch
            for entry in self.ledger.add(batch, filter(_is_to_be_done, batch.runs)):
                entry.held = entry.run in self._held
            if not any(entry.batch == batch.key for entry in self.ledger.chosen(batch.runs)):
                self._forget(batch.key)

    def _forget(self, batch: str) -> None:
        found = self._batches.pop(batch, None)
        if found is not None:
            found.remove(self.home)

    def _read_inbox(self) -> None:
        for path in sorted(self.home.inbox.glob("*.json")):
            request = read_json_file(path)
            path.unlink(missing_ok=True)
            answer = {
                "cancel": self._cancel,
                "pause": self._pause,
                "resume": self._resume,
                "priority": self._set_priority,
                "stop": lambda _: self.stop(),
            }.get(str(request.get("verb")))
            if answer is None:
                log.warning("the request %r is not known", request.get("verb"))
            else:
                # A launch may have been posted just before what is asked about it.
                self._read_batches()
                answer(request)

    def _cancel(self, request: dict[str, Any]) -> None:
        from pathlib import Path

        from lfads_nb.sweep.folders import RunFolder

        runs = request.get("runs")
        entries = self.ledger.chosen(runs)
        for entry in entries:
            if entry.running:
                entry.stop = RunState.CANCELLED
                ask_to_stop(entry.folder, RunState.CANCELLED)
            else:
                record_end(entry.folder, RunState.CANCELLED, "it was cancelled before it started")
                self._end(entry)
        known = {entry.run for entry in entries}
        for run in runs or ():
            if run not in known:
                cancel_without_server(RunFolder(Path(run)))

    def _pause(self, request: dict[str, Any]) -> None:
        if request.get("runs") is None:
            self._paused = True
        for entry in self.ledger.chosen(request.get("runs") or ()):
            entry.held = True
            if entry.running:
                entry.stop = RunState.INTERRUPTED
                ask_to_stop(entry.folder, RunState.INTERRUPTED)
        self._keep_held()

    def _resume(self, request: dict[str, Any]) -> None:
        if request.get("runs") is None:
            self._paused = False
        for entry in self.ledger.chosen(request.get("runs")):
            entry.held = False
        self._keep_held()
        self._look_soon()

    def _keep_held(self) -> None:
        self._held = {entry.run for entry in self.ledger.chosen(None) if entry.held}
        put_json(self.home.held_json, {"paused": self._paused, "runs": sorted(self._held)})

    def _set_priority(self, request: dict[str, Any]) -> None:
        for entry in self.ledger.chosen(request.get("runs")):
            self.ledger.set_priority(entry, int(request.get("priority", 0)))
        self._look_soon()

    def _look_soon(self) -> None:
        self._looked_at = float("-inf")
        self._wake.set()

    # ---------------------------------------------------------------------------- starting runs

    async def _start_runs(self) -> None:
        if self._paused or self._stopping or not self.ledger.n_waiting:
            self._waits = {}
            return
        await self._start_on_clusters()
        here = [e for e in self._startable() if e.options.cluster is None]
        if not here:
            return
        if self._pool is None:
            self._pool = LocalPool(self.home, await asyncio.to_thread(list_devices))
            await self._pool.start()
        occupants = self._occupants()
        if self._waits and self._clock() - self._looked_at < LOOK_AGAIN_S:
            return
        self._looked_at = self._clock()
        devices = await asyncio.to_thread(refreshed, self._pool.devices)
        plan = make_plan((self._wish(entry) for entry in here), devices, occupants)
        self._waits = plan.waits
        for wish, device in plan.starts:
            entry = self.ledger.get(wish.run)
            if entry is not None:
                entry.memory_mb = wish.memory_mb(device.kind)
                self._submit(entry, self._pool, device.key)

    def _startable(self) -> list[Entry]:
        """The first of the runs that may start now, as far as the plan looks ahead."""
        from itertools import islice

        from lfads_nb.queue.plan import LOOK_AHEAD

        now = self._clock()
        ready = (entry for entry in self.ledger.waiting() if entry.not_before <= now)
        return list(islice(ready, LOOK_AHEAD))

    def _occupants(self) -> list[Occupant]:
        now = self._clock()
        return [
            Occupant(
                entry.device,
                entry.batch,
                entry.options.one_task_per_gpu,
                entry.memory_mb if now - entry.started < CLAIM_S else 0.0,
            )
            for entry in self.ledger.running()
            if entry.device
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

    def _submit(self, entry: Entry, pool: LocalPool | ForeignPool, device: str) -> None:
        options = entry.options
        forget_stop(entry.folder)
        self.ledger.start(entry)
        entry.device, entry.started = device, self._clock()
        task = RunTask(
            folder=entry.run,
            device=device,
            threads=self._threads(entry) if device else 0,
            mode=options.mode,
            rerun=options.rerun and entry.failures == 0 and entry.resumes == 0,
            template=options.template,
            python=options.python,
            runner=options.runner,
            environment=options.environment,
            memory_mb=options.gpu_memory_required or 0.0,
        )
        key = f"run-{entry.number}-{entry.failures}-{entry.resumes}-{time.time_ns()}"
        future = pool.submit(task, key=key, priority=entry.priority)
        follower = asyncio.create_task(self._follow(entry, future))
        self._followers.add(follower)
        follower.add_done_callback(self._followers.discard)

    def _threads(self, entry: Entry) -> int:
        """Share the cores among the runs that will run at once."""
        assert self._pool is not None, "runs start on a pool"
        places = sum(device.slots for device in self._pool.devices)
        if self._pool.devices[0].kind == "gpu" and entry.options.one_task_per_gpu:
            places = len(self._pool.devices)
        at_once = min(
            places,
            entry.options.max_tasks_simultaneously or places,
            self.ledger.n_waiting + len(self.ledger.running()),
        )
        return max(1, usable_cores() // max(1, at_once))

    async def _start_on_clusters(self) -> None:
        for entry in [e for e in self._startable() if e.options.cluster is not None]:
            running = [e for e in self.ledger.running() if e.batch == entry.batch]
            if len(running) >= (entry.options.max_tasks_simultaneously or MAX_ON_CLUSTER):
                continue
            pool = await self._cluster(entry)
            if pool is not None:
                self._submit(entry, pool, "")

    async def _cluster(self, entry: Entry) -> ForeignPool | None:
        cluster = entry.options.cluster or {}
        name = f"{cluster['address']} {entry.options.resources}"
        if name not in self._clusters:
            pool = ForeignPool(cluster["address"], cluster["security"], entry.options.resources)
            try:
                await pool.start()
            except OSError as error:
                record_end(
                    entry.folder,
                    RunState.FAILED,
                    f"no dask scheduler answers at {cluster['address']} ({error})",
                )
                self._end(entry)
                return None
            self._clusters[name] = pool
        return self._clusters[name]

    # ------------------------------------------------------------------------------ ending runs

    async def _follow(self, entry: Entry, future: Any) -> None:
        """Wait for a run's end and see to what comes next."""
        try:
            code = await future
        except Exception as error:  # noqa: BLE001  dask raises what it likes when a worker dies
            log.warning("the worker of %s was lost: %s", entry.run, error)
            code = None
        future.release()
        if code != EXIT_TAKEN:
            await self._wait_until_free(entry)
            self._settle(entry, worker_died=code is None)
        else:
            holder = read_holder(entry.folder)
            where = f"process {holder.pid} on {holder.host}" if holder else "another process"
            self._again(entry, after_s=10.0, why=f"{where} works on it")
        self._look_soon()

    async def _wait_until_free(self, entry: Entry) -> None:
        """Wait for a run whose worker died to notice it and to end; then end it by force."""
        deadline = self._clock() + 12.0
        while self._clock() < deadline:
            holder = read_holder(entry.folder)
            if holder is None or (holder.is_here and not holder.is_alive):
                return
            await asyncio.sleep(0.1)
        if holder is not None and holder.is_here:
            holder.send(signal.SIGKILL)

    def _settle(self, entry: Entry, *, worker_died: bool) -> None:
        """Write down how a run ended, and start it again if it should be."""
        status = read_status(entry.folder)
        if not status.state.is_ended:
            reason = "it was cancelled" if entry.stop is RunState.CANCELLED else ""
            reason = reason or f"its process died during {status.stage or 'its start'}; {RESUMES}"
            status = record_end(entry.folder, entry.stop or RunState.INTERRUPTED, reason)
        kind = "gpu" if entry.device.startswith("GPU") else "cpu"
        self._memory.learn(entry.run, kind, status.peak_memory_mb)
        if entry.stop is RunState.CANCELLED or self._stopping:
            self._end(entry, keep=self._stopping)
        elif entry.held:
            self._again(entry, why="paused")
        elif status.state is RunState.FAILED and entry.failures < entry.options.retries:
            entry.failures += 1
            self._again(entry, why=f"tried again after: {status.reason}")
        elif status.state is RunState.INTERRUPTED and worker_died and entry.resumes < MAX_RESUMES:
            entry.resumes += 1
            self._again(entry, why="its worker died")
        else:
            self._end(entry)

    def _again(self, entry: Entry, *, after_s: float = 0.0, why: str = "") -> None:
        with suppress(LfadsError):
            if read_status(entry.folder).state.is_ended:
                move_status(entry.folder, RunState.QUEUED, progress={})
        self.ledger.put_back(entry, not_before=self._clock() + after_s, why=why)

    def _end(self, entry: Entry, *, keep: bool = False) -> None:
        if self.ledger.end(entry) and not keep:
            self._forget(entry.batch)

    # ------------------------------------------------------------------------------------- news

    def _tell_news(self) -> None:
        """Write down what no run folder tells, when it has changed."""
        if self._clock() - self._news_at < NEWS_EVERY_S:
            return
        waits = dict(self._waits)
        if self._held:
            waits |= dict.fromkeys(self._held, "paused")
        news = {
            "paused": self._paused,
            "waits": waits,
            "waiting": self.ledger.n_waiting,
            "running": len(self.ledger.running()),
        }
        if news != self._news:
            self._news_at, self._news = self._clock(), news
            put_json(self.home.news_json, news)


def _is_to_be_done(run: str) -> bool:
    from pathlib import Path

    from lfads_nb.sweep.folders import RunFolder

    state = read_status(RunFolder(Path(run))).state
    return state.is_active or state is RunState.INTERRUPTED


def main() -> None:
    home = QueueHome.find()
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    with home.exclusive("server", wait=False) as mine:
        if not mine:
            return
        log.warning("server %d starts at %s", os.getpid(), local_now().isoformat())
        asyncio.run(QueueServer(home).serve())


if __name__ == "__main__":
    main()
