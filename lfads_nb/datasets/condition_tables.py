"""Condition tables: columns about each trial from a CSV file or a DataFrame, joined to counts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.datasets.conditions import as_condition_ids
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.validation import check_column
from lfads_nb.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def join_conditions(
    counts: Counts,
    table: pd.DataFrame | str | os.PathLike[str],
    *,
    on: str | None = "trial",
    condition: str | Sequence[str] | None = None,
    first_trial: int = 0,
    columns: Sequence[str] | None = None,
) -> Counts:
    """Join a table with one row per trial to counts.

    Parameters
    ----------
    counts : the session.
    table : DataFrame, or a file of comma-separated values (`.tsv`: separated by tabs). It may have
        more rows than there are trials.
    on : column with each row's trial: values of the counts' own trial column of this name if they
        have one, else trial numbers. None: the rows are in the order of the trials.
    condition : column that becomes the condition ids; several are put together as "left | fast".
        None leaves the condition ids as they are.
    first_trial : number of the first trial in the table, 1 for tables from MATLAB.
    columns : which columns to keep as trial columns; all but `on` when not given.

    Returns
    -------
    counts : the same counts with condition ids and trial columns.

    Raises
    ------
    DataError
        When a trial has no row or several, or a column is missing.
    """
    frame = _as_frame(table)
    wanted = [condition] if isinstance(condition, str) else list(condition or ())
    kept = [c for c in frame.columns if c != on] if columns is None else list(columns)
    _check_columns(frame, [*wanted, *kept, *([on] if on else [])], counts.name)
    rows = frame.iloc[_row_of_each_trial(frame, counts, on, first_trial)]
    joined = dict(counts.trial_columns)
    for name in kept:
        joined[str(name)] = check_column(
            _as_array(rows[name]), counts.n_trials, key=str(name), dataset=counts.name
        )
    ids = _condition_ids(rows, wanted, counts.name) if wanted else counts.condition_ids
    return counts._with(condition_ids=ids, trial_columns=joined)


def _as_frame(table: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    path = Path(table).expanduser()
    try:
        return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(f"the condition table {path} cannot be read: {error}") from error


def _check_columns(frame: pd.DataFrame, wanted: Sequence[str], dataset: str | None) -> None:
    missing = [name for name in dict.fromkeys(wanted) if name not in frame.columns]
    if missing:
        raise DataError(
            f"the condition table has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, frame.columns))}.",
            dataset=dataset,
        )


def _row_of_each_trial(
    frame: pd.DataFrame, counts: Counts, on: str | None, first_trial: int
) -> np.ndarray:
    if on is None:
        if len(frame) != counts.n_trials:
            raise DataError(
                f"the condition table has {len(frame)} rows for {counts.n_trials} trials. Say "
                "which row belongs to which trial by a column (on=...).",
                dataset=counts.name,
            )
        return np.arange(counts.n_trials)
    keys = counts.trial_columns.get(on, first_trial + np.arange(counts.n_trials))
    rows_of: dict[Any, list[int]] = {}
    for row, key in enumerate(frame[on].tolist()):
        rows_of.setdefault(key, []).append(row)
    found = [rows_of.get(key, []) for key in keys.tolist()]
    for trial, (key, rows) in enumerate(zip(keys.tolist(), found, strict=True)):
        if len(rows) != 1:
            n_wrong = sum(len(rows) != 1 for rows in found)
            raise DataError(
                f"the condition table has {len(rows) or 'no'} rows with {on} = {key!r} "
                f"({n_wrong} of {counts.n_trials} trials have none or several). Give each trial "
                "one row; if the table counts trials from 1, pass first_trial=1.",
                dataset=counts.name,
                field=on,
                trial=trial,
            )
    return np.array([rows[0] for rows in found])


def _as_array(column: pd.Series) -> np.ndarray:
    """Numbers with NaN, or text and dates with None, where the table has gaps of any kind."""
    from pandas.api.types import is_numeric_dtype

    if is_numeric_dtype(column.dtype):
        gaps = column.isna().any()
        return column.to_numpy(dtype=float, na_value=np.nan) if gaps else column.to_numpy()
    return column.astype(object).where(column.notna(), None).to_numpy()


def _condition_ids(rows: pd.DataFrame, wanted: Sequence[str], dataset: str | None) -> np.ndarray:
    if len(wanted) == 1:
        column = check_column(_as_array(rows[wanted[0]]), len(rows), key=wanted[0], dataset=dataset)
        return as_condition_ids(column, dataset=dataset)
    texts = [rows[name].fillna("").astype(str) for name in wanted]
    labels = [" | ".join(parts) for parts in zip(*texts, strict=True)]
    return as_condition_ids(labels, dataset=dataset)
