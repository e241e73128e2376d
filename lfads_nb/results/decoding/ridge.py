"""Ridge regression with everything chosen inside the trials that it is fitted on.

For each candidate of a source and each lag, second moments are gathered fold by fold once; all
penalties then come out of one eigendecomposition per fold, so a search over hundreds of
combinations costs little more than reading the data. The regression that is chosen is fitted by
scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lfads_nb.results.decoding.parts import fold_numbers

PENALTIES = 10.0 ** np.arange(-6.0, 2.5, 0.5)
"""Per sample, on features of unit variance: scikit-learn's alpha is this times the samples."""


class Choice(NamedTuple):
    """What a decoder's own trials chose; `inner_r2` is their cross-validated R2, to choose by."""

    candidate: str
    lag: int
    penalty: float
    inner_r2: float


class Window(NamedTuple):
    """Bins of the target that every lag under consideration reaches: [first, last)."""

    first: int
    last: int

    @classmethod
    def of(cls, lags: Sequence[int], n_bins: int) -> Window:
        return cls(max(0, *lags), n_bins + min(0, *lags))

    def features(self, values: np.ndarray, lag: int) -> np.ndarray:
        """Values (trials, bins, features) that lie `lag` bins before the target's window."""
        return values[:, self.first - lag : self.last - lag]

    def target(self, values: np.ndarray) -> np.ndarray:
        return values[:, self.first : self.last]


def choose(
    candidates: Mapping[str, np.ndarray],
    target: np.ndarray,
    *,
    lags: Sequence[int],
    window: Window,
    n_folds: int,
    seed: int,
) -> Choice:
    """Choose candidate, lag and penalty by cross-validation over trials.

    Parameters
    ----------
    candidates : (trials, bins, features) by label, of the decoder's own trials only.
    target : (trials, bins, dims), of the same trials; NaN is left out.
    lags : by how many bins the target comes after the features.
    window : bins of the target to fit, the same for all lags.
    n_folds, seed : of the cross-validation.
    """
    fold = fold_numbers(len(target), n_folds, seed)
    best = Choice("", int(lags[0]), float(PENALTIES[-1]), -np.inf)
    for label, values in candidates.items():
        for lag in lags:
            r2 = _inner_r2(window.features(values, lag), window.target(target), fold)
            found = int(np.argmax(r2))
            if r2[found] > best.inner_r2:
                best = Choice(label, int(lag), float(PENALTIES[found]), float(r2[found]))
    return best


def choose_penalty(features: np.ndarray, target: np.ndarray, *, n_folds: int, seed: int) -> float:
    """Choose the penalty alone; arrays as for `fit_predict`."""
    r2 = _inner_r2(features, target, fold_numbers(len(target), n_folds, seed))
    return float(PENALTIES[int(np.argmax(r2))])


def fit_predict(
    features: np.ndarray, target: np.ndarray, new: np.ndarray, penalty: float
) -> np.ndarray:
    """Fit on some trials and predict others: (new trials, bins, dims).

    Parameters
    ----------
    features, target : (trials, bins, features) and (trials, bins, dims) at the same bins.
    new : (new trials, bins, features).
    penalty : of `PENALTIES`.
    """
    from sklearn.linear_model import Ridge  # not before something is fitted: it imports slowly

    x, y = _samples(features, target)
    x, mean, scale = _standardised(x)
    model = Ridge(alpha=penalty * len(x), solver="cholesky").fit(x, y)
    flat = _impute((new.reshape(-1, new.shape[-1]) - mean) / scale)
    predicted = model.predict(flat).reshape(*new.shape[:2], -1)
    unknown = np.isnan(new).all(axis=-1)
    predicted[unknown] = np.nan
    return predicted


def _samples(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins, flattened, at which the target and any feature are known."""
    known = ~np.isnan(target).any(axis=-1) & ~np.isnan(features).all(axis=-1)
    return features[known].astype(np.float64), target[known].astype(np.float64)


def _standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    known = ~np.isnan(x)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, x, 0).sum(axis=0) / n
    scale = np.sqrt(np.where(known, (x - mean) ** 2, 0).sum(axis=0) / n)
    scale = np.where(scale > 1e-9 * np.abs(mean) + 1e-12, scale, 1.0)
    return _impute((x - mean) / scale), mean, scale


def _impute(x: np.ndarray) -> np.ndarray:
    """A feature that is missing is put at its mean, which is 0 here."""
    return np.where(np.isnan(x), 0.0, x)


def _inner_r2(features: np.ndarray, target: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """(penalties,) cross-validated R2, mean over dims."""
    known = ~np.isnan(target).any(axis=-1) & ~np.isnan(features).all(axis=-1)
    x, y = features[known].astype(np.float64), target[known].astype(np.float64)
    x, _, _ = _standardised(x)
    y = y - y.mean(axis=0)
    of_sample = np.broadcast_to(fold[:, None], known.shape)[known]
    moments = [_moments(x[of_sample == k], y[of_sample == k]) for k in np.unique(of_sample)]
    total = [np.sum(each, axis=0) for each in zip(*moments, strict=True)]
    error = np.zeros((len(PENALTIES), y.shape[1]))
    for own in moments:
        error += _fold_error(own, [whole - part for whole, part in zip(total, own, strict=True)])
    about_mean = np.sum(y**2, axis=0)
    return 1 - (error / np.where(about_mean > 0, about_mean, np.nan)).mean(axis=1)


def _moments(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """n, sum x, sum y, x'x, x'y, sum y squared."""
    return [np.array(len(x), float), x.sum(0), y.sum(0), x.T @ x, x.T @ y, np.sum(y**2, axis=0)]


def _fold_error(own: list[np.ndarray], rest: list[np.ndarray]) -> np.ndarray:
    """(penalties, dims) squared error on a fold of what was fitted on the rest."""
    n, sum_x, sum_y, xx, xy, _ = rest
    mean_x, mean_y = sum_x / n, sum_y / n
    values, vectors = np.linalg.eigh(xx - n * np.outer(mean_x, mean_x))
    turned = vectors.T @ (xy - n * np.outer(mean_x, mean_y))
    shrunk = turned / (np.maximum(values, 0)[:, None] + n * PENALTIES[:, None, None])
    weights = np.einsum("ij,pjd->pid", vectors, shrunk)
    # The fold's own moments about the means of the rest.
    m, own_x, own_y, own_xx, own_xy, own_yy = own
    xx = own_xx - np.outer(mean_x, own_x) - np.outer(own_x, mean_x) + m * np.outer(mean_x, mean_x)
    xy = own_xy - np.outer(mean_x, own_y) - np.outer(own_x, mean_y) + m * np.outer(mean_x, mean_y)
    yy = own_yy - 2 * mean_y * own_y + m * mean_y**2
    fitted = np.einsum("pid,id->pd", weights, xy)
    squared = np.einsum("pid,ij,pjd->pd", weights, xx, weights, optimize=True)
    return yy - 2 * fitted + squared
