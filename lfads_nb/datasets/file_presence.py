"""Whether a data file is here with its content: not a broken link, a pipe, or a mere pointer."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from lfads_nb.errors import DataError
from lfads_nb.regular_files import open_regular

_POINTERS = (
    (b"version https://git-lfs.github.com", "git lfs pull"),
    (b"/annex/objects/", "datalad get (or git annex get)"),
    (b"../.git/annex/", "datalad get (or git annex get)"),
    (b".git/annex/", "datalad get (or git annex get)"),
)


def check_is_here(path: Path) -> None:
    """Refuse what is no file with content of its own.

    Raises
    ------
    DataError
        The file is missing, unreadable, empty, a broken link, a pipe or device, or the pointer
        that git-lfs, git-annex or datalad leave in place of what was not downloaded.
    """
    _check_is_there(path)
    try:
        with open_regular(path) as file:
            start = file.read(64)
    except OSError as error:
        raise _unreadable(path, error) from error
    _check_has_content(path, start)


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be read: {error.strerror or error}", dataset=path.stem)


def _check_is_there(path: Path) -> None:
    """Refuse what is no file with content of its own: broken links, pipes, devices."""
    if path.is_symlink() and not path.exists():
        target = os.readlink(path)
        if "annex/objects" in target:
            raise _pointer(path, "datalad get (or git annex get)")
        raise DataError(
            f"{path.name} is a link to {target}, which is not there.", dataset=path.stem
        )
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(f"{path.name} is no file but a pipe or device.", dataset=path.stem)


def _check_has_content(path: Path, start: bytes) -> None:
    if not start:
        raise DataError(
            f"{path.name} is empty (0 bytes): copy or download it again.", dataset=path.stem
        )
    for mark, command in _POINTERS:
        if start.startswith(mark):
            raise _pointer(path, command)


def _pointer(path: Path, command: str) -> DataError:
    return DataError(
        f"{path.name} is only a pointer to data that were not downloaded: run {command} "
        f"{path.name} in its folder.",
        dataset=path.stem,
    )
