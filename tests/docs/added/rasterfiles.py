"""Rasters as text: a line `#raster BIN_MS BINS CHANNELS`, then `trial bin channel` of each spike.

The reader that CONTRIBUTING.md's checklist is tried with.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.errors import DataError

MARK = b"#raster "


def read_raster(path: Path) -> Counts:
    """Read a raster; all trials up to the last that has a spike.

    Raises
    ------
    DataError
        When a spike lies outside of the bins or channels that the first line promises.
    """
    bin_ms, n_bins, n_channels = _head(path)
    spikes = np.loadtxt(path, dtype=int, skiprows=1, ndmin=2)
    outside = (spikes < 0).any(axis=1) | (spikes[:, 1] >= n_bins) | (spikes[:, 2] >= n_channels)
    if outside.any():
        line = int(np.flatnonzero(outside)[0]) + 2
        raise DataError(
            f"line {line} has a spike outside of {n_bins} bins and {n_channels} channels, which "
            "count from 0: correct the first line, or that one",
            dataset=path.stem,
        )
    counts = np.zeros((spikes[:, 0].max() + 1, n_bins, n_channels), dtype=int)
    np.add.at(counts, tuple(spikes.T), 1)
    return Counts.from_bins(
        counts, bin_ms, notes=("bins begin at 0 ms: a raster does not say when",)
    )


def peek_raster(path: Path) -> DatasetInfo:
    """Describe a raster; spikes are text, so the number of trials needs them all."""
    return DatasetInfo.from_counts(read_raster(path))


def _head(path: Path) -> tuple[float, int, int]:
    with path.open("rb") as file:
        words = file.readline().split()
    return float(words[1]), int(words[2]), int(words[3])
