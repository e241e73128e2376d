"""`status.json`: where a run is. Only this module writes it, and only along the table of moves.

The file is written whole or not at all by the one process that owns the run at that moment: the
launching process until the run starts, then its runner, then (during a stage) its kernel. Everybody
may read it at any time; a file that cannot be read is a state of its own, never a crash.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from lfads_nb.atomic_files import disk_full
from lfads_nb.errors import QueueError, RunFolderError
from lfads_nb.plain_text import plain_text
from lfads_nb.queue.status_values import checked_values
from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import RunFolder

SCHEMA = 1


class RunState(str, Enum):
    """Where a run is on its way."""

    NEW = "new"
    PREPARED = "prepared"
    QUEUED = "queued"
    TRAINING = "training"
    SAMPLING = "sampling"
    EXPORTING = "exporting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    STOPPED_EARLY = "stopped early"

    @property
    def is_running(self) -> bool:
        """Whether a process works on it."""
        return self in STAGES

    @property
    def is_active(self) -> bool:
        """Whether it is running or waits for its turn."""
        return self.is_running or self is RunState.QUEUED

    @property
    def is_ended(self) -> bool:
        """Whether it came to an end, good or bad."""
        return self in ENDS


STAGES = (RunState.TRAINING, RunState.SAMPLING, RunState.EXPORTING)
"""The stages of a run, in their order."""

ENDS = (
    RunState.DONE, RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED,
    RunState.STOPPED_EARLY,
)  # fmt: skip

GOOD_ENDS = {RunState.DONE, RunState.STOPPED_EARLY}
"""How a run ends that nobody needs to look after: a launch leaves it alone."""

STOPPED = {RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED}
"""How a run ends that has not got to its end."""

LEGAL_MOVES: dict[RunState, set[RunState]] = {
    RunState.NEW: {RunState.PREPARED, RunState.QUEUED, *STAGES},
    RunState.PREPARED: {RunState.QUEUED, *STAGES},
    RunState.QUEUED: {RunState.PREPARED, RunState.DONE, *STAGES, *STOPPED},
    RunState.TRAINING: {
        RunState.SAMPLING,
        RunState.EXPORTING,
        RunState.DONE,
        RunState.STOPPED_EARLY,
        *STOPPED,
    },
    RunState.SAMPLING: {RunState.EXPORTING, RunState.DONE, *STOPPED},
    RunState.EXPORTING: {RunState.DONE, *STOPPED},
    # A run that ended starts again from the queue, or at a stage when its runner is called by hand.
    **{state: {RunState.QUEUED, *STAGES} for state in ENDS},
}


@dataclass(frozen=True)
class RunStatus:
    """What is known of a run at one moment.

    Times are ISO 8601 with the offset from UTC, by the name of the state that began (and `ended`);
    `heartbeat` is seconds since the epoch. `pid` and `pid_started` name the runner's process on
    `host`, `attempt_id` what its processes are marked with; `finished_stages` the stages whose
    outputs are complete; `training_end` says in words why training stopped. `submission` names the
    entry in the collection's `jobs/` that a run was submitted with, `job` the scheduler's own name
    for the job that works on it, such as `123_4`. `cluster` is the
    address of the dask cluster that it was launched on, "" for none. `pack` is how many runs train
    with it as one program.
    """

    state: RunState
    stage: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    pid: int | None = None
    pid_started: float | None = None
    kernel_pid: int | None = None
    host: str = ""
    device: str = ""
    times: dict[str, str] = field(default_factory=dict)
    finished_stages: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    training_end: str = ""
    attempt: int = 0
    attempt_id: str = ""
    mode: str = "all"
    peak_memory_mb: float | None = None
    heartbeat: float | None = None
    submission: str = ""
    job: str = ""
    cluster: str = ""
    pack: int = 0

    @property
    def place(self) -> str:
        """The device for people, with how many runs train there as one program."""
        if self.pack > 1 and self.state.is_running:
            return f"{self.pack} in one program on {self.device}"
        return self.device

    def moved(self, state: RunState, *, now: datetime, **changes: Any) -> RunStatus:
        """Return the status after a move, with the time of the move written in.

        Raises
        ------
        QueueError
            If the table of legal moves has no such move.
        """
        if state is not self.state and state not in LEGAL_MOVES[self.state]:
            raise QueueError(f"a run that is {self.state.value} cannot become {state.value}")
        stamp = now.isoformat(timespec="seconds")
        times = {**self.times, state.value: stamp}
        if state.is_ended:
            times["ended"] = stamp
        return replace(self, state=state, times=times, heartbeat=now.timestamp(), **changes)

    def to_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self), "state": self.state.value}

    @classmethod
    def from_json(cls, content: Any) -> RunStatus:
        """Make a status from what the file holds.

        Raises
        ------
        ValueError
            If it is not a status of a known schema.
        """
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            found = content.get("schema") if isinstance(content, dict) else None
            raise ValueError(f"it has schema {repr(found)[:40]}, and this version knows {SCHEMA}")
        state = content.get("state")
        if state not in [known.value for known in RunState]:
            raise ValueError(f"its state cannot be {repr(state)[:40]}")
        return cls(state=RunState(state), **checked_values(content))


def read_status(folder: RunFolder) -> RunStatus:
    """Read where a run is; whatever the folder holds, the answer is a status.

    Without a `status.json` a run is done, prepared or new by its other files. One that cannot be
    read gives `done` if the mark of a finished run is there, else `interrupted`, and says why.
    """
    try:
        return RunStatus.from_json(read_json(folder.status_json, at_most=_MAX_BYTES))
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        return _status_of_files(folder, "" if missing else f"status.json: {error.strerror}")
    except ValueError as error:
        return _status_of_files(folder, f"status.json cannot be read ({plain_text(error)})")


def _status_of_files(folder: RunFolder, reason: str) -> RunStatus:
    if folder.done.exists():
        return RunStatus(RunState.DONE, reason=reason)
    if reason:
        again = "launch the run again: it goes on from its last checkpoint"
        return RunStatus(RunState.INTERRUPTED, reason=f"{reason}; {again}")
    return RunStatus(RunState.PREPARED if folder.run_json.exists() else RunState.NEW)


def write_status(folder: RunFolder, status: RunStatus, *, use_reserve: bool = True) -> None:
    """Write `status.json`, whole or not at all, even on a full disk if room was kept for it.

    Parameters
    ----------
    use_reserve : whether this one is worth the room, which serves only once.

    Raises
    ------
    RunFolderError
        If the folder cannot be written to.
    """
    content = json.dumps(status.to_json(), ensure_ascii=False, allow_nan=True).encode()
    try:
        _replace_file(folder.status_json, content)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if is_full and use_reserve and _write_into_reserve(folder, content):
            return
        full = disk_full(folder.status_json, error, len(content))
        reason = full or f"{folder.status_json} cannot be written: {error.strerror or error}"
        raise RunFolderError(str(reason)) from error


def move_status(folder: RunFolder, state: RunState, **changes: Any) -> RunStatus:
    """Read, move and write a run's status; see `RunStatus.moved`."""
    status = read_status(folder).moved(state, now=local_now(), **changes)
    write_status(folder, status)
    return status


def training_figures(status: RunStatus) -> dict[str, Any]:
    """Return the figures of the training, which stay beside the progress of the stages after it."""
    return {k: v for k, v in status.progress.items() if k not in ("fraction", "eta_s", "doing")}


def how_far(status: RunStatus) -> tuple[int, float, float]:
    """Return what grows as a run or a population gets further.

    Finished stages, the epoch in this one, and members that are done with this generation.
    """
    epoch, members = status.progress.get("epoch"), status.progress.get("members_done")
    return (
        len(status.finished_stages),
        epoch if isinstance(epoch, int | float) else -1.0,
        members if isinstance(members, int | float) else -1.0,
    )


def local_now() -> datetime:
    """Return the time with this machine's offset from UTC."""
    return datetime.now().astimezone()


# ---------------------------------------------------------------------------------- files

_RESERVED_BYTES = 32 * 1024
_MAX_BYTES = 2**20


def reserve_path(folder: RunFolder) -> Path:
    """Return the file that keeps room for a last status on a full disk."""
    return folder.path / ".status-reserve"


def keep_room(folder: RunFolder) -> None:
    """Set disk space aside, so that a run which fills the disk can still say so."""
    if not reserve_path(folder).exists():
        _replace_file(reserve_path(folder), b" " * _RESERVED_BYTES)


def _write_into_reserve(folder: RunFolder, content: bytes) -> bool:
    reserve = reserve_path(folder)
    if not reserve.exists() or len(content) > _RESERVED_BYTES:
        return False
    try:
        handle = os.open(reserve, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    with os.fdopen(handle, "wb") as file:
        # Blocks that are there already are written again, which needs no space.
        file.write(content.ljust(_RESERVED_BYTES))
    os.replace(reserve, folder.status_json)
    return True


def _replace_file(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
