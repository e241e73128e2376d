"""What follows the end of a run: it is over, it starts again, or it is left to somebody else."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lfads_nb.desks import KILL
from lfads_nb.errors import LfadsError
from lfads_nb.queue.cluster_runs import ClusterRuns
from lfads_nb.queue.ends import RESUMES, record_end
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.ledger import Entry, Ledger
from lfads_nb.queue.memory import MemoryBook
from lfads_nb.queue.packing import read_pack_memory
from lfads_nb.queue.processes import this_host
from lfads_nb.queue.run_lock import is_worked_on, read_holder
from lfads_nb.queue.runner_process import EXIT_TAKEN
from lfads_nb.queue.status import RunState, RunStatus, how_far, move_status, read_status
from lfads_nb.queue.task import BEGUN_BEFORE
from lfads_nb.queue.tickets import UnsharedFolderError

log = logging.getLogger(__name__)

# A worker that died leaves its runs this long to notice.
NOTICE_S = 12.0
TAKEN_AGAIN_S = 10.0
GIVEN_AGAIN_S = 1.0
MAX_RESUMES = 3
PACK_LOOK_S = 1.0


async def _code_of(future: Any) -> int | None:
    """Wait for a pack's process; None if its worker was lost."""
    try:
        return int(await future)
    except Exception as error:  # noqa: BLE001  dask raises what it likes when a worker dies
        log.warning("the worker of a pack was lost: %s", error)
        return None


def _waits(entry: Entry) -> bool:
    """Whether a run that a cluster lost before it began can be given to it anew."""
    is_asked = entry.stop is not RunState.CANCELLED and not entry.held and entry.relaunch is None
    return is_asked and read_status(entry.folder).state is RunState.QUEUED


class Ends:
    """Waits for the ends of runs and of packs, and decides what comes next.

    Parameters
    ----------
    home : the queue's folder.
    ledger : the runs that are to be done.
    memory : what runs have needed.
    clusters : what other clusters have of them.
    on_end : told of a run that ended and will not be started again.
    on_room : told that a device became free.
    read_launches : takes in the launches that were saved up to now.
    clock : seconds that never jump.
    """

    def __init__(
        self,
        home: QueueHome,
        ledger: Ledger,
        memory: MemoryBook,
        clusters: ClusterRuns,
        *,
        on_end: Callable[[Entry], None],
        on_room: Callable[[], None],
        read_launches: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._home, self._ledger, self._memory, self._clock = home, ledger, memory, clock
        self._clusters = clusters
        self._on_end, self._on_room, self._read_launches = on_end, on_room, read_launches
        self.is_closing = False

    async def follow(self, entry: Entry, future: Any) -> None:
        """Wait for a run's end and see to what comes next."""
        code: int | None = None
        blind: UnsharedFolderError | None = None
        try:
            code = await future
        except UnsharedFolderError as error:
            blind = error
        except Exception as error:  # noqa: BLE001  dask raises what it likes when a worker dies
            log.warning("the worker of %s was lost: %s", entry.run, error)
        future.release()
        has_others = blind is not None and self._clusters.refused(entry, blind)
        was_begun = self._clusters.ended(entry)
        if code == BEGUN_BEFORE:
            code = None
        if code != EXIT_TAKEN:
            await self._wait_until_free(entry)
        if blind is not None and entry.stop is None:
            self._not_there(entry, blind, has_others=has_others)
        elif code is None and entry.options.cluster and not was_begun and _waits(entry):
            # Another server goes on with it where this one ends.
            self._ledger.put_back(entry, not_before=self._clock() + GIVEN_AGAIN_S)
        elif code == EXIT_TAKEN or is_worked_on(entry.folder, but_by=entry.attempt):
            self._leave_to_other(entry)
        else:
            self._settle(entry, await self._status_at_end(entry), worker_died=code is None)
        self._on_room()

    def _not_there(self, entry: Entry, blind: UnsharedFolderError, *, has_others: bool) -> None:
        """Give a run to another worker than one that does not see its folder, if there is one."""
        if has_others:
            self._ledger.put_back(entry, not_before=self._clock(), why=str(blind))
        else:
            record_end(entry.folder, RunState.FAILED, str(blind))
            self._on_end(entry)

    async def follow_pack(self, entries: list[Entry], future: Any, folder: Path) -> None:
        """Wait for the end of each member's part in a pack and see to what comes next."""
        program, device = asyncio.ensure_future(_code_of(future)), entries[0].device
        left, begun = list(entries), set[str]()
        while left:
            await asyncio.wait({program}, timeout=PACK_LOOK_S)
            is_over = program.done()
            for entry in list(left):
                holder = read_holder(entry.folder)
                holds = holder is not None and holder.attempt == entry.attempt
                if holds:
                    begun.add(entry.run)
                if is_over:
                    await self._wait_until_free(entry)
                elif holds or entry.run not in begun:
                    continue
                left.remove(entry)
                await self._end_of_member(entry)
        code = await program
        future.release()
        if code == 0:
            if device is not None and (took := read_pack_memory(folder)) is not None:
                self._memory.learn_pack(entries[0].run, device.kind, *took)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            log.warning("a pack of %d runs ended early, see %s/lfads.out", len(entries), folder)

    async def _end_of_member(self, entry: Entry) -> None:
        """See to what comes after a run's training in a pack."""
        if is_worked_on(entry.folder, but_by=entry.attempt):
            self._leave_to_other(entry)
        else:
            status = await self._status_at_end(entry)
            if status.state is not RunState.QUEUED or entry.stop is RunState.CANCELLED:
                self._settle(entry, status, worker_died=not status.state.is_ended)
            elif entry.relaunch or self.is_closing:
                self._on_end(entry)
            else:
                # What has not trained in the pack does so by itself.
                entry.alone = RunState.TRAINING.value not in status.finished_stages
                self._ledger.put_back(entry, not_before=self._clock())
        self._on_room()

    def _leave_to_other(self, entry: Entry) -> None:
        """Look again later at a run that a process of somebody else works on."""
        holder = read_holder(entry.folder)
        who = f"process {holder.pid} on {holder.host}" if holder else "another process"
        entry.taken = True
        if self.is_closing or entry.stop is RunState.CANCELLED:
            self._on_end(entry)
            return
        self._ledger.put_back(
            entry, not_before=self._clock() + TAKEN_AGAIN_S, why=f"{who} works on it"
        )

    async def _wait_until_free(self, entry: Entry) -> None:
        """Wait for a run whose worker died to notice it and to end; then end it by force."""
        deadline = self._clock() + NOTICE_S
        while True:
            holder = read_holder(entry.folder)
            if holder is None or holder.attempt != entry.attempt or not holder.may_be_alive:
                return
            if self._clock() > deadline:
                if holder.is_here:
                    holder.send(KILL)
                return
            await asyncio.sleep(0.1)

    async def _status_at_end(self, entry: Entry) -> RunStatus:
        """Read how a run ended.

        A run that was launched again right after its end is queued; the launch is saved only after
        that, under the home's lock, and is taken in before anything is concluded.
        """
        status = read_status(entry.folder)
        if status.state is RunState.QUEUED and entry.relaunch is None:
            await asyncio.to_thread(self._home.wait_for_launches)
            self._read_launches()
        return status

    def _settle(self, entry: Entry, status: RunStatus, *, worker_died: bool) -> None:
        """Write down how a run ended if it could not, and start it again if it should be."""
        if status.state is RunState.QUEUED and entry.relaunch and not worker_died:
            self._on_end(entry)  # launched again right after its end
            return
        if status.state in (RunState.NEW, RunState.PREPARED):
            log.warning("%s was deleted or renamed while it was worked on: forgotten", entry.run)
            self._on_end(entry)
            return
        if not status.state.is_ended:
            reason = "it was cancelled" if entry.stop is RunState.CANCELLED else ""
            reason = reason or f"its process died during {status.stage or 'its start'}; {RESUMES}"
            status = record_end(
                entry.folder, entry.stop or RunState.INTERRUPTED, reason, attempt=entry.attempt
            )
        if entry.device is not None:
            self._memory.learn(entry.run, entry.device.kind, status.peak_memory_mb)
        if self.is_closing or entry.stop is RunState.CANCELLED:
            self._on_end(entry)
        elif entry.held:
            self._again(entry, why="paused")
        elif status.state is RunState.FAILED and entry.failures < entry.options.retries:
            entry.failures += 1
            self._again(entry, why=f"tried again after: {status.reason}")
        elif status.state is RunState.INTERRUPTED and entry.options.cluster is not None:
            self._after_loss(entry, status)
        elif (
            status.state is RunState.INTERRUPTED
            # A driver that died has lost nothing, and its members go on.
            and (worker_died or entry.options.drives)
            and entry.resumes < MAX_RESUMES
        ):
            entry.resumes += 1
            self._again(entry, why="its worker died")
        else:
            self._on_end(entry)

    def _after_loss(self, entry: Entry, status: RunStatus) -> None:
        """Give a run whose worker on a cluster was lost to the cluster anew.

        Jobs there end for many reasons that are none of the run's: as long as it gets further in
        each, it goes on.
        """
        if (far := how_far(status)) > entry.how_far:
            entry.how_far, entry.resumes = far, 0
        if entry.resumes >= MAX_RESUMES:
            reason = f"{MAX_RESUMES + 1} workers were lost with it before it got any further"
            with suppress(LfadsError):
                move_status(entry.folder, RunState.QUEUED)
                move_status(entry.folder, RunState.FAILED, reason=f"{reason}; {status.reason}")
            self._on_end(entry)
            return
        entry.resumes += 1
        entry.was_lost, entry.after_job = True, status.job
        self._again(entry, why="its job ended, waits for another", is_told=True)

    def _again(self, entry: Entry, *, why: str, is_told: bool = False) -> None:
        """Put a run back into the queue; in its status it is told why only where that lasts."""
        told = {"reason": why} if is_told else {}
        with suppress(LfadsError):
            if read_status(entry.folder).state.is_ended:
                move_status(entry.folder, RunState.QUEUED, progress={}, host=this_host(), **told)
        self._ledger.put_back(entry, not_before=self._clock(), why=why)
