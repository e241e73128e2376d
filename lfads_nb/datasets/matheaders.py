"""Names, classes and sizes of the variables in a MATLAB v5/v7 file, without reading their values.

`scipy.io.whosmat` stops at files that hold MATLAB objects, and every file of the run manager's demo
holds one (`datetime`). This walks the file's headers alone, so it is also fast for huge files.
Source: "MAT-File Level 5 File Format" (The MathWorks).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lfads_nb.datasets.matstructure import check_element

_MATRIX, _COMPRESSED = 14, 15
_HEADER_BYTES = 1024  # of a variable: flags, dimensions and name (at most 63 characters) fit
CLASSES = {
    1: "cell",
    2: "struct",
    3: "object",
    4: "char",
    5: "sparse",
    16: "function",
    17: "opaque",
}


class MatHeader(NamedTuple):
    """One variable: its name, its MATLAB class and its shape in MATLAB's order."""

    name: str
    mat_class: str
    shape: tuple[int, ...]


def read_headers(path: Path) -> list[MatHeader]:
    """List the variables of a v5/v7 file."""
    with path.open("rb") as file:
        file.seek(126)
        order = "<" if file.read(2) == b"IM" else ">"
        return list(_walk(file, order))


def read_variable(path: Path, name: str) -> bytes:
    """Read one variable as a MATLAB file of its own, decompressed and found whole.

    Raises
    ------
    ValueError
        When its structure is damaged: scipy reads past its end then, and takes Python along.
    KeyError
        When there is none of this name.
    """
    with path.open("rb") as file:
        start = file.read(128)
        order = "<" if start[126:] == b"IM" else ">"
        while len(tag := file.read(8)) == 8:
            kind, n_bytes = struct.unpack(order + "II", tag)
            begin = file.tell()
            head = file.read(min(n_bytes, _HEADER_BYTES))
            if kind == _COMPRESSED:
                head = zlib.decompressobj().decompress(head, _HEADER_BYTES)[8:]
            if kind in (_MATRIX, _COMPRESSED) and _parse(head, order).name == name:
                file.seek(begin)
                content = file.read(n_bytes)
                if len(content) < n_bytes:
                    raise ValueError(f"the file is truncated within {name}")
                content = zlib.decompress(content) if kind == _COMPRESSED else tag + content
                check_element(content, order)
                return start + content
            file.seek(begin + n_bytes)
    raise KeyError(name)


def _walk(file: BinaryIO, order: str) -> Iterator[MatHeader]:
    while len(tag := file.read(8)) == 8:
        kind, n_bytes = struct.unpack(order + "II", tag)
        start = file.tell()
        head = file.read(min(n_bytes, _HEADER_BYTES))
        if kind == _COMPRESSED:
            head = zlib.decompressobj().decompress(head, _HEADER_BYTES)[8:]
        if kind in (_MATRIX, _COMPRESSED):
            yield _parse(head, order)
        file.seek(start + n_bytes)


def _parse(head: bytes, order: str) -> MatHeader:
    flags, rest = _element(head, order)
    code = struct.unpack_from(order + "I", flags)[0] & 0xFF
    mat_class = CLASSES.get(code, "numeric")
    shape: tuple[int, ...] = ()
    if mat_class != "opaque":
        dims, rest = _element(rest, order)
        shape = struct.unpack(f"{order}{len(dims) // 4}i", dims)
    name, _ = _element(rest, order)
    return MatHeader(name.decode("latin1"), mat_class, shape)


def _element(data: bytes, order: str) -> tuple[bytes, bytes]:
    """Split the first data element off: its content, and what follows it."""
    (word,) = struct.unpack_from(order + "I", data)
    if word >> 16:  # small elements pack size, type and up to four bytes into eight
        return data[4 : 4 + (word >> 16)], data[8:]
    (n_bytes,) = struct.unpack_from(order + "I", data, 4)
    return data[8 : 8 + n_bytes], data[8 + n_bytes + (-n_bytes) % 8 :]
