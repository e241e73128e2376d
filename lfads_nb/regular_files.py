"""Reading files that others may have made: only regular ones, never more than fits, JSON in words.

Opening a FIFO waits for ever, a device has no end, and a JSON file may be nested so deeply that
Python gives up; whoever reads a folder that came from elsewhere reads it through here.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

_MAX_JSON_BYTES = 64 * 2**20


def check_regular(path: str | os.PathLike[str]) -> None:
    """Make sure that a path leads to a regular file, for libraries that open it themselves.

    Raises
    ------
    OSError
        It is missing, or a folder, FIFO, socket or device.
    """
    _refuse_irregular(os.stat(path).st_mode, path)


def open_regular(
    path: str | os.PathLike[str], *, follow_links: bool = True, append: bool = False
) -> BinaryIO:
    """Open a regular file for reading, or for adding to its end.

    Parameters
    ----------
    path : the file; with `append` it is made if it is missing.
    follow_links : whether the file itself may be a symbolic link.
    append : open for adding.

    Raises
    ------
    OSError
        It cannot be opened, or is not a regular file, or a link that is not followed.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT if append else os.O_RDONLY
    # Without O_NONBLOCK, a FIFO would hold this process until somebody opens its other end.
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    if not follow_links:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow_links:
            raise OSError(errno.ELOOP, "it is a link, which is not followed", str(path)) from None
        if error.errno == errno.ENXIO:  # a FIFO that nobody reads, or a socket
            raise OSError(errno.EINVAL, "it is no regular file", str(path)) from None
        raise
    try:
        _refuse_irregular(os.fstat(handle).st_mode, path)
        return os.fdopen(handle, "ab" if append else "rb")
    except BaseException:
        os.close(handle)
        raise


def _refuse_irregular(mode: int, path: str | os.PathLike[str]) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))


def read_bytes(
    path: str | os.PathLike[str], *, at_most: int = _MAX_JSON_BYTES, follow_links: bool = True
) -> bytes:
    """Read a whole regular file.

    Raises
    ------
    OSError
        It cannot be read, is not a regular file, or is larger than `at_most` bytes.
    """
    with open_regular(path, follow_links=follow_links) as file:
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, f"it has more than {at_most} bytes", str(path))
    return content


def read_tail(path: Path, n_bytes: int) -> str:
    """Return the end of a log as text; empty if there is none, or if it is a link."""
    try:
        with open_regular(path, follow_links=False) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - n_bytes))
            return file.read(n_bytes).decode("utf-8", errors="replace")
    except OSError:
        return ""


def read_json(path: str | os.PathLike[str], *, at_most: int = _MAX_JSON_BYTES) -> Any:
    """Read a JSON file; every text in it can be written and shown.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no JSON, too deep, or holds text that is none (half a UTF-16 pair).
    """
    content = read_bytes(path, at_most=at_most)
    try:
        found = json.loads(content)
        if b"\\u" in content:
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeError:
        raise ValueError("it holds bytes or characters that are no text") from None
    return found
