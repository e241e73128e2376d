from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.unit_chunks import unit_chunks


@given(
    st.tuples(st.integers(1, 50), st.integers(1, 40), st.integers(1, 5)), st.sampled_from([4, 8])
)
def test_every_array_can_be_written_and_read_again(shape, itemsize):
    array = np.arange(np.prod(shape), dtype=f"f{itemsize}").reshape(shape)
    with h5py.File("x", "w", driver="core", backing_store=False) as file:
        stored = file.create_dataset("x", data=array, **unit_chunks(shape, itemsize))
        assert stored.chunks[1:] == (shape[1], 1)
        np.testing.assert_array_equal(stored[()], array)


@pytest.mark.parametrize("shape", [(7,), (7, 3), (0, 3, 2), (2, 2, 2, 2)])
def test_other_shapes_are_left_to_h5py(shape):
    assert "chunks" not in unit_chunks(shape, 8)


def test_blocks_of_trials_stay_short():
    assert unit_chunks((1500, 500, 100), 8)["chunks"] == (65, 500, 1)
    assert unit_chunks((1500, 100_000, 100), 8)["chunks"] == (1, 100_000, 1)
