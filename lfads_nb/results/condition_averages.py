"""Averages over the trials of each condition, with their errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lfads_nb.datasets.conditions import condition_averages as means_of
from lfads_nb.datasets.conditions import unique_conditions
from lfads_nb.errors import DataError


class ConditionAverages(NamedTuple):
    """What the trials of each condition have in common.

    ids : (conditions,) sorted.
    mean : (conditions, ...) NaN where a condition has no trial.
    sem : (conditions, ...) standard error of the mean; NaN with fewer than two trials.
    n : (conditions,) trials of each.
    """

    ids: np.ndarray
    mean: np.ndarray
    sem: np.ndarray
    n: np.ndarray


def average_by_condition(values: np.ndarray, ids: np.ndarray) -> ConditionAverages:
    """Average an array over the trials of each condition.

    Parameters
    ----------
    values : (trials, ...) numbers; NaN marks what is missing and is left out.
    ids : (trials,) condition ids; trials with NaN or '' belong to none.

    Raises
    ------
    DataError
        Not one id per trial.
    """
    if ids.shape != values.shape[:1]:
        raise DataError(f"needs one id for each of the {len(values)} trials", field="condition ids")
    conditions = unique_conditions(ids)
    mean = means_of(values, ids, conditions)
    sem = np.full(mean.shape, np.nan)
    n = np.zeros(len(conditions), dtype=int)
    for row, condition in enumerate(conditions):
        trials = values[ids == condition].astype(float)
        known = ~np.isnan(trials)
        n[row] = known.reshape(len(trials), -1).any(axis=1).sum()
        n_known = known.sum(axis=0)
        squares = np.where(known, (trials - mean[row]) ** 2, 0).sum(axis=0)
        enough = n_known > 1
        sem[row] = np.sqrt(
            np.divide(
                squares, n_known * (n_known - 1), where=enough, out=np.full(squares.shape, np.nan)
            )
        )
    return ConditionAverages(conditions, mean, sem, n)
