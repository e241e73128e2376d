"""Which parameters of a sweep mattered: a random forest's account, with its own noise beside it.

The share of a parameter is the variance of its marginal (the forest's prediction at each of its
values, averaged over the other parameters of the sweep's runs) over the variance of all
predictions: the main effects of functional ANOVA (Hutter, Hoos & Leyton-Brown 2014, "An efficient
approach for assessing hyperparameter importance", ICML). It says nothing of cause, nothing outside
the swept ranges, and little with few runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FEWEST_RUNS = 20
_TREES = 64
_REPEATS = 20
_NOISE_QUANTILE = 0.95


def parameter_importance(
    frame: pd.DataFrame, settings: Sequence[str], figure: str, *, seed: int = 0
) -> pd.DataFrame:
    """Return how much of a figure's variation each parameter accounts for.

    Parameters
    ----------
    frame : one row per run, such as `compare(runs)`.
    settings : the columns that are parameters.
    figure : the column that they are to account for; runs without it are left out.
    seed : of the forest and the permutations.

    Returns
    -------
    pandas.DataFrame
        Indexed by parameter, most important first: `share` of the forest's variance (0 to 1),
        `explained` (share times the out-of-bag R2), `noise` (what the best of as many parameters
        without any effect explains in 95 % of forests) and `matters` (explained above noise).

    Raises
    ------
    DataError
        There are fewer than 20 runs with the figure, or nothing was varied.
    """
    import pandas as pd

    missing = [name for name in (*settings, figure) if name not in frame]
    if missing:
        raise DataError(f"the table has no column {', '.join(missing)}")
    y = frame[figure].to_numpy(float)
    known = np.isfinite(y)
    varied = [name for name in settings if frame.loc[known, name].astype(str).nunique() > 1]
    if known.sum() < FEWEST_RUNS:
        raise DataError(
            f"{known.sum()} runs have {figure!r}; which parameters matter cannot be told from "
            f"fewer than {FEWEST_RUNS}.",
            field=figure,
        )
    if not varied:
        raise DataError("no parameter differs between these runs.", field=figure)
    x = np.stack([_numbers(frame.loc[known, name]) for name in varied], axis=1)
    y = y[known]
    share, r2 = _shares(x, y, seed)
    noise = np.quantile(_shadow_shares(x, y, seed), _NOISE_QUANTILE)
    explained = share * max(r2, 0)
    table = pd.DataFrame(
        {"share": share, "explained": explained, "noise": noise, "matters": explained > noise},
        index=pd.Index(varied, name="parameter"),
    )
    return table.sort_values("share", ascending=False)


def _shares(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Main effects' shares of a forest's variance (parameters,), and its out-of-bag R2."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        _TREES, min_samples_leaf=2, oob_score=True, random_state=seed, n_jobs=1
    ).fit(x, y)
    total = float(np.var(forest.predict(x)))
    if total == 0:
        return np.zeros(x.shape[1]), 0.0
    marginal = [_marginal_variance(forest, x, column) for column in range(x.shape[1])]
    return np.array(marginal) / total, float(forest.oob_score_)


def _shadow_shares(x: np.ndarray, y: np.ndarray, seed: int) -> list[float]:
    """What the best of all parameters explains when each is shuffled among the runs.

    Shuffled copies stand beside the real ones, as in Kursa & Rudnicki 2010 (Boruta).
    """
    rng = np.random.default_rng(seed)
    best = []
    for repeat in range(_REPEATS):
        shadows = rng.permuted(x, axis=0)
        share, r2 = _shares(np.hstack([x, shadows]), y, seed + 1 + repeat)
        best.append(float(share[x.shape[1] :].max()) * max(r2, 0))
    return best


def _marginal_variance(forest: Any, x: np.ndarray, column: int) -> float:
    values, counts = np.unique(x[:, column], return_counts=True)
    at = np.repeat(x[None], len(values), axis=0)
    at[:, :, column] = values[:, None]
    predicted = forest.predict(at.reshape(-1, x.shape[1])).reshape(len(values), -1)
    return float(np.cov(predicted.mean(axis=1), fweights=counts, ddof=0))


def _numbers(column: pd.Series) -> np.ndarray:
    """A column as numbers; texts, flags and None by their rank."""
    try:
        values = column.to_numpy(float)
    except (TypeError, ValueError):
        values = np.full(len(column), np.nan)
    if np.isfinite(values).all():
        return values
    return np.unique(column.astype(str), return_inverse=True)[1].astype(float)
