"""Condition tables: columns about each trial from a file or a DataFrame, joined to counts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.datasets.conditions import as_condition_ids, condition_label, has_condition
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.table_files import read_table
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
    table : DataFrame, or a file that `table_files.read_table` reads (CSV of any separator, Excel).
        It may have more rows than there are trials.
    on : column with each row's trial: values of the counts' own trial column of this name if they
        have one, else trial numbers. None: the rows are in the order of the trials.
    condition : column that becomes the condition ids; several are put together as "left | fast",
        and a trial that lacks one of them has no condition. None leaves the ids as they are.
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
    import pandas as pd

    frame = table if isinstance(table, pd.DataFrame) else read_table(table, text_columns=(on,))
    wanted = [condition] if isinstance(condition, str) else list(condition or ())
    kept = [c for c in frame.columns if c != on] if columns is None else list(columns)
    _check_columns(frame, [*wanted, *kept, *([on] if on else [])], counts.name)
    rows = frame.iloc[_row_of_each_trial(frame, counts, on, first_trial)]
    joined = dict(counts.trial_columns)
    for name in kept:
        joined[str(name)] = check_column(
            rows[name], counts.n_trials, key=str(name), dataset=counts.name
        )
    ids = _condition_ids(rows, wanted, counts.name) if wanted else counts.condition_ids
    return counts._with(condition_ids=ids, trial_columns=joined)


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
    as_key = _text_key if keys.dtype.kind == "U" else _number_key
    rows_of: dict[Any, list[int]] = {}
    for row, key in enumerate(frame[on].tolist()):
        rows_of.setdefault(as_key(key), []).append(row)
    found = [rows_of.get(as_key(key), []) for key in keys.tolist()]
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


def _text_key(key: Any) -> str:
    return condition_label(key).strip()


def _number_key(key: Any) -> Any:
    """Read the number that a key is, also where it stands as text; other text stays as it is."""
    try:
        return float(key)
    except (TypeError, ValueError):
        return key


def _condition_ids(rows: pd.DataFrame, wanted: Sequence[str], dataset: str | None) -> np.ndarray:
    parts = [as_condition_ids(rows[name], dataset=dataset) for name in wanted]
    if len(parts) == 1:
        return parts[0]
    known = np.logical_and.reduce([has_condition(ids) for ids in parts])
    texts = [[condition_label(value) for value in ids.tolist()] for ids in parts]
    labels = [" | ".join(each) for each in zip(*texts, strict=True)]
    return np.where(known, np.array(labels, dtype=np.str_), "")
