"""Parts of a report that cannot be shown: the reason stands in their place.

No picture or table may end a run: what was trained is worth more than what is drawn of it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from html import escape
from typing import Any, ParamSpec, TypeVar

from lfads_nb.errors import LfadsError
from lfads_nb.results.figure_style import ReportFigure

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Shown = TypeVar("Shown")


class Reason:
    """Why a part of the report is missing, shown in its place."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.text)}</p>"


def or_reason(function: Callable[Arguments, Shown]) -> Callable[Arguments, Shown | Reason]:
    """Make a function that shows something of a run say why, where it cannot.

    Errors of ours speak for themselves; any other is named, and its traceback goes to the log. A
    figure is drawn here and now, so that what fails only in drawing is found here too.
    """

    @functools.wraps(function)
    def show(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Shown | Reason:
        try:
            shown = function(*args, **kwargs)
            if isinstance(shown, ReportFigure):
                shown.draw_ahead()
            return shown
        except LfadsError as error:
            return Reason(str(error))
        except Exception as error:
            what = function.__name__.replace("_", " ")
            log.exception("no %s", what)
            said = str(error).strip().partition("\n")[0][:300]
            return Reason(
                f"The {what} could not be made ({type(error).__name__}{': ' * bool(said)}{said}). "
                "Nothing else is affected: the run's files are whole."
            )

    return show


def figure_or_reason(
    figure: Callable[[Any], ReportFigure | Reason], run: Any
) -> ReportFigure | Reason:
    """Draw a figure of a run, or say why it cannot be drawn.

    Parameters
    ----------
    figure : such as `report.alignment_figure`.
    run : its folder, or a `Run`.
    """
    return or_reason(figure)(run)
