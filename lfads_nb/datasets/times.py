"""Times in s from whatever holds them: plain numbers, or objects that carry their unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from lfads_nb.errors import DataError


def as_seconds(
    values: Any, *, field: str, dataset: str | None, allow_nan: bool = False, padded: bool = False
) -> np.ndarray:
    """Turn times into a list of seconds.

    Parameters
    ----------
    values : numbers in s as a list, an array of n, n x 1 or 1 x n, a single number, a cell of one
        of these, or an object with a unit: Neo, quantities, pynapple, pint, astropy, timedelta.
    field, dataset : for messages.
    allow_nan : keep NaN.
    padded : drop NaN.

    Raises
    ------
    DataError
        When these are no times, with the shape that they have.
    """

    def fail(message: str) -> DataError:
        return DataError(message, dataset=dataset, field=field)

    try:
        times = _unboxed(_without_unit(values))
    except (TypeError, ValueError, OverflowError):
        raise fail("must be a list of times in s, all finite.") from None
    if times.ndim > 1 and times.size not in (0, max(times.shape)):
        raise fail(f"has shape {times.shape}: a list of times in s is needed, n x 1 or 1 x n.")
    times = times.reshape(-1)
    if padded:
        times = times[~np.isnan(times)]
    bad = np.isinf(times) if allow_nan else ~np.isfinite(times)
    if bad.any():
        raise fail(
            f"must be a list of times in s, all finite, but entry {int(np.argmax(bad))} is "
            f"{times[np.argmax(bad)]} ({int(bad.sum())} of {len(times)} such)."
        )
    return times


def _without_unit(values: Any) -> Any:
    """Convert what carries a unit to plain numbers in s."""
    if hasattr(values, "rescale") and hasattr(values, "units"):  # quantities, Neo
        return np.asarray(values.rescale("s").magnitude)
    if hasattr(values, "to_value"):  # astropy
        return np.asarray(values.to_value("s"))
    if hasattr(values, "magnitude") and hasattr(values, "to"):  # pint
        return np.asarray(values.to("s").magnitude)
    if hasattr(values, "time_support") and callable(getattr(values, "times", None)):  # pynapple
        return np.asarray(values.times(units="s"))
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "kind", "") == "m":
        return np.asarray(values, dtype="timedelta64[ns]").astype(np.int64) / 1e9
    if isinstance(values, list | tuple) and any(hasattr(v, "rescale") for v in values):
        return np.asarray([_without_unit(v) for v in values])
    return values


def _unboxed(values: Any) -> np.ndarray:
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(np.float64), np.nan)
    array = np.asarray(values)
    while array.dtype == object and array.size == 1 and np.ndim(array.reshape(-1)[0]):
        array = np.asarray(_without_unit(array.reshape(-1)[0]))  # a cell in a cell
    if array.dtype.kind in "USbMmc":
        raise TypeError
    return array.astype(np.float64)
