"""The verdict as a report shows it: words first, then the figures behind them."""

from __future__ import annotations

import html
import logging
from pathlib import Path
from typing import Any

from lfads_nb.errors import LfadsError
from lfads_nb.results.run_view import RunView
from lfads_nb.results.verdicts import judge
from lfads_nb.sweep.folders import PopulationFolder, is_member
from lfads_nb.sweep.verdict import Level, Verdict
from lfads_nb.vocabulary import FIGURES

log = logging.getLogger(__name__)

_OF_MEMBERS = (
    "Members of a population have no verdict of their own: weights and settings change hands "
    "between them, and none but the winner is sampled. Their scores and the leader's example "
    "trials say how they are."
)

SIGNS = {None: "✓", Level.NOTE: "·", Level.WARNING: "!", Level.BAD: "✗"}
_EDGES = {None: "#2e7d32", Level.NOTE: "#888888", Level.WARNING: "#b26a00", Level.BAD: "#b00020"}


class ShownVerdict:
    """A verdict, or why there is none, as HTML and as text."""

    def __init__(self, verdict: Verdict | None, reason: str = "") -> None:
        self.verdict, self.reason = verdict, reason

    def __repr__(self) -> str:
        if self.verdict is None:
            return self.reason
        lines = [f"{SIGNS[self.verdict.level]} {self.verdict.text}"]
        lines += [f"  {label}: {value}" for label, value in figures_shown(self.verdict)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if self.verdict is None:
            return f"<p>{html.escape(self.reason)}</p>"
        verdict = self.verdict
        points = "".join(
            f"<li>{SIGNS[f.level]} <b>{html.escape(f.title)}</b>: {html.escape(f.sentence)} "
            f"{html.escape(f.change)}</li>"
            for f in verdict.findings
        )
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(label)}</td>"
            f"<td>{html.escape(v)}</td></tr>"
            for label, v in figures_shown(verdict)
        )
        return (
            # Colours of the page's own theme; only the edge has one of its own.
            f"<div style='border-left:4px solid {_EDGES[verdict.level]};padding:4px 12px;"
            f"margin:4px 0'><p style='font-size:1.1em;margin:4px 0'>{SIGNS[verdict.level]} "
            f"{html.escape(verdict.text)}</p><details><summary>The figures behind it</summary>"
            f"<ul>{points}</ul><table><tbody>{rows}</tbody></table></details></div>"
        )


def figures_shown(verdict: Verdict) -> list[tuple[str, str]]:
    """Return the figures behind a verdict in the order of the vocabulary: (label, value)."""
    return [
        (figure.name, figure.with_unit(verdict.figures[key]))
        for key, figure in FIGURES.items()
        if key in verdict.figures
    ]


def run_verdict(run: Any) -> ShownVerdict:
    """Return the verdict on a run as it stands now, to be shown first in its report.

    Parameters
    ----------
    run : its folder, or a `Run`.
    """
    try:
        view = RunView.of(run)
        if is_member(view.folder):
            return ShownVerdict(None, f"{_OF_MEMBERS} The verdict is on the winner, in best/.")
        verdict = judge(view)
    except LfadsError as error:
        return ShownVerdict(None, f"There is no verdict: {error}")
    except Exception as error:
        # A training that is finished is never lost to what is said about it.
        log.exception("no verdict on %s", run)
        return ShownVerdict(None, f"There is no verdict: {type(error).__name__}: {error}")
    if not verdict.figures or (not verdict.is_final and "epochs" not in verdict.figures):
        return ShownVerdict(None, "The verdict will stand here when the run has been trained.")
    return ShownVerdict(verdict)


def winner_verdict(population: Any) -> ShownVerdict:
    """Return the verdict on a population's winner, or what there is to see instead of one.

    Parameters
    ----------
    population : its folder, or a `PopulationRun`.
    """
    folder = getattr(population, "folder", population)
    best = PopulationFolder(Path(getattr(folder, "path", folder))).best
    if best.run_json.exists():
        shown = run_verdict(best)
        if shown.verdict is not None and shown.verdict.is_final:
            return shown
    return ShownVerdict(
        None,
        "No verdict yet: it is on the winner, once the search has ended and the winner was "
        f"sampled. {_OF_MEMBERS}",
    )


class VerdictPlace:
    """The first place of a report, filled again whenever there is more to say."""

    def __init__(self, run: Any) -> None:
        from IPython.display import display

        self._run = run
        self._handle = display(run_verdict(run), display_id=True)

    def fill(self) -> None:
        """Show the verdict as it is now in the place where the first one was shown."""
        if self._handle is not None:
            self._handle.update(run_verdict(self._run))
