"""Looking at many dimensions in two, and laying one run's dimensions over another's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lfads_nb.errors import DataError


@dataclass(frozen=True)
class PrincipalAxes:
    """Directions of most variance.

    `mean` is (dims,); `axes` (dims, components), orthonormal, each with its largest loading
    positive; `explained` (components,) the shares of the variance.
    """

    mean: np.ndarray
    axes: np.ndarray
    explained: np.ndarray

    def project(self, values: np.ndarray) -> np.ndarray:
        """Return (..., dims) values in these directions: (..., components)."""
        return (values - self.mean) @ self.axes


def principal_axes(values: np.ndarray, n_components: int) -> PrincipalAxes:
    """Find the directions of most variance of values (..., dims), leaving out NaN.

    Raises
    ------
    DataError
        There are fewer than two samples.
    """
    samples = values.reshape(-1, values.shape[-1]).astype(float)
    samples = samples[np.isfinite(samples).all(axis=1)]
    if len(samples) < 2:
        raise DataError("there are fewer than two samples to find principal components of")
    mean = samples.mean(axis=0)
    covariance = np.atleast_2d(np.cov(samples, rowvar=False, ddof=0))
    variances, vectors = np.linalg.eigh(covariance)
    variances, vectors = np.clip(variances[::-1], 0, None), vectors[:, ::-1]
    n = min(n_components, samples.shape[1])
    axes = vectors[:, :n]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    axes = axes * np.where(largest < 0, -1.0, 1.0)
    total = variances.sum()
    return PrincipalAxes(mean, axes, variances[:n] / total if total > 0 else np.zeros(n))


@dataclass(frozen=True)
class Procrustes:
    """How to lay one set of dimensions over another: shift, scale, turn and shift again.

    `r2` is the share of the reference's variance that the laid-over values explain.
    """

    mean: np.ndarray
    rotation: np.ndarray
    scale: float
    reference_mean: np.ndarray
    r2: float

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Lay values (..., dims) over the reference: (..., reference dims)."""
        return (values - self.mean) @ self.rotation * self.scale + self.reference_mean


def procrustes(values: np.ndarray, reference: np.ndarray) -> Procrustes:
    """Find the rotation (reflections included), scale and shift that lay values over a reference.

    Gower and Dijksterhuis (2004), "Procrustes Problems": the rotation is that of the singular
    vectors of values' x reference. If the two differ in dimensions, the smaller one is taken to
    lie in a subspace of the other.

    Parameters
    ----------
    values, reference : (..., dims) with the same samples in the same order; NaN in either leaves
        a sample out.

    Raises
    ------
    DataError
        The samples differ in number, or fewer than two are known in both.
    """
    a, b = (each.reshape(-1, each.shape[-1]).astype(float) for each in (values, reference))
    if len(a) != len(b):
        raise DataError(f"{len(a)} samples cannot be laid over {len(b)}")
    known = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    a, b = a[known], b[known]
    if len(a) < 2:
        raise DataError("there are fewer than two samples that both runs have")
    a_mean, b_mean = a.mean(axis=0), b.mean(axis=0)
    left, strengths, right = np.linalg.svd((a - a_mean).T @ (b - b_mean), full_matrices=False)
    rotation = left @ right
    spread, total = ((a - a_mean) ** 2).sum(), ((b - b_mean) ** 2).sum()
    # Only what the rotation keeps counts, if it drops dimensions.
    kept = (((a - a_mean) @ rotation) ** 2).sum()
    scale = strengths.sum() / kept if spread > 0 and kept > 0 else 0.0
    residual = ((b - b_mean - (a - a_mean) @ rotation * scale) ** 2).sum()
    r2 = float(1 - residual / total) if total > 0 else float("nan")
    return Procrustes(a_mean, rotation, float(scale), b_mean, r2)


@dataclass(frozen=True)
class ReadoutAxes:
    """Directions from which a signal is read out, and one more without it.

    `mean` is (dims,); `axes` (dims, targets + 1), orthonormal, the last the direction of most
    variance that no target is read out from; `r2` is that of the read-out on its own samples.
    """

    mean: np.ndarray
    axes: np.ndarray
    r2: float

    def project(self, values: np.ndarray) -> np.ndarray:
        """Return (..., dims) values in these directions: (..., targets + 1)."""
        return (values - self.mean) @ self.axes


_RIDGE = 1e-3  # of the mean variance of a dimension


def readout_axes(states: np.ndarray, target: np.ndarray) -> ReadoutAxes:
    """Find the directions of states (..., dims) that a signal (..., targets) is read out from.

    A linear read-out bin by bin, without lag, its weights made orthonormal one after the other, so
    that the picture is a turn of the states and no stretch.

    Raises
    ------
    DataError
        Fewer samples are known in both than there are dimensions, or there are too few dimensions.
    """
    x, y = (each.reshape(-1, each.shape[-1]).astype(float) for each in (states, target))
    known = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    x, y = x[known], y[known]
    n, dims = x.shape
    if n <= dims:
        raise DataError("there are too few bins in which both states and the signal are known")
    if dims <= y.shape[1]:
        raise DataError(f"{dims} dimensions are too few to read out {y.shape[1]} from")
    mean = x.mean(axis=0)
    x, y = x - mean, y - y.mean(axis=0)
    square = x.T @ x
    penalty = _RIDGE * np.trace(square) / dims
    weights = np.linalg.solve(square + penalty * np.eye(dims), x.T @ y)
    axes, triangle = np.linalg.qr(weights)
    axes = axes * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    rest = np.linalg.eigh(square - _of_axes(square, axes))[1][:, -1]
    total = (y**2).sum()
    r2 = float(1 - ((y - x @ weights) ** 2).sum() / total) if total > 0 else float("nan")
    return ReadoutAxes(mean, np.column_stack([axes, rest]), r2)


def _of_axes(square: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return what a second-moment matrix loses where axes are taken out of its samples."""
    keep = np.eye(len(square)) - axes @ axes.T
    return square - keep @ square @ keep
