"""Figures of stitched runs: one block of panels per session, as many as stay readable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import SubFigure

from lfads_nb.results.figure_style import (
    ReportFigure,
    evenly_chosen,
    laid_out,
    new_figure,
    report_style,
)
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_view import RunView

MOST_SESSIONS = 6


def session_figure(
    run: Any,
    what: str,
    dataset: str | int | None,
    *,
    height_in: Callable[[PosteriorMeans], float],
    draw: Callable[[SubFigure, PosteriorMeans, str], None],
) -> ReportFigure:
    """Draw every session of a run, one below the other.

    Parameters
    ----------
    run : its folder, or a `Run`.
    what : the title says "<what> of <run>".
    dataset : one session by name or index; None draws all, or six of more than six.
    height_in : the height that a session's part needs, in inches.
    draw : draws a session into its part; it is given the session's name and a colon to put before
        a heading, which is empty if there is only one session.
    """
    view = RunView.of(run)
    sessions = list(view.posterior_means(dataset).sessions)
    note = ""
    if len(sessions) > MOST_SESSIONS:
        note = f" ({MOST_SESSIONS} of {len(sessions)} sessions)"
        sessions = [sessions[i] for i in evenly_chosen(np.arange(len(sessions)), MOST_SESSIONS)]
    heights = [height_in(pm) for pm in sessions]
    with report_style():
        figure = new_figure(sum(heights) + 0.4, f"{what} of {view.name}{note}")
        parts = figure.subfigures(len(sessions), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, pm in zip(parts, sessions, strict=True):
            draw(part, pm, f"{pm.datasets[0]}: " if len(sessions) > 1 else "")
            pm.forget()
        return laid_out(figure)
