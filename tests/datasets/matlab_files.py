"""MATLAB files as MATLAB writes them, objects included, for the tests of their readers."""

import struct

import h5py
import numpy as np
import scipy.io


def write_mat5(path, variables, *, objects=(), compress=True):
    """A v7 (compressed) or v6 file; `objects` are (name, class) of MATLAB objects, put first."""
    scipy.io.savemat(path, variables, do_compression=compress)
    content = path.read_bytes()
    path.write_bytes(content[:128] + b"".join(_opaque(*o) for o in objects) + content[128:])


def _element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def _opaque(name, mat_class):
    flags = _element(6, struct.pack("<II", 17, 0))
    texts = b"".join(_element(1, text.encode()) for text in (name, "MCOS", mat_class))
    reference = _element(6, struct.pack("<6I", 0xDD000000, 2, 1, 1, 1, 1))
    inner = _element(6, struct.pack("<II", 13, 0)) + _element(5, struct.pack("<ii", 6, 1))
    return _element(14, flags + texts + _element(14, inner + _element(1, b"") + reference))


def write_mat73(path, variables, *, objects=()):
    """A v7.3 file: HDF5 behind a user block, dimensions reversed, cells as references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            _put(file, file, name, value)
        for name, mat_class in objects:
            file[name] = np.array([[0xDD000000, 2, 1, 1, 1, 1]], dtype=np.uint32)
            file[name].attrs["MATLAB_class"] = np.bytes_(mat_class)
            file[name].attrs["MATLAB_object_decode"] = np.int32(3)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116))
        file.seek(124)
        file.write(b"\x00\x02IM")


def _put(file, group, name, value):
    if isinstance(value, dict):
        sub = group.create_group(name)
        sub.attrs["MATLAB_class"] = np.bytes_("struct")
        for key, item in value.items():
            _put(file, sub, key, item)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        sub = group.create_group(name)  # a struct array: each field refers to its elements
        sub.attrs["MATLAB_class"] = np.bytes_("struct")
        for key in value[0]:
            refs = _refs(file, f"{name}.{key}", [each[key] for each in value])
            sub[key] = np.array([refs], dtype=h5py.ref_dtype)
    elif isinstance(value, str):
        codes = np.array([[ord(c)] for c in value], dtype=np.uint16)
        _dataset(group, name, codes if value else np.zeros(2, np.uint64), "char", empty=not value)
    elif isinstance(value, list):
        refs = _refs(file, f"{group.name.strip('/')}.{name}", value)
        _dataset(group, name, np.array([refs], dtype=h5py.ref_dtype), "cell")
    else:
        array = np.atleast_2d(np.asarray(value, dtype=np.float64))
        _dataset(group, name, array.T, "double")


def _refs(file, name, items):
    name = name.replace("/", ".")
    for i, item in enumerate(items):
        _put(file, file.require_group("#refs#"), f"{name}{i}", item)
    return [file[f"#refs#/{name}{i}"].ref for i in range(len(items))]


def _dataset(group, name, data, mat_class, *, empty=False):
    group[name] = data
    group[name].attrs["MATLAB_class"] = np.bytes_(mat_class)
    if empty:
        group[name].attrs["MATLAB_empty"] = np.uint8(1)
