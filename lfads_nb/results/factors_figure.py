"""The picture of factors: single trials by condition, their averages, and their main plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from lfads_nb.datasets.conditions import unique_conditions
from lfads_nb.results.condition_averages import average_by_condition
from lfads_nb.results.figure_style import (
    ReportFigure,
    condition_colors,
    draw_condition_legend,
    evenly_chosen,
    say_why_empty,
)
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.session_panels import session_figure

_MOST_FACTORS = 6
_MOST_TRIALS = 150
_MOST_CONDITIONS = 12


def factors_figure(run: Any, *, dataset: str | int | None = None) -> ReportFigure:
    """Draw single trials of the factors, coloured by condition, and their condition averages.

    Parameters
    ----------
    run : its folder, or a `Run`.
    dataset : one session of a stitched run; all by default.

    Raises
    ------
    RunFolderError
        The posterior has not been sampled.
    """
    return session_figure(
        run,
        "Factors",
        dataset,
        height_in=lambda pm: 2.9 if pm.n_factors <= 3 else 4.8,
        draw=_draw_session,
    )


def _draw_session(part: SubFigure, pm: PosteriorMeans, name: str) -> None:
    ids = pm.condition_ids
    known = ids is not None and len(unique_conditions(ids)) > 0
    labels = ids if known and ids is not None else np.zeros(pm.n_trials, dtype=int)
    colors = condition_colors(labels)
    conditions = evenly_chosen(unique_conditions(labels), _MOST_CONDITIONS)
    present = pm.field("factors").present
    trials = evenly_chosen(np.flatnonzero(present & np.isin(labels, conditions)), _MOST_TRIALS)
    averages = average_by_condition(pm.factors, labels)
    mean = averages.mean[np.isin(averages.ids, conditions)]
    shown = _choose_factors(pm.factors)
    columns = len(shown) if len(shown) <= 3 else -(-len(shown) // 2)
    rows = -(-len(shown) // columns)
    halves: Any = part.subfigures(1, 2, width_ratios=[columns, 1.25])
    left, right = halves
    axes = left.subplots(rows, columns, sharex=True, squeeze=False)
    for panel, factor in zip(axes.flat, shown, strict=False):
        _draw_factor(panel, pm, factor, trials, labels, colors)
        for condition, average in zip(conditions, mean[..., factor], strict=True):
            panel.plot(pm.bin_centers_ms, average, color=colors[condition.item()], lw=2)
        panel.set_title(f"factor {factor}")
    for panel in axes.flat[len(shown) :]:
        panel.set_axis_off()
    for panel in axes[-1]:
        panel.set_xlabel("time (ms)")
    if pm.n_factors > 1 and mean[..., 0].size > 1:
        _draw_plane(right.subplots(), mean, [colors[c.item()] for c in conditions])
    else:
        few = (
            "A single factor\nspans" if pm.n_factors == 1 else "A single average of one bin\nspans"
        )
        say_why_empty(right, f"{few} no plane.")
    what = "averages by condition (thick)" if known else "the average (thick); no conditions known"
    part.suptitle(
        f"{name}{len(trials)} of {int(present.sum())} trials (thin) and {what}. Factors are in an "
        "arbitrary basis that differs from run to run.", x=0.01, ha="left", fontsize=9.5,
    )  # fmt: skip
    if known:
        draw_condition_legend(part, conditions, colors, len(averages.ids))


def _choose_factors(factors: np.ndarray) -> np.ndarray:
    """Take the factors that vary most, in their own order."""
    variances = np.nanvar(factors, axis=(0, 1))
    return np.sort(np.argsort(-variances, kind="stable")[:_MOST_FACTORS])


def _draw_factor(
    axes: Axes,
    pm: PosteriorMeans,
    factor: int,
    trials: np.ndarray,
    labels: np.ndarray,
    colors: dict[Any, Any],
) -> None:
    values = pm.factors[trials, :, factor]
    thin = float(np.clip(12 / np.sqrt(max(len(trials), 1)) / 3, 0.12, 0.6))
    for trial, line in zip(trials, values, strict=True):
        axes.plot(pm.bin_centers_ms, line, color=colors[labels[trial].item()], lw=0.6, alpha=thin)


def _draw_plane(axes: Axes, mean: np.ndarray, colors: list[Any]) -> None:
    """Draw condition averages in the plane of their first two principal components."""
    flat = mean.reshape(-1, mean.shape[-1])
    known = ~np.isnan(flat).any(axis=1)
    centered = flat - flat[known].mean(axis=0)
    _, scale, directions = np.linalg.svd(centered[known], full_matrices=False)
    # The sign of a component is arbitrary: its largest weight is made positive.
    plane = directions[:2]
    plane = plane * np.sign(plane[[0, 1], np.abs(plane).argmax(axis=1)])[:, None]
    places = (centered @ plane.T).reshape(*mean.shape[:2], 2)
    share = scale**2 / max((scale**2).sum(), 1e-30)
    for path, color in zip(places, colors, strict=True):
        x, y = path.T
        axes.plot(x, y, color=color, lw=1.4)
        axes.plot(x[0], y[0], "o", color=color, ms=5, markeredgecolor="white", zorder=4)
    axes.set_title("averages, main plane (dot: start)")
    axes.set_xlabel(f"PC 1 ({share[0]:.0%} of variance)")
    axes.set_ylabel(f"PC 2 ({share[1]:.0%})")
    axes.set_aspect("equal", adjustable="datalim")
