"""The picture of condition averages: what the spikes show against what the model says."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from lfads_nb.datasets.conditions import unique_conditions
from lfads_nb.results import metrics
from lfads_nb.results.condition_averages import ConditionAverages, average_by_condition
from lfads_nb.results.figure_style import (
    ReportFigure,
    condition_colors,
    draw_condition_legend,
    evenly_chosen,
    say_why_empty,
)
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_numbers import AVERAGE_SMOOTHING_MS, smoothing_bins
from lfads_nb.results.session_panels import session_figure

_MOST_CONDITIONS = 12
_N_NEURONS = 4


def condition_average_figure(
    run: Any, *, dataset: str | int | None = None, neurons: Any = None
) -> ReportFigure:
    """Draw condition averages of spikes over those of the inferred (and true) rates, with their R2.

    Parameters
    ----------
    run : its folder, or a `Run`.
    dataset : one session of a stitched run; all by default.
    neurons : 0-based neurons; by default four that vary over conditions, from most to less.

    Raises
    ------
    RunFolderError
        The posterior has not been sampled.
    """
    return session_figure(
        run,
        "Condition averages",
        dataset,
        height_in=_height_in,
        draw=lambda part, pm, name: _draw_session(part, pm, neurons, name),
    )


def _height_in(pm: PosteriorMeans) -> float:
    return (2 + pm.has("true_rates")) * 1.7 + 0.7 if has_conditions(pm) else 0.8


def has_conditions(pm: PosteriorMeans) -> bool:
    """Whether any trial belongs to a condition."""
    return pm.condition_ids is not None and len(unique_conditions(pm.condition_ids)) > 0


def _draw_session(part: SubFigure, pm: PosteriorMeans, neurons: Any, name: str) -> None:
    ids = pm.condition_ids
    if ids is None or not has_conditions(pm):
        say_why_empty(part, f"{pm.datasets[0]}: the trials have no conditions to average.")
        return
    sd_bins = smoothing_bins(pm, AVERAGE_SMOOTHING_MS)
    # Where a trial has no outputs its spikes are left out too, so that both average the same.
    present = pm.field("rates").present
    spikes = np.where(present[:, None, None], pm.field("counts")[:] * pm.counts_to_rates, np.nan)
    data = average_by_condition(spikes, ids)
    smoothed = data._replace(mean=metrics.smooth(data.mean, sd_bins))
    model = pm.condition_averages("rates")
    rows = [("spikes, smoothed", smoothed), ("inferred rates", model)]
    if pm.has("true_rates"):
        truth = np.where(present[:, None, None], pm.field("true_rates")[:], np.nan)
        rows.append(("true rates", average_by_condition(truth, ids)))
    agreement = metrics.r2(smoothed.mean, model.mean)
    chosen = choose_neurons(model) if neurons is None else np.atleast_1d(neurons)
    axes = part.subplots(len(rows), len(chosen), sharex=True, sharey="col", squeeze=False)
    colors = condition_colors(ids)
    shown = evenly_chosen(np.arange(len(model.ids)), _MOST_CONDITIONS)
    for row, (label, averages) in enumerate(rows):
        for column, neuron in enumerate(chosen):
            _draw_averages(axes[row, column], pm, averages, neuron, shown, colors)
        axes[row, 0].set_ylabel(f"{label}\n({pm.rate_unit})")
    for column, neuron in enumerate(chosen):
        axes[0, column].set_title(f"neuron {neuron}, R² {agreement.per_channel[neuron]:.2f}")
        axes[0, column].set_ylim(bottom=0)
        axes[-1, column].set_xlabel("time (ms)")
    part.suptitle(
        f"{name}R² of averages {agreement.pooled:.3f} pooled, {agreement.mean_over_channels:.3f} "
        f"mean over neurons; spikes smoothed by {sd_bins * pm.bin_ms:g} ms",
        x=0.01, ha="left", fontsize=9.5,
    )  # fmt: skip
    draw_condition_legend(part, model.ids[shown], colors, len(model.ids))


def choose_neurons(model: ConditionAverages) -> np.ndarray:
    """Take neurons that vary most over conditions and time: the first, and every few after."""
    order = np.argsort(-np.nanvar(model.mean, axis=(0, 1)))
    livelier_half = order[: max(len(order) // 2, min(_N_NEURONS, len(order)))]
    return evenly_chosen(livelier_half, _N_NEURONS)


def _draw_averages(
    axes: Axes,
    pm: PosteriorMeans,
    averages: ConditionAverages,
    neuron: int,
    shown: np.ndarray,
    colors: dict[Any, Any],
) -> None:
    time = pm.bin_centers_ms
    for condition in shown:
        color = colors[averages.ids[condition].item()]
        mean, sem = averages.mean[condition, :, neuron], averages.sem[condition, :, neuron]
        axes.plot(time, mean, color=color, lw=1.2)
        if len(shown) <= 4:
            axes.fill_between(time, mean - sem, mean + sem, color=color, alpha=0.15, lw=0)
