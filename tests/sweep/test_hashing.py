import base64
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.sweep.hashing import MatlabValue, hash_values

NUMBERS = st.one_of(st.integers(0, 65535), st.floats(allow_nan=False), st.booleans())


@given(st.dictionaries(st.text("abcXYZ_", min_size=1), NUMBERS, max_size=5))
def test_a_hash_is_a_folder_name_and_does_not_depend_on_order(values):
    typed = {name: MatlabValue(value, "double") for name, value in values.items()}
    name = hash_values(typed)
    assert len(name) == 6
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert hash_values(dict(reversed(typed.items()))) == name


@given(st.integers(0, 65535))
def test_widening_an_integer_type_keeps_old_hashes(value):
    narrow = hash_values({"a": MatlabValue(value, "uint16")})
    assert hash_values({"a": MatlabValue(value, "uint32")}) == narrow
    assert hash_values({"a": MatlabValue(value, "double")}) != narrow


def test_an_integer_that_does_not_fit_keeps_its_own_type():
    assert hash_values({"a": MatlabValue(70000, "uint32")}) != hash_values(
        {"a": MatlabValue(70000 % 65536, "uint16")}
    )


@pytest.mark.parametrize("args", [(), ("ridgeNormalizeEach", True), ("ridgeNormalizeEach", False)])
def test_cells_are_hashed_by_their_elements(args):
    others = {(), ("ridgeNormalizeEach", True), ("ridgeNormalizeEach", False)} - {args}
    own = hash_values({"a": MatlabValue(args, "cell")})
    assert all(hash_values({"a": MatlabValue(other, "cell")}) != own for other in others)


def test_arrays_are_hashed_column_by_column():
    matrix = np.arange(6.0).reshape(2, 3)
    assert hash_values({"a": MatlabValue(matrix, "double")}) != hash_values(
        {"a": MatlabValue(matrix.T, "double")}
    )


def header(name, *shape):
    return name.encode() + struct.pack(f"<{len(shape) + 1}Q", len(shape), *shape)


def digest_of(stream):
    """The run manager's DataHash of a struct with one field `a`, written down by hand."""
    whole = header("struct", 1, 1) + b"a" + stream
    return base64.urlsafe_b64encode(hashlib.md5(whole).digest()).decode()[:6]


@pytest.mark.parametrize(
    ("value", "matlab_type", "stream"),
    [
        (1.5, "double", header("double", 1, 1) + struct.pack("<d", 1.5)),
        (1.5, "single", header("single", 1, 1) + struct.pack("<f", 1.5)),
        (True, "logical", header("logical", 1, 1) + b"\x01"),
        (7, "uint16", header("uint16", 1, 1) + struct.pack("<H", 7)),
        (7, "uint64", header("uint16", 1, 1) + struct.pack("<H", 7)),
        (-7, "int32", header("int16", 1, 1) + struct.pack("<h", -7)),
        (-7, "int64", header("int16", 1, 1) + struct.pack("<h", -7)),
        (70000, "uint32", header("uint32", 1, 1) + struct.pack("<I", 70000)),
        ("ab", "char", header("char", 1, 2) + b"a\0b\0"),
        ("", "char", header("char", 0, 0)),
        ([], "double", header("double", 0, 0)),
        ([1, 2, 3], "double", header("double", 1, 3) + struct.pack("<3d", 1, 2, 3)),
        ([[1, 2], [3, 4]], "double", header("double", 2, 2) + struct.pack("<4d", 1, 3, 2, 4)),
        ((), "cell", header("cell", 0, 0)),
        (
            ("x", True, 2.0),
            "cell",
            header("cell", 1, 3) + header("char", 1, 1) + b"x\0" + header("logical", 1, 1) + b"\x01"
            + header("double", 1, 1) + struct.pack("<d", 2.0),
        ),
        (
            (("x",), [1, 2]),
            "cell",
            header("cell", 1, 2) + header("cell", 1, 1) + header("char", 1, 1) + b"x\0"
            + header("double", 1, 2) + struct.pack("<2d", 1, 2),
        ),
    ],
)  # fmt: skip
def test_every_class_of_value_is_hashed_as_the_run_manager_does(value, matlab_type, stream):
    assert hash_values({"a": MatlabValue(value, matlab_type)}) == digest_of(stream)


def test_three_axes_are_hashed_with_their_sizes():
    value = np.arange(8.0).reshape(2, 2, 2)
    stream = header("double", 2, 2, 2) + value.tobytes(order="F")
    assert hash_values({"a": MatlabValue(value, "double")}) == digest_of(stream)
