"""Numbers as colours of an image."""

from __future__ import annotations

import html

import numpy as np

from lfads_nb import palette

_N_COLOURS = 256


def heat_image(
    values: np.ndarray, limits: tuple[float, float], *, diverging: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `RasterLayer.show_image` draws of numbers.

    Parameters
    ----------
    values : (rows, columns); NaN stays transparent. Row 0 lies at the top.
    limits : the numbers that the first and the last colour stand for.
    diverging : colours that part at the middle.

    Returns
    -------
    positions : (rows, columns) uint16.
    table : (256 + 1, 4) uint8 RGBA; 0 is transparent.
    """
    low, high = limits
    fractions = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
    known = np.isfinite(fractions)
    levels = np.clip(np.where(known, fractions, 0) * (_N_COLOURS - 1), 0, _N_COLOURS - 1)
    positions = np.where(known, np.rint(levels) + 1, 0).astype(np.uint16)
    table = np.zeros((_N_COLOURS + 1, 4), dtype=np.uint8)
    table[1:, :3] = palette.rgb_table(_colours(np.linspace(0, 1, _N_COLOURS), diverging))
    table[1:, 3] = 255
    return positions, table


def colour_bar(limits: tuple[float, float], unit: str, *, diverging: bool = False) -> str:
    """Return a strip of the colours with their numbers, as HTML."""
    stops = ", ".join(_colours(np.linspace(0, 1, 9), diverging))
    low, high = (f"{limit:.3g}" for limit in limits)
    return (
        f"<span class='lfads-key'>{low}<span style='display:inline-block;width:90px;height:10px;"
        f"background:linear-gradient(to right, {stops})'></span>{high} {html.escape(unit)}</span>"
    )


def _colours(fractions: np.ndarray, diverging: bool) -> list[str]:
    return palette.diverging(fractions) if diverging else palette.sequential(fractions)
