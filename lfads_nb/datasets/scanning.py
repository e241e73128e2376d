"""What a folder holds: its files, each with its recognised format or what is wrong with it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from lfads_nb.datasets.readers import recognise_format
from lfads_nb.errors import CollectionError, DataError


class FoundFile(NamedTuple):
    """A file of a folder: its format (a key of `FORMATS`) if it is known, else the problem."""

    path: Path
    format: str | None
    problem: str


def scan_folder(path: str | os.PathLike[str], pattern: str = "*") -> list[FoundFile]:
    """List a folder's files with their format or problem, see `list_files` and `look_at`."""
    return [look_at(file) for file in list_files(path, pattern)]


def list_files(path: str | os.PathLike[str], pattern: str = "*") -> list[Path]:
    """List a folder's files without opening any; hidden files and folders are left out.

    Parameters
    ----------
    path : the folder; `~` is expanded.
    pattern : which files, like `*.mat`; `**/*` looks into subfolders too.

    Returns
    -------
    files : sorted by path, numbers in numeric order.

    Raises
    ------
    CollectionError
        When there is no such folder or it may not be read.
    """
    folder = Path(path).expanduser()
    try:
        with os.scandir(folder):
            pass  # pathlib's glob takes a missing or unreadable folder for an empty one
        files = [file for file in folder.glob(pattern) if _is_visible_file(file, folder)]
    except (OSError, ValueError, NotImplementedError) as error:
        raise CollectionError(f"the folder {folder} cannot be listed: {error}") from error
    return sorted(set(files), key=natural_order)


def natural_order(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sorting key that puts `day2` before `day10`."""
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", str(path))
    )


def _is_visible_file(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and file.is_file()


def look_at(file: Path) -> FoundFile:
    """Recognise a file's format, or say what is wrong with it."""
    try:
        return FoundFile(file, recognise_format(file), "")
    except DataError as error:
        return FoundFile(file, None, str(error))
