"""The runs of a sweep as a table to sort and select in."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lfads_nb.vocabulary import FIGURES, JUDGES, Figure, best_runs
from lfads_nb.widgets.live_table import Cell, LiveTable, Row, cell, column
from lfads_nb.widgets.run_verdicts import best_cell, verdict_cell
from lfads_nb.widgets.viewers.sweep_axes import main_figures_of, parameters_of, sweep_axes


def make_leaderboard(
    table: pd.DataFrame, names: dict[str, str], hashes: dict[str, str] | None = None
) -> LiveTable:
    """Return a table with a row per run.

    Parameters
    ----------
    table : as `lfads_nb.results.compare` returns it.
    names : run -> what to call it.
    hashes : run -> its setting's hash, shown in small print.
    """
    axes = sweep_axes(table)
    parameters, measured = parameters_of(axes), main_figures_of(axes)
    columns = [column("run", "run")]
    if "verdict" in table:
        columns.append(column("verdict", "verdict", hint="what its figures say of the run"))
    # What judges stands beside the verdict, however many parameters were varied.
    judging = [name for name in JUDGES if name in measured][:1]
    rest = [name for name in measured if name not in judging]
    columns += [_figure_column(name, table) for name in judging]
    columns += [column(name, name, kind="number") for name in parameters]
    columns += [_figure_column(name, table) for name in rest]
    columns.append(column("state", "state"))
    made = LiveTable(
        columns, "runs of the sweep", selectable="many", max_height="360px",
        empty="There are no runs yet.",
    )  # fmt: skip
    best = best_of(table)
    judges = [name for name in JUDGES if name in table]
    ordered = table.sort_values(judges, ascending=[FIGURES[n].better == "lower" for n in judges])
    rows: list[Row] = []
    for run, values in ordered.iterrows():
        cells = {
            "run": best_cell(
                names[str(run)], best.get(str(run)), sub=(hashes or {}).get(str(run), "")
            ),
            "state": str(values["state"]),
        }
        if "verdict" in table:
            said = (values[n] for n in ("verdict", "verdict_level", "verdict_text"))
            cells["verdict"] = verdict_cell(*map(str, said))
        cells |= {name: _cell(name, values[name]) for name in [*parameters, *measured]}
        rows.append(Row(id=str(run), cells=cells, label=names[str(run)]))
    made.update_rows(rows)
    return made


def _figure_column(name: str, table: pd.DataFrame) -> dict[str, Any]:
    short, hint = FIGURES[name].short, FIGURES[name].hint
    what = table.get(f"{name.removeprefix('test_')}_of")
    if what is not None:  # of the one target that the runs were decoded for
        target = next(filter(None, what), "")
        short, hint = f"{short}: {target}", f"{hint} Decoded: {target}."
    return column(name, short, kind="number", hint=hint)


def best_of(table: pd.DataFrame) -> dict[str, Figure]:
    """Return the best run of each run spec, and the figure that says so.

    Parameters
    ----------
    table : as `lfads_nb.results.compare` returns it.
    """
    figures = {str(run): dict(values) for run, values in table.iterrows()}
    groups = {run: values.get("spec", "") for run, values in figures.items()}
    return best_runs(figures, groups)


def _cell(name: str, value: object) -> Cell:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if value != value:
        return cell("–", sort=None)
    figure = FIGURES.get(name)
    return cell(f"{value:g}" if figure is None else figure.text(value), sort=value)
