"""What a sweep says beyond its leaderboard: whether the best stands out, and what mattered."""

from __future__ import annotations

from html import escape

import ipywidgets as w
import pandas as pd

from lfads_nb.errors import LfadsError
from lfads_nb.results.html_tables import Table
from lfads_nb.results.importance import FEWEST_RUNS, parameter_importance
from lfads_nb.results.replicates import SEED, group_replicates
from lfads_nb.vocabulary import FIGURES, JUDGES
from lfads_nb.widgets.viewers.sweep_axes import parameters_of, sweep_axes


class SweepFindings(w.Accordion):
    """Two boxes that are worked out when they are opened.

    Parameters
    ----------
    table : as `lfads_nb.results.compare` returns it.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._makers = {
            "Settings over their seeds": seeds_html,
            "Which parameters mattered": importance_html,
        }
        self._built: set[int] = set()
        super().__init__([w.HTML() for _ in self._makers], selected_index=None)
        self.titles = tuple(self._makers)
        self.add_class("lfads-findings")
        self.observe(self._open, "selected_index")

    def _open(self, change: dict[str, int | None]) -> None:
        index = change["new"]
        if index is None or index in self._built:
            return
        self._built.add(index)
        make = list(self._makers.values())[index]
        self.children[index].value = '<span class="lfads-dim">Working it out ...</span>'
        try:
            self.children[index].value = make(self._table)
        except LfadsError as error:
            self.children[index].value = f'<span class="lfads-dim">{escape(str(error))}</span>'


def judge_of(table: pd.DataFrame) -> str | None:
    """Return the figure by which these runs are judged, None while there is none."""
    return next((name for name in JUDGES if name in table and table[name].notna().any()), None)


def seeds_html(table: pd.DataFrame) -> str:
    """Say what each setting reaches over its seeds, and whether the best one stands out."""
    judge = judge_of(table)
    if judge is None:
        return "No run has results yet."
    figure = FIGURES[judge]
    settings = [name for name in parameters_of(sweep_axes(table)) if name in table]
    if SEED in table and SEED not in settings:
        settings.append(SEED)
    found = group_replicates(table, settings, judge, higher_is_better=figure.better == "higher")
    by = [name for name in found.table if name not in ("n", "mean", "sd", "runs")]
    same = found.as_good_as_best()
    rows = [
        [*(str(row[name]) for name in by), str(row["n"]), figure.text(row["mean"]),
         figure.text(row["sd"])]
        for _, row in found.table.iterrows()
    ]  # fmt: skip
    header = [*by, "runs", f"{figure.short}, mean", "s.d. over seeds"]
    strong = frozenset(place for place, alike in enumerate(same) if alike)
    numeric = frozenset(range(len(by), len(header)))
    made = Table(figure.label, header, rows, strong=strong, numeric=numeric)
    return f"<p>{escape(found.sentence())}</p>{made._repr_html_()}"


def importance_html(table: pd.DataFrame) -> str:
    """Say which parameters account for the differences between the runs.

    Raises
    ------
    DataError
        There are too few runs, or nothing was varied.
    """
    judge = judge_of(table)
    if judge is None:
        return "No run has results yet."
    settings = [name for name in parameters_of(sweep_axes(table)) if name in table]
    found = parameter_importance(table, settings, judge)
    rows = [
        [str(name), f"{row['share']:.0%}", f"{row['explained']:.0%}", f"{row['noise']:.0%}",
         "yes" if row["matters"] else "cannot be told from chance"]
        for name, row in found.iterrows()
    ]  # fmt: skip
    header = ["parameter", "share", "explained", "chance", "matters"]
    strong = frozenset(place for place, on in enumerate(found["matters"]) if on)
    notes = [
        "Share: of the variance of a random forest's predictions, the part that the parameter "
        "makes by itself, averaged over the others (main effects of functional ANOVA).",
        "Explained: share times how well the forest predicts runs that it was not grown on. "
        "Chance: what the best of as many parameters without effect explains, 95 % quantile.",
        f"It says nothing outside the swept ranges, and little with not many more than "
        f"{FEWEST_RUNS} runs.",
    ]
    numeric = frozenset((1, 2, 3))
    return Table(
        f"What accounts for {FIGURES[judge].name}", header, rows, strong=strong, numeric=numeric,
        notes=notes,
    )._repr_html_()  # fmt: skip
