"""A verdict as one line, its sentences and figures folded behind it."""

from __future__ import annotations

import html

from lfads_nb.results.verdict_report import SIGNS, ShownVerdict, figures_shown


def verdict_line(shown: ShownVerdict, *, of: str = "") -> str:
    """Return a verdict as HTML; "" where there is none.

    Parameters
    ----------
    of : what stands before it.
    """
    if shown.verdict is None:
        return ""
    verdict = shown.verdict
    points = "; ".join(f"{label} {value}" for label, value in figures_shown(verdict))
    headline = html.escape(of + verdict.headline)
    return (
        f"<details><summary title='{headline}'>{SIGNS[verdict.level]} {headline}</summary>"
        f"<div>{html.escape(verdict.text)}</div><div>{html.escape(points)}</div></details>"
    )
