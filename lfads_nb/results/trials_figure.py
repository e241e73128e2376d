"""The picture of single trials: spikes, the rates inferred from them, and the truth where known."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator

from lfads_nb.results import metrics
from lfads_nb.results.figure_style import (
    DATA,
    MODEL,
    TRUTH,
    ReportFigure,
    evenly_chosen,
    shown_text,
)
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_numbers import SMOOTHING_MS, smoothing_bins
from lfads_nb.results.session_panels import session_figure


def example_trials_figure(
    run: Any, *, dataset: str | int | None = None, trials: Any = None, n_neurons: int = 2
) -> ReportFigure:
    """Draw a few trials: raster, smoothed spikes, inferred rates, true rates where known.

    Parameters
    ----------
    run : its folder, or a `Run`.
    dataset : one session of a stitched run; all by default.
    trials : 0-based trials; by default three validation trials of different conditions.
    n_neurons : neurons whose rates are drawn as lines, those whose rates vary most.

    Raises
    ------
    RunFolderError
        The posterior has not been sampled.
    """
    return session_figure(
        run,
        "Example trials",
        dataset,
        height_in=lambda pm: 1.25 * (3 + pm.has("true_rates") + n_neurons),
        draw=lambda part, pm, name: _draw_session(part, pm, trials, n_neurons, name),
    )


def _choose_trials(pm: PosteriorMeans) -> np.ndarray:
    """Take validation trials with outputs, the first of evenly spread conditions."""
    present = np.flatnonzero(pm.field("rates").present)
    judged = np.intersect1d(pm.valid_inds, present)
    candidates = judged if len(judged) else present
    if pm.condition_ids is not None:
        _, first = np.unique(pm.condition_ids[candidates], return_index=True)
        candidates = candidates[first] if len(first) >= 3 else candidates
    return np.sort(evenly_chosen(candidates, 3))


def _draw_session(
    part: SubFigure, pm: PosteriorMeans, wanted: Any, n_neurons: int, name: str
) -> None:
    trials = _choose_trials(pm) if wanted is None else np.atleast_1d(wanted)
    rates = pm.rates
    average = np.nanmean(rates, axis=0)
    order = np.argsort(np.argmax(average, axis=0), kind="stable")
    lively = np.sort(np.argsort(-np.nanvar(rates, axis=(0, 1)))[:n_neurons])
    spikes = metrics.smooth(
        pm.field("counts")[trials] * pm.counts_to_rates, smoothing_bins(pm, SMOOTHING_MS)
    )
    pictures = [("spikes smoothed", spikes), ("inferred rates", rates[trials])]
    if pm.has("true_rates"):
        pictures.append(("true rates", pm.field("true_rates")[trials]))
    top = np.nanpercentile(np.concatenate([p for _, p in pictures[1:]]), 99.5)
    axes = part.subplots(
        1 + len(pictures) + len(lively), len(trials), sharex=True, sharey="row", squeeze=False,
        height_ratios=[1.1] + [1] * len(pictures) + [0.8] * len(lively),
    )  # fmt: skip
    for column, trial in enumerate(trials):
        axes[0, column].set_title(_title(pm, trial))
        _draw_raster(axes[0, column], pm, trial, order)
        for row, (_, picture) in enumerate(pictures, start=1):
            image = _draw_rates(axes[row, column], pm, picture[column][:, order], top)
        for row, neuron in enumerate(lively, start=1 + len(pictures)):
            _draw_neuron(axes[row, column], pm, trial, neuron, spikes[column, :, neuron])
        axes[-1, column].set_xlabel("time (ms)")
    labels = ["spikes", *(name for name, _ in pictures)]
    for row, label in enumerate(labels):
        axes[row, 0].set_ylabel(f"{label}\nneuron (sorted)" if row == 0 else label)
    for row, neuron in enumerate(lively, start=len(labels)):
        axes[row, 0].set_ylabel(f"neuron {neuron}\n({pm.rate_unit})")
    part.colorbar(image, ax=list(axes[1 : len(labels)].flat), label=pm.rate_unit, aspect=30,
                  pad=0.01)  # fmt: skip
    for row in range(len(labels), len(axes)):
        # The row shares its limits, so they are set once all its panels are drawn.
        axes[row, 0].set_ylim(bottom=0)
    if len(lively):
        handles, names = axes[-1, 0].get_legend_handles_labels()
        part.legend(handles, names, loc="outside lower center", ncols=len(names))
    if name:
        part.suptitle(pm.datasets[0], x=0.01, ha="left")


def _title(pm: PosteriorMeans, trial: int) -> str:
    words = {"valid": "validation", "train": "training", "test": "test", "": "not used"}
    title = f"trial {trial} ({words[pm.splits[trial]]})"
    if pm.condition_ids is None:
        return title
    return f"{title}, condition {shown_text(pm.condition_ids[trial], most=16)}"


def _draw_raster(axes: Axes, pm: PosteriorMeans, trial: int, order: np.ndarray) -> None:
    counts = pm.field("counts")[trial][:, order]
    bins, rows = np.nonzero(counts > 0)
    darkness = np.clip(0.35 + 0.3 * counts[bins, rows], 0, 1)
    colors = np.zeros((len(bins), 4))
    colors[:, 3] = darkness
    height = max(1.0, 55 / counts.shape[1])
    axes.scatter(pm.bin_centers_ms[bins], rows, s=height**2 * 4, c=colors, marker="|",
                 linewidths=0.7)  # fmt: skip
    axes.set_ylim(-0.5, counts.shape[1] - 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw_rates(axes: Axes, pm: PosteriorMeans, picture: np.ndarray, top: float) -> Any:
    end = pm.time_ms[-1] + pm.bin_ms
    image = axes.imshow(
        picture.T, aspect="auto", origin="lower", cmap="magma", vmin=0, vmax=top,
        interpolation="nearest", extent=(pm.time_ms[0], end, -0.5, picture.shape[1] - 0.5),
    )  # fmt: skip
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.spines[["left", "bottom"]].set_visible(False)
    return image


def _draw_neuron(
    axes: Axes, pm: PosteriorMeans, trial: int, neuron: int, smoothed: np.ndarray
) -> None:
    time = pm.bin_centers_ms
    axes.plot(time, smoothed, color=DATA, lw=1, label="smoothed")
    if pm.has("true_rates"):
        axes.plot(time, pm.field("true_rates")[trial, :, neuron], color=TRUTH, ls=(0, (3, 2)), lw=1,
                  label="true")  # fmt: skip
    axes.plot(time, pm.rates[trial, :, neuron], color=MODEL, lw=1.6, label="inferred")
    spikes = np.flatnonzero(pm.field("counts")[trial, :, neuron] > 0)
    ticks = axes.plot(time[spikes], np.zeros(len(spikes)), "|", color="black", ms=5, clip_on=False,
                      transform=axes.get_xaxis_transform())  # fmt: skip
    # Of a trial without a spike, the layout would make room for a mark in the figure's corner.
    ticks[0].set_in_layout(False)
