import numpy as np
import pytest

from lfads_nb.datasets.regression import PENALTIES, least_squares, ridge_by_cross_validation


def data(n=400, n_inputs=6, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_inputs))
    weights = rng.standard_normal((n_inputs, 2))
    Y = X @ weights + noise * rng.standard_normal((n, 2))
    return X - X.mean(axis=0), Y - Y.mean(axis=0), weights


def test_least_squares_finds_the_weights():
    X, Y, weights = data(noise=0)
    np.testing.assert_allclose(least_squares(X, Y).weights, weights, atol=1e-10)


def test_inputs_that_carry_nothing_get_no_weight():
    X, Y, _ = data()
    X[:, 2] = 0
    np.testing.assert_allclose(least_squares(X, Y).weights[2], 0, atol=1e-12)
    for each in (False, True):
        weights = ridge_by_cross_validation(X, Y, normalize_each=each).weights
        np.testing.assert_allclose(weights[2], 0, atol=1e-12)


def test_ridge_equals_the_textbook_formula_at_its_penalty():
    X, Y, _ = data(noise=2.0)
    fit = ridge_by_cross_validation(X, Y)
    scaled = X / X.std()
    W = np.linalg.solve(scaled.T @ scaled + fit.penalty * np.eye(6), scaled.T @ Y) / X.std()
    np.testing.assert_allclose(fit.weights, W, rtol=1e-8)


def test_each_fold_is_predicted_from_the_other_nine():
    X, Y, _ = data(n=103, noise=2.0)
    scaled = X / X.std()
    errors = []
    for penalty in PENALTIES:
        error = 0
        for fold in range(10):
            test = np.arange(len(X)) % 10 == fold
            A = np.column_stack([np.ones(len(X)), scaled])
            eye = np.diag([0.0] + [1.0] * 6)
            W = np.linalg.solve(A[~test].T @ A[~test] + penalty * eye, A[~test].T @ Y[~test])
            error += ((A[test] @ W - Y[test]) ** 2).sum()
        errors.append(error)
    assert ridge_by_cross_validation(X, Y).penalty == PENALTIES[np.argmin(errors)]


@pytest.mark.parametrize(("noise", "strong"), [(0.01, False), (30.0, True)])
def test_the_penalty_follows_the_noise(noise, strong):
    X, Y, _ = data(n=60, n_inputs=40, noise=noise)
    penalty = ridge_by_cross_validation(X, Y).penalty
    assert (penalty > 1) == strong


def test_normalizing_each_makes_the_scale_of_an_input_irrelevant():
    X, Y, _ = data(n=60, n_inputs=20, noise=5.0)
    scale = np.logspace(-3, 3, 20)
    one = ridge_by_cross_validation(X, Y, normalize_each=True)
    other = ridge_by_cross_validation(X * scale, Y, normalize_each=True)
    np.testing.assert_allclose(X @ one.weights, (X * scale) @ other.weights, rtol=1e-6, atol=1e-9)
