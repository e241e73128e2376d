"""Trials that come one by one, each with bins of its own number, into one array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lfads_nb.errors import DataError


def as_array(values: Any, *, field: str, dataset: str | None) -> np.ndarray:
    """Turn values into an array: masked ones are NaN, lists of unequal length are refused."""
    if isinstance(values, np.ma.MaskedArray):
        return unmasked(values)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise _ragged(values, field, dataset) from error
    if array.dtype == object:
        if array.ndim == 1 and any(np.ndim(item) for item in array):
            raise _ragged(list(array), field, dataset)
        try:
            array = array.astype(np.float64)  # None becomes NaN
        except (TypeError, ValueError):
            return array
    return array


def unmasked(values: np.ma.MaskedArray) -> np.ndarray:
    """Give the values of a masked array, NaN where they are masked."""
    if not np.ma.is_masked(values):
        return np.asarray(values.data)
    small = values.dtype.kind in "biu" and values.dtype.itemsize <= 2
    kind = np.float32 if small else np.float64
    return np.ma.filled(values.astype(kind), np.nan)


def stack_trials(
    trials: Any,
    *,
    bin_ms: float,
    length_ms: float | None = None,
    pad_missing: bool = False,
    field: str = "counts",
    dataset: str | None = None,
) -> Any:
    """Put trials of unequal length into one array.

    Parameters
    ----------
    trials : for each trial (time, channels); an array of (trials, time, channels) is cut only.
    bin_ms : bin width in ms.
    length_ms : how much of each trial to keep, from its start; all of the longest when not given.
    pad_missing : fill shorter trials up with NaN, which means "nothing recorded in this bin".
    field, dataset : for messages.

    Returns
    -------
    array : (trials, time, channels).

    Raises
    ------
    DataError
        When trials are shorter than wanted and may not be filled up, or differ in their channels.
    """
    if length_ms is None and not pad_missing:
        return trials
    if np.size(bin_ms) != 1 or not bin_ms > 0:
        raise DataError("must be more than 0 ms.", dataset=dataset, field="bin_ms")
    if not isinstance(trials, Iterable) or not len(trials := list(trials)):
        raise DataError("is no list of trials.", dataset=dataset, field=field)
    arrays = [as_array(trial, field=field, dataset=dataset) for trial in trials]
    wrong = next((i for i, array in enumerate(arrays) if array.ndim != 2), None)
    if wrong is not None or len({array.shape[1] for array in arrays}) != 1:
        trial = wrong if wrong is not None else _first_other([a.shape[1] for a in arrays])
        shape = arrays[trial].shape if trial < len(arrays) else ()
        raise DataError(
            f"needs time x channels with the same channels in every trial, but this one is {shape}"
            f"{'' if wrong is not None else f' and the first {arrays[0].shape}'}.",
            dataset=dataset,
            field=field,
            trial=trial,
        )
    lengths = [len(array) for array in arrays]
    n_bins = max(lengths) if length_ms is None else round(length_ms / bin_ms)
    if n_bins < 1:
        raise DataError(
            f"is {length_ms:g} ms, less than one bin of {bin_ms:g} ms.",
            dataset=dataset,
            field="length_ms",
        )
    short = [trial for trial, length in enumerate(lengths) if length < n_bins]
    if short and not pad_missing:
        raise DataError(
            f"lasts {lengths[short[0]] * bin_ms:g} ms, less than length_ms={n_bins * bin_ms:g} "
            f"({len(short)} of {len(lengths)} trials do). Choose a shorter length_ms (at most "
            f"{min(lengths) * bin_ms:g} keeps all trials), leave these trials out, or pass "
            "pad_missing=True, which fills them up with missing bins.",
            dataset=dataset,
            field=field,
            trial=short[0],
        )
    if not short:
        return np.stack([array[:n_bins] for array in arrays])
    stacked = np.full((len(arrays), n_bins, arrays[0].shape[1]), np.nan, dtype=np.float32)
    for trial, array in enumerate(arrays):
        stacked[trial, : len(array)] = array[:n_bins]
    return stacked


def _first_other(numbers: Sequence[int]) -> int:
    return next((i for i, number in enumerate(numbers) if number != numbers[0]), 0)


def _ragged(values: Any, field: str, dataset: str | None) -> DataError:
    try:
        shapes = [np.shape(value) for value in values]
    except (TypeError, ValueError):
        shapes = []
    if len(set(shapes)) > 1 and all(len(shape) == 2 for shape in shapes):
        lengths = [shape[0] for shape in shapes]
        if len({shape[1] for shape in shapes}) == 1:
            return DataError(
                f"holds trials of unequal length, {min(lengths)} to {max(lengths)} bins. Use "
                "Counts.from_bins(trials, bin_ms, length_ms=...) to cut them to one length, or "
                "pad_missing=True to fill shorter ones up with missing bins.",
                dataset=dataset,
                field=field,
            )
        other = _first_other([shape[1] for shape in shapes])
        return DataError(
            f"has shape {shapes[other]} (time x channels), but the first trial {shapes[0]}: every "
            "trial needs the same channels.",
            dataset=dataset,
            field=field,
            trial=other,
        )
    return DataError(
        "is no array of numbers: its parts differ in shape. Give trials x time x channels, or a "
        "list of trials, each time x channels.",
        dataset=dataset,
        field=field,
    )


def keep_trials(fields: Mapping[str, Any], kept: np.ndarray, n_trials: int) -> dict[str, Any]:
    """Keep some trials of whatever is given for each trial, as far as it has that many.

    Parameters
    ----------
    fields : arguments of `Counts`; of `trial_columns` every column is cut.
    kept : 0-based trials.
    n_trials : how many there were.
    """
    return {
        name: keep_trials(value, kept, n_trials)
        if name == "trial_columns"
        else _rows(value, kept, n_trials)
        if name not in ("metadata", "notes", "name", "behavior")
        else value
        for name, value in fields.items()
    }


def _rows(value: Any, kept: np.ndarray, n_trials: int) -> Any:
    if isinstance(value, str | bytes) or not hasattr(value, "__len__") or len(value) != n_trials:
        return value  # what does not fit is refused by name later
    if hasattr(value, "iloc"):
        return value.iloc[kept]
    return value[kept] if hasattr(value, "dtype") else [value[trial] for trial in kept]
