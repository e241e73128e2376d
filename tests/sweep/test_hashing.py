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
