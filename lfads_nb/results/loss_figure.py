"""The picture of a training: costs by epoch, the penalties' ramps, the best epoch, resumes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lfads_nb.results.figure_style import (
    DARK_SHADE,
    SHADE,
    TRAIN,
    VALID,
    WHITE_EDGE,
    ReportFigure,
    laid_out,
    new_figure,
    report_style,
)
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.run_view import RunView

_COSTS = (("total", "Total cost"), ("recon", "Negative log likelihood"), ("kl", "KL divergence"))


def loss_figure(run: Any) -> ReportFigure:
    """Draw the costs of training and validation trials over the epochs.

    Parameters
    ----------
    run : its folder, or a `Run`.

    Raises
    ------
    RunFolderError
        There is no fit log yet.
    """
    view = RunView.of(run)
    log = view.fit_log()
    extra = [name for name in ("bps", "co_bps", "fp_bps") if _has(log, name)]
    with report_style():
        figure = new_figure(3.1, f"Training of {view.name}")
        panels = figure.subplots(1, len(_COSTS) + bool(extra), squeeze=False)[0]
        for axes, (name, title) in zip(panels, _COSTS, strict=False):
            _draw_cost(axes, log, name)
            axes.set_title(title)
        panels[0].set_ylabel("nats per trial")
        panels[2].set_yscale("log")
        panels[2].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panels[2].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panels[2].yaxis.set_minor_formatter(NullFormatter())
        if extra:
            _draw_bits(panels[3], log, extra)
        for axes in panels:
            _draw_events(axes, log)
            axes.set_xlabel("epoch")
            axes.margins(x=0.01)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        return laid_out(figure)


def _has(log: FitLog, name: str) -> bool:
    return name in log.columns or f"{name}_valid" in log.columns


def _draw_cost(axes: Axes, log: FitLog, name: str) -> None:
    x = log.trained_epoch
    for split, color, label in (("train", TRAIN, "training"), ("valid", VALID, "validation")):
        values = log[f"{name}_{split}"]
        finite = np.where(np.isfinite(values), values, np.nan)
        for segment in range(log.n_resumes + 1):
            here = log.segment == segment
            kept = here & ~log.is_superseded
            dots: dict[str, Any] = {"marker": "o" if kept.sum() < 3 else None, "markersize": 3}
            axes.plot(x[here], finite[here], color=color, alpha=0.3)
            axes.plot(x[kept], finite[kept], color=color, **dots,
                      label=label if segment == log.n_resumes else None)  # fmt: skip
    _limit_to_what_matters(axes, log, name)
    best = log.lve_index
    if best is not None:
        value = log[f"{name}_valid"][best]
        axes.plot(x[best], value, "o", color=VALID, markeredgecolor="white", markersize=7, zorder=5,
                  clip_on=False)  # fmt: skip
        axes.annotate(
            f"{value:.1f}", (x[best], value), xytext=(-7, 7), textcoords="offset points",
            ha="right", va="bottom", color=VALID, fontsize=8, path_effects=WHITE_EDGE,
        )  # fmt: skip


def _limit_to_what_matters(axes: Axes, log: FitLog, name: str) -> None:
    """Leave the first epochs' huge costs out of the picture."""
    values = np.concatenate([log[f"{name}_train"], log[f"{name}_valid"]])
    later = np.tile(np.arange(len(log)) >= min(len(log) // 20 + 1, len(log) - 1), 2)
    shown = values[later & np.isfinite(values) & ~np.tile(log.is_superseded, 2)]
    if name == "kl":
        shown = shown[shown > 0]
    if not len(shown):
        return
    low, high = shown.min(), shown.max()
    if name == "kl":
        axes.set_ylim(low / 1.3, high * 1.5)
    else:
        pad = max(high - low, 1e-3 * abs(high), 1e-9)
        axes.set_ylim(low - 0.06 * pad, high + 0.12 * pad)


def _draw_bits(axes: Axes, log: FitLog, names: list[str]) -> None:
    x = log.trained_epoch
    styles = {
        "bps": ("-", "seen"),
        "co_bps": ("--", "held-out neurons"),
        "fp_bps": (":", "forward"),
    }
    for name in names:
        line, meaning = styles[name]
        for split, color in (("train", TRAIN), ("valid", VALID)):
            column = f"{name}_{split}" if f"{name}_{split}" in log.columns else name
            if column in log.columns and not (column == name and split == "train"):
                axes.plot(
                    x, log[column], line, color=color, label=meaning if split == "valid" else None
                )
    if len(names) > 1:
        axes.legend(loc="lower right")
    axes.set_title("Bits per spike")


def _draw_events(axes: Axes, log: FitLog) -> None:
    x = log.trained_epoch
    _shade_ramps(axes, log)
    if log.lve_index is not None:
        axes.axvline(x[log.lve_index], color=VALID, lw=0.9, ls=(0, (4, 3)), zorder=1,
                     label=f"best epoch, {x[log.lve_index]:.0f}")  # fmt: skip
    starts = np.flatnonzero(np.diff(log.segment)) + 1
    for i, start in enumerate(starts):
        axes.axvline(x[start], color="#555555", lw=0.9, ls=":", zorder=1,
                     label="resumed" if i == 0 else None)  # fmt: skip
    bad = ~np.isfinite(log.total_train)
    if bad.any():
        axes.plot(x[bad], np.zeros(bad.sum()), "x", color="#B00020", markersize=4, clip_on=False,
                  transform=axes.get_xaxis_transform(), label="cost not a number")  # fmt: skip


def _shade_ramps(axes: Axes, log: FitLog) -> None:
    """Shade the epochs in which a penalty had not its full weight, the longer ramp paler."""
    x, current = log.trained_epoch, ~log.is_superseded
    ramps = [(log.kl_weight < 1, "KL penalty rises"), (log.l2_weight < 1, "L2 penalty rises")]
    if np.array_equal(ramps[0][0], ramps[1][0]):
        ramps = [(ramps[0][0], "KL and L2 penalties rise")]
    ends = [
        (x[rising & current].max(), label) for rising, label in ramps if (rising & current).any()
    ]
    for shade, (end, label) in zip((SHADE, DARK_SHADE), sorted(ends, reverse=True), strict=False):
        axes.axvspan(x.min(), end, color=shade, zorder=0, lw=0, label=label)
