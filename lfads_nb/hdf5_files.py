"""HDF5 files that are there whole or not at all, on a full disk too.

The HDF5 library crashes the process when it closes a file that it could not write to the end. So
it gets a file that takes every write; what went wrong is raised once the library is done with it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from lfads_nb.atomic_files import disk_full, replacing


@contextmanager
def writing_hdf5(path: Path) -> Iterator[h5py.File]:
    """Give an HDF5 file to write; on success it takes `path`'s place, else nothing is left of it.

    Parameters
    ----------
    path : the file to write; its folder is made.

    Raises
    ------
    DiskFullError
        If there is no room for it; the message says how much it needs.
    """
    with replacing(path) as beside, _PatientFile(beside) as patient:
        try:
            with h5py.File(patient, "w") as file:
                yield file
        except Exception:
            if patient.failure is None:
                raise
        if patient.failure is not None:
            raise disk_full(path, patient.failure, patient.size, beside) or patient.failure


class _PatientFile(io.RawIOBase):
    """A file that takes every write and keeps the first failure for later.

    Parameters
    ----------
    path : of an existing file, whose content is replaced.

    Attributes
    ----------
    failure : the first error, after which nothing is written any more.
    size : bytes that the file has, or would have had.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_TRUNC)
        self._place = self.size = 0
        self.failure: OSError | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        n_bytes = min(len(view), max(0, self.size - self._place))
        found = _read_at(self._fd, n_bytes, self._place)
        # What could not be written reads as zeros.
        view[:n_bytes] = found.ljust(n_bytes, b"\0")
        self._place += n_bytes
        return n_bytes

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        start, self._place = self._place, self._place + len(view)
        self.size = max(self.size, self._place)
        done = 0
        while done < len(view) and self.failure is None:
            try:
                done += _write_at(self._fd, view[done:], start + done)
            except OSError as error:
                self.failure = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        self.size = self._place if size is None else size
        if self.failure is None:
            try:
                os.ftruncate(self._fd, self.size)
            except OSError as error:
                self.failure = error
        return self.size

    def close(self) -> None:
        if not self.closed:
            try:
                os.close(self._fd)
            except OSError as error:  # some network disks say only now that they are full
                self.failure = self.failure or error
        super().close()


def _read_at(fd: int, n_bytes: int, place: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, n_bytes, place)
    os.lseek(fd, place, os.SEEK_SET)
    return os.read(fd, n_bytes)


def _write_at(fd: int, content: memoryview, place: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(fd, content, place)
    os.lseek(fd, place, os.SEEK_SET)
    return os.write(fd, content)
