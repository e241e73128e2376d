"""What a population's notebook shows: rule and winner in tables, scores and paths in figures."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from lfads_nb.results.figure_style import (
    MODEL,
    VALID,
    ReportFigure,
    laid_out,
    new_figure,
    report_style,
)
from lfads_nb.results.html_tables import Table
from lfads_nb.results.population import PopulationResults
from lfads_nb.results.verdict_report import winner_verdict
from lfads_nb.sweep.params import format_value
from lfads_nb.sweep.population_history import end_reason
from lfads_nb.sweep.search_space import Searched

__all__ = [
    "outcome_table", "paths_figure", "population_table", "scores_figure", "winner_verdict",
]  # fmt: skip

_PALE = "#BBBBBB"


def population_table(population: Any) -> Table:
    """List what is searched, in which range, and what the winner ended with."""
    found = PopulationResults.open(population)
    leader = found.leader
    rows = []
    for name, item in found.space.searched.items():
        values = found.settings[name]
        rows.append(
            [
                name,
                _range_text(item),
                f"{item.step:g}" + (", within the range" if item.bounded else ""),
                _spread_text(values[0]) if len(values) else "",
                _spread_text(values[-1]) if len(values) else "",
                "" if leader is None else format_value(float(values[-1, leader])),
            ]
        )
    header = ["searched", "range of the first draws", "step", "at first", "at last", "winner"]
    p = found.population
    notes = [
        f"{p.members} members x up to {p.generations} generations of {p.epochs} epochs; the first "
        f"one {p.epochs + found.record.ramp_epochs} epochs. Seed {p.seed}, rule {p.rule}.",
        f"Judged by {found.measure.name} ({found.measure.unit}), "
        f"{'higher' if found.measure.higher_is_better else 'lower'} is better.",
        f"Base setting: {p.base.differences_text()}",
    ]
    if any(item.per_element for item in p.space.searched.values()):
        notes.append(
            "Weights of penalties are AutoLFADS' times "
            f"{found.record.n_bins} bins x {found.record.n_channels:g} channels."
        )
    return Table("Search", header, rows, notes=notes, numeric=frozenset({5}))


def outcome_table(population: Any) -> Table:
    """Say how the search ended, what it found and what it cost."""
    found = PopulationResults.open(population)
    found.need_history()
    leader = found.leader
    copies = int(sum(t.source is not None for g in found.history for t in g.turns))
    rows = [
        ["ended because", end_reason(found.population, found.history) or "it has not ended"],
        ["generations", str(found.n_generations)],
        ["epochs of each member", str(int(found.last_epochs[-1]))],
        ["winner", "none" if leader is None else f"member_{leader:02d}"],
        ["its score", f"{found.best[-1]:.6g} {found.measure.unit}"],
        ["best score of the first generation", f"{found.best[0]:.6g} {found.measure.unit}"],
        ["weights copied", f"{copies} times"],
        ["training, all devices", f"{found.device_seconds.sum() / 60:.1f} min"],
        ["of it no training", f"{found.overhead_seconds.sum() / 60:.1f} min"],
    ]
    if leader is not None:
        line = found.ancestry(leader)
        steps = [line[0], *(b for a, b in itertools.pairwise(line) if a != b)]
        named = " → ".join(f"member_{m:02d}" for m in steps)
        rows.append(["the winner's weights came from", named])
    return Table("Outcome", ["", ""], rows)


def scores_figure(population: Any) -> ReportFigure:
    """Draw every member's figure by epoch, with the winner's weights followed through the copies.

    Raises
    ------
    RunFolderError
        No generation is whole yet.
    """
    found = PopulationResults.open(population)
    found.need_history()
    with report_style():
        figure = new_figure(3.4, "Members")
        every, last = figure.subplots(1, 2, width_ratios=[3, 2])
        for curve in found.curves():
            every.plot(curve.epochs, curve.values, color=_PALE, lw=0.7)
        _draw_lineage(every, found)
        every.plot(found.last_epochs[: len(found.best)] - 1, found.best, "o-", color=VALID, ms=3,
                   label="best, smoothed")  # fmt: skip
        _limit(every, found)
        every.set(xlabel="epoch", ylabel=f"{found.measure.name}\n({found.measure.unit})")
        every.set_title("every member, and the winner's weights")
        every.legend()
        _draw_copies(last, found)
        return laid_out(figure)


def _draw_lineage(axes: Axes, found: PopulationResults) -> None:
    if found.leader is None:
        return
    axes.plot(*found.lineage_curve(), color=MODEL, lw=1.4, label="the winner's weights")


def _limit(axes: Axes, found: PopulationResults) -> None:
    """Leave out the first epochs' high costs: what is compared are the ends of generations."""
    scores = found.scores[np.isfinite(found.scores)]
    low, high = np.min(scores), np.quantile(scores, 0.95)
    margin = 0.15 * max(high - low, 1e-9)
    axes.set_ylim(low - margin, high + margin)


def _draw_copies(axes: Axes, found: PopulationResults) -> None:
    """Draw who was overwritten by whom: one column for each generation."""
    x = np.arange(found.n_generations)
    for g in range(1, found.n_generations):
        for member in range(found.population.members):
            source = found.sources[g, member]
            if source != member:
                axes.plot([g - 1, g], [source, member], color=_PALE, lw=0.6, zorder=1)
    columns, rows = np.meshgrid(x, np.arange(found.population.members), indexing="ij")
    drawn = axes.scatter(columns, rows, c=_shares(found), s=14, cmap="viridis", zorder=2)
    axes.figure.colorbar(drawn, ax=axes, label="rank within its generation", ticks=[])
    axes.set(xlabel="generation", ylabel="member")
    axes.set_title("who was overwritten by whom")


def _shares(found: PopulationResults) -> np.ndarray:
    """Return the share of its generation that is worse than each member: (generations, members)."""
    ranks = found.scores if found.measure.higher_is_better else -found.scores
    order = np.argsort(np.argsort(np.where(np.isfinite(ranks), ranks, -np.inf), axis=1), axis=1)
    return order / (ranks.shape[1] - 1)


def paths_figure(population: Any) -> ReportFigure:
    """Draw the values of every searched hyperparameter, coloured by their members' scores.

    Raises
    ------
    RunFolderError
        No generation is whole yet.
    """
    found = PopulationResults.open(population)
    found.need_history()
    names = list(found.space)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    shares = _shares(found)
    colors = mpl.colormaps["viridis"]
    with report_style():
        figure = new_figure(2.1 * rows + 0.5, "Searched values")
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        x = np.arange(found.n_generations)
        for axes, name in zip(panels, names, strict=False):
            item, values = found.space[name], found.settings[name]
            shown = 1 - values if item.complement else values
            for member in range(found.population.members):
                axes.plot(x, shown[:, member], color=_PALE, lw=0.4, zorder=1)
            axes.scatter(np.broadcast_to(x[:, None], shown.shape), shown, c=shares, s=7,
                         cmap=colors, zorder=2)  # fmt: skip
            if item.log:
                axes.set_yscale("log")
            axes.set_title(f"1 - {name}" if item.complement else name)
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        for axes in panels[max(len(names) - columns, 0) : len(names)]:
            axes.set_xlabel("generation")
        return laid_out(figure)


def _range_text(item: Searched) -> str:
    text = f"{item.low:.3g} to {item.high:.3g}"
    text += ", all start at " + f"{item.initial:.3g}" if item.initial is not None else ""
    return f"1 - ({text})" if item.complement else text


def _spread_text(values: np.ndarray) -> str:
    return f"{np.min(values):.3g} to {np.max(values):.3g}"
