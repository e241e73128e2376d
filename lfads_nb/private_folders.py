"""Temporary folders for their owner alone, short enough for sockets, and swept if left behind.

Each holds a locked file for as long as its process lives: what a killed one leaves behind is known
by the lock that nobody holds, and removed by whoever makes the next folder.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from lfads_nb.desks import belongs_to_this_user
from lfads_nb.errors import RunFolderError

PREFIX = "lfads-nb-"
_OWNER = ".owner"
# The longest path of a Unix socket is 107 bytes on Linux and 103 on macOS.
_SOCKET_PATH = 103
_OWN_NAME = len(f"/{PREFIX}") + 8


class PrivateFolder:
    """A temporary folder of this process.

    Parameters
    ----------
    room : bytes that the names of sockets in it need, slash included.

    Attributes
    ----------
    path : the folder.

    Raises
    ------
    RunFolderError
        Every place for temporary folders has too long a name.
    """

    def __init__(self, *, room: int = 24) -> None:
        sweep()
        place = _short_enough(room, _places())
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        self._lock = _lock_of(self.path)
        self._lock.acquire()

    def close(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)  # where a locked file cannot be removed


def _lock_of(path: Path) -> FileLock:
    return FileLock(path / _OWNER, mode=0o600, thread_local=False)


def sweep() -> None:
    """Remove the folders of this user whose processes are gone."""
    for place in _places():
        with suppress(OSError):
            for entry in os.scandir(place):
                if entry.name.startswith(PREFIX):
                    with suppress(OSError):
                        _remove_if_left(Path(entry.path))


def _remove_if_left(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or not belongs_to_this_user(found):
        return
    if not stat.S_ISREG((path / _OWNER).lstat().st_mode):
        return
    with _lock_of(path).acquire(blocking=False):  # fails while its process lives
        shutil.rmtree(path)


def _places(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Go through where temporary folders may be, the usual one first."""
    seen = set()
    home = os.path.expanduser("~")
    others = (environment.get("XDG_RUNTIME_DIR", ""), "/tmp", "/var/tmp", "/dev/shm", home)
    for place in (tempfile.gettempdir(), *others):
        if place and place not in seen and os.access(place, os.W_OK | os.X_OK):
            seen.add(place)
            yield place


def _short_enough(room: int, places: Iterable[str]) -> str:
    """Return the first place in which a socket's whole path is short enough.

    Raises
    ------
    RunFolderError
        There is none.
    """
    longest = _SOCKET_PATH - room - _OWN_NAME
    seen = []
    for place in places:
        if len(os.fsencode(place)) <= longest:
            return place
        seen.append(place)
    raise RunFolderError(
        f"no temporary folder has a name that is short enough for sockets ({longest} characters): "
        f"{', '.join(seen) or 'none can be written to'}. Set TMPDIR to a shorter one"
    )
