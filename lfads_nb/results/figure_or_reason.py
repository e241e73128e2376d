"""A figure that a report can do without: where it cannot be drawn, the reason stands instead."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from lfads_nb.errors import LfadsError
from lfads_nb.results.figure_style import ReportFigure


class Reason:
    """Why a figure is missing, shown in its place."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.text)}</p>"


def figure_or_reason(figure: Callable[[Any], ReportFigure], run: Any) -> ReportFigure | Reason:
    """Draw a figure of a run, or say why it cannot be drawn.

    Parameters
    ----------
    figure : such as `report.alignment_figure`.
    run : its folder, or a `Run`.
    """
    try:
        return figure(run)
    except LfadsError as error:
        return Reason(str(error))
