"""Runs that differ only in their seed: what a setting reaches on average, what chance does.

A difference between two settings that is smaller than what seeds make is no difference; comparing
one run of each is how most sweeps are misread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lfads_nb.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SEED = "seed"
_STANDARD_ERRORS = 2.0
"""Means closer than this many standard errors of their difference are not told apart."""


@dataclass(frozen=True)
class Replicates:
    """Settings with their seeds taken together.

    Parameters
    ----------
    table : one row per setting, best first: the parameters that differ (but for the seed), `n`
        (runs with a figure), `mean`, `sd` (NaN for a single run), `runs` (their names).
    seed_sd : s.d. that seeds make, pooled over settings with several runs; NaN if there are none.
    higher_is_better : the figure's direction.
    """

    table: pd.DataFrame
    seed_sd: float
    higher_is_better: bool

    def as_good_as_best(self) -> np.ndarray:
        """Return (settings,) bool: which cannot be told from the best one by these runs.

        Without replicates nothing is known of what seeds do, and only the best is marked.
        """
        mean, n = self.table["mean"].to_numpy(float), self.table["n"].to_numpy(float)
        same = np.zeros(len(mean), dtype=bool)
        if not len(mean):
            return same
        same[0] = True
        if np.isfinite(self.seed_sd):
            error = self.seed_sd * np.sqrt(1 / n + 1 / n[0])
            same |= np.abs(mean - mean[0]) <= _STANDARD_ERRORS * error
        return same

    def sentence(self) -> str:
        """Say in words whether the best setting stands out."""
        n = len(self.table)
        if n < 2:
            return ""
        if not np.isfinite(self.seed_sd):
            return (
                "Every setting was trained once: how much of a difference seeds alone make is not "
                "known. Train the best ones with other seeds before believing their order."
            )
        same = int(self.as_good_as_best().sum()) - 1
        noise = f"seeds alone make a s.d. of {self.seed_sd:.3g}"
        if not same:
            return f"The best setting stands out: {noise}."
        others = "one other setting" if same == 1 else f"{same} other settings"
        return f"The best setting and {others} differ by less than seeds do ({noise})."


def group_replicates(
    frame: pd.DataFrame, settings: Sequence[str], figure: str, *, higher_is_better: bool
) -> Replicates:
    """Take runs that differ only in their seed together.

    Parameters
    ----------
    frame : one row per run, such as `compare(runs)`.
    settings : the columns that are parameters.
    figure : the column to judge by; runs without it are left out.
    higher_is_better : the figure's direction.

    Raises
    ------
    DataError
        A column is missing.
    """
    import pandas as pd

    missing = [name for name in (*settings, figure) if name not in frame]
    if missing:
        raise DataError(f"the table has no column {', '.join(missing)}")
    by = [name for name in settings if name != SEED]
    if "spec" in frame and "spec" not in by:
        by = ["spec", *by]
    known = frame[np.isfinite(frame[figure].astype(float))]
    rows = []
    # text keys, as values may be lists, None or mixed
    keys = ["\x1f".join(map(str, values)) for values in known[by].itertuples(index=False)]
    for _, members in known.groupby(np.array(keys, dtype=object), sort=False):
        values = members[figure].astype(float)
        rows.append(
            {
                **{name: members[name].iloc[0] for name in by},
                "n": len(values),
                "mean": values.mean(),
                "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                "runs": tuple(map(str, members.index)),
            }
        )
    table = pd.DataFrame(rows, columns=[*by, "n", "mean", "sd", "runs"])
    table = table.sort_values("mean", ascending=not higher_is_better, ignore_index=True)
    return Replicates(table, _pooled(table), higher_is_better)


def _pooled(table: pd.DataFrame) -> float:
    n, sd = table["n"].to_numpy(float), table["sd"].to_numpy(float)
    several = n > 1
    if not several.any():
        return float("nan")
    freedom = n[several] - 1
    return float(np.sqrt(np.sum(freedom * sd[several] ** 2) / freedom.sum()))
