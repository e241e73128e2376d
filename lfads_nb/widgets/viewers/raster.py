"""Spikes of many trials as an image: a row per trial, in the colour of its condition."""

from __future__ import annotations

import numpy as np

from lfads_nb.palette import rgb_table

_LEVELS = 4  # opacities: one spike in a bin, two, three, more


def raster_image(
    counts: np.ndarray, group: np.ndarray, colours: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `RasterLayer.show_image` draws of spike counts.

    Parameters
    ----------
    counts : (trials, bins) spikes; NaN where missing. The first trial comes on top.
    group : (trials,) position in `colours` of each trial.
    colours : `#rrggbb`.

    Returns
    -------
    values : (trials, bins) uint16.
    table : (values, 4) uint8 RGBA that they point to; 0 is transparent.
    """
    levels = np.clip(np.nan_to_num(counts), 0, _LEVELS).astype(np.uint16)
    values = np.where(levels > 0, 1 + _LEVELS * group[:, None].astype(np.uint16) + levels - 1, 0)
    table = np.zeros((1 + _LEVELS * len(colours), 4), dtype=np.uint8)
    table[1:, :3] = np.repeat(rgb_table(colours), _LEVELS, axis=0)
    table[1:, 3] = np.tile(np.linspace(150, 255, _LEVELS).astype(np.uint8), len(colours))
    return values.astype(np.uint16), table
