"""A small bqplot figure in the theme's colours. Import it late: bqplot takes a while to load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import bqplot as bq
import ipywidgets as w


def make_figure(
    marks: Sequence[Any], x: bq.Scale, y: bq.Scale, *, x_label: str, y_label: str, width: str,
    height: str = "240px", title: str = "",
) -> bq.Figure:  # fmt: skip
    """Make a figure with two axes, `figure.axes`, that follows light and dark themes."""
    figure = bq.Figure(
        marks=list(marks),
        axes=[
            bq.Axis(scale=x, label=x_label, grid_lines="none", label_offset="30px"),
            bq.Axis(
                scale=y, label=y_label, orientation="vertical", grid_lines="none",
                label_offset="42px",
            ),
        ],
        title=title,
        title_style={"font-size": "13px"},
        animation_duration=0,
        padding_x=0,
        padding_y=0,
        display_toolbar=False,
        background_style={"fill": "transparent"},
        fig_margin={"top": 34 if title else 10, "bottom": 40, "left": 58, "right": 14},
        layout=w.Layout(width=width, height=height, min_width="0"),
    )  # fmt: skip
    figure.add_class("lfads-figure")
    return figure


def nice_ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Return about n round numbers from low to high."""
    if not high > low:
        return [low]
    rough = (high - low) / n
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, first + 2 * n + 2) if i * step <= high + 1e-9]
