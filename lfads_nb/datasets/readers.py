"""From a file to `Counts`: the formats that are known, recognised by content, not by name.

| format | what |
|---|---|
| `lfads_nb` | our own HDF5 layout (`write_counts`) |
| `npz` | NumPy archive, see `npzfiles` |
| `mat` | MATLAB v5 to v7, see `matfiles` |
| `mat73` | MATLAB v7.3 (HDF5) |
| `lfads_input` | input of an LFADS program: bin width unknown, so read by `read_lfads_input` |
| `nwb` | Neurodata Without Borders: needs to know the event, so it is read by `read_nwb` |

Anything else needs a loader: a function from path to `Counts`, given to the dataset.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.hdf5_layout import is_layout, peek_layout, read_layout, write_counts
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.lfadsfiles import is_lfads_input
from lfads_nb.datasets.matfiles import peek_mat, read_mat
from lfads_nb.datasets.npzfiles import peek_npz, read_npz
from lfads_nb.errors import DataError

__all__ = ["FORMATS", "FileFormat", "peek_info", "read_counts", "recognise_format", "write_counts"]


class FileFormat(NamedTuple):
    """How to read one format, and how to describe a file without reading its spikes."""

    title: str
    read: Callable[[Path], Counts]
    peek: Callable[[Path], DatasetInfo]


def _needs_settings(what: str, how: str) -> Callable[[Path], Any]:
    def refuse(path: Path) -> Any:
        raise DataError(
            f"{path.name} is {what}, with loader=functools.partial({how}).", dataset=path.stem
        )

    return refuse


_LFADS_INPUT = _needs_settings(
    "the input file of an LFADS program: say how wide its bins are", "read_lfads_input, bin_ms=..."
)
_NWB = _needs_settings(
    "an NWB file: say which event and window make a trial",
    "read_nwb, align_to=..., window_ms=(..., ...), bin_ms=...",
)

FORMATS = {
    "lfads_nb": FileFormat("lfads_nb HDF5", read_layout, peek_layout),
    "npz": FileFormat("NumPy .npz", read_npz, peek_npz),
    "mat": FileFormat("MATLAB v5/v7", read_mat, peek_mat),
    "mat73": FileFormat("MATLAB v7.3", read_mat, peek_mat),
    "lfads_input": FileFormat("LFADS input HDF5", _LFADS_INPUT, _LFADS_INPUT),
    "nwb": FileFormat("NWB", _NWB, _NWB),
}


def recognise_format(path: str | os.PathLike[str]) -> str:
    """Name the format of a file (a key of `FORMATS`) by its content.

    Raises
    ------
    DataError
        When there is no such file, it cannot be read, or its format is not known.
    """
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            start = file.read(128)
        name = _by_content(path, start)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {_reason(error)}", dataset=path.stem) from error
    if name is None:
        raise DataError(
            f"{path.name} is in none of the known formats "
            f"({', '.join(known.title for known in FORMATS.values())}). Pass a loader, a function "
            "that takes the path and returns Counts.",
            dataset=path.stem,
        )
    return name


def _by_content(path: Path, start: bytes) -> str | None:
    if start.startswith(b"MATLAB 5.0 MAT-file"):
        return "mat"
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        return "npz" if names and all(name.endswith(".npy") for name in names) else None
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            if is_layout(file):
                return "lfads_nb"
            if "nwb_version" in file.attrs:
                return "nwb"
            if is_lfads_input(file):
                return "lfads_input"
        return "mat73" if start.startswith(b"MATLAB 7.3") or path.suffix == ".mat" else None
    return None


def read_counts(path: str | os.PathLike[str]) -> Counts:
    """Read spike counts from a file in any known format.

    Parameters
    ----------
    path : a file in our HDF5 layout, `.npz`, or MATLAB `.mat`; `~` is expanded.

    Raises
    ------
    DataError
        When the file cannot be read or its content does not fit, with what to do about it.
    """
    path = Path(path).expanduser()
    return _guarded(FORMATS[recognise_format(path)].read, path)


def peek_info(path: str | os.PathLike[str]) -> DatasetInfo:
    """Describe a file in any known format, without reading its spikes.

    Raises
    ------
    DataError
        When the file cannot be read or lacks what is needed.
    """
    path = Path(path).expanduser()
    return _guarded(FORMATS[recognise_format(path)].peek, path)


def _guarded(read: Callable, path: Path):  # type: ignore[no-untyped-def]
    """Turn the many errors of a damaged file into one that names it."""
    try:
        return read(path)
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} is damaged or incomplete: {_reason(error)}", dataset=path.stem
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
