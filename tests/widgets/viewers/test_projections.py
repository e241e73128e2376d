from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.errors import DataError
from lfads_nb.widgets.viewers.projections import principal_axes, procrustes, readout_axes


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rotation(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def test_principal_axes_are_the_directions_of_most_variance(rng):
    latent = rng.normal(size=(500, 3)) * [5, 2, 0.5]
    turn = rotation(rng, 3)
    axes = principal_axes((latent @ turn + 7).reshape(50, 10, 3), 3)
    np.testing.assert_allclose(np.abs(turn @ axes.axes), np.eye(3), atol=0.1)
    np.testing.assert_allclose(axes.axes.T @ axes.axes, np.eye(3), atol=1e-12)
    assert axes.explained.sum() == pytest.approx(1)
    assert (np.diff(axes.explained) < 0).all()
    assert axes.project(latent @ turn + 7).mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-9)


def test_missing_conditions_are_left_out_of_the_axes(rng):
    values = rng.normal(size=(4, 20, 3))
    gaps = np.concatenate([values, np.full((1, 20, 3), np.nan)])
    np.testing.assert_allclose(principal_axes(gaps, 2).axes, principal_axes(values, 2).axes)


def test_a_turned_scaled_and_shifted_copy_is_laid_over_its_original(rng):
    reference = rng.normal(size=(6, 30, 4))
    copy = reference @ rotation(rng, 4) * 3 - 8
    fit = procrustes(copy, reference)
    np.testing.assert_allclose(fit.apply(copy), reference, atol=1e-9)
    assert fit.r2 == pytest.approx(1)


def test_runs_with_different_numbers_of_factors_are_laid_over(rng):
    latent = rng.normal(size=(300, 2))
    more = latent @ np.linalg.qr(rng.normal(size=(5, 5)))[0][:2]
    assert procrustes(latent, more).r2 == pytest.approx(1)
    assert procrustes(more, latent).r2 == pytest.approx(1)


def test_unrelated_runs_are_not_made_alike(rng):
    assert procrustes(rng.normal(size=(2000, 3)), rng.normal(size=(2000, 3))).r2 < 0.05


def test_samples_that_do_not_match_are_refused():
    with pytest.raises(DataError, match="5 samples cannot be laid over 4"):
        procrustes(np.zeros((5, 2)), np.zeros((4, 2)))
    with pytest.raises(DataError, match="fewer than two"):
        principal_axes(np.full((3, 2), np.nan), 2)


def test_a_signal_is_read_out_from_its_own_directions():
    rng = np.random.default_rng(4)
    states = rng.normal(size=(40, 25, 6)) * [1, 1, 1, 5, 1, 1] + 3
    target = states[..., :2] @ np.array([[2.0, 0.3], [0.0, 1.0]]) + rng.normal(0, 0.01, (40, 25, 2))
    target[0] = np.nan
    found = readout_axes(states, target)
    np.testing.assert_allclose(found.axes.T @ found.axes, np.eye(3), atol=1e-9)
    assert found.r2 > 0.99
    assert np.linalg.norm(found.axes[:2, :2]) ** 2 == pytest.approx(2, rel=1e-2)
    assert abs(found.axes[3, 2]) > 0.99  # the loudest of what is left
    shown = found.project(states)[1:, ..., :2].reshape(-1, 2)
    assert np.corrcoef(shown[:, 0], target[1:, ..., 0].ravel())[0, 1] > 0.99


def test_what_is_too_little_to_read_out_from_is_said():
    with pytest.raises(DataError, match="too few"):
        readout_axes(np.zeros((1, 3, 4)), np.zeros((1, 3, 1)))
    with pytest.raises(DataError, match="too few"):
        readout_axes(np.zeros((9, 9, 2)), np.zeros((9, 9, 2)))
