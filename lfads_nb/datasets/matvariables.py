"""The variables of a MATLAB file, whatever its version: names, classes, shapes, values on request.

Values come as numpy arrays in MATLAB's own dimension order, text as `str`, cell arrays as lists,
structs as dicts, struct arrays as lists of dicts. MATLAB objects have no documented format: their
value is None, in a cell array `MatlabObject`.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import scipy.io
import scipy.sparse

from lfads_nb.datasets.hdf5_checks import check_readable
from lfads_nb.datasets.matheaders import read_headers, read_variable
from lfads_nb.hdf5_reading import open_hdf5, refuse_stored_elsewhere
from lfads_nb.regular_files import check_regular

OBJECTS = ("opaque", "object")
_MOST_VALUES = 2**31  # of a sparse matrix that is written out


class MatlabObject:
    """What stands in a cell array for an item that only MATLAB can read."""


class Variables(Protocol):
    """Classes and shapes of a MATLAB file's variables by name, and their values on request."""

    @property
    def classes(self) -> Mapping[str, str]: ...

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...

    def read(self, name: str) -> Any:
        """Value of one variable."""


@contextmanager
def open_mat(path: Path, *, holding: Sequence[str]) -> Iterator[Variables]:
    """Open a MATLAB file of version 5 to 7.3.

    Parameters
    ----------
    path : the file.
    holding : names of which one must be there; if none is at the top level, but in one of the
        file's structs, the fields of that struct are given instead.
    """
    with ExitStack() as stack:
        variables: Variables
        check_regular(path)
        if h5py.is_hdf5(path):
            variables = _Version73(stack.enter_context(open_hdf5(path)))
        else:
            variables = _Version5(path)
        yield _struct_holding(variables, holding) or variables


def _struct_holding(variables: Variables, names: Sequence[str]) -> Variables | None:
    if any(name in variables.classes for name in names):
        return None
    for name, mat_class in variables.classes.items():
        value = variables.read(name) if mat_class == "struct" else None
        for each in (value, *(value.values() if isinstance(value, dict) else ())):
            fields = _fields(each) if each is value or isinstance(each, list) else {}
            if any(field in fields for field in names):
                return _InStruct(fields)
    return None


def _fields(value: Any) -> dict[str, Any]:
    """Fields of a struct; of a struct array each field as a list over its elements."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return {name: [item.get(name) for item in value] for name in value[0]}
    return {}


class _InStruct:
    """Fields of a struct that is in memory already."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = {name: value for name, value in fields.items() if value is not None}
        self.classes = {
            name: "cell" if isinstance(value, list) else "numeric"
            for name, value in self._fields.items()
        }
        self.classes |= {name: "opaque" for name, value in fields.items() if value is None}
        self.shapes = {
            name: (len(value),) if isinstance(value, list) else np.shape(value)
            for name, value in self._fields.items()
        }

    def read(self, name: str) -> Any:
        return self._fields[name]


class _Version5:
    """Variables of a v5, v6 or v7 file, by scipy."""

    def __init__(self, path: Path) -> None:
        self._path = path
        headers = [header for header in read_headers(path) if header.name]
        self.classes = {header.name: header.mat_class for header in headers}
        self.shapes = {header.name: header.shape for header in headers}

    def read(self, name: str) -> Any:
        with warnings.catch_warnings():
            # About objects elsewhere in the file, all under the name "None"; we do not want them.
            warnings.simplefilter("ignore")
            whole = io.BytesIO(read_variable(self._path, name))
            found = scipy.io.loadmat(whole, struct_as_record=False)
        return _from_scipy(found[name])


def _from_scipy(value: Any) -> Any:
    """Text as str or list of str, one struct as dict, numbers as they are, objects as None."""
    if hasattr(value, "_fieldnames"):
        return {name: _from_scipy(getattr(value, name)) for name in value._fieldnames}
    if isinstance(value, scipy.io.matlab.MatlabOpaque | scipy.io.matlab.MatlabObject):
        return None
    if hasattr(value, "toarray"):
        return _dense(value)
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "U":
        rows = [str(row) for row in value.reshape(-1)] or [""]
        return "".join(rows) if len(rows) < 2 else [row.rstrip() for row in rows]
    if value.dtype == object:
        items = [_from_scipy(item) for item in value.reshape(-1, order="F")]
        return items[0] if len(items) == 1 and isinstance(items[0], dict) else _unboxed(items)
    return value


def _dense(sparse: Any) -> np.ndarray:
    if np.prod(sparse.shape, dtype=float) > _MOST_VALUES:
        raise ValueError(f"a sparse matrix of {sparse.shape} is too large to be written out")
    sparse.check_format(full_check=True)
    return np.asarray(sparse.toarray())


def _unboxed(items: list[Any]) -> list[Any]:
    """Items of a cell array, single numbers as numbers, objects of MATLAB marked as such."""
    return [
        item.item()
        if isinstance(item, np.ndarray) and item.size == 1
        else MatlabObject()
        if item is None
        else item
        for item in items
    ]


class _Version73:
    """Variables of a v7.3 file, which is HDF5 with all dimensions in reverse order."""

    _PLAIN = ("double", "single", "logical", "char", "cell", "struct")

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        names = [name for name in file if not name.startswith("#")]
        self.classes = {name: self._class(file[name]) for name in names}
        self.shapes = {
            name: tuple(reversed(file[name].shape))
            for name in names
            if isinstance(file[name], h5py.Dataset)
        }

    def _class(self, item: h5py.Dataset | h5py.Group) -> str:
        name = item.attrs.get("MATLAB_class", b"double")
        name = name.decode() if isinstance(name, bytes) else str(name)
        known = name in self._PLAIN or re.fullmatch(r"u?int\d+", name)
        return name if known and "MATLAB_object_decode" not in item.attrs else "opaque"

    def read(self, name: str) -> Any:
        return self._value(self._file[name])

    def _value(self, item: h5py.Dataset | h5py.Group) -> Any:
        mat_class = self._class(item)
        if mat_class == "opaque":
            return None
        if isinstance(item, h5py.Dataset):
            refuse_stored_elsewhere(item)
        if isinstance(item, h5py.Group):
            if "MATLAB_sparse" in item.attrs:
                return self._sparse(item)
            return self._struct(item)
        if item.attrs.get("MATLAB_empty", 0):
            return "" if mat_class == "char" else np.zeros(tuple(map(int, item[()])))
        if mat_class == "char":
            rows = ["".join(map(chr, row)) for row in item[()].T]
            return rows[0] if len(rows) == 1 else [row.rstrip() for row in rows]
        if mat_class == "cell":
            return _unboxed([self._value(self._file[ref]) for ref in item[()].reshape(-1)])
        if item.dtype == h5py.ref_dtype:
            return [self._value(self._file[ref]) for ref in item[()].reshape(-1)]
        check_readable(item)
        return item[()].T

    def _struct(self, item: h5py.Group) -> Any:
        """A dict; of a struct array, whose fields are references to each element's, a list."""
        fields = {name: self._value(item[name]) for name in item}
        n = {
            item[name].size
            for name in item
            if isinstance(item[name], h5py.Dataset)
            and item[name].dtype == h5py.ref_dtype
            and "MATLAB_class" not in item[name].attrs
        }
        if len(n) != 1:
            return fields
        return [{name: values[i] for name, values in fields.items()} for i in range(n.pop())]

    def _sparse(self, item: h5py.Group) -> np.ndarray:
        columns = item["jc"][()]
        data = item["data"][()] if "data" in item else np.zeros(0)
        rows = item["ir"][()] if "ir" in item else np.zeros(0, dtype=np.int64)
        shape = (int(item.attrs["MATLAB_sparse"]), len(columns) - 1)
        return _dense(scipy.sparse.csc_matrix((data, rows, columns), shape=shape))
