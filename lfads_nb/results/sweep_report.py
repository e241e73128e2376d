"""A sweep as one HTML page to send: leaderboard, curves, verdicts, and the best runs' pictures."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.atomic_files import write_text
from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.palette import of_runs
from lfads_nb.results.compare import compare, differing_parameters
from lfads_nb.results.figure_style import (
    ReportFigure,
    laid_out,
    new_figure,
    report_style,
    shown_text,
)
from lfads_nb.results.html_tables import Table
from lfads_nb.results.report_files import FIGURES as PICTURES
from lfads_nb.results.run_view import RunView
from lfads_nb.sweep.run_notes import RunNotes
from lfads_nb.version import __version__
from lfads_nb.vocabulary import FIGURES, JUDGES, best_first, best_runs

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

MOST_CURVES = 40
_DPI = 110
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;"
    "color:#222;background:#fff}img{max-width:100%}table{overflow-x:auto}h2{margin-top:1.6em}"
)


def write_sweep_report(runs: Iterable[Any], path: str | Path, *, title: str = "Sweep") -> Path:
    """Write one page about runs, which needs nothing else, not even a network.

    Parameters
    ----------
    runs : each a `Run` or a run folder; those that are not done are listed as what they are.
    path : the file.
    title : what the page is called, such as the collection's name.

    Raises
    ------
    RunFolderError
        There are no runs, or the file cannot be written.
    """
    runs = list(runs)
    if not runs:
        raise RunFolderError("there are no runs to report on")
    views = {(view := RunView.of(run)).name: view for run in runs}
    table = compare(runs)
    figures = {str(name): dict(values) for name, values in table.iterrows()}
    groups = {name: values.get("spec", "") for name, values in figures.items()}
    order, best = best_first(figures, groups), best_runs(figures, groups)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{len(runs)} runs, lfads_nb {escape(__version__)}.</p>",
        "<h2>Leaderboard</h2>",
        _leaderboard(table, order, best, views)._repr_html_(),
        "<h2>Validation cost</h2>",
        _picture(_curves([views[name] for name in order[:MOST_CURVES]]), "Cost over the epochs"),
        "<h2>Verdicts</h2>",
        _verdicts(table, order)._repr_html_(),
    ]
    for name in [name for name in order if name in best] or order[:1]:
        parts += [f"<h2>{escape(name)}</h2>", *_pictures_of(views[name])]
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )
    path = Path(path).expanduser()
    try:
        write_text(path, page)
    except OSError as error:
        raise RunFolderError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def _leaderboard(
    table: pd.DataFrame, order: Sequence[str], best: Iterable[str], views: dict[str, RunView]
) -> Table:
    changed = differing_parameters([view.params.set_values() for view in views.values()])
    measured = [
        name
        for name, figure in FIGURES.items()
        if name in table and table[name].notna().any()
        and (not figure.is_detail or name in JUDGES)
    ]  # fmt: skip
    notes = {name: RunNotes.read(view.folder.path) for name, view in views.items()}
    has_notes = any(not each.is_empty for each in notes.values())
    rows = []
    for name in order:
        values = table.loc[name]
        said = notes[name]
        tags = " ".join(["★"] * said.star + [f"#{tag}" for tag in said.tags] + [said.note])
        rows.append([
            f"★ {name}" if name in best else name,
            str(values["state"]),
            str(values.get("verdict", "")),
            *(_figure(key, values[key]) for key in measured),
            *(str(values[key]) for key in changed),
            *([tags] if has_notes else []),
        ])  # fmt: skip
    header = [
        "run", "state", "verdict", *(FIGURES[key].short for key in measured), *changed,
        *(["notes"] if has_notes else []),
    ]  # fmt: skip
    judge = next((name for name in JUDGES if name in measured), None)
    words = (
        ["No run has results yet."]
        if judge is None
        else [f"★: the best run of its data, by {FIGURES[judge].name} ({FIGURES[judge].better} is "
              "better)."]
    )  # fmt: skip
    strong = frozenset(place for place, name in enumerate(order) if name in best)
    numeric = frozenset(range(3, 3 + len(measured)))
    return Table("The best first", header, rows, strong=strong, numeric=numeric, notes=words)


def _figure(key: str, value: float) -> str:
    return "–" if value != value else FIGURES[key].text(value)


def _verdicts(table: pd.DataFrame, order: Sequence[str]) -> Table:
    rows = [
        [name, str(table.loc[name].get("verdict_text", "")) or str(table.loc[name]["problem"])
         or f"It is {table.loc[name]['state']}."]
        for name in order
    ]  # fmt: skip
    return Table("What the figures say of each run", ["run", "verdict"], rows)


def _curves(views: Sequence[RunView]) -> ReportFigure:
    with report_style():
        figure = new_figure(3.4)
        axes = figure.subplots()
        drawn = 0
        for view, colour in zip(views, of_runs(len(views)), strict=True):
            try:
                fit = view.fit_log()
            except LfadsError:
                continue  # it has not been trained, as its row says
            costs = fit.recon_valid
            axes.plot(range(len(costs)), costs, color=colour, label=shown_text(view.name, most=60))
            drawn += 1
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation negative\nlog likelihood (nats per trial)")
        if 0 < drawn <= 12:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small")
        return laid_out(figure)


def _pictures_of(view: RunView) -> list[str]:
    found = []
    for name, draw in PICTURES.items():
        heading = name.replace("_", " ").capitalize()
        try:
            found.append(f"<h3>{heading}</h3>{_picture(draw(view), f'{heading} of {view.name}')}")
        except LfadsError:
            continue  # a run without inputs or with one session has no picture of them
        except Exception:
            # One picture that cannot be drawn takes no other with it.
            log.exception("no figure %s of %s", name, view.name)
    return found or ["<p>There are no pictures of it yet.</p>"]


def _picture(figure: ReportFigure, alternative: str) -> str:
    kept = io.BytesIO()
    figure.savefig(kept, format="png", dpi=_DPI)
    data = base64.b64encode(kept.getvalue()).decode()
    return f'<img alt="{escape(alternative)}" src="data:image/png;base64,{data}">'
