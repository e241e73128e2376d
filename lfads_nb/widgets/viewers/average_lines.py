"""Averages over the trials of each condition, as one bqplot mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from bqplot import Lines

from lfads_nb.widgets.palette import PAPER
from lfads_nb.widgets.viewers.plot import Plot

MOST_POINTS = 20_000  # what bqplot draws without a pause
Style = Literal["solid", "dashed", "dotted", "dash_dotted"]


class AverageLines:
    """A bqplot `Lines` mark with a curve per condition, filled anew instead of made anew.

    A `halo` in the colour of the paper, so many pixels wider, lifts the curves off what lies below
    them; with 0 it is as wide as they are, so that dashes show even on a curve of the same colour.
    """

    def __init__(
        self, plot: Plot, *, width: float = 2.5, style: Style = "solid", halo: float | None = None
    ) -> None:
        self._marks = [_lines(plot, width, style)]
        if halo is not None:
            self._marks.insert(0, _lines(plot, width + halo, "solid"))
        self.every = 1
        plot.figure.marks = [*plot.figure.marks, *self._marks]

    @property
    def mark(self) -> Lines:
        """The curves themselves."""
        return self._marks[-1]

    def show(
        self, x: np.ndarray, y: np.ndarray, colours: Sequence[str], *, opacity: float = 1.0
    ) -> None:
        """Draw curves.

        Parameters
        ----------
        x : (bins,) or (curves, bins).
        y : (curves, bins).
        colours : of the curves.
        opacity : less than 1 where they must not hide what is highlighted below them.
        """
        known = np.isfinite(y).any(axis=-1) if y.size else np.zeros(len(y), dtype=bool)
        if not known.any():
            self.hide()
            return
        self.every = max(1, -(-y[known].size * len(self._marks) // MOST_POINTS))
        taken = slice(None, None, self.every)
        shown = [colour for colour, is_known in zip(colours, known, strict=True) if is_known]
        for mark in self._marks:
            with mark.hold_sync():
                mark.x = (x[known] if x.ndim == 2 else x)[..., taken].astype(np.float32)
                mark.y = y[known][:, taken].astype(np.float32)
                mark.colors = shown if mark is self.mark else [PAPER]
                mark.opacities = [opacity]
                mark.visible = True

    def hide(self) -> None:
        """Draw none."""
        for mark in self._marks:
            mark.visible = False


def _lines(plot: Plot, width: float, style: Style) -> Lines:
    return Lines(
        x=[0.0, 1.0], y=[0.0, 0.0], scales={"x": plot.x_scale, "y": plot.y_scale},
        stroke_width=width, line_style=style, visible=False,
    )  # fmt: skip
