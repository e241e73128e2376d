"""Round numbers to put on an axis that has room for few."""

from __future__ import annotations

import numpy as np


def nice_ticks(low: float, high: float, most: int = 4) -> np.ndarray:
    """Return multiples of 1, 2 or 5 times a power of ten within a range.

    Parameters
    ----------
    low, high : the range.
    most : how many steps may lie in it.
    """
    span = high - low
    if not np.isfinite(span) or span <= 0:
        return np.array([low])
    power = 10.0 ** np.floor(np.log10(span / most))
    steps = [power * factor for factor in (10, 5, 2, 1)]
    at_most = [step for step in steps if span / step <= most]
    # A single number would be no scale: then rather one step too many.
    for step in (at_most[-1], *steps[len(at_most) :]):
        # Rounding drops the tails of 0.1 + 0.2.
        first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
        if last > first:
            break
    return np.round(np.arange(first, last + 1) * step, 12)
