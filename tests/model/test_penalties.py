from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from lfads_nb.model.penalties import Penalised, correlation_cost, l2_penalty


def test_l2_divides_by_all_elements_even_where_a_scale_is_0():
    a, b = np.full((2, 3), 2.0, np.float32), np.ones(4, np.float32)
    value = float(l2_penalty([Penalised(500.0, [a]), Penalised(0.0, [b])]))
    assert value == pytest.approx(0.5 * 500 * 24 / 10)


def test_l2_is_0_if_all_scales_are():
    assert float(l2_penalty([Penalised(0.0, [np.ones(3, np.float32)])])) == 0


def test_correlation_cost_is_the_mean_over_pairs():
    means = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32)
    cost = ops.convert_to_numpy(correlation_cost(means))
    for trial in range(2):
        m = means[:, trial]
        pairs = [0.5 * (m[:, i] @ m[:, j]) ** 2 for i, j in ((0, 1), (0, 2), (1, 2))]
        assert cost[trial] == pytest.approx(np.mean(pairs), rel=1e-5)
