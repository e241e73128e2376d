"""NumPy `.npz` files of spike counts.

Arrays: `counts` (trials x time x channels) and `time_ms` (or `bin_ms`), optionally `condition_ids`,
`truth`, `external_inputs`, and texts `subject`, `datetime`, `comment`; behaviour as
`behavior_<name>` (trials x time x dims), its unit as a text `behavior_<name>_unit`. The run
manager's spellings (`spikes`, `timeMs`, `conditionId`, ...) are understood too, but the axes stay
as said here.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lfads_nb.datasets.array_signals import find_signals
from lfads_nb.datasets.counts import Counts
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
from lfads_nb.regular_files import check_regular

_TIGHTEST = 1100  # deflate packs at most so much into a byte


def read_npz(path: str | os.PathLike[str], *, allow_missing: bool = False) -> Counts:
    """Read counts from an `.npz` file; arrays of Python objects (pickles) are refused.

    Parameters
    ----------
    path : the file.
    allow_missing : NaN in counts means "nothing recorded in this bin".

    Raises
    ------
    DataError
        When the file cannot be read or its content does not fit.
    """
    path = Path(path).expanduser()
    with reading(path), _open(path, allow_missing) as arrays:
        return to_counts(arrays)


def peek_npz(path: Path) -> DatasetInfo:
    """Describe an `.npz` file without reading its spikes."""
    with _open(path) as arrays:
        return to_info(arrays)


@contextmanager
def _open(path: Path, allow_missing: bool = False) -> Iterator[SessionArrays]:
    check_regular(path)
    with np.load(path, allow_pickle=False) as file:
        found = find_names(file.files)
        if "counts" not in found:
            raise DataError(
                f"{path.name} has no array counts or spikes, only "
                f"{', '.join(sorted(file.files)) or 'none'}. Rename it, or pass a loader that "
                "turns the file into Counts.",
                dataset=path.stem,
                field="counts",
            )
        arrays = _Arrays(path, file)
        signals = find_signals(file.files, arrays.read)
        yield SessionArrays(
            path, arrays, found, TIME_FIRST, signals=signals, allow_missing=allow_missing
        )


class _Arrays:
    """Arrays of an archive, whose shapes are in their headers."""

    def __init__(self, path: Path, file: Mapping[str, np.ndarray]) -> None:
        self._path, self._file = path, file
        self.shapes = _Shapes(path)

    def read(self, name: str) -> Any:
        self.shapes.check(name)
        try:
            value = self._file[name]
        except ValueError as error:
            raise DataError(
                f"cannot be read ({error}). Save numbers, or text as a plain string array.",
                dataset=self._path.stem,
                field=name,
            ) from error
        return value.item() if value.shape == () else value


class _Shapes(Mapping[str, tuple[int, ...]]):
    """Shape of each array, from its header alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, name: str) -> tuple[int, ...]:
        return self._header(name)[0]

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def check(self, name: str) -> None:
        """Refuse an array that claims more bytes than the archive can hold, before it is made."""
        shape, dtype, stored = self._header(name)
        claimed = np.prod(shape, dtype=float) * dtype.itemsize
        if claimed > _TIGHTEST * (stored + 1024):
            raise ValueError(f"{name} claims {claimed:.3g} bytes, but {stored} are stored")

    def _header(self, name: str) -> tuple[tuple[int, ...], np.dtype, int]:
        with zipfile.ZipFile(self._path) as archive, archive.open(f"{name}.npy") as member:
            version = np.lib.format.read_magic(member)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(member)
            return shape, dtype, archive.getinfo(f"{name}.npy").compress_size
