"""The picture of data against model, a panel for each neuron and condition."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lfads_nb.datasets.conditions import condition_label
from lfads_nb.results import metrics
from lfads_nb.results.averages_figure import choose_neurons, has_conditions
from lfads_nb.results.figure_style import (
    ReportFigure,
    condition_colors,
    evenly_chosen,
    say_why_empty,
    shown_text,
)
from lfads_nb.results.peristimulus import Peristimulus, peristimulus
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_numbers import AVERAGE_SMOOTHING_MS, session_numbers, smoothing_bins
from lfads_nb.results.session_panels import session_figure

_MOST_CONDITIONS = 6
_N_NEURONS = 4
_DATA = "#333333"


def peristimulus_figure(
    run: Any, *, dataset: str | int | None = None, neurons: Any = None, conditions: Any = None
) -> ReportFigure:
    """Draw data against model: a row for each neuron, a column for each condition.

    The data are the average of smoothed spikes with its standard error; the model is the average of
    the inferred rates with the standard deviation of single trials.

    Parameters
    ----------
    run : its folder, or a `Run`.
    dataset : one session of a stitched run; all by default.
    neurons : 0-based neurons; by default four that vary over conditions.
    conditions : condition ids; by default up to six, evenly chosen.

    Raises
    ------
    RunFolderError
        The posterior has not been sampled.
    """
    return session_figure(
        run,
        "Data against model by condition",
        dataset,
        height_in=lambda pm: _height_in(pm, neurons),
        draw=lambda part, pm, name: _draw_session(part, pm, neurons, conditions, name),
    )


def _height_in(pm: PosteriorMeans, neurons: Any) -> float:
    n_rows = min(_N_NEURONS, pm.n_neurons) if neurons is None else np.atleast_1d(neurons).size
    return 1.35 * n_rows + 0.9 if has_conditions(pm) else 0.8


def _draw_session(
    part: SubFigure, pm: PosteriorMeans, neurons: Any, conditions: Any, name: str
) -> None:
    ids = pm.condition_ids
    if ids is None or not has_conditions(pm):
        say_why_empty(part, f"{pm.datasets[0]}: the trials have no conditions to average.")
        return
    sd_bins = smoothing_bins(pm, AVERAGE_SMOOTHING_MS)
    shown = choose_neurons(pm.condition_averages("rates")) if neurons is None else neurons
    shown = np.atleast_1d(shown)
    spikes = pm.field("counts")[:][..., shown] * pm.counts_to_rates
    rates = pm.field("rates")[:][..., shown]
    found = peristimulus(spikes, rates, ids, sd_bins=sd_bins)
    by_neuron = metrics.psth_r2(spikes, rates, ids, sd_bins=sd_bins).per_channel
    rows = evenly_chosen(np.arange(len(found.ids)), _MOST_CONDITIONS)
    if conditions is not None:
        rows = np.flatnonzero(np.isin(found.ids, np.atleast_1d(conditions)))
    if not len(rows):
        say_why_empty(part, f"{pm.datasets[0]} has none of the conditions that were asked for.")
        return
    axes = part.subplots(len(shown), len(rows), sharex=True, sharey="row", squeeze=False)
    colors = condition_colors(ids)
    for row, neuron in enumerate(shown):
        for column, condition in enumerate(rows):
            color = colors[found.ids[condition].item()]
            _draw_panel(axes[row, column], pm.bin_centers_ms, found, (condition, row), color)
        label = f"neuron {neuron}\nR² {by_neuron[row]:.2f}\n({pm.rate_unit})"
        axes[row, 0].set_ylabel(label)
        axes[row, 0].set_ylim(bottom=0)
    for column, condition in enumerate(rows):
        label = shown_text(condition_label(found.ids[condition]), most=18)
        axes[0, column].set_title(f"{label} ({found.model.n[condition]} trials)")
        axes[-1, column].set_xlabel("time (ms)")
    part.suptitle(name + _in_words(pm, sd_bins), x=0.01, ha="left", fontsize=9.5)
    _draw_key(part)


def _draw_panel(
    axes: Axes, time: np.ndarray, found: Peristimulus, which: tuple[int, int], color: Any
) -> None:
    at = (which[0], slice(None), which[1])
    for mean, half, shade in (
        (found.data.mean[at], found.data.sem[at], _DATA),
        (found.model.mean[at], found.spread[at], color),
    ):
        axes.fill_between(time, mean - half, mean + half, color=shade, alpha=0.2, lw=0)
    axes.plot(time, found.data.mean[at], color=_DATA, lw=0.9)
    axes.plot(time, found.model.mean[at], color=color, lw=1.6)
    if time[0] < 0 < time[-1]:
        axes.axvline(0, color="#888888", lw=0.7, ls=":")


def _in_words(pm: PosteriorMeans, sd_bins: float) -> str:
    numbers = session_numbers(pm)
    nlb = "" if np.isnan(numbers.psth_r2_nlb) else (
        f"; PSTH R² by NLB's definition {numbers.psth_r2_nlb:.3f} (validation trials)"
    )  # fmt: skip
    return (
        f"R² of condition averages {numbers.psth_r2_by_channel:.3f} (mean over neurons){nlb}; "
        f"spikes smoothed by {sd_bins * pm.bin_ms:g} ms"
    )


def _draw_key(part: SubFigure) -> None:
    handles = [
        Line2D([], [], color=_DATA, lw=0.9, label="data"),
        Patch(color=_DATA, alpha=0.2, lw=0, label="± s.e.m."),
        Line2D([], [], color="#888888", lw=1.6, label="model, in the condition's colour"),
        Patch(color="#3f90da", alpha=0.3, lw=0, label="± s.d. of single trials"),
    ]
    part.legend(handles=handles, loc="outside lower center", ncols=4)
