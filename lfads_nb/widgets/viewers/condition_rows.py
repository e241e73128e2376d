"""Conditions below each other in one plot: many of them share a time axis and stay apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_OVERLAID = 6
"""Conditions that one still tells apart on top of each other."""

_FILLED = 0.9  # of a row's height
_MOST_LETTERS = 9
_MOST_NAMED = 45


@dataclass(frozen=True)
class ConditionRows:
    """Where the values of each condition are drawn.

    `shown` (rows,) are positions of the conditions, the first on top; `low` and `high` are the
    values at the bottom and the top of every row. A single row, or none, leaves values as they are.
    """

    shown: np.ndarray
    low: float
    high: float

    @property
    def step(self) -> float:
        """Height of a row in the values' unit."""
        return ((self.high - self.low) or 1.0) / _FILLED

    @property
    def limits(self) -> tuple[float, float]:
        """Bottom and top of all rows; the last one's name is clear of the corner of the axes."""
        return -0.12 * self.step, self.step * max(len(self.shown), 1)

    def lift(self, groups: np.ndarray) -> np.ndarray:
        """Return what is to be added to the values of these conditions: (groups,)."""
        row = np.searchsorted(self.shown, groups)
        return (len(self.shown) - 1 - row) * self.step - self.low

    def ticks(self, labels: Sequence[str]) -> dict[float, str]:
        """Return the names of the conditions, each at 0 of its row, or at its bottom.

        Of very many only every second, third ... has its name: the others would cover each other.
        """
        every = -(-len(self.shown) // _MOST_NAMED) or 1
        named = self.shown[::every]
        base = 0.0 if self.low <= 0 <= self.high else self.low
        places = base + self.lift(named)
        # bqplot finds a tick's name by the number as it is written.
        return {
            float(f"{place:.6g}"): _shortened(labels[group])
            for place, group in zip(places.tolist(), named.tolist(), strict=True)
        }


def _shortened(label: str) -> str:
    return label if len(label) <= _MOST_LETTERS else f"{label[: _MOST_LETTERS - 1]}…"
