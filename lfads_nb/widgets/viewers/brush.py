"""Choosing by a rectangle that is drawn over a plot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bqplot.interacts import BrushSelector

from lfads_nb.widgets.viewers.plot import Plot

Box = tuple[tuple[float, float], tuple[float, float]]


def set_brush(plot: Plot, wanted: bool, on_box: Callable[[Box], None]) -> None:
    """Turn the rectangle on or off, in place of panning.

    Parameters
    ----------
    plot : where it is drawn.
    wanted : whether it is on.
    on_box : called with ((x0, x1), (y0, y1)), lowest first, whenever a rectangle has been drawn.
    """

    def pass_on(change: dict[str, Any]) -> None:
        x, y = change["owner"].selected_x, change["owner"].selected_y
        if x is not None and y is not None and len(x) == len(y) == 2:
            on_box((tuple(np.sort(x)), tuple(np.sort(y))))

    old = plot.figure.interaction
    plot.tools.panning = False
    brush = None
    if wanted:
        brush = BrushSelector(x_scale=plot.x_scale, y_scale=plot.y_scale)
        brush.observe(pass_on, ["selected_x", "selected_y"])
    plot.figure.interaction = brush
    if old is not None:
        old.close()
