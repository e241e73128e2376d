"""The guard around every reader: whatever goes wrong in a file is a `DataError` that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lfads_nb.datasets.file_presence import check_is_here
from lfads_nb.errors import DataError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the many errors of a damaged file into one that names it.

    Raises
    ------
    DataError
        When the file is not here with its content (see `check_is_here`), and for every exception
        inside.
    """
    check_is_here(path)
    try:
        yield
    except DataError as error:
        if path.name in str(error):
            raise
        raise error.in_file(path.name) from error
    except Exception as error:
        raise DataError(f"{path.name} {reason(error)}", dataset=path.stem) from error


def reason(error: Exception) -> str:
    """Say in words why a file could not be read."""
    if isinstance(error, MemoryError):
        return "is damaged, or larger than this machine's memory"
    text = f"{error}"
    if "required filter" in text or "hdf5/lib/plugin" in text:
        return (
            f"is compressed by a filter that is not installed ({_short(text)}): pip install "
            "hdf5plugin and import it in your loader, or save the file with gzip"
        )
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if "truncated" in text or isinstance(error, EOFError):
        return f"is truncated, the end is missing: copy or download it again ({_short(text)})"
    return f"is damaged or incomplete: {type(error).__name__}: {_short(text)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:197] + "..."
