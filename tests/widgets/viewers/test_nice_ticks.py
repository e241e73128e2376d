from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.widgets.viewers.nice_ticks import nice_ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1.3, [0, 0.5, 1]), (-3.9, 1.2, [-2, 0]), (0, 0.27, [0, 0.1, 0.2]),
        (0, 119, [0, 50, 100]), (2, 2, [2]),
    ],
)  # fmt: skip
def test_ticks_are_round_numbers(low, high, expected):
    np.testing.assert_allclose(nice_ticks(low, high), expected)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_within_the_range(low, span):
    ticks = nice_ticks(low, low + span, most=4)
    assert 1 <= len(ticks) <= 5
    assert ticks.min() >= low - 1e-6 * span
    assert ticks.max() <= low + span * (1 + 1e-6)
