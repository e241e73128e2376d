"""The picture of inferred inputs: single trials, condition averages, and what the prior expects."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from lfads_nb.datasets.conditions import unique_conditions
from lfads_nb.errors import RunFolderError
from lfads_nb.results.condition_averages import average_by_condition
from lfads_nb.results.figure_style import (
    SHADE,
    ReportFigure,
    condition_colors,
    draw_condition_legend,
    evenly_chosen,
)
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_view import RunView
from lfads_nb.results.session_panels import session_figure
from lfads_nb.results.trained_params import TrainedParams

_MOST_INPUTS = 6
_MOST_CONDITIONS = 12
_MOST_TRIALS = 100


def inputs_figure(run: Any, *, dataset: str | int | None = None) -> ReportFigure:
    """Draw inferred inputs: averages by condition over single trials and the prior's spread.

    Parameters
    ----------
    run : its folder, or a `Run`.
    dataset : one session of a stitched run; all by default.

    Raises
    ------
    RunFolderError
        The model has no controller, or the posterior has not been sampled.
    """
    view = RunView.of(run)
    spread = _prior_spread(view)
    return session_figure(
        view,
        "Inferred inputs",
        dataset,
        height_in=_height_in,
        draw=lambda part, pm, name: _draw_session(part, pm, spread, name),
    )


def _prior_spread(view: RunView) -> np.ndarray | None:
    """Return the prior's stationary standard deviation of each input, if the weights are there."""
    if not view.folder.model_params.is_file():
        return None
    variance = TrainedParams.open(view.folder, view.datasets).input_prior_variance
    return None if variance is None else np.sqrt(variance)


def _height_in(pm: PosteriorMeans) -> float:
    if not pm.n_controller_outputs:
        raise RunFolderError(f"{pm.name} has no inferred inputs: it was trained with co_dim=0")
    return 2.9 if pm.n_controller_outputs <= 3 else 4.6


def _draw_session(
    part: SubFigure, pm: PosteriorMeans, spread: np.ndarray | None, name: str
) -> None:
    inputs = pm.field("controller_outputs").load()
    ids = pm.condition_ids
    known = ids is not None and len(unique_conditions(ids)) > 0
    labels = ids if known and ids is not None else np.zeros(pm.n_trials, dtype=int)
    colors = condition_colors(labels)
    averages = average_by_condition(inputs, labels)
    shown = evenly_chosen(np.arange(len(averages.ids)), _MOST_CONDITIONS)
    present = np.flatnonzero(pm.field("controller_outputs").present)
    trials = evenly_chosen(present, _MOST_TRIALS)
    n = min(inputs.shape[-1], _MOST_INPUTS)
    columns = n if n <= 3 else -(-n // 2)
    axes = part.subplots(-(-n // columns), columns, sharex=True, sharey=True, squeeze=False)
    for unit, panel in enumerate(axes.flat[:n]):
        _draw_input(panel, pm, inputs[trials, :, unit], None if spread is None else spread[unit])
        for row in shown:
            color = colors[averages.ids[row].item()]
            panel.plot(pm.bin_centers_ms, averages.mean[row, :, unit], color=color, lw=1.6)
        panel.set_title(f"input {unit}")
    for panel in axes.flat[n:]:
        panel.set_axis_off()
    for panel in axes[-1]:
        panel.set_xlabel("time (ms)")
    what = "averages by condition" if known else "the average; no conditions known"
    band = "" if spread is None else "; shaded: one standard deviation of the prior"
    part.suptitle(f"{name}{what}, {len(trials)} single trials in grey{band}", x=0.01, ha="left",
                  fontsize=9.5)  # fmt: skip
    if known:
        draw_condition_legend(part, averages.ids[shown], colors, len(averages.ids))


def _draw_input(axes: Axes, pm: PosteriorMeans, trials: np.ndarray, spread: float | None) -> None:
    if spread is not None:
        axes.axhspan(-spread, spread, color=SHADE, lw=0, zorder=0)
    axes.plot(pm.bin_centers_ms, trials.T, color="#999999", lw=0.4, alpha=0.3)
    axes.axhline(0, color="#BBBBBB", lw=0.7, zorder=1)
