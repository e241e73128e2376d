"""HDF5 files of a user's own with named arrays at the top, as h5py or `h5write` make them.

Arrays are named as in `.npz` files: `counts` (trials x time x channels), `time_ms` or `bin_ms`,
`condition_ids`, ...; other names by `functools.partial(read_hdf5, names={"counts": "binned"})`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lfads_nb.datasets.array_signals import find_signals
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.hdf5_checks import check_readable
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.reading import reading
from lfads_nb.datasets.session_arrays import (
    TIME_FIRST,
    SessionArrays,
    find_names,
    to_counts,
    to_info,
)
from lfads_nb.errors import DataError
from lfads_nb.hdf5_reading import open_hdf5


def is_session(file: h5py.File) -> bool:
    """Whether an open HDF5 file has counts at its top."""
    return "counts" in find_names(file.keys())


def read_hdf5(
    path: str | os.PathLike[str],
    *,
    names: Mapping[str, str] | None = None,
    bin_ms: float | None = None,
    allow_missing: bool = False,
) -> Counts:
    """Read counts from the named arrays of an HDF5 file.

    Parameters
    ----------
    path : the file.
    names : ours (counts, time_ms, bin_ms, condition_ids, truth, external_inputs) -> what the file
        calls it; a path such as `session/spikes` for arrays in groups.
    bin_ms : bin width in ms where the file does not tell.
    allow_missing : NaN in counts means "nothing recorded in this bin".

    Raises
    ------
    DataError
        When the file cannot be read or its content does not fit.
    """
    path = Path(path).expanduser()
    with reading(path), _open(path, names or {}, bin_ms, allow_missing) as arrays:
        return to_counts(arrays)


def peek_hdf5(path: Path) -> DatasetInfo:
    """Describe such a file without reading its spikes."""
    with _open(path, {}) as arrays:
        return to_info(arrays)


@contextmanager
def _open(
    path: Path, names: Mapping[str, str], bin_ms: float | None = None, allow_missing: bool = False
) -> Iterator[SessionArrays]:
    with open_hdf5(path) as file:
        found = find_names(file.keys()) | dict(names)
        missing = [name for name in found.values() if not isinstance(file.get(name), h5py.Dataset)]
        if missing or "counts" not in found:
            raise DataError(
                f"{path.name} has no array {', '.join(missing) or 'counts or spikes'}, only "
                f"{contents(file)}.",
                dataset=path.stem,
                field="counts",
            )
        arrays = _Arrays(file, found.values())
        at_top = [name for name in file if isinstance(file.get(name), h5py.Dataset)]
        yield SessionArrays(
            path,
            arrays,
            found,
            TIME_FIRST,
            default_bin_ms=bin_ms,
            signals=find_signals(at_top, arrays.read),
            allow_missing=allow_missing,
        )


def contents(file: h5py.File) -> str:
    """Name the arrays of a file with their shapes."""
    found: list[str] = []

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and len(found) < 30:
            found.append(f"{name} ({' x '.join(map(str, item.shape))})" if item.shape else name)

    file.visititems(look)
    return ", ".join(found) or "no arrays"


class _Arrays:
    def __init__(self, file: h5py.File, names: Iterable[str]) -> None:
        self._file = file
        self.shapes = {name: file[name].shape or () for name in names}

    def read(self, name: str) -> Any:
        item = self._file[name]
        check_readable(item)
        value = item[()]
        if isinstance(value, bytes | str | np.generic):
            return value
        if h5py.check_string_dtype(item.dtype):
            return np.asarray(value, dtype=object)  # bytes, decoded by the rule for all labels
        return value
