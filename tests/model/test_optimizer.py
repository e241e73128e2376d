from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from lfads_nb.model.optimizer import ClippedAdam
from tests.model.small_runs import small_params


def test_steps_are_those_of_tensorflow_1():
    optimizer = ClippedAdam(small_params(learning_rate_init=0.02))
    variable = keras.Variable(np.float32([1.0, -2.0, 3.0]))
    optimizer.build([variable])
    rng = np.random.default_rng(0)
    expected, m, v = np.float64([1.0, -2.0, 3.0]), 0.0, 0.0
    for k in range(1, 6):
        g = rng.normal(size=3)
        optimizer.apply([ops.convert_to_tensor(g.astype(np.float32))], [variable])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = 0.02 * np.sqrt(1 - 0.999**k) / (1 - 0.9**k)
        # Epsilon is added to the uncorrected root.
        expected -= rate * m / (np.sqrt(v) + 0.1)
        np.testing.assert_allclose(ops.convert_to_numpy(variable), expected, rtol=1e-5)


def test_gradients_are_scaled_to_the_global_norm_together():
    def after(gradients):
        variables = [keras.Variable(np.zeros(2, np.float32)) for _ in range(2)]
        optimizer = ClippedAdam(small_params(max_grad_norm=5.0))
        optimizer.build(variables)
        optimizer.apply([ops.convert_to_tensor(np.float32(g)) for g in gradients], variables)
        norm = float(optimizer.gradient_norm)
        return np.concatenate([ops.convert_to_numpy(v) for v in variables]), norm

    clipped, norm = after([[30.0, 0.0], [0.0, 40.0]])
    small, _ = after([[3.0, 0.0], [0.0, 4.0]])
    assert norm == pytest.approx(50.0)
    np.testing.assert_allclose(clipped, small, rtol=1e-5)
