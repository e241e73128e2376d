"""Condition ids: one number or text per trial that says what was shown or done in it.

Ids are numbers or text, never a mix. NaN and the empty text mean "no condition": such trials are
trained on like all others, but no average over conditions counts them. `labels.py` has the rule
by which lists, columns of tables and cell arrays become ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lfads_nb.datasets.labels import as_labels
from lfads_nb.errors import DataError

_LARGEST_ID = 2**63 - 1


def as_condition_ids(values: Any, *, dataset: str | None = None) -> np.ndarray:
    """Turn ids in any usual form into one array of numbers or of text.

    Parameters
    ----------
    values : numbers or texts in any form that `labels.as_labels` takes.
    dataset : name for messages.

    Returns
    -------
    ids : (trials,) int64 where all are whole, float64 otherwise, or unicode text.

    Raises
    ------
    DataError
        When ids are neither numbers nor text, or are both.
    """
    ids = as_labels(values, field="condition_ids", dataset=dataset)
    if ids.dtype.kind in "biu":
        if ids.size and ids.max() > _LARGEST_ID:
            raise DataError(
                f"has the id {ids.max()}, too large to keep. Use smaller numbers or text.",
                dataset=dataset,
                field="condition_ids",
                trial=int(ids.argmax()),
            )
        return ids.astype(np.int64)
    return _whole_if_possible(ids.astype(np.float64), dataset) if ids.dtype.kind == "f" else ids


def _whole_if_possible(ids: np.ndarray, dataset: str | None) -> np.ndarray:
    if np.isinf(ids).any():
        raise DataError(
            "is infinite. Use NaN for a trial without a condition.",
            dataset=dataset,
            field="condition_ids",
            trial=int(np.flatnonzero(np.isinf(ids))[0]),
        )
    if (ids == np.rint(ids)).all() and (np.abs(ids) < 2**53).all():
        return ids.astype(np.int64)
    return ids


def condition_label(condition: Any) -> str:
    """Text for a condition id: ids of whole numbers without `.0`, text as it is."""
    if isinstance(condition, float | np.floating):
        return f"{condition:.15g}"
    return str(condition)


def has_condition(ids: np.ndarray) -> np.ndarray:
    """Mark trials whose id is neither NaN nor the empty text: (trials,) bool."""
    if ids.dtype.kind == "U":
        return ids != ""
    if ids.dtype.kind == "f":
        return ~np.isnan(ids)
    return np.ones(ids.shape, dtype=bool)


def unique_conditions(ids: np.ndarray) -> np.ndarray:
    """Sorted distinct ids, without NaN and the empty text: (conditions,)."""
    return np.unique(ids[has_condition(ids)])


def condition_averages(
    values: np.ndarray, ids: np.ndarray, conditions: Sequence[Any] | np.ndarray | None = None
) -> np.ndarray:
    """Average an array over the trials of each condition.

    Parameters
    ----------
    values : (trials, ...) numbers; NaN marks what is missing and is left out of the average.
    ids : (trials,) condition ids.
    conditions : which ones, in which order; all that occur, sorted, when not given.

    Returns
    -------
    averages : (conditions, ...) float64; NaN for a condition without any trial.
    """
    wanted = unique_conditions(ids) if conditions is None else np.asarray(conditions)
    averages = np.full((len(wanted), *values.shape[1:]), np.nan)
    for row, condition in enumerate(wanted):
        trials = values[ids == condition]
        if len(trials):
            averages[row] = _mean_of_known(trials)
    return averages


def _mean_of_known(trials: np.ndarray) -> np.ndarray:
    if trials.dtype.kind != "f":
        return trials.mean(axis=0, dtype=np.float64)
    known = ~np.isnan(trials)
    total = np.where(known, trials, 0).sum(axis=0, dtype=np.float64)
    n_known = known.sum(axis=0)
    return np.divide(total, n_known, out=np.full(total.shape, np.nan), where=n_known > 0)
