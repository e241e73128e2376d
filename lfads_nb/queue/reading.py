"""Reading where many runs are, again and again, at the cost of those that changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from lfads_nb.queue.batches import Batch
from lfads_nb.queue.ends import find_dead, record_dead
from lfads_nb.queue.home import QueueHome, read_json_file
from lfads_nb.queue.outputs import told_if_lost
from lfads_nb.queue.processes import ProcessId, this_host
from lfads_nb.queue.slurm.scheduler import Jobs, shared_jobs
from lfads_nb.queue.slurm.states import joined
from lfads_nb.queue.status import RunState, RunStatus, local_now, read_status
from lfads_nb.sweep.folders import RunFolder

_Stamp = tuple[int, int, int] | None

STARTS_WITHIN_S = 12.0
"""A server that is being started is there by then, on a busy machine too."""
TAKEN_BACK_WITHIN_S = 20.0
"""A queue elsewhere has said by then that a run whose job on a cluster ended waits again."""
SAVED_WITHIN_S = 60.0
"""A launch is saved by then after its runs were marked as queued."""
ANSWERS_WITHIN_S = 15.0
"""A server has taken what it was asked for by then, on a busy machine too."""

_GONE = (
    "its folder was renamed or deleted: give it its name back, or launch the run to train it anew"
)


def current_status(folder: RunFolder, *, jobs: Jobs | None = None) -> RunStatus:
    """Return where a run is now; one whose process is gone is told as interrupted.

    A process on another host is gone if that has given no sign of life for a minute.

    Parameters
    ----------
    folder : the run's folder; nothing is written to it.
    jobs : what SLURM says; by default what this process shares.
    """
    found = joined(folder, find_dead(folder, read_status(folder)), jobs or shared_jobs())[0]
    return told_if_lost(folder, found)


class StatusReader:
    """Reads the status of runs; a file is opened only when it has changed.

    Parameters
    ----------
    folders : the runs, in the order in which they are shown.
    home : the queue's folder, for why runs wait.
    clock : the time, as files have it.
    """

    def __init__(
        self,
        folders: Sequence[RunFolder],
        home: QueueHome | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folders, self._home, self._clock = list(folders), home, clock
        self._paths = [str(folder.status_json) for folder in self.folders]
        self._stamps: list[_Stamp] = [(-1, -1, -1)] * len(self.folders)
        self._read: list[RunStatus] = [RunStatus(RunState.NEW)] * len(self.folders)
        self._outputs = [str(folder.output) for folder in self.folders]
        self._looked_at: dict[int, tuple[_Stamp, RunStatus, RunStatus]] = {}
        self._job_waits: dict[int, str] = {}
        self._seen: set[int] = set()
        self.n_files_read = 0
        self._has_server = True
        self._launches_of: _Stamp = None
        self._launched: set[str] = set()
        self._lost_at: dict[int, float] = {}
        self._news_of: _Stamp = None
        self._news: dict = {}

    def read(self) -> list[RunStatus]:
        """Return every run's status, in the order of the folders.

        A run whose process on this host is gone is told as interrupted, and written down as that
        unless there is a server, which does it itself. So is told one whose host is silent.
        """
        for index, path in enumerate(self._paths):
            stamp = _stamp(path)
            if stamp != self._stamps[index] or stamp is None:
                if stamp is not None:
                    self._seen.add(index)
                self._stamps[index] = stamp
                self._read[index] = self._told_if_gone(index, read_status(self.folders[index]))
                self.n_files_read += 1
        return [self._joined(index, status) for index, status in enumerate(self._read)]

    def _told_if_gone(self, index: int, status: RunStatus) -> RunStatus:
        """Say it if a run that was there has no folder any more."""
        if index not in self._seen or self.folders[index].path.exists():
            return status
        return replace(status, reason=_GONE)

    def _joined(self, index: int, status: RunStatus) -> RunStatus:
        status = self._corrected(index) if status.state.is_running else status
        if status.cluster:
            status = self._waiting_again(index, status)
        if status.cluster and status.state is RunState.INTERRUPTED:
            self._lost_at.setdefault(index, time.monotonic())
        else:
            self._lost_at.pop(index, None)
        if status.state is RunState.DONE:
            status = self._told(index, status)
        if not status.submission:
            return status
        status, wait = joined(self.folders[index], status, shared_jobs())
        self._job_waits[index] = wait
        return status

    @property
    def may_go_on(self) -> bool:
        """Whether a run's job on a cluster ended just now, and the queue may take it back yet."""
        now = time.monotonic()
        return any(now - at < TAKEN_BACK_WITHIN_S for at in self._lost_at.values())

    def _waiting_again(self, index: int, status: RunStatus) -> RunStatus:
        """Say of a run whose job on a cluster ended that it waits, if the queue has it still."""
        self._job_waits.pop(index, None)
        home = self._home
        if status.state is not RunState.INTERRUPTED or home is None or not home.server_process():
            return status
        stamp = _stamp(str(home.news_json))
        if stamp != self._news_of:
            self._news_of, self._news = stamp, read_json_file(home.news_json)
        held = self._news.get("on_clusters")
        if not isinstance(held, list) or str(self.folders[index].path) not in held:
            return status
        self._job_waits[index] = "its job ended, waits for another"
        return status.moved(RunState.QUEUED, now=local_now())

    def _told(self, index: int, status: RunStatus) -> RunStatus:
        """Say it if the outputs of a run that is done are gone; looked at when they change."""
        stamp = _stamp(self._outputs[index])
        before = self._looked_at.get(index)
        if before is None or before[0] != stamp or before[1] is not status:
            before = (stamp, status, told_if_lost(self.folders[index], status))
            self._looked_at[index] = before
        return before[2]

    def _corrected(self, index: int) -> RunStatus:
        folder = self.folders[index]
        found = find_dead(folder, self._read[index])
        is_ours = found.state is RunState.INTERRUPTED and not found.submission
        if is_ours and self._home and not self._home.server_process():
            record_dead(folder)
        return found

    def waits(self) -> list[str]:
        """Return for every run why it waits; "" for one that does not, as far as was last read.

        Of one that runs is told if the queue takes no notice of what it is asked to do with it.
        """
        home = self._home
        if not any(status.state.is_active for status in self._read):
            return [self._wait_elsewhere(index) for index in range(len(self._read))]
        server = home.server_process() if home is not None else None
        self._has_server = server is not None
        silent = self._told_if_silent(server)
        news = read_json_file(home.news_json) if home and not silent else {}
        return [
            silent
            if silent and (self._is_queued(status) or self._is_running_here(status))
            else self._wait(folder, stamp, news)
            if self._is_queued(status)
            else self._wait_elsewhere(index)
            for index, (folder, stamp, status) in enumerate(
                zip(self.folders, self._stamps, self._read, strict=True)
            )
        ]

    def _told_if_silent(self, server: ProcessId | None) -> str:
        """Say it if the server lives, and takes nothing that it is asked for."""
        if self._home is None or server is None:
            return ""
        asked_at = [stamp[0] for path in self._home.requests() if (stamp := _stamp(str(path)))]
        if not asked_at or self._clock() - min(asked_at) / 1e9 < ANSWERS_WITHIN_S:
            return ""
        return (
            f"the queue (process {server.pid}) does not answer: if it still does not in a minute, "
            f"end it (kill -9 {server.pid}) and launch again; no run loses anything"
        )

    @staticmethod
    def _is_running_here(status: RunStatus) -> bool:
        return status.state.is_running and not status.submission and status.host == this_host()

    @staticmethod
    def _is_queued(status: RunStatus) -> bool:
        """Whether it waits in this machine's queue, and not in a cluster's or another host's."""
        is_here = status.host in ("", this_host())
        return status.state is RunState.QUEUED and not status.submission and is_here

    def _wait_elsewhere(self, index: int) -> str:
        status = self._read[index]
        if status.submission or status.state is not RunState.QUEUED:
            return self._job_waits.get(index, "")
        return f"waits in the queue of {status.host}: ask there, or cancel it and launch it here"

    @property
    def is_stalled(self) -> bool:
        """Whether runs wait, and no server came in the time that one takes to start."""
        queued_at = [
            stamp[0] / 1e9
            for stamp, status in zip(self._stamps, self._read, strict=True)
            if stamp is not None and self._is_queued(status)
        ]
        return (
            bool(queued_at)
            and not self._has_server
            and self._clock() - max(queued_at) > STARTS_WITHIN_S
        )

    def _wait(self, folder: RunFolder, stamp: _Stamp, news: dict) -> str:
        if not self._has_server:
            if not self.is_stalled:
                return "the queue is starting"
            return "the queue is not running: launch again to go on"
        if news.get("problem"):
            return str(news["problem"])
        if news.get("paused"):
            return "the queue is paused"
        waits = news.get("waits")
        waits = waits if isinstance(waits, dict) else {}
        if str(folder.path) not in waits and self._is_forgotten(folder, stamp):
            return "no launch here names it: launch it again, unless another queue has it"
        return str(waits.get(str(folder.path), "waits for its turn"))

    def _is_forgotten(self, folder: RunFolder, stamp: _Stamp) -> bool:
        """Whether a run has been queued for long, and no launch that was saved names it.

        A process that ended while it launched, or a home that was deleted, leaves such runs.
        """
        if self._home is None or stamp is None or self._clock() - stamp[0] / 1e9 < SAVED_WITHIN_S:
            return False
        changed = _stamp(str(self._home.batches))
        if changed != self._launches_of:
            batches = map(Batch.load, self._home.batches.glob("*.json"))
            self._launched = {run for batch in filter(None, batches) for run in batch.runs}
            self._launches_of = changed
        return str(folder.path) not in self._launched


def is_told(status: RunStatus, wait: str) -> bool:
    """Whether what is said of a run that works is more than which job of SLURM it is."""
    return bool(wait) and status.state.is_running and not status.submission


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
