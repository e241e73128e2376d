"""The queue's own folder: one per user and machine, readable by its owner alone.

It holds what is asked for (batches, requests) and what the server says of itself; where a run is
stands in the run's folder. Deleting the whole home loses no result, only what was still queued.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lfads_nb.desks import belongs_to_this_user, may_have_been_made_by_root_or_this_user
from lfads_nb.errors import QueueError
from lfads_nb.queue.processes import ProcessId, this_host
from lfads_nb.regular_files import read_json
from lfads_nb.state_home import HOME_VARIABLE, state_home

QUEUE_VARIABLE = "LFADS_NB_QUEUE"
"""Environment variable that names a queue beside the machine's own, as a job of SLURM's has it."""


@dataclass(frozen=True)
class QueueHome:
    """Every path of the queue's own folder."""

    path: Path

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> QueueHome:
        """Return this user's home on this machine, made if need be.

        Raises
        ------
        QueueError
            If it cannot be made private.
        """
        # Home folders are often shared by machines; each has a queue of its own.
        name = f"queue-{this_host()}"
        of_job = environment.get(QUEUE_VARIABLE, "")
        if re.fullmatch(r"[A-Za-z0-9_-]+", of_job):
            name += f"-{of_job}"
        home = cls(state_home(environment) / name)
        home.make()
        return home

    def make(self) -> None:
        """Make the folders, for their owner only."""
        try:
            for folder in (
                self.path,
                self.batches,
                self.inbox,
                self.credentials,
                self.scratch,
                self.boards,
                self.ahead,
                self.clusters,
            ):
                _refuse_foreign_links(folder)
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                folder.chmod(0o700)
        except OSError as error:
            raise QueueError(
                f"the queue's folder {self.path} cannot be made ({error.strerror}): set "
                f"{HOME_VARIABLE} to a folder of your own"
            ) from error

    @property
    def batches(self) -> Path:
        """What was launched: one file for each launch, until all of its runs ended."""
        return self.path / "batches"

    @property
    def inbox(self) -> Path:
        """What views ask the server for."""
        return self.path / "inbox"

    @property
    def credentials(self) -> Path:
        return self.path / "tls"

    @property
    def clusters(self) -> Path:
        """How the dask clusters are reached that were launched on."""
        return self.path / "clusters"

    @property
    def scratch(self) -> Path:
        return self.path / "scratch"

    @property
    def packs(self) -> Path:
        """A folder for each program that trains several runs, with its log."""
        return self.path / "packs"

    @property
    def ahead(self) -> Path:
        """What the server tells workers of the runs that come next."""
        return self.path / "ahead"

    @property
    def boards(self) -> Path:
        """The TensorBoards that run."""
        return self.path / "tensorboard"

    @property
    def server_json(self) -> Path:
        """Which process the server is."""
        return self.path / "server.json"

    @property
    def news_json(self) -> Path:
        """What the server knows and no run folder tells: why runs wait, what is paused."""
        return self.path / "news.json"

    @property
    def held_json(self) -> Path:
        """What is paused, kept over a restart of the server."""
        return self.path / "held.json"

    @property
    def memory_json(self) -> Path:
        """How much memory runs of each shape took."""
        return self.path / "memory.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @contextmanager
    def exclusive(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold one of the home's locks; the system lets go of it when the process dies.

        Yields
        ------
        Whether it was got, which without `wait` it may not be.
        """
        lock = FileLock(self.path / f"{name}.lock", thread_local=False)
        try:
            lock.acquire(blocking=wait)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def wait_for_launches(self) -> None:
        """Wait until whoever is launching has saved its launch."""
        with self.exclusive("launch"):
            return

    def server_process(self) -> ProcessId | None:
        """Return the living server, or None."""
        server = ProcessId.from_json(read_json_file(self.server_json))
        return server if server is not None and server.is_alive else None

    def post(self, verb: str, **content: Any) -> None:
        """Ask the server for something."""
        put_json(self.inbox / f"{new_id()}.json", {"verb": verb, **content})

    def requests(self) -> list[Path]:
        """Return the files of what was asked for and not taken yet, the oldest first."""
        names = sorted(os.listdir(self.inbox)) if self.inbox.is_dir() else []
        return [self.inbox / name for name in names if name.endswith(".json")]


def _refuse_foreign_links(folder: Path) -> None:
    """See that no other user chose where a path leads to."""
    for path in (folder, *folder.parents):
        found = path.lstat() if path.is_symlink() else None
        if found is not None and not may_have_been_made_by_root_or_this_user(found):
            raise QueueError(
                f"{path} is a link that was made by another user: set {HOME_VARIABLE} to a folder "
                "of your own"
            )
    if folder.exists() and not belongs_to_this_user(folder.stat()):
        raise QueueError(f"{folder} belongs to another user: set {HOME_VARIABLE}")


def new_id() -> str:
    """Return a name that sorts by time and is never used twice."""
    return f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"


def put_json(path: Path, content: Any) -> None:
    """Write a private JSON file, whole or not at all.

    Raises
    ------
    QueueError
        If the queue's folder cannot be written to.
    """
    beside = path.with_name(f".writing-{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise QueueError(f"{path} cannot be written: {error.strerror}") from error


def read_json_file(path: Path) -> dict[str, Any]:
    """Read a JSON table; empty if it is missing or damaged."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
