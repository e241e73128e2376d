"""A run's ticket on a dask cluster: a file in its folder that the worker which starts it takes.

Whoever renames the file first has decided: the worker starts the run, or the server takes it back.
A worker that finds no ticket does not see the folder that the server sees, and one that finds it
taken was given the run again by dask, after the first worker was lost. That is for the server to
see to.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from lfads_nb.atomic_files import write_text
from lfads_nb.errors import QueueError
from lfads_nb.sweep.folders import RunFolder

_PREFIX = ".lfads-ticket-"


class UnsharedFolderError(QueueError):
    """A worker of a cluster does not see the folder of a run, or may not write to it.

    Parameters
    ----------
    worker : its address.
    problem : what it met.
    """

    def __init__(self, worker: str, problem: str) -> None:
        super().__init__(worker, problem)
        self.worker, self.problem = worker, problem

    def __str__(self) -> str:
        return (
            f"the worker {self.worker} of the cluster cannot use the run folders: {self.problem}. "
            "They must be on a file system that all of its machines share, under the same path"
        )


class Ticket:
    """The right to start a run once.

    Parameters
    ----------
    folder : the run.
    attempt : the attempt that it is for.
    """

    def __init__(self, folder: RunFolder, attempt: str) -> None:
        self._path = folder.path / f"{_PREFIX}{attempt}"
        self._taken = self._path.with_name(f"{self._path.name}-taken")
        self._withdrawn = self._path.with_name(f"{self._path.name}-withdrawn")

    def issue(self) -> None:
        """Let one worker start the run.

        Raises
        ------
        OSError
            The folder cannot be written to.
        """
        for old in self._path.parent.glob(f"{_PREFIX}*"):
            old.unlink(missing_ok=True)  # of a server that was killed
        write_text(self._path, "")

    def withdraw(self) -> bool:
        """Let no worker start it any more; return whether none has."""
        try:
            os.rename(self._path, self._withdrawn)
        except OSError:
            return False
        return True

    @property
    def is_taken(self) -> bool:
        """Whether a worker has started the run, as far as this host sees."""
        return self._taken.exists()

    def remove(self) -> None:
        """Take away what is left of it."""
        for path in (self._path, self._taken, self._withdrawn):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def take(self, worker: str) -> bool:
        """Return whether this worker is to start the run.

        Parameters
        ----------
        worker : its address.

        Raises
        ------
        UnsharedFolderError
            There is no such ticket here, or the folder cannot be written to.
        """
        try:
            os.rename(self._path, self._taken)
            return True
        except OSError as error:
            if self._taken.exists() or self._withdrawn.exists():
                return False
            problem = answer_probe(str(self._path), "")
            raise UnsharedFolderError(
                worker, problem or f"{error.strerror} ({self._path.parent})"
            ) from None


def answer_probe(path: str, word: str) -> str:
    """Say what keeps this machine from using a folder; "" if nothing does.

    Parameters
    ----------
    path : a file that was put into it on another machine.
    word : what that file says.
    """
    probe = Path(path)
    try:
        if not probe.parent.is_dir():
            return f"No such file or directory ({probe.parent})"
        if not probe.exists() or probe.read_text() != word:
            return f"{probe.parent} is another folder there"
        own = probe.with_name(f"{probe.name}-{uuid.uuid4().hex}")
        own.write_text(word)
        own.unlink()
    except OSError as error:
        return f"{error.strerror} ({probe.parent})"
    return ""
