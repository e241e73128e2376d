"""Holding a folder itself rather than its name: the name may come to mean another folder."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from lfads_nb.errors import RunFolderError


class FolderHold:
    """Knows whether a path still leads to the folder that it led to when this was made.

    While it is held, no other folder can get its inode number.

    Parameters
    ----------
    path : of the folder.

    Raises
    ------
    RunFolderError
        If there is no such folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._found = os.stat(path)
            # Windows opens no folders; there, what it was at the start has to do.
            can_hold = hasattr(os, "O_DIRECTORY")
            self._fd: int | None = None
            if can_hold:
                self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise RunFolderError(f"the folder {path} cannot be opened: {error.strerror}") from error

    def is_in_place(self) -> bool:
        """Return whether the path still leads to the folder, as far as can be told.

        A network drive that does not answer for a moment has lost nothing.
        """
        try:
            return os.path.samestat(self._held(), os.stat(self._path))
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)

    def _held(self) -> os.stat_result:
        return self._found if self._fd is None else os.fstat(self._fd)

    def _is_at(self, path: Path) -> bool:
        try:
            return os.path.samestat(self._held(), os.stat(path))
        except OSError:
            return False

    def path_now(self) -> Path | None:
        """Return where the folder lies now; None if it was deleted, or nobody can tell."""
        path = self._path if self._fd is None else _path_of(self._fd)
        return path if path is not None and self._is_at(path) else None

    def close(self) -> None:
        """Let go of it."""
        if self._fd is not None:
            os.close(self._fd)


def _path_of(fd: int) -> Path | None:
    try:
        if sys.platform == "darwin":
            import fcntl

            return Path(os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
        return Path(os.readlink(f"/proc/self/fd/{fd}"))
    except OSError:
        return None
