"""Summing narrow bins into wider ones."""

from __future__ import annotations

import numpy as np

from lfads_nb.datasets.validation import smallest_unsigned
from lfads_nb.errors import DataError


def rebin_ratio(
    from_ms: float, to_ms: float, n_bins: int | None = None, *, dataset: str | None = None
) -> int:
    """How many bins of `from_ms` make one of `to_ms`.

    Parameters
    ----------
    from_ms, to_ms : bin widths in ms.
    n_bins : how many narrow bins there are, if it is to be checked that they fill a wide one.

    Raises
    ------
    DataError
        Unless the ratio is a whole number of at least 1 and the bins fill one wide bin.
    """
    ratio = round(to_ms / from_ms) if to_ms > 0 else 0
    if ratio < 1 or abs(to_ms / from_ms - ratio) > 1e-4 * ratio:
        raise DataError(
            f"bins of {from_ms:g} ms cannot be joined to bins of {to_ms:g} ms: choose a whole "
            f"multiple of {from_ms:g} ms.",
            dataset=dataset,
            field="bin_ms",
        )
    if n_bins is not None and n_bins < ratio:
        raise DataError(
            f"a trial lasts {n_bins * from_ms:g} ms, less than one bin of {to_ms:g} ms.",
            dataset=dataset,
            field="bin_ms",
        )
    return ratio


def sum_bins(array: np.ndarray, ratio: int) -> np.ndarray:
    """Sum every `ratio` consecutive bins of (trials, time, dims); a shorter rest is dropped."""
    n_trials, n_bins, n_dims = array.shape
    n_wide = n_bins // ratio
    blocks = array[:, : n_wide * ratio].reshape(n_trials, n_wide, ratio, n_dims)
    if array.dtype.kind == "f":
        return blocks.sum(axis=2)
    return blocks.sum(axis=2, dtype=smallest_unsigned(int(array.max()) * ratio))
