"""Where small panels lie in one plot, and what of them is where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

COLUMNS, ROWS = 5, 4
PER_PAGE = COLUMNS * ROWS
WIDTH, HEIGHT = 0.92, 0.74
"""Of a panel's curves within its place."""


class PanelGrid(NamedTuple):
    """Panels for neurons, each in a place of 1 x 1, filled row by row from the top left.

    `neurons` is (panels,), or what else a panel is of; `peaks` (panels,) are the values that the
    height of each stands for; `columns` is how many lie side by side.
    """

    neurons: np.ndarray
    peaks: np.ndarray
    columns: int = COLUMNS

    def place(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where curves (curves, bins, panels) are drawn: (panels * curves, bins) each."""
        heights = HEIGHT * np.moveaxis(values, -1, 0) / self.peaks[:, None, None]
        y = heights + self.floors[:, None, None]
        across = WIDTH * np.linspace(0, 1, y.shape[-1]) + self.lefts[:, None, None]
        x = np.broadcast_to(across, y.shape)
        return x.reshape(-1, y.shape[-1]), y.reshape(-1, y.shape[-1])

    def at(self, x: float, y: float) -> int | None:
        """Return which neuron's panel holds a point."""
        column, row = int(np.floor(x)), int(np.floor(-y))
        position = row * self.columns + column
        inside = 0 <= column < self.columns and 0 <= position < len(self.neurons)
        return int(self.neurons[position]) if inside else None

    def frame_of(self, neuron: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return a rectangle around a neuron's panel, (1, 5) each; None if it has none."""
        here = np.flatnonzero(self.neurons == neuron)
        if not len(here):
            return None
        left, bottom = self.lefts[here[0]] - 0.02, self.floors[here[0]] + 0.01
        right, top = left + WIDTH + 0.04, bottom + 0.96
        x = np.array([[left, right, right, left, left]])
        return x, np.array([[bottom, bottom, top, top, bottom]])

    @property
    def floors(self) -> np.ndarray:
        """(panels,) where 0 spikes/s lies."""
        return -1.0 - np.arange(len(self.neurons)) // self.columns

    @property
    def lefts(self) -> np.ndarray:
        """(panels,) where each begins."""
        return (np.arange(len(self.neurons)) % self.columns).astype(float)
