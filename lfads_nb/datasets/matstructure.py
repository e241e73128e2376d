"""Whether a variable of a MATLAB v5 file is whole: known types, every element within its parent.

`scipy.io.loadmat` takes types and sizes of elements as the file has them (scipy pull request
25349), so a single damaged byte can end the process that reads it. Source of the format: "MAT-File
Level 5 File Format" (The MathWorks).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import NamedTuple

_INT8, _INT32, _UINT32, _MATRIX = 1, 5, 6, 14
_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_COMPLEX = 0x0800
_DEEPEST = 64
_MOST_ITEMS = 2**31


class _Element(NamedTuple):
    kind: int
    data: memoryview


def check_element(content: bytes, order: str) -> None:
    """Check a whole top-level element of the file, tag included.

    Parameters
    ----------
    content : the element.
    order : "<" or ">", the file's byte order.

    Raises
    ------
    ValueError
        When it is damaged.
    """
    elements = list(_elements(memoryview(content), order))
    if not elements or elements[0].kind != _MATRIX:
        raise ValueError("a variable is no matrix")
    _check_matrix(elements[0].data, order, 0)


def _elements(data: memoryview, order: str) -> Iterator[_Element]:
    at = 0
    while at + 8 <= len(data):
        (word,) = struct.unpack_from(order + "I", data, at)
        if word >> 16:
            kind, n_bytes, begin, end = word & 0xFFFF, word >> 16, at + 4, at + 8
            if n_bytes > 4:
                raise ValueError("a small element has more than four bytes")
        else:
            (n_bytes,) = struct.unpack_from(order + "I", data, at + 4)
            kind, begin = word, at + 8
            end = begin + n_bytes + (-n_bytes) % 8
        if begin + n_bytes > len(data):
            raise ValueError("an element reaches past the end")
        if kind != _MATRIX and kind not in _SIZES:
            raise ValueError(f"an element has the unknown type {kind}")
        if kind != _MATRIX and n_bytes % _SIZES[kind]:
            raise ValueError("an element ends within a number")
        yield _Element(kind, data[begin : begin + n_bytes])
        at = end


def _check_matrix(data: memoryview, order: str, depth: int) -> None:
    if not len(data):
        return  # an empty one
    if depth > _DEEPEST:
        raise ValueError("cells or structs are nested too deeply")
    elements = list(_elements(data, order))
    if not elements or elements[0].kind != _UINT32 or len(elements[0].data) != 8:
        raise ValueError("a matrix has no flags")
    (flags,) = struct.unpack_from(order + "I", elements[0].data)
    mat_class, rest = flags & 0xFF, elements[1:]
    if mat_class == _OPAQUE:
        if not rest or rest[-1].kind != _MATRIX:
            raise ValueError("an object has no content")
        _check_matrix(rest[-1].data, order, depth + 1)
        return
    n_items = _check_head(rest, order)
    rest = rest[2:]
    if mat_class in (_STRUCT, _OBJECT):
        rest = rest[1:] if mat_class == _OBJECT else rest
        n_items, rest = n_items * _n_fields(rest, order), rest[2:]
    if mat_class in (_CELL, _STRUCT, _OBJECT, _FUNCTION):
        n_items = 1 if mat_class == _FUNCTION else n_items
        if len(rest) < n_items or any(item.kind != _MATRIX for item in rest[:n_items]):
            raise ValueError("a cell array or struct lacks items")
        for item in rest[:n_items]:
            _check_matrix(item.data, order, depth + 1)
        return
    if not _CHAR <= mat_class <= 15:
        raise ValueError(f"a matrix has the unknown class {mat_class}")
    wanted = 2 * (mat_class == _SPARSE) + 1 + bool(flags & _COMPLEX)
    if len(rest) < wanted or any(item.kind == _MATRIX for item in rest[:wanted]):
        raise ValueError("a matrix lacks values")


def _check_head(elements: list[_Element], order: str) -> int:
    """Check dimensions and name; return the number of items."""
    if len(elements) < 2 or elements[0].kind != _INT32 or elements[1].kind != _INT8:
        raise ValueError("a matrix has no dimensions or no name")
    n_dims = len(elements[0].data) // 4
    dims = struct.unpack_from(f"{order}{n_dims}i", elements[0].data)
    if not 2 <= n_dims <= 32 or min(dims) < 0 or math.prod(dims) > _MOST_ITEMS:
        raise ValueError(f"a matrix has the impossible dimensions {dims[:8]}")
    return math.prod(dims)


def _n_fields(elements: list[_Element], order: str) -> int:
    if len(elements) < 2 or elements[0].kind != _INT32 or elements[1].kind != _INT8:
        raise ValueError("a struct has no field names")
    if len(elements[0].data) != 4:
        raise ValueError("a struct has no length of its field names")
    (length,) = struct.unpack_from(order + "i", elements[0].data)
    if length < 1 or len(elements[1].data) % length:
        raise ValueError("a struct's field names are damaged")
    return len(elements[1].data) // length
