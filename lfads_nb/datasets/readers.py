"""From a file to `Counts`: the formats that are known, recognised by content, not by name.

| format | what |
|---|---|
| `lfads_nb` | our own HDF5 layout (`write_counts`) |
| `hdf5` | arrays `counts`, `time_ms`, ... at the top, see `hdf5files` |
| `npz` | NumPy archive, see `npzfiles` |
| `mat` | MATLAB v5 to v7, see `matfiles` |
| `mat73` | MATLAB v7.3 (HDF5) |
| `lfads_input` | input of an LFADS program, see `lfadsfiles` |
| `nlb` | tensors of the Neural Latents Benchmark, see `nlbfiles` |
| `nlb_nwb` | a file of the Neural Latents Benchmark, cut by its rules, see `lfads_nb.nlb` |
| `nwb` | other Neurodata Without Borders: needs to know the event, so `read_nwb` reads it |

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
from lfads_nb.datasets.hdf5files import contents, is_session, peek_hdf5, read_hdf5
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.lfadsfiles import is_lfads_input, peek_lfads_input, read_lfads_input
from lfads_nb.datasets.matfiles import peek_mat, read_mat
from lfads_nb.datasets.nlbfiles import (
    is_nlb_nwb,
    is_nlb_tensors,
    peek_nlb_tensors,
    read_nlb_tensors,
)
from lfads_nb.datasets.npzfiles import peek_npz, read_npz
from lfads_nb.datasets.nwb import nwb_needs
from lfads_nb.datasets.reading import reading
from lfads_nb.errors import DataError
from lfads_nb.hdf5_reading import refuse_links_at_top
from lfads_nb.regular_files import open_regular

__all__ = ["FORMATS", "FileFormat", "peek_info", "read_counts", "recognise_format", "write_counts"]


class FileFormat(NamedTuple):
    """How to read one format, and how to describe a file without reading its spikes."""

    title: str
    read: Callable[[Path], Counts]
    peek: Callable[[Path], DatasetInfo]


def _refuse_nwb(path: Path) -> Any:
    raise nwb_needs(path)


def _read_nlb_nwb(path: Path) -> Counts:
    from lfads_nb.nlb.session import read_nlb  # a room that builds on this one

    return read_nlb(path)


def _peek_nlb_nwb(path: Path) -> DatasetInfo:
    return DatasetInfo.from_counts(_read_nlb_nwb(path))


FORMATS = {
    "lfads_nb": FileFormat("lfads_nb HDF5", read_layout, peek_layout),
    "hdf5": FileFormat("HDF5 with counts", read_hdf5, peek_hdf5),
    "npz": FileFormat("NumPy .npz", read_npz, peek_npz),
    "mat": FileFormat("MATLAB v5/v7", read_mat, peek_mat),
    "mat73": FileFormat("MATLAB v7.3", read_mat, peek_mat),
    "lfads_input": FileFormat("LFADS input HDF5", read_lfads_input, peek_lfads_input),
    "nlb": FileFormat("NLB tensors HDF5", read_nlb_tensors, peek_nlb_tensors),
    "nlb_nwb": FileFormat("NLB's NWB", _read_nlb_nwb, _peek_nlb_nwb),
    "nwb": FileFormat("NWB", _refuse_nwb, _refuse_nwb),
}
# What other files begin with, and what to do about them.
_OTHERS = {
    b"PK": " It is an archive or Office document: export tables as CSV.",
    b"\xd0\xcf\x11\xe0": " It is an Office document: export tables as CSV.",
    b"\x93NUMPY": " It is a single NumPy array: np.savez(path, counts=array, bin_ms=...) opens.",
    b"# Created by Octave": " It is Octave's text format: save it with `save -v7`.",
    b"\x80": " It looks like a pickle, which is never opened: save it as .npz or HDF5.",
}


def recognise_format(path: str | os.PathLike[str]) -> str:
    """Name the format of a file (a key of `FORMATS`) by its content.

    Raises
    ------
    DataError
        When there is no such file, it cannot be read, or its format is not known.
    """
    path = Path(path).expanduser()
    with reading(path):
        with open_regular(path) as file:
            start = file.read(512)
        name = _by_content(path, start)
        seen = "" if name else _seen(path, start)
    if name is None:
        raise DataError(
            f"{path.name} is in none of the known formats "
            f"({', '.join(known.title for known in FORMATS.values())}).{seen} Pass a "
            "loader, a function that takes the path and returns Counts.",
            dataset=path.stem,
        )
    return name


def _seen(path: Path, start: bytes) -> str:
    """Say what an unknown file seems to be, where its first bytes or its arrays tell."""
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            refuse_links_at_top(file)
            return f" It is HDF5 with {contents(file)}; arrays counts and time_ms would open."
    if start.startswith(b"PK") and not zipfile.is_zipfile(path):
        return " It is an archive, as .npz files are, whose end is missing: copy it again."
    return next((said for mark, said in _OTHERS.items() if start.startswith(mark)), "")


def _by_content(path: Path, start: bytes) -> str | None:
    if start.startswith(b"MATLAB 5.0 MAT-file"):
        return "mat"
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        return "npz" if names and all(name.endswith(".npy") for name in names) else None
    if not start.startswith(b"\x89HDF\r\n\x1a\n") and not h5py.is_hdf5(path):
        return None
    with h5py.File(path, "r") as file:
        refuse_links_at_top(file)
        if is_layout(file):
            return "lfads_nb"
        if "nwb_version" in file.attrs or "nwb_version" in file:
            return "nlb_nwb" if is_nlb_nwb(file) else "nwb"
        if is_nlb_tensors(file):
            return "nlb"
        if is_lfads_input(file):
            return "lfads_input"
        if start.startswith(b"MATLAB 7.3") or path.suffix == ".mat":
            return "mat73"
        return "hdf5" if is_session(file) else None


def read_counts(path: str | os.PathLike[str]) -> Counts:
    """Read spike counts from a file in any known format.

    Parameters
    ----------
    path : a file in one of the formats above; `~` is expanded.

    Raises
    ------
    DataError
        When the file cannot be read or its content does not fit, with what to do about it.
    """
    path = Path(path).expanduser()
    known = FORMATS[recognise_format(path)]
    with reading(path):
        return known.read(path)


def peek_info(path: str | os.PathLike[str]) -> DatasetInfo:
    """Describe a file in any known format, without reading its spikes where the format allows.

    Raises
    ------
    DataError
        When the file cannot be read or lacks what is needed.
    """
    path = Path(path).expanduser()
    known = FORMATS[recognise_format(path)]
    with reading(path):
        return known.peek(path)
