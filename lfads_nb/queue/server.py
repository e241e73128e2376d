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
from pathlib import Path
from typing import Any

from lfads_nb.desks import HANGUP
from lfads_nb.errors import LfadsError
from lfads_nb.plain_text import PlainFormatter
from lfads_nb.queue.batches import Batch
from lfads_nb.queue.dispatch import Dispatcher
from lfads_nb.queue.folder_hold import FolderHold
from lfads_nb.queue.home import QueueHome, put_json, read_json_file
from lfads_nb.queue.ledger import Entry, Ledger
from lfads_nb.queue.output_limits import MAX_SERVICE_LOG, shorten_log
from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.requests import VERBS
from lfads_nb.queue.status import RunState, local_now, read_status
from lfads_nb.sweep.folders import RunFolder

log = logging.getLogger(__name__)

TICK_S = 0.25
IDLE_S = 300.0
NEWS_EVERY_S = 1.0
LOG_EVERY_S = 10.0
TROUBLE_S = 5.0
TAKES_OVER_WITHIN_S = 40.0


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
        self._hold = FolderHold(home.path)
        self.ledger = Ledger()
        self._dispatcher = Dispatcher(
            home, self.ledger, on_end=self.end, on_room=self._look_now,
            read_launches=self._read_batches, clock=clock,
        )  # fmt: skip
        held = read_json_file(home.held_json)
        self.paused = bool(held.get("paused"))
        runs = held.get("runs")
        self._held = {run for run in runs if isinstance(run, str)} if type(runs) is list else set()
        self._batches: dict[str, Batch] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._busy_at = self._clock()
        self._news_at = self._log_at = float("-inf")
        self._news: dict[str, Any] = {}
        self._problem = ""

    async def serve(self) -> None:
        """Serve until there is nothing to do for a while, or until it is told to stop."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT, *HANGUP):
            loop.add_signal_handler(signum, self.stop)
        put_json(self.home.server_json, {**asdict(ProcessId.own()), "python": sys.executable})
        while not self._stopping and self._has_its_home():
            try:
                await self._turn()
                self._problem = ""
            except Exception as error:
                log.exception("the queue has a problem and tries again")
                self._problem = f"the queue cannot start runs: {error}"
                await asyncio.sleep(TROUBLE_S)
            with suppress(LfadsError):
                self._tell_news()
            self._keep_log_short()
            if self._has_been_idle() and self._close_for_good():
                break
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_S)
            self._wake.clear()
        self._stopping = True
        if self._has_its_home():
            # A launch from now on is for the next server, which waits until this one has ended.
            self.home.server_json.unlink(missing_ok=True)
        await self._dispatcher.close()

    def _has_its_home(self) -> bool:
        """Whether the home is still the folder that this server was started for.

        In one that was deleted and made anew, another server reads the launches and requests.
        """
        if self._hold.is_in_place():
            return True
        log.warning(
            "the queue's folder %s was deleted or renamed: this server ends", self.home.path
        )
        return False

    async def _turn(self) -> None:
        self._read_inbox()
        self._read_batches()
        self._dispatcher.clusters.look()
        if self.ledger.n_waiting and not self.paused and not self._stopping:
            await self._dispatcher.start_runs()

    def stop(self) -> None:
        """End soon; runs are interrupted, and go on with the next server."""
        self._stopping = True
        self._wake.set()

    def _look_now(self) -> None:
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

    # ------------------------------------------------------------------------- what is asked for

    def _read_batches(self) -> None:
        for name in sorted(os.listdir(self.home.batches)):
            path = self.home.batches / name
            if path.suffix == ".json" and path.stem not in self._batches:
                self._take_batch(path)

    def _take_batch(self, path: Path) -> None:
        batch = Batch.load(path)
        if batch is None:
            log.warning("%s cannot be read and is set aside", path)
            path.rename(path.with_suffix(".damaged"))
            return
        self._batches[batch.key] = batch
        added = self.ledger.add(batch, filter(_is_to_be_done, batch.runs))
        for entry in added:
            entry.held = entry.held or bool({entry.run, entry.options.driver} & self._held)
        if not added:
            self._forget(batch.key)
        self._dispatcher.look_soon()

    def end(self, entry: Entry) -> None:
        """Forget a run that ended, unless it was launched again; with the last run, the launch."""
        if entry.relaunch and read_status(entry.folder).state is RunState.QUEUED:
            over = [self.ledger.start_over(entry)]
        else:
            over = list(self.ledger.end(entry))
        if not self._stopping:
            for batch in filter(None, over):
                self._forget(batch)

    def drop_later_launch(self, entry: Entry) -> None:
        """Forget a launch that came while a run was running or ending."""
        batch = self.ledger.drop_later_launch(entry)
        if batch is not None:
            self._forget(batch)

    def _forget(self, batch: str) -> None:
        found = self._batches.pop(batch, None)
        if found is not None:
            found.remove(self.home)

    def _read_inbox(self) -> None:
        for path in self.home.requests():
            request = read_json_file(path)
            path.unlink(missing_ok=True)
            act = VERBS.get(str(request.get("verb")))
            if act is None:
                log.warning("the request %r is not known", request.get("verb"))
                continue
            # A launch may have been posted just before what is asked about it.
            self._read_batches()
            try:
                act(self, request)
            except (TypeError, ValueError, AttributeError, OverflowError) as error:
                # A damaged one is lost; those that follow are not.
                log.warning("the request %s cannot be used: %s", path.name, error)
            self._dispatcher.look_soon()

    def keep_held(self) -> None:
        """Write down what is paused, for the next server."""
        self._held = {entry.run for entry in self.ledger.chosen(None) if entry.held}
        put_json(self.home.held_json, {"paused": self.paused, "runs": sorted(self._held)})

    def _keep_log_short(self) -> None:
        if self._clock() - self._log_at >= LOG_EVERY_S:
            self._log_at = self._clock()
            shorten_log(self.home.log, most=MAX_SERVICE_LOG)

    def _tell_news(self) -> None:
        """Write down what no run folder tells, when it has changed."""
        on_clusters = self._dispatcher.clusters.runs
        # Views tell by these whether a run whose job has ended waits for another: at once.
        is_told = on_clusters == self._news.get("on_clusters")
        if is_told and self._clock() - self._news_at < NEWS_EVERY_S:
            return
        news = {
            "paused": self.paused,
            "problem": self._problem,
            "waits": self._waits(),
            "waiting": self.ledger.n_waiting,
            "running": len(self.ledger.running()),
            "on_clusters": on_clusters,
        }
        if news != self._news:
            put_json(self.home.news_json, news)
            self._news_at, self._news = self._clock(), news

    def _waits(self) -> dict[str, str]:
        waits = dict.fromkeys(self._held, "paused")
        waits |= {e.run: e.waits_for for e in self.ledger.delayed(self._clock())}
        return {**self._dispatcher.waits, **self._dispatcher.clusters.waits, **waits}


def _is_to_be_done(run: str) -> bool:
    state = read_status(RunFolder(Path(run))).state
    return state.is_active or state is RunState.INTERRUPTED


def main() -> None:
    home = QueueHome.find()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("distributed").setLevel(logging.WARNING)
    deadline = time.monotonic() + TAKES_OVER_WITHIN_S
    while not _serve_alone(home) and home.server_process() is None:
        if time.monotonic() > deadline:
            return
        time.sleep(0.2)


def _serve_alone(home: QueueHome) -> bool:
    """Serve, unless another process does or is still ending; return whether this one did."""
    with home.exclusive("server", wait=False) as mine:
        if not mine:
            return False
        log.warning("server %d starts at %s", os.getpid(), local_now().isoformat())
        asyncio.run(QueueServer(home).serve())
    return True


if __name__ == "__main__":
    main()
