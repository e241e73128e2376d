"""Tables and numbers as a terminal shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from lfads_nb.cli.terminal import console, escape, shown_path

if TYPE_CHECKING:
    from lfads_nb.sweep import RunCollection


def show_results(collection: RunCollection) -> None:
    """Print one row for each run: how well it did, and where its report is."""
    from lfads_nb.results import compare
    from lfads_nb.vocabulary import FIGURES, best_runs

    frame = compare(collection.runs)
    wanted = ("bits_per_spike", "best_total_valid", "r2_truth")
    shown = [key for key in wanted if key in frame and not frame[key].isna().all()]
    table = Table("run", "state", *(FIGURES[key].label for key in shown))
    rows = {str(name): dict(values) for name, values in frame.iterrows()}
    best = best_runs(rows, {name: values["spec"] for name, values in rows.items()})
    table.columns[0].overflow = "fold"
    for run in collection.runs:
        row = frame.loc[run.name]
        table.add_row(
            escape(f"{'★ ' * (run.name in best)}{run.spec.name} {run.params.param_name}"),
            str(row["state"]),
            *(FIGURES[key].text(row[key]) for key in shown),
        )
    console.print()
    console.print(table)
    console.print("Reports:")
    for run in collection.runs:
        console.print(f"  {escape(shown_path(run.folder.notebook))}", soft_wrap=True)


def number_text(value: Any, form: str) -> str:
    return "" if value is None or value != value else form.format(value)


def minutes_text(seconds: Any) -> str:
    return number_text(seconds if seconds is None else seconds / 60, "{:.0f} min")


def bracketed(text: str) -> str:
    return f"({text})" if text else ""
