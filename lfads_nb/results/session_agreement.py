"""Whether sessions share their factors: R2 between their condition averages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from lfads_nb.errors import DataError
from lfads_nb.results.metrics import r2
from lfads_nb.results.posterior_means import PosteriorMeans

if TYPE_CHECKING:
    import pandas as pd


def session_agreement(sessions: Sequence[PosteriorMeans], field: str = "factors") -> pd.DataFrame:
    """Return how well each session's condition averages are those of each other session.

    A stitched model gives all sessions one generator and so one basis: averages over the same
    condition should agree without any rotation. Models of single sessions have bases of their own,
    and do not agree.

    Parameters
    ----------
    sessions : the parts of a stitched run (`pm.sessions`), or of several runs.
    field : "factors", or another array whose units mean the same in all sessions.

    Returns
    -------
    pandas.DataFrame
        (sessions, sessions): 1 - squared differences / squares about each unit's mean in the row's
        session, over conditions that both have; 1 on the diagonal.

    Raises
    ------
    DataError
        There are fewer than two sessions, they share no condition, or differ in bins or units.
    """
    import pandas as pd

    if len(sessions) < 2:
        raise DataError("needs two sessions or more to compare", field="sessions")
    names = [" + ".join(pm.datasets) for pm in sessions]
    averages = [pm.condition_averages(field) for pm in sessions]
    table = np.eye(len(sessions))
    for i, j in permutations(range(len(sessions)), 2):
        _, of_i, of_j = np.intersect1d(averages[i].ids, averages[j].ids, return_indices=True)
        if not len(of_i):
            raise DataError(f"{names[i]} and {names[j]} share no condition", field="condition ids")
        reference = averages[i].mean[of_i]
        middle = np.nanmean(reference, axis=(0, 1))
        table[i, j] = r2(reference - middle, averages[j].mean[of_j] - middle).pooled
    return pd.DataFrame(table, index=pd.Index(names, name="session"), columns=names)
