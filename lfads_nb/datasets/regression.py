"""Linear regression for the alignment of sessions: plain, and ridge with a penalty found by
cross-validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

PENALTIES = np.logspace(-5, 2, 15)
_N_FOLDS = 10


class Fit(NamedTuple):
    """Weights (inputs, outputs), and the penalty they were found with."""

    weights: np.ndarray
    penalty: float


def least_squares(X: np.ndarray, Y: np.ndarray) -> Fit:
    """Regress `Y` (samples, outputs) on `X` (samples, inputs), both centred.

    Inputs that carry nothing, or the same as others, get the smallest possible weights.
    """
    return Fit(np.linalg.lstsq(X, Y, rcond=None)[0], 0.0)


def ridge_by_cross_validation(X: np.ndarray, Y: np.ndarray, *, normalize_each: bool = False) -> Fit:
    """Regress `Y` on `X` with the squared-weight penalty that predicts held-out samples best.

    Each of 10 interleaved folds is predicted from the other nine, for 15 penalties from 1e-5 to
    100; the one with the lowest mean squared error is then used on all samples. The intercept is
    not penalised.

    Parameters
    ----------
    X : (samples, inputs).
    Y : (samples, outputs).
    normalize_each : divide each input by its own standard deviation before penalising; otherwise
        all by their overall one.
    """
    scale = X.std(axis=0) if normalize_each else np.full(X.shape[1], X.std())
    scale[scale == 0] = 1
    X = X / scale
    fold = np.arange(len(X)) % min(_N_FOLDS, len(X))
    errors = np.zeros(len(PENALTIES))
    for held_out in np.unique(fold):
        errors += _held_out_errors(X, Y, fold == held_out)
    penalty = float(PENALTIES[errors.argmin()])
    weights = next(_ridge(X, Y, [penalty]))[0]
    return Fit(weights / scale[:, None], penalty)


def _held_out_errors(X: np.ndarray, Y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Sum of squared errors on the test samples for each penalty."""
    fits = _ridge(X[~test], Y[~test], PENALTIES)
    return np.array(
        [((X[test] @ weights + intercept - Y[test]) ** 2).sum() for weights, intercept in fits]
    )


def _ridge(
    X: np.ndarray, Y: np.ndarray, penalties: Iterable[float]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Weights and intercept for each penalty, from one eigendecomposition."""
    x_mean, y_mean = X.mean(axis=0), Y.mean(axis=0)
    X, Y = X - x_mean, Y - y_mean
    values, vectors = np.linalg.eigh(X.T @ X)
    turned = vectors.T @ (X.T @ Y)
    for penalty in penalties:
        weights = vectors @ (turned / (np.maximum(values, 0) + penalty)[:, None])
        yield weights, y_mean - x_mean @ weights
