"""The checks that spike counts pass at the door, each with one message that says what to do.

Only `Counts` calls these. They read every array once or twice in vectorised passes; the search for
the offending trial starts only after a pass has failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from lfads_nb.datasets.labels import as_labels, as_text
from lfads_nb.datasets.trial_lists import as_array
from lfads_nb.errors import DataError

_AXES = "trials x time x channels"
_LARGEST_COUNT = 2**32 - 1
_ABSURD = "is absurdly large ({value:g})"
_ROUNDING = 1e-6  # what sums of rates times bins are off a whole number; single precision to 16


def check_counts(
    counts: Any, *, dataset: str | None, continuous: bool, allow_missing: bool
) -> np.ndarray:
    """Check spike counts and bring them to their smallest exact type.

    Parameters
    ----------
    counts : (trials, time, channels) whole non-negative numbers of any numeric type.
    continuous : any finite floats are allowed (for Gaussian outputs).
    allow_missing : NaN is allowed and means a missing bin.

    Returns
    -------
    counts : uint8 and uint16 arrays as they are; other whole numbers in the smallest unsigned type
        that holds them; floats where `continuous` or NaN ask for it.
    """
    array = as_array(counts, field="counts", dataset=dataset)
    _check_is_3d_numeric(array, dataset)
    if array.dtype == bool:
        array = array.view(np.uint8)
    if continuous:
        return _check_continuous(array, dataset, allow_missing)
    if array.dtype.kind == "u":
        _check_not_absurd(array, dataset)
        small = array if array.itemsize <= 2 else array.astype(smallest_unsigned(array.max()))
        return np.ascontiguousarray(small)
    return np.ascontiguousarray(_check_whole(array, dataset, allow_missing))


def _check_is_3d_numeric(array: np.ndarray, dataset: str | None) -> None:
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"holds {array.dtype} values, not numbers.", dataset=dataset, field="counts"
        )
    if array.ndim != 3:
        raise DataError(
            f"needs 3 dimensions ({_AXES}), but its shape is {array.shape}.",
            dataset=dataset,
            field="counts",
        )
    if 0 in array.shape:
        raise DataError(
            f"is empty: {array.shape} ({_AXES}). Give at least one of each.",
            dataset=dataset,
            field="counts",
        )


def _check_continuous(array: np.ndarray, dataset: str | None, allow_missing: bool) -> np.ndarray:
    if array.dtype.kind != "f" or array.itemsize < 4:
        array = array.astype(np.float32)
    check_finite(array, field="counts", dataset=dataset, allow_nan=allow_missing)
    return np.ascontiguousarray(array)


def _check_whole(array: np.ndarray, dataset: str | None, allow_missing: bool) -> np.ndarray:
    if array.dtype.kind == "f":
        if allow_missing and np.isnan(array).any():
            _check_whole_floats(array, dataset)
            return np.rint(array if array.itemsize >= 4 else array.astype(np.float32))
        check_finite(array, field="counts", dataset=dataset)
    if array.min() < -_ROUNDING:
        raise _at(array < -_ROUNDING, "counts", "is negative ({value:g})", dataset, array)
    _check_not_absurd(array, dataset)
    small = array.astype(smallest_unsigned(array.max()))
    if array.dtype.kind == "f" and not np.array_equal(small, array):
        _check_whole_floats(array, dataset)
        return np.rint(array).astype(smallest_unsigned(np.rint(array.max())))
    return small


def _check_not_absurd(array: np.ndarray, dataset: str | None) -> None:
    if array.max() > _LARGEST_COUNT:
        raise _at(array > _LARGEST_COUNT, "counts", _ABSURD, dataset, array)


def _check_whole_floats(array: np.ndarray, dataset: str | None) -> None:
    with np.errstate(invalid="ignore"):
        off = np.abs(array - np.rint(array)) > _ROUNDING
    for bad, what in (
        (np.isinf(array), "is infinite"),
        (array < -_ROUNDING, "is negative ({value:g})"),
        (array > _LARGEST_COUNT, _ABSURD),
        (off, "is not a whole number ({value:g})"),
    ):
        bad &= ~np.isnan(array)
        if bad.any():
            raise _at(bad, "counts", what, dataset, array)


def check_finite(
    array: np.ndarray, *, field: str, dataset: str | None, allow_nan: bool = False
) -> None:
    """Refuse infinities, and NaN unless it is allowed, naming the first offending trial."""
    if array.dtype.kind != "f":
        return
    with np.errstate(invalid="ignore", over="ignore"):
        # One cheap pass: a finite sum has finite terms (one that is not may still have overflowed).
        if np.isfinite(array.sum(dtype=np.float64)):
            return
    bad = np.isinf(array) if allow_nan else ~np.isfinite(array)
    if bad.any():
        first = array[tuple(np.argwhere(bad)[0])]
        raise _at(bad, field, "is NaN" if np.isnan(first) else "is infinite", dataset, array)


def _at(
    bad: np.ndarray, field: str, what: str, dataset: str | None, array: np.ndarray
) -> DataError:
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    last = {"counts": "channel", "truth": "channel", "external_inputs": "input"}.get(field, "dim")
    axes = ("trial", "time bin", last)
    where = ", ".join(f"{axis} {i}" for axis, i in zip(axes[1:], first[1:], strict=False))
    said = what.format(value=float(array[first]))
    return DataError(
        f"the value at {where} {said} ({int(bad.sum())} such values in {_n_trials(bad)} trials). "
        + _ADVICE.get(field, "Correct or leave out these trials."),
        dataset=dataset,
        field=field,
        trial=first[0],
    )


def _n_trials(bad: np.ndarray) -> int:
    return int(bad.reshape(len(bad), -1).any(axis=1).sum())


_ADVICE = {
    "counts": (
        "Counts are whole numbers of spikes per bin, none missing: correct or leave out these "
        "trials, or pass allow_missing=True for bins that are NaN because nothing was recorded "
        "(a file: loader=functools.partial(read_mat, allow_missing=True), or read_npz, read_hdf5), "
        "or continuous=True for signals that are not spikes."
    )
}


def smallest_unsigned(largest: Any) -> np.dtype:
    """Give the smallest unsigned integer type that holds `largest`."""
    return np.min_scalar_type(int(largest))


def check_time(time_ms: Any, n_bins: int, bin_ms: float, dataset: str | None) -> np.ndarray:
    """Check the bins' left edges (ms): one per bin, finite, evenly spaced and increasing."""

    def fail(message: str) -> DataError:
        return DataError(message, dataset=dataset, field="time_ms")

    time = as_array(time_ms, field="time_ms", dataset=dataset)
    if time.dtype.kind not in "biuf":
        raise fail(f"holds {time.dtype} values, not times in ms.")
    time = time.astype(np.float64)
    time = time.reshape(-1) if time.ndim == 2 and 1 in time.shape else time

    if time.shape != (n_bins,):
        raise fail(
            f"needs one entry for each of the {n_bins} time bins of counts ({_AXES}), "
            f"but its shape is {time.shape}."
        )
    if not np.isfinite(time).all():
        raise fail(f"is NaN or infinite at bin {int(np.argmin(np.isfinite(time)))}.")
    if n_bins == 1 and not bin_ms > 0:
        raise fail("has a single entry, from which no bin width follows: pass bin_ms.")
    steps = np.diff(time)
    if n_bins > 1 and (steps.min() <= 0 or np.ptp(steps) > 0.01 * steps.mean()):
        worst = int(np.argmax(np.abs(steps - np.median(steps))))
        raise fail(
            f"must increase in even steps (left edges of the bins in ms), but goes from "
            f"{time[worst]:g} to {time[worst + 1]:g} at bin {worst} where the usual step is "
            f"{np.median(steps):g} ms."
        )
    return time


def check_bin_ms(time: np.ndarray, bin_ms: float, dataset: str | None) -> float:
    """Take the bin width (ms) from the time vector, or check the one that was given."""
    if len(time) == 1:
        return float(bin_ms)
    # Nine digits: steps of 1.0000000000000142 come from times that were kept in seconds.
    width = float(f"{(time[-1] - time[0]) / (len(time) - 1):.9g}")
    if bin_ms and abs(bin_ms - width) > 0.01 * width:
        raise DataError(
            f"is {bin_ms:g}, but the time vector's steps are {width:g} ms.",
            dataset=dataset,
            field="bin_ms",
        )
    return width


def check_same_trials_and_time(
    array: Any, counts: np.ndarray, *, field: str, dataset: str | None, allow_nan: bool = False
) -> np.ndarray:
    """Check an array that runs along with the counts: (trials, time, anything), finite floats."""
    array = as_array(array, field=field, dataset=dataset)
    if array.dtype.kind not in "biuf":
        raise DataError(f"holds {array.dtype} values, not numbers.", dataset=dataset, field=field)
    if array.ndim != 3 or array.shape[:2] != counts.shape[:2]:
        raise DataError(
            f"needs trials x time x dims with the {counts.shape[0]} trials and "
            f"{counts.shape[1]} time bins of counts, but its shape is {array.shape}.",
            dataset=dataset,
            field=field,
        )
    if array.dtype.kind != "f" or array.itemsize < 4:
        array = array.astype(np.float32)
    check_finite(array, field=field, dataset=dataset, allow_nan=allow_nan)
    return np.ascontiguousarray(array)


def check_per_trial(values: np.ndarray, n_trials: int, *, field: str, dataset: str | None) -> None:
    """Check that there is one value per trial."""
    if values.shape[:1] != (n_trials,):
        raise DataError(
            f"needs one value for each of the {n_trials} trials, but has "
            f"{len(values) if values.ndim else 'a single one'}.",
            dataset=dataset,
            field=field,
        )


def check_column(values: Any, n_trials: int, *, key: str, dataset: str | None) -> np.ndarray:
    """Check a further column with one number, bool or text per trial; dates become ISO text."""
    field = f"trial_columns[{key!r}]"
    column = as_labels(values, field=field, dataset=dataset, column=True)
    check_per_trial(column, n_trials, field=field, dataset=dataset)
    return column


def as_plain(value: Any, *, field: str, dataset: str | None) -> Any:
    """Turn metadata into plain JSON values (dates as ISO text), or refuse it by its key."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, bytes):
        return as_text(value)
    if isinstance(value, np.generic):
        return as_plain(value.item(), field=field, dataset=dataset)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return as_plain(value.tolist(), field=field, dataset=dataset)
    if isinstance(value, list | tuple):
        return [as_plain(v, field=field, dataset=dataset) for v in value]
    if isinstance(value, Mapping):
        return {
            str(k): as_plain(v, field=f"{field}.{k}", dataset=dataset) for k, v in value.items()
        }
    raise DataError(
        f"is a {type(value).__name__}. Metadata are text, numbers, dates, or lists of these.",
        dataset=dataset,
        field=field,
    )
