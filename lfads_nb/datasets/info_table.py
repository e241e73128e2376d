"""The table of a collection's datasets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from lfads_nb.datasets.dataset import Dataset
from lfads_nb.errors import LfadsError

_COLUMNS = {
    "subject": "object",
    "date": "object",
    "save_tags": "object",
    "trials": "Int64",
    "channels": "Int64",
    "bins": "Int64",
    "bin_ms": "Float64",
    "conditions": "Int64",
    "mean_rate_hz": "Float64",
    "notes": "object",
    "problem": "object",
}


def info_table(
    datasets: Sequence[Dataset],
    *,
    reload: bool = False,
    full: bool = False,
    only_cheap: bool = False,
    patience_s: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> pd.DataFrame:
    """Describe datasets, a row each; one that cannot be read says why in column `problem`.

    Column `notes` says what was assumed, changed or left out when a file was read.

    With `only_cheap`, rows stay empty where a user's loader would have to read all spikes; with
    `patience_s`, also where no file has been read before and that time is over.
    """
    deadline = float("inf") if patience_s is None else clock() + patience_s

    def is_read(dataset: Dataset) -> bool:
        if clock() > deadline:
            return dataset.known_info is not None
        return dataset.has_cheap_info or not only_cheap

    rows = [
        _row(dataset, reload=reload, full=full) if is_read(dataset) else _problem("")
        for dataset in datasets
    ]
    index = pd.Index([dataset.name for dataset in datasets], name="dataset", dtype="object")
    table = pd.DataFrame(rows, index=index, columns=list(_COLUMNS))
    return table.astype(_COLUMNS)


def _row(dataset: Dataset, *, reload: bool, full: bool) -> dict[str, Any]:
    try:
        info = dataset.load_info(reload=reload, full=full)
    except LfadsError as error:
        return _problem(str(error))
    except Exception as error:  # noqa: BLE001 - a user's loader may raise anything
        return _problem(f"{type(error).__name__}: {error}")
    return {
        "subject": info.subject,
        "date": info.date,
        "save_tags": ", ".join(info.save_tags),
        "trials": info.n_trials,
        "channels": info.n_channels,
        "bins": info.n_bins,
        "bin_ms": info.bin_ms,
        "conditions": info.n_conditions,
        "mean_rate_hz": info.mean_rate_hz,
        "notes": "; ".join(info.notes),
        "problem": "",
    }


def _problem(text: str) -> dict[str, Any]:
    return {"subject": "", "date": "", "save_tags": "", "notes": "", "problem": text}
