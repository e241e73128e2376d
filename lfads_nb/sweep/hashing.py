"""The run manager's hash of a set of values, byte for byte.

Folder names (`param_XXXXXX`, `data_XXXXXX`) come from it, so old scripts, old folders and this
package agree on which run is which. The rule (features.md C5, reproduced from the published
hashes): MD5 over a recursive stream of MATLAB class name, dimensions and content, then URL-safe
Base64, six characters. Types count: `100` as uint16 and `100` as double differ.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

MatlabType = Literal[
    "double", "single", "logical", "char", "cell",
    "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
]  # fmt: skip

_NARROWED = {"uint32": "uint16", "uint64": "uint16", "int32": "int16", "int64": "int16"}


@dataclass(frozen=True)
class MatlabValue:
    """A value and the MATLAB class that the run manager would hold it in."""

    value: Any
    matlab_type: MatlabType


def hash_values(values: Mapping[str, MatlabValue]) -> str:
    """Hash named values as the run manager hashes a struct of them.

    Parameters
    ----------
    values : the properties that count, by the run manager's names.

    Returns
    -------
    str
        Six characters of URL-safe Base64.
    """
    digest = hashlib.md5(usedforsecurity=False)
    digest.update(_header("struct", (1, 1)))
    for name in sorted(values):
        digest.update(name.encode())
        for piece in _stream(values[name]):
            digest.update(piece)
    return base64.urlsafe_b64encode(digest.digest()).decode()[:6]


def _header(class_name: str, shape: Sequence[int]) -> bytes:
    sizes = np.array([len(shape), *shape], dtype="<u8")
    return class_name.encode("ascii") + sizes.tobytes()


def _stream(item: MatlabValue) -> Iterator[bytes]:
    if item.matlab_type == "cell":
        elements = list(item.value)
        # MATLAB's {} is 0 x 0, a list of arguments 1 x n.
        yield _header("cell", (1, len(elements)) if elements else (0, 0))
        for element in elements:
            yield from _stream(MatlabValue(element, infer_matlab_type(element)))
    elif item.matlab_type == "char":
        units = str(item.value).encode("utf-16-le")
        yield _header("char", (1, len(units) // 2) if units else (0, 0))
        yield units
    else:
        array = np.asarray(item.value)
        name: str = item.matlab_type
        if name in _NARROWED:
            limits = np.iinfo(_NARROWED[name])
            if array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max):
                name = _NARROWED[name]
        dtype = np.dtype("u1" if name == "logical" else name).newbyteorder("<")
        matrix = array.reshape(1, -1) if array.ndim < 2 else array
        yield _header(name, matrix.shape if array.size else (0, 0))
        yield matrix.astype(dtype).tobytes(order="F")


def infer_matlab_type(value: Any) -> MatlabType:
    """Name the MATLAB class that a plain Python value would have been typed in as."""
    if isinstance(value, bool | np.bool_):
        return "logical"
    if isinstance(value, str):
        return "char"
    if isinstance(value, list | tuple) and not all(isinstance(v, int | float) for v in value):
        return "cell"
    return "double"
