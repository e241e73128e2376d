from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.errors import DataError
from lfads_nb.results.jpca import jpca, shuffled_r2

OMEGA = 0.1  # radians a bin


def rotations(n_conditions=8, n_bins=60, omega=OMEGA, seed=0):
    rng = np.random.default_rng(seed)
    radius, phase = rng.uniform(0.5, 2, n_conditions), rng.uniform(0, 2 * np.pi, n_conditions)
    angle = phase[:, None] + omega * np.arange(n_bins)
    return radius[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def test_a_pure_rotation_is_found_with_its_frequency():
    found = jpca(rotations(), n_components=2, bin_ms=10)
    # The difference of two bins is a chord, sin(omega), and its stretch no rotation's.
    assert found.frequencies_hz[0] == pytest.approx(np.sin(OMEGA) / (2 * np.pi) * 100, rel=1e-6)
    assert found.r2_best == pytest.approx(1)
    assert found.r2_skew == pytest.approx(np.cos(OMEGA / 2) ** 2, rel=1e-6)
    assert found.captured.sum() == pytest.approx(1)


def test_states_turn_anticlockwise_in_the_fastest_plane_first():
    rng = np.random.default_rng(1)
    turn, _ = np.linalg.qr(rng.normal(size=(9, 4)))
    slow, fast = rotations(omega=-0.03, seed=2), rotations(omega=-0.2, seed=3)
    states = np.concatenate([slow, fast], axis=-1) @ turn.T + rng.normal(size=9)
    found = jpca(states, n_components=6, bin_ms=10)
    assert found.frequencies_hz.shape == (2,)
    assert found.frequencies_hz[0] > found.frequencies_hz[1] > 0
    np.testing.assert_allclose(found.axes.T @ found.axes, np.eye(4), atol=1e-8)
    plane = found.project(states)[..., :2]
    angle = np.unwrap(np.arctan2(plane[..., 1], plane[..., 0]), axis=1)
    assert (np.diff(angle, axis=1).mean(axis=1) > 0).all()
    # The plane of the fast rotation, whatever the slow one does.
    fast_axes = turn[:, 2:]
    assert np.linalg.norm(fast_axes.T @ found.axes[:, :2]) ** 2 == pytest.approx(2, rel=0.01)


def test_what_grows_is_no_rotation():
    growing = rotations() * np.exp(0.05 * np.arange(60))[:, None]
    found = jpca(growing, n_components=2)
    assert found.r2_skew < found.r2_best - 0.05
    assert np.isnan(found.frequencies_hz).all()


def test_missing_bins_are_left_out():
    states = rotations()
    holed = states.copy()
    holed[0, 5:9] = np.nan
    holed = np.concatenate([holed, np.full((1, *states.shape[1:]), np.nan)])
    found = jpca(holed, n_components=2, bin_ms=10)
    assert found.frequencies_hz[0] == pytest.approx(jpca(states, bin_ms=10).frequencies_hz[0], 0.05)
    assert np.isnan(found.project(holed)[0, 6]).all()


@pytest.mark.parametrize(
    "states", [rotations(1), rotations()[:, :2], rotations()[..., :1], np.zeros((4, 9, 3))]
)
def test_what_cannot_rotate_is_said(states):
    with pytest.raises(DataError, match="jPCA needs"):
        jpca(states)


def test_rotations_that_are_shared_explain_more_than_shuffled_ones():
    states = rotations(n_conditions=12)
    control = shuffled_r2(states, n_components=2, n_shuffles=30)
    assert control.shape == (30,)
    assert jpca(states, n_components=2).r2_skew > control.max()
    np.testing.assert_array_equal(control, shuffled_r2(states, n_components=2, n_shuffles=30))


def test_smooth_noise_is_no_better_than_its_shuffles():
    rng = np.random.default_rng(4)
    noise = np.cumsum(rng.normal(size=(10, 60, 4)), axis=1)
    control = shuffled_r2(noise, n_components=4, n_shuffles=40)
    assert np.percentile(control, 1) < jpca(noise, n_components=4).r2_skew < control.max() + 0.1


def test_few_conditions_have_no_control():
    with pytest.raises(DataError, match="needs 4 conditions"):
        shuffled_r2(rotations(n_conditions=3))
