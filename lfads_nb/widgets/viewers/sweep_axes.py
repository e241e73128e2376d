"""The table of a sweep as numbers on axes: parameters and figures, text as positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lfads_nb.vocabulary import FIGURES

_MOST_TICKS = 8
_NOT_AXES = {
    "state", "problem", "verdict", "verdict_level", "verdict_text", "decoding_r2_of",
    "decoding_accuracy_of",
}  # fmt: skip


@dataclass(frozen=True)
class SweepAxis:
    """One column: `values` (runs,) numbers, NaN unknown; `ticks` names positions."""

    name: str
    label: str
    values: np.ndarray
    ticks: dict[float, str]

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest known value, a little apart if they are equal."""
        known = self.values[np.isfinite(self.values)]
        if not len(known):
            return 0.0, 1.0
        low, high = float(known.min()), float(known.max())
        return (low, high) if high > low else (low - 0.5, high + 0.5)

    def fractions(self) -> np.ndarray:
        """Return the values from 0 (lowest) to 1 (highest)."""
        low, high = self.limits
        return (self.values - low) / (high - low)

    def text(self, value: float) -> str:
        """Return a position in words."""
        return self.ticks.get(float(value), f"{value:.4g}")


def sweep_axes(table: pd.DataFrame) -> dict[str, SweepAxis]:
    """Return the columns that vary or were measured, parameters first.

    Parameters
    ----------
    table : as `lfads_nb.results.compare` returns it.
    """
    axes = {}
    for name in table.columns:
        if name in _NOT_AXES or (name in FIGURES and table[name].isna().all()):
            continue
        axis = _axis(name, table[name])
        if name in FIGURES or len(np.unique(axis.values[np.isfinite(axis.values)])) > 1:
            axes[name] = axis
    order = sorted(axes, key=_place)
    return {name: axes[name] for name in order}


def parameters_of(axes: dict[str, SweepAxis]) -> list[str]:
    """Return the names of the axes that were set, not measured."""
    return [name for name in axes if name not in {*FIGURES, "spec", "setting"}]


def figures_of(axes: dict[str, SweepAxis]) -> list[str]:
    """Return the names of the axes that were measured, in the order of the vocabulary."""
    return [name for name in FIGURES if name in axes]


def main_figures_of(axes: dict[str, SweepAxis]) -> list[str]:
    """Return those of them that are not details."""
    return [name for name in figures_of(axes) if not FIGURES[name].is_detail]


def _place(name: str) -> int:
    return 1 + list(FIGURES).index(name) if name in FIGURES else 0


def _axis(name: str, column: pd.Series) -> SweepAxis:
    label = FIGURES[name].label if name in FIGURES else name
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=float)
        return SweepAxis(name, label, values, {} if name in FIGURES else _named_values(values))
    texts = column.map(str)
    distinct = sorted(texts.unique())
    codes = texts.map(distinct.index).to_numpy(dtype=float)
    return SweepAxis(name, label, codes, {float(i): text for i, text in enumerate(distinct)})


def _named_values(values: np.ndarray) -> dict[float, str]:
    """Return the values that a parameter was set to as ticks, if they are few."""
    distinct = np.unique(values[np.isfinite(values)])
    return {float(v): f"{v:g}" for v in distinct} if len(distinct) <= _MOST_TICKS else {}
