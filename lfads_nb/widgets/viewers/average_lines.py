"""Averages over the trials of each condition: a few curves that stand out over the bundle.

They lie on the canvas layer too. As bqplot marks they would cost more than all single trials: what
costs there is points, and 65 conditions of 500 bins are 32,500.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

from lfads_nb.widgets.viewers.raster_layer import RasterLayer

Style = Literal["solid", "dashed", "dotted"]
_MOST_LIFTED = 24  # more, with their halos, would hide all that lies below
_CROWDED_WIDTH = 1.0  # a hairline, which a browser draws five times as fast
_DASHES: dict[str, list[float]] = {"solid": [], "dashed": [7, 4], "dotted": [1.5, 3.5]}


class Curved(Protocol):
    """What curves lie on: a plot's canvas layer, and every set of curves that shares it."""

    layer: RasterLayer
    curve_sets: list[AverageLines]


class AverageLines:
    """A set of curves on a plot's layer, one per condition; later sets lie on top.

    Parameters
    ----------
    plot : where they lie.
    width : of the curves in pixels.
    style : solid, dashed or dotted.
    halo : width in pixels by which the colour of the paper shows around them, to lift them off
        what lies below; with 0, dashes show even on a curve of the same colour. None for none.
    """

    def __init__(
        self, plot: Curved, *, width: float = 2.5, style: Style = "solid", halo: float | None = None
    ) -> None:
        self.x = self.y = np.zeros((0, 0), dtype=np.float32)
        self.colours: list[str] = []
        self._layer = plot.layer
        self._look: dict[str, Any] = {"width": width, "dash": _DASHES[style], "halo": halo}
        self._content: dict[str, Any] | None = None
        plot.curve_sets.append(self)
        self._all = plot.curve_sets

    @property
    def visible(self) -> bool:
        """Whether there is any curve."""
        return self._content is not None

    def show(
        self, x: np.ndarray, y: np.ndarray, colours: Sequence[str], *, opacity: float = 1.0
    ) -> None:
        """Draw curves.

        Parameters
        ----------
        x : (bins,) or (curves, bins).
        y : (curves, bins); NaN leaves a gap.
        colours : of the curves.
        opacity : less than 1 where they must not hide what is highlighted.
        """
        known = np.isfinite(y).any(axis=-1) if y.size else np.zeros(len(y), dtype=bool)
        if not known.any():
            self.hide()
            return
        self.x = np.ascontiguousarray(x[known] if x.ndim == 2 else x, dtype="<f4")
        self.y = np.ascontiguousarray(y[known], dtype="<f4")
        self.colours = [c for c, is_known in zip(colours, known, strict=True) if is_known]
        look = dict(self._look)
        if len(self.y) > _MOST_LIFTED:
            look |= {"halo": None, "width": min(look["width"], _CROWDED_WIDTH)}
        self._content = {
            "x": self.x.tobytes(), "y": self.y.tobytes(), "n_bins": y.shape[-1],
            "colours": self.colours, "opacity": opacity, **look,
        }  # fmt: skip
        self._send()

    def hide(self) -> None:
        """Draw none."""
        if self._content is not None:
            self._content = None
            self._send()

    def _send(self) -> None:
        self._layer.curves = [each._content for each in self._all if each._content is not None]
