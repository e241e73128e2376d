"""jPCA: the planes in which the condition averages of a population rotate.

Churchland et al. (2012), "Neural population dynamics during reaching", Nature 487, in the closed
form of its least squares. Rotations turn up in data without any dynamics too (Elsayed and
Cunningham, 2017, Nature Neuroscience 20): compare with `shuffled_r2` before believing them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_sylvester

from lfads_nb.errors import DataError

_FEWEST_SHUFFLED = 4


@dataclass(frozen=True)
class Jpca:
    """Planes of rotation, the fastest first.

    Parameters
    ----------
    mean : (bins, dims)
        Mean over conditions at each time, which is taken off first.
    centre : (dims,)
        What is left in the middle.
    axes : (dims, 2 * planes)
        Orthonormal; two columns span a plane, in which the states turn anticlockwise.
    frequencies_hz : (planes,)
        Turns in a second; NaN where the width of the bins is not known.
    r2_skew : float
        Share of the states' changes that pure rotations explain.
    r2_best : float
        Share that any linear dynamics explain: what rotations can reach at most.
    captured : (planes,)
        Share of the variance about the mean over conditions.
    """

    mean: np.ndarray
    centre: np.ndarray
    axes: np.ndarray
    frequencies_hz: np.ndarray
    r2_skew: float
    r2_best: float
    captured: np.ndarray

    def project(self, values: np.ndarray) -> np.ndarray:
        """Return (..., bins, dims) values in these planes: (..., bins, 2 * planes)."""
        return (values - self.mean - self.centre) @ self.axes


def jpca(averages: np.ndarray, *, n_components: int = 6, bin_ms: float = np.nan) -> Jpca:
    """Find the planes in which condition averages rotate.

    Parameters
    ----------
    averages : (conditions, bins, dims)
        NaN leaves a bin of a condition out.
    n_components : principal components that take part; one fewer if the data have an odd number.
    bin_ms : width of the bins.

    Raises
    ------
    DataError
        There are fewer than two conditions, three bins or two dimensions with any variance.
    """
    known = averages[np.isfinite(averages).any(axis=(1, 2))].astype(float)
    if len(known) < 2 or known.shape[1] < 3:
        raise DataError(
            f"jPCA needs at least 2 conditions of 3 bins: these are {len(known)} of "
            f"{averages.shape[1]}"
        )
    mean = _mean_of_known(known)
    states = known - mean
    samples = states.reshape(-1, states.shape[-1])
    samples = samples[np.isfinite(samples).all(axis=1)]
    if len(samples) < 2:
        raise DataError("jPCA needs bins in which everything is known; there are none")
    centre = samples.mean(axis=0)
    _, strengths, rows = np.linalg.svd(samples - centre, full_matrices=False)
    rank = int((strengths > 1e-9 * max(strengths[0], 1e-300)).sum())
    n = min(n_components, rank) // 2 * 2
    if n < 2:
        raise DataError("jPCA needs two dimensions in which the conditions differ")
    components = rows[:n].T
    reduced = (states - centre) @ components
    before, change = _steps(reduced)
    rotation = _skew_symmetric(before, change)
    free, *_ = np.linalg.lstsq(before, change, rcond=None)
    turns, speeds = _planes(rotation, reduced)
    axes = components @ turns
    projected = (samples - centre) @ axes
    total = ((samples - centre) ** 2).sum()
    of_axes = (projected**2).sum(axis=0) / total
    return Jpca(
        mean, centre, axes, speeds / (2 * np.pi) * 1000 / bin_ms,
        _r2(change, before @ rotation), _r2(change, before @ free), of_axes.reshape(-1, 2).sum(1),
    )  # fmt: skip


def shuffled_r2(
    averages: np.ndarray, *, n_components: int = 6, n_shuffles: int = 50, seed: int = 0
) -> np.ndarray:
    """Return what rotations explain where no rotation is shared: `r2_skew` of shuffled averages.

    In each shuffle every dimension has its conditions in an order of its own. Each keeps its time
    courses and their smoothness; how the dimensions go together is lost.

    Parameters
    ----------
    averages, n_components : as for `jpca`.
    n_shuffles : how often.
    seed : of the shuffles.

    Returns
    -------
    numpy.ndarray
        (n_shuffles,)

    Raises
    ------
    DataError
        As `jpca`, or there are fewer than four conditions, which have too few orders.
    """
    known = averages[np.isfinite(averages).any(axis=(1, 2))]
    if len(known) < _FEWEST_SHUFFLED:
        raise DataError(
            f"a shuffled control needs {_FEWEST_SHUFFLED} conditions or more: these are "
            f"{len(known)}"
        )
    rng = np.random.default_rng(seed)
    found = np.empty(n_shuffles)
    for i in range(n_shuffles):
        orders = [known[rng.permutation(len(known)), :, dim] for dim in range(known.shape[-1])]
        found[i] = jpca(np.stack(orders, axis=-1), n_components=n_components).r2_skew
    return found


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    total, n = np.where(known, values, 0).sum(axis=0), known.sum(axis=0)
    return np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)


def _steps(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return states and how each changes to the next bin's: (samples, dims) both."""
    before = states[:, :-1].reshape(-1, states.shape[-1])
    change = np.diff(states, axis=1).reshape(-1, states.shape[-1])
    known = np.isfinite(before).all(axis=1) & np.isfinite(change).all(axis=1)
    if known.sum() < 2:
        raise DataError("jPCA needs bins that follow each other; most are missing")
    return before[known], change[known]


def _skew_symmetric(before: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return the skew-symmetric M with the least squared error of before @ M to change.

    Its normal equations are S M + M S = C - C' with S = X'X and C = X'dX, a Sylvester equation.
    """
    square, cross = before.T @ before, before.T @ change
    found = solve_sylvester(square, square, cross - cross.T)
    return (found - found.T) / 2


def _planes(rotation: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the planes' axes (dims, 2 * planes) and radians a bin, the fastest first."""
    values, vectors = np.linalg.eig(rotation)
    upper = np.flatnonzero(values.imag > 0)
    upper = upper[np.argsort(-values.imag[upper])]
    if not len(upper):
        raise DataError("jPCA needs states that change; these stand still")
    axes = [_turned(_orthonormal(vectors[:, i]), states, rotation) for i in upper]
    return np.concatenate(axes, axis=1), values.imag[upper]


def _orthonormal(vector: np.ndarray) -> np.ndarray:
    plane = np.stack([vector.real, vector.imag], axis=1)
    return plane / np.linalg.norm(plane, axis=0)


def _turned(plane: np.ndarray, states: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Turn a plane so that the first states spread along x, and states go anticlockwise."""
    first = states[:, 0]
    first = first[np.isfinite(first).all(axis=1)] @ plane
    if len(first) > 1:
        _, _, rows = np.linalg.svd(first - first.mean(axis=0), full_matrices=False)
        along = rows[0]
        plane = plane @ np.array([[along[0], -along[1]], [along[1], along[0]]])
    # Row vectors: x + x M moves (1, 0) towards the second axis if M's entry there is positive.
    is_clockwise = (plane.T @ rotation @ plane)[0, 1] < 0
    return plane * np.array([1.0, -1.0]) if is_clockwise else plane


def _r2(truth: np.ndarray, guess: np.ndarray) -> float:
    total = (truth**2).sum()
    return float(1 - ((truth - guess) ** 2).sum() / total) if total > 0 else float("nan")
