"""Averages over the trials of each condition, as one bqplot mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from bqplot import Lines

from lfads_nb.widgets.viewers.plot import Plot

MOST_POINTS = 20_000  # what bqplot draws without a pause


class AverageLines:
    """A bqplot `Lines` mark with a curve per condition, filled anew instead of made anew."""

    def __init__(
        self,
        plot: Plot,
        *,
        width: float = 2.5,
        style: Literal["solid", "dashed", "dotted", "dash_dotted"] = "solid",
    ) -> None:
        self.mark = Lines(
            x=[0.0, 1.0], y=[0.0, 0.0], scales={"x": plot.x_scale, "y": plot.y_scale},
            stroke_width=width, line_style=style, visible=False,
        )  # fmt: skip
        self.every = 1
        plot.figure.marks = [*plot.figure.marks, self.mark]

    def show(self, x: np.ndarray, y: np.ndarray, colours: Sequence[str]) -> None:
        """Draw curves.

        Parameters
        ----------
        x : (bins,) or (curves, bins).
        y : (curves, bins).
        colours : of the curves.
        """
        known = np.isfinite(y).any(axis=-1) if y.size else np.zeros(len(y), dtype=bool)
        if not known.any():
            self.hide()
            return
        self.every = max(1, -(-y[known].size // MOST_POINTS))
        taken = slice(None, None, self.every)
        with self.mark.hold_sync():
            self.mark.x = (x[known] if x.ndim == 2 else x)[..., taken].astype(np.float32)
            self.mark.y = y[known][:, taken].astype(np.float32)
            self.mark.colors = [c for c, is_known in zip(colours, known, strict=True) if is_known]
            self.mark.visible = True

    def hide(self) -> None:
        """Draw none."""
        self.mark.visible = False
