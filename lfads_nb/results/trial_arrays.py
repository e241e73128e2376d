"""Arrays whose trials are spread over the HDF5 files of several splits, read only where asked.

LFADS writes training and validation trials into separate files, each in its own order. A
`TrialArray` shows them as one array in the order that the trials were recorded in, and opens a
file only for as long as a read takes, so that a run that samples again can replace it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lfads_nb import hdf5_reading
from lfads_nb.errors import RunFolderError

# Rows that are read at once from a dataset that is not cut into chunks.
_UNCHUNKED_ROWS = 64
# Network drives that cannot give the lock that HDF5 takes even for reading.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class SplitRows:
    """Rows of one HDF5 dataset and the trials that they belong to.

    Parameters
    ----------
    path, key : the file and the dataset in it.
    trials : (rows,) 0-based trial of each row; rows beyond those of the file are missing.
    n_axes : axes that the dataset has, the trials' included; MATLAB drops trailing ones.
    blocks : the last axis holds this many blocks of equal width (parameters of a distribution).
    combine : makes one block of all of them; the first is taken when not given.
    scale : multiplies what was read.
    """

    path: Path
    key: str
    trials: np.ndarray
    n_axes: int
    blocks: int = 1
    combine: Callable[..., np.ndarray] | None = None
    scale: float = 1.0

    def open(self) -> AbstractContextManager[h5py.File]:
        return open_hdf5(self.path)

    def layout(self) -> tuple[tuple[int, ...], np.dtype]:
        """Return the shape behind the trials' axis, and the type of the numbers."""
        with self.open() as file:
            if self.key not in file:
                raise RunFolderError(
                    f"{self.path} holds no {self.key!r}, only {', '.join(sorted(file))}"
                )
            dataset = check_numbers(file[self.key], self.path)
            shape = self._full_shape(dataset.shape)
            if len(shape) != self.n_axes or shape[-1] % self.blocks:
                raise RunFolderError(
                    f"{self.path} is not read: {self.key!r} in it has shape {shape}, and "
                    f"{self.n_axes} axes are expected"
                )
            self._check_rows(shape[0])
            dtype = dataset.dtype
        if self.blocks > 1:
            shape = (*shape[:-1], shape[-1] // self.blocks)
        if self.scale != 1 and dtype.kind != "f":
            dtype = np.dtype(np.float64)
        return shape[1:], dtype

    def n_rows(self) -> int:
        """Return how many trials the file holds."""
        with self.open() as file:
            return self._full_shape(file[self.key].shape)[0]

    def _check_rows(self, n_rows: int) -> None:
        if n_rows > len(self.trials):
            raise RunFolderError(
                f"{self.path} holds {n_rows} trials of {self.key!r}, but the input file names "
                f"only {len(self.trials)}: they are not of the same data. Sample the posterior "
                "again, or restore the input file that the run was trained on."
            )

    def _full_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give back the axes of size 1 that MATLAB does not write at the end of its order."""
        if len(shape) < self.n_axes and len(self.trials) == 1 and shape[:1] != (1,):
            shape = (1, *shape)
        return (*shape, *(1,) * (self.n_axes - len(shape)))

    def read(self, rows: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
        """Read rows and positions on the other axes: (rows, ...)."""
        with self.open() as file:
            dataset = file[self.key]
            shape = self._full_shape(dataset.shape)
            if dataset.shape != shape:
                dataset = dataset[()].reshape(shape)
            values = self._read_blocks(dataset, shape, rows, others)
        return values if self.scale == 1 else values * self.scale

    def _read_blocks(
        self,
        dataset: h5py.Dataset | np.ndarray,
        shape: tuple[int, ...],
        rows: np.ndarray,
        others: Sequence[np.ndarray],
    ) -> np.ndarray:
        if self.blocks == 1:
            return _read_orthogonal(dataset, (rows, *others))
        width = shape[-1] // self.blocks
        n_blocks = self.blocks if self.combine else 1
        parts = [
            _read_orthogonal(dataset, (rows, *others[:-1], others[-1] + i * width))
            for i in range(n_blocks)
        ]
        return self.combine(*parts) if self.combine else parts[0]

    def moved(self, offset: int) -> SplitRows:
        """Return the same rows as later trials of a longer array."""
        return replace(self, trials=self.trials + offset)


@dataclass
class TrialArray:
    """A lazily read array, its first axis the trials in recorded order.

    Index it as numpy arrays are indexed, each axis by itself: `array[trials, bins, units]`, with
    whole numbers, slices, lists of positions or masks. Trials that no file holds are NaN.
    """

    parts: tuple[SplitRows, ...]
    n_trials: int
    _whole: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        layouts = [part.layout() for part in self.parts]
        shapes = {shape for shape, _ in layouts}
        if len(shapes) != 1:
            described = ", ".join(
                f"{part.path.name} {shape}"
                for part, (shape, _) in zip(self.parts, layouts, strict=True)
            )
            raise RunFolderError(
                f"{self.parts[0].key!r} has different shapes behind the trials in the files of "
                f"{self.parts[0].path.parent}: {described}. They are not of one run."
            )
        self.shape: tuple[int, ...] = (self.n_trials, *shapes.pop())
        self.dtype = np.result_type(*(dtype for _, dtype in layouts))
        present = np.zeros(self.n_trials, dtype=bool)
        for part in self.parts:
            present[part.trials[: part.n_rows()]] = True
        self.present: np.ndarray = present
        if not present.all() and self.dtype.kind != "f":
            self.dtype = np.dtype(np.float64)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.n_trials

    def load(self) -> np.ndarray:
        """Return the whole array, read once and kept; it cannot be written to."""
        if self._whole is None:
            whole = self._read([np.arange(n) for n in self.shape])
            whole.flags.writeable = False
            self._whole = whole
        return self._whole

    def forget(self) -> None:
        """Give the memory back that `load` took."""
        self._whole = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.load()
        if copy or (dtype is not None and array.dtype != dtype):
            return array.astype(dtype or array.dtype)
        return array

    def __getitem__(self, index: Any) -> np.ndarray:
        selections = _one_per_axis(index, self.ndim)
        positions = [_positions(s, n) for s, n in zip(selections, self.shape, strict=True)]
        if self._whole is not None:
            values = self._whole[np.ix_(*positions)]
        else:
            values = self._read(positions)
        return values[tuple(0 if _is_number(s) else slice(None) for s in selections)]

    def _read(self, positions: Sequence[np.ndarray]) -> np.ndarray:
        fill = np.nan if self.dtype.kind == "f" else 0
        values = np.full([len(p) for p in positions], fill, dtype=self.dtype)
        if values.size == 0:
            return values
        trials, others = positions[0], positions[1:]
        for part in self.parts:
            row_of_trial = np.full(self.n_trials, -1)
            n_rows = part.n_rows()
            row_of_trial[part.trials[:n_rows]] = np.arange(n_rows)
            rows = row_of_trial[trials]
            here = rows >= 0
            if here.any():
                values[here] = part.read(rows[here], others)
        return values

    def concatenated_with(self, *others: TrialArray) -> TrialArray:
        """Return one array of the trials of several, in turn."""
        parts: list[SplitRows] = []
        offset = 0
        for array in (self, *others):
            parts += [part.moved(offset) for part in array.parts]
            offset += array.n_trials
        return TrialArray(tuple(parts), offset)


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading, in a `with` statement.

    Raises
    ------
    RunFolderError
        There is no such file, or it is not a whole HDF5 file; also where only a part that is read
        later turns out to be damaged.
    """
    with _open(path) as file:
        try:
            yield file
        except (KeyError, OSError, RuntimeError) as error:
            raise _damaged(path, error) from error


def _open(path: Path) -> h5py.File:
    try:
        return hdf5_reading.open_hdf5(path, check_sizes=True)
    except FileNotFoundError:
        raise RunFolderError(f"{path} does not exist") from None
    except BlockingIOError:
        raise RunFolderError(
            f"{path} is being written by another process: try again when that has ended"
        ) from None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return hdf5_reading.open_hdf5(path, check_sizes=True, locking=False)
        if error.errno in (errno.ELOOP, errno.EINVAL, errno.EISDIR):
            raise RunFolderError(f"{path} is not read: {error.strerror}") from error
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RunFolderError:
    if path.parent.name == "lfadsInput":
        again = "It is an input of the run: rc.prepare(regenerate=True) writes it again."
    else:
        again = (
            "If a run wrote it: select the run in Queue and press Sample again, or lfads-nb queue "
            "--sample-only."
        )
    return RunFolderError(
        f"{path} cannot be read as HDF5 ({error}). It may be cut short by a full disk or a "
        f"stopped run. {again}"
    )


def check_numbers(item: Any, path: Path) -> h5py.Dataset:
    """Return an array of a file if it is one, and of numbers.

    Raises
    ------
    RunFolderError
        It is not.
    """
    try:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub":
            return item
    except ValueError:  # a type that NumPy has not
        pass
    raise RunFolderError(f"{path} is not read: {item.name!r} in it holds no numbers")


def _is_number(selection: Any) -> bool:
    return isinstance(selection, int | np.integer) and not isinstance(selection, bool)


def _one_per_axis(index: Any, n_axes: int) -> tuple[Any, ...]:
    given = index if isinstance(index, tuple) else (index,)
    if any(selection is Ellipsis for selection in given):
        at = next(i for i, selection in enumerate(given) if selection is Ellipsis)
        missing = n_axes - (len(given) - 1)
        given = (*given[:at], *(slice(None),) * missing, *given[at + 1 :])
    if len(given) > n_axes:
        raise IndexError(f"{len(given)} indices for an array with {n_axes} axes")
    return (*given, *(slice(None),) * (n_axes - len(given)))


def _positions(selection: Any, n: int) -> np.ndarray:
    """Turn what selects along an axis into 0-based positions."""
    if _is_number(selection):
        return np.arange(n)[[selection]]
    if isinstance(selection, slice):
        return np.arange(n)[selection]
    chosen = np.asarray(selection)
    if chosen.ndim != 1:
        raise IndexError(f"each axis is indexed by itself, in one dimension, not {chosen.ndim}")
    return np.arange(n)[chosen if chosen.size else slice(0)]


def _read_orthogonal(
    dataset: h5py.Dataset | np.ndarray, positions: Sequence[np.ndarray]
) -> np.ndarray:
    """Read positions on every axis, decompressing no chunk of the file twice."""
    rows, others = positions[0], tuple(positions[1:])
    spans = tuple(_span(p) for p in others)
    inner = tuple(p - span.start for p, span in zip(others, spans, strict=True))
    chunks = getattr(dataset, "chunks", None)
    block_of_row = rows // (chunks[0] if chunks else _UNCHUNKED_ROWS)
    values = np.empty([len(p) for p in positions], dtype=dataset.dtype)
    for block in np.unique(block_of_row):
        here = np.flatnonzero(block_of_row == block)
        span = _span(rows[here])
        where = (span, *spans)
        values[here] = _pick(dataset[where], (rows[here] - span.start, *inner))
    return values


def _span(positions: np.ndarray) -> slice:
    return slice(int(positions.min()), int(positions.max()) + 1)


def _pick(block: np.ndarray, positions: tuple[np.ndarray, ...]) -> np.ndarray:
    whole = all(
        np.array_equal(p, np.arange(n)) for p, n in zip(positions, block.shape, strict=True)
    )
    return block if whole or not positions else block[np.ix_(*positions)]
