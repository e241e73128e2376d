"""Files that are there whole or not at all: written beside, then moved into place."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lfads_nb.errors import DiskFullError, RunFolderError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it takes `path`'s place, else it is removed.

    Parameters
    ----------
    path : the file to write; its folder is made.

    Raises
    ------
    DiskFullError
        If there is no room for it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise disk_full(path, error, None) or error from error
    beside = Path(name)
    try:
        yield beside
        # mkstemp makes files that only their owner may read; results are for the whole lab.
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod(0o666 & ~mask)
        os.replace(beside, path)
    except DiskFullError:
        raise
    except OSError as error:
        raise disk_full(path, error, None, beside) or error from error
    finally:
        beside.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file, whole or not at all.

    Raises
    ------
    DiskFullError
        If there is no room for it.
    """
    with replacing(path) as beside:
        try:
            beside.write_bytes(content)
        except OSError as error:
            raise disk_full(path, error, len(content), beside) or error from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; see `write_bytes`.

    Raises
    ------
    RunFolderError
        It would name a file or folder whose name is no text.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise RunFolderError(f"{path} cannot be written: {no_text(error)}") from error
    write_bytes(path, content)


def check_text(path: Path) -> None:
    """See that a path can be written into files.

    Raises
    ------
    RunFolderError
        It cannot.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise RunFolderError(f"{path} cannot be used: {no_text(error)}") from error


def no_text(error: UnicodeEncodeError) -> str:
    """Say what to do about a path whose bytes are no UTF-8, such as one of an old disk."""
    near = ascii(error.object[max(0, error.start - 30) : error.end + 10])
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") != "utf8":
        return (
            f"Python reads names of files as {encoding} here, which one cannot be read as (near "
            f"{near}): set PYTHONUTF8=1 or LC_ALL=C.UTF-8 in the environment, and start again"
        )
    return (
        f"a file or folder has a name that is not UTF-8 text (near {near}): rename it, for example "
        "with the program convmv"
    )


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def make_room(path: Path, n_bytes: int) -> None:
    """See that a file of some size can be written; its content is lost.

    For writers that end the process on a full disk (see `hdf5_files`) and take nothing but a path.

    Raises
    ------
    DiskFullError
        If there is no room for it; the file is gone then.
    """
    block = bytes(2**20)
    try:
        with path.open("wb") as file:
            for start in range(0, n_bytes, len(block)):
                file.write(block[: n_bytes - start])
    except OSError as error:
        named = path.with_name(path.name.removeprefix(".writing-"))
        full = disk_full(named, error, n_bytes, path)
        path.unlink(missing_ok=True)
        raise full or error from error


def disk_full(
    path: Path, error: OSError, n_bytes: int | None, written: Path | None = None
) -> DiskFullError | None:
    """Return what to raise if an error says that a disk is full; None if it says something else.

    Parameters
    ----------
    path : the file that could not be written.
    n_bytes : its size, None if that is not known.
    written : where it was written to; what it takes there is going to be free again.
    """
    if error.errno not in _FULL:
        return None
    needs = f"it needs {_size(n_bytes)}, and " if n_bytes else ""
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(_existing(path)).free + _taken(written)
        there = f"{_size(free)} are free on its disk"
    elif error.errno == errno.EDQUOT:
        there = "your share (quota) of its disk is used up"
    else:
        there = "files may not get so large here (ulimit -f)"
    return DiskFullError(
        f"no room for {path}: {needs}{there}. Free some, or work in another folder",
        errno=error.errno,
    )


def _existing(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


def _taken(path: Path | None) -> int:
    try:
        return path.stat().st_blocks * 512 if path is not None else 0
    except FileNotFoundError:
        return 0


def _size(n_bytes: int) -> str:
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
