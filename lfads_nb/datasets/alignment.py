"""Alignment matrices: read-ins that map each session's channels to common factors from the start.

Sessions that share conditions were driven by the same latent activity, whatever neurons they
recorded. So: pool the condition-averaged counts of all channels of all sessions, take the main
components, and regress these on each session's own averages (Pandarinath et al. 2018, Nature
Methods 15:805, stitching). The model starts from these read-ins and trains on.

Not as in the run manager: ridge penalties are judged by fitting nine folds and testing on the
tenth (it does the reverse).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lfads_nb.datasets.conditions import condition_averages, unique_conditions
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.regression import Fit, least_squares, ridge_by_cross_validation
from lfads_nb.errors import DataError

APPROACHES = ("regressGlobalPCs", "ridgeRegressGlobalPCs")


@dataclass(frozen=True, eq=False)
class Alignment:
    """How one session's channels map to the factors, and how well that works.

    Parameters
    ----------
    matrix : (channels, factors) read-in weights; columns beyond the components that the data have
        are zero.
    bias : (channels,) mean count per bin, which the model subtracts before the read-in.
    condition_ids : (conditions,) that the pictures below show.
    global_pcs : (conditions, bins, factors) components of the pooled averages; NaN where a
        condition is missing in any session.
    reconstruction : (conditions, bins, factors) the same from this session alone; NaN where it
        lacks the condition.
    r2 : (factors,) share of each component's variance that the reconstruction explains; NaN for
        the zero columns.
    penalty : the ridge penalty chosen, relative to a channel's variance; 0 without ridge.
    """

    matrix: np.ndarray
    bias: np.ndarray
    condition_ids: np.ndarray
    global_pcs: np.ndarray
    reconstruction: np.ndarray
    r2: np.ndarray
    penalty: float = 0.0


def align_sessions(
    sessions: Mapping[str, Counts],
    n_factors: int,
    *,
    approach: str = "regressGlobalPCs",
    normalize_each: bool = False,
    exclude_conditions: Iterable[Any] = (),
) -> dict[str, Alignment]:
    """Find read-ins for several sessions from their condition averages.

    Parameters
    ----------
    sessions : each session's counts under its name, already at the bins of the model. Trials
        without condition (NaN or '') are left out, as are missing bins.
    n_factors : columns of the matrices.
    approach : "regressGlobalPCs" (least squares) or "ridgeRegressGlobalPCs" (penalty by
        cross-validation).
    normalize_each : ridge only: give every channel the same variance before penalising, instead
        of dividing all by their overall one.
    exclude_conditions : ids to leave out.

    Returns
    -------
    alignments : one for each session, in the same order.

    Raises
    ------
    DataError
        When bins differ between sessions, no condition is in all of them, or one has none.
    """
    _check_approach(approach)
    _check_bins(sessions)
    conditions = _common_ids(sessions, exclude_conditions)
    flat = {name: _flat_averages(name, counts, conditions) for name, counts in sessions.items()}
    pcs = _global_components(flat, n_factors)
    shape = (len(conditions), -1, n_factors)
    alignments = {}
    for name, session in flat.items():
        fit, reconstruction = _regress(
            session, pcs, ridge=approach != APPROACHES[0], normalize_each=normalize_each
        )
        alignments[name] = Alignment(
            matrix=fit.weights,
            bias=np.nanmean(session, axis=0),
            condition_ids=conditions,
            global_pcs=pcs.reshape(shape),
            reconstruction=reconstruction.reshape(shape),
            r2=_r2(pcs, reconstruction),
            penalty=fit.penalty,
        )
    return alignments


def align_single_session(
    counts: Counts, n_factors: int, *, exclude_conditions: Iterable[Any] = ()
) -> Alignment:
    """Find a read-in for one session alone: the main components of its condition averages.

    Parameters
    ----------
    counts : the session, already at the bins of the model.
    n_factors : columns of the matrix; those beyond the number of channels are zero.
    exclude_conditions : ids to leave out.

    Raises
    ------
    DataError
        When trials have no conditions.
    """
    name = counts.name or "this session"
    conditions = _common_ids({name: counts}, exclude_conditions)
    averages = _flat_averages(name, counts, conditions)
    bias = np.nanmean(averages, axis=0)
    loadings = _loadings(averages - bias, n_factors)
    components = (averages - bias) @ loadings
    shaped = components.reshape(len(conditions), -1, n_factors)
    return Alignment(
        matrix=loadings,
        bias=bias,
        condition_ids=conditions,
        global_pcs=shaped,
        reconstruction=shaped,
        r2=_r2(components, components),
    )


def _check_approach(approach: str) -> None:
    if approach not in APPROACHES:
        raise DataError(
            f"is {approach!r}; it must be one of {', '.join(map(repr, APPROACHES))}.",
            field="alignment_approach",
        )


def _check_bins(sessions: Mapping[str, Counts]) -> None:
    if not sessions:
        raise DataError("there is no session to align.")
    (first, reference), *others = sessions.items()
    for name, counts in others:
        if counts.n_bins != reference.n_bins or not np.isclose(counts.bin_ms, reference.bin_ms):
            raise DataError(
                f"has {counts.n_bins} bins of {counts.bin_ms:g} ms, but {first!r} has "
                f"{reference.n_bins} of {reference.bin_ms:g} ms. Sessions that are stitched need "
                "trials of the same length.",
                dataset=name,
            )


def _ids(name: str, counts: Counts) -> np.ndarray:
    if counts.condition_ids is None:
        raise DataError(
            "is missing: alignment averages over conditions. Give condition_ids, or train without "
            "alignment matrices.",
            dataset=name,
            field="condition_ids",
        )
    return counts.condition_ids


def _common_ids(sessions: Mapping[str, Counts], exclude: Iterable[Any]) -> np.ndarray:
    ids = {name: unique_conditions(_ids(name, counts)) for name, counts in sessions.items()}
    kinds = {name: "text" if found.dtype.kind == "U" else "numbers" for name, found in ids.items()}
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{name!r} has {kind}" for name, kind in kinds.items())
        raise DataError(
            f"differs in type between sessions ({said}). Use the same ids in all.",
            field="condition_ids",
        )
    ids = {name: found[~np.isin(found, list(exclude))] for name, found in ids.items()}
    for name, found in ids.items():
        if not len(found):
            raise DataError("has no trial with a condition to align on.", dataset=name)
    return np.unique(np.concatenate(list(ids.values())))


def _flat_averages(name: str, counts: Counts, conditions: np.ndarray) -> np.ndarray:
    """Condition averages end to end: (conditions x bins, channels), NaN where there are none."""
    averages = condition_averages(counts.counts, _ids(name, counts), conditions)
    flat = averages.reshape(-1, averages.shape[2])
    silent = ~np.isfinite(flat).any(axis=0)
    if silent.any():
        raise DataError(
            f"channel {int(silent.argmax())} has missing bins only: leave it out.",
            dataset=name,
            field="counts",
        )
    return flat


def _global_components(flat: Mapping[str, np.ndarray], n_factors: int) -> np.ndarray:
    """Pooled averages in terms of their main components: (conditions x bins, factors)."""
    pooled = np.concatenate(list(flat.values()), axis=1)
    if not np.isfinite(pooled).all(axis=1).any():
        raise DataError(
            f"no condition was recorded in all of {', '.join(flat)}. Stitch sessions that share "
            "conditions, or train without alignment matrices.",
            field="condition_ids",
        )
    centred = pooled - np.nanmean(pooled, axis=0)
    return centred @ _loadings(centred, n_factors)


def _loadings(centred: np.ndarray, n_factors: int) -> np.ndarray:
    """Main components of data with gaps: (channels, factors), orthonormal, then zero columns.

    Covariances use all samples that both channels have. If that does not give a covariance matrix
    (negative eigenvalues), or two channels share no sample, only complete samples are used.
    """
    variances, vectors = _eigen(_pairwise_covariance(centred))
    if not variances[-1] >= -1e-9 * variances[0]:
        complete = centred[np.isfinite(centred).all(axis=1)]
        variances, vectors = _eigen(np.cov(complete, rowvar=False, ddof=0))
    n_components = min(n_factors, int((variances > 1e-12 * variances[0]).sum()))
    loadings = np.zeros((centred.shape[1], n_factors))
    loadings[:, :n_components] = vectors[:, :n_components]
    # A component's sign is arbitrary: make its largest loading positive.
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(axis=0)[None], axis=0)
    return loadings * np.where(largest < 0, -1.0, 1.0)


def _pairwise_covariance(centred: np.ndarray) -> np.ndarray:
    known = np.isfinite(centred).astype(np.float64)
    filled = np.nan_to_num(centred)
    shared = known.T @ known
    return np.divide(filled.T @ filled, shared, out=np.full(shared.shape, np.nan), where=shared > 0)


def _eigen(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues in falling order with their vectors; NaN if the matrix has gaps."""
    covariance = np.atleast_2d(covariance)
    if not np.isfinite(covariance).all():
        return np.full(len(covariance), np.nan), covariance
    values, vectors = np.linalg.eigh(covariance)
    return values[::-1], vectors[:, ::-1]


def _regress(
    session: np.ndarray, pcs: np.ndarray, *, ridge: bool, normalize_each: bool
) -> tuple[Fit, np.ndarray]:
    """Weights from a session's averages to the components, and the components it gives."""
    both = np.isfinite(session).all(axis=1) & np.isfinite(pcs).all(axis=1)
    session_mean, pcs_mean = session[both].mean(axis=0), pcs[both].mean(axis=0)
    X, Y = session[both] - session_mean, pcs[both] - pcs_mean
    if ridge:
        fit = ridge_by_cross_validation(X, Y, normalize_each=normalize_each)
    else:
        fit = least_squares(X, Y)
    return fit, (session - session_mean) @ fit.weights + pcs_mean


def _r2(truth: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    both = np.isfinite(truth).all(axis=1) & np.isfinite(estimate).all(axis=1)
    residual = ((truth[both] - estimate[both]) ** 2).sum(axis=0)
    total = ((truth[both] - truth[both].mean(axis=0)) ** 2).sum(axis=0)
    return 1 - np.divide(residual, total, out=np.full(total.shape, np.nan), where=total > 0)
