"""A look at one session: a trial's raster, rates per channel, trials per condition, oddities."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as w
import numpy as np

from lfads_nb.datasets import Counts, Dataset
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.guard import guarded, notice_html
from lfads_nb.widgets.panels.data_quality import DataQuality, inspect, remarks
from lfads_nb.widgets.theme import html, row, stack, title

MAX_SPIKES = 15_000  # what a scatter draws fluently


class DatasetPreview(w.VBox):
    """Shows one dataset; its spikes are read in the background."""

    def __init__(self) -> None:
        self._task = TaskBar()
        self._words = html()
        self._trial = w.BoundedIntText(
            description="Trial", min=0, max=0, style={"description_width": "initial"},
            layout=w.Layout(width="130px"),
        )  # fmt: skip
        self._slider = w.IntSlider(
            min=0, max=0, readout=False, layout=w.Layout(width="220px"), description=""
        )
        w.link((self._trial, "value"), (self._slider, "value"))
        self._about_trial = html()
        self._figures: _Figures | None = None
        self._counts: Counts | None = None
        self._wanted: Dataset | None = None
        self._shown: Dataset | None = None
        self._body = w.VBox()
        self._trial.observe(guarded(self._task.notice, self._show_trial), "value")
        super().__init__([self._task, self._body])

    def show(self, dataset: Dataset | None) -> None:
        """Read a dataset and show it; None shows nothing."""
        self._wanted = dataset
        if dataset is None:
            self._shown = None
            self._body.children = ()
            self._task.notice.clear()
            return
        self._load_wanted()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the dataset is shown (for scripts and tests)."""
        self._task.join(timeout)

    def _load_wanted(self) -> None:
        dataset = self._wanted
        if dataset is None or dataset is self._shown:
            return

        def work(progress: Progress) -> None:
            self._shown = dataset
            counts = dataset.load_counts()
            quality = inspect(counts)
            progress.check()
            if self._wanted is dataset:
                self._show(dataset, counts, quality)

        # another one that is clicked meanwhile comes next
        self._task.start(f"Reading {dataset.name}", work, on_end=self._load_wanted)

    def _show(self, dataset: Dataset, counts: Counts, quality: DataQuality) -> None:
        self._counts = counts
        if self._figures is None:
            self._figures = _Figures()
        self._figures.show_session(counts, quality)
        self._words.value = _session_html(counts, quality)
        for widget in (self._slider, self._trial):
            widget.max = counts.n_trials - 1
        self._trial.value = min(self._trial.value, counts.n_trials - 1)
        self._show_trial()
        self._body.children = [
            title(f"Preview of {dataset.name}"),
            self._words,
            row(self._trial, self._slider, self._about_trial),
            row(
                stack(self._figures.raster),
                stack(self._figures.rates),
                stack(self._figures.conditions),
            ),
        ]

    def _show_trial(self, _change: Any = None) -> None:
        counts = self._counts
        if counts is None or self._figures is None:
            return
        trial = min(self._trial.value, counts.n_trials - 1)
        shown, n_spikes = self._figures.show_trial(counts, trial)
        ids = counts.condition_ids
        condition = f", condition {ids[trial]}" if ids is not None else ""
        cut = f" (the first {shown} drawn)" if shown < n_spikes else ""
        self._about_trial.value = (
            f'<span class="lfads-dim">{escape(f"{n_spikes} spikes{condition}{cut}")}</span>'
        )


def _session_html(counts: Counts, quality: DataQuality) -> str:
    facts = [
        f"{counts.n_trials} trials of {counts.n_bins * counts.bin_ms:g} ms "
        f"({counts.n_bins} bins of {counts.bin_ms:g} ms)",
        f"{counts.n_channels} channels, median rate {np.median(quality.rates_hz):.3g} spikes/s",
        f"median Fano factor {np.nanmedian(quality.fano):.2g}"
        if np.isfinite(quality.fano).any()
        else "no spikes at all",
        f"{len(quality.trials_per_condition)} conditions"
        if quality.trials_per_condition
        else "no conditions",
    ]
    if counts.truth is not None:
        facts.append("true rates known")
    if counts.ext_input_dim:
        facts.append(f"{counts.ext_input_dim} external inputs")
    odd = remarks(quality)
    verdict = (
        notice_html("warning", "Worth a look:", points=tuple(odd))
        if odd
        else notice_html("success", "No dead, doubled or noisy channels; all trials of one length.")
    )
    return f'<p style="margin:0 0 6px">{escape(" · ".join(facts))}</p>{verdict}'


class _Figures:
    """Three figures whose marks change; made when first needed, as bqplot takes time to import."""

    def __init__(self) -> None:
        import bqplot as bq

        from lfads_nb.widgets.palette import categorical

        blue, orange, *_ = categorical(2)
        self._time = bq.LinearScale()
        self._channel = bq.LinearScale()
        self._spikes = bq.Scatter(
            x=[], y=[], scales={"x": self._time, "y": self._channel}, marker="rectangle",
            default_size=6, colors=[blue], default_skew=0.95, stroke_width=0,
        )  # fmt: skip
        self.raster = _figure(
            "Spikes of the trial", [self._spikes], self._time, self._channel, "time (ms)",
            "channel", 380,
        )  # fmt: skip
        x, y = bq.LinearScale(), bq.LinearScale(min=0)
        self._rates = bq.Bars(x=[0], y=[0], scales={"x": x, "y": y}, colors=[blue], padding=0.1)
        self.rates = _figure(
            "Rate of each channel", [self._rates], x, y, "channel", "spikes/s", 310
        )
        x, y = bq.LinearScale(), bq.LinearScale(min=0)
        self._conditions = bq.Bars(
            x=[0], y=[0], scales={"x": x, "y": y}, colors=[orange], padding=0.1
        )
        self.conditions = _figure(
            "Trials per condition", [self._conditions], x, y, "condition, in order", "trials", 310
        )

    def show_session(self, counts: Counts, quality: DataQuality) -> None:
        start = counts.time_ms[0]
        with self._time.hold_sync(), self._channel.hold_sync():
            self._time.min, self._time.max = (
                float(start), float(start + counts.n_bins * counts.bin_ms),
            )  # fmt: skip
            self._channel.min, self._channel.max = -0.5, counts.n_channels - 0.5
        with self._rates.hold_sync():
            self._rates.x = np.arange(counts.n_channels)
            self._rates.y = quality.rates_hz
        numbers = list(quality.trials_per_condition.values()) or [counts.n_trials]
        with self._conditions.hold_sync():
            self._conditions.x = np.arange(1, len(numbers) + 1)
            self._conditions.y = np.array(numbers)

    def show_trial(self, counts: Counts, trial: int) -> tuple[int, int]:
        """Draw a trial's spikes; return how many were drawn and how many there are."""
        one = np.nan_to_num(np.asarray(counts.counts[trial], dtype=float))
        bins, channels = np.nonzero(one > 0)
        with self._spikes.hold_sync():
            self._spikes.x = counts.time_ms[bins[:MAX_SPIKES]].astype(np.float32)
            self._spikes.y = channels[:MAX_SPIKES].astype(np.float32)
        return min(len(bins), MAX_SPIKES), int(one.sum())


def _figure(
    name: str, marks: list[Any], x: Any, y: Any, x_label: str, y_label: str, width: int
) -> Any:
    import bqplot as bq

    axes = [
        bq.Axis(scale=x, label=x_label, grid_lines="none"),
        bq.Axis(
            scale=y, label=y_label, orientation="vertical", grid_lines="none", label_offset="36px"
        ),
    ]  # fmt: skip
    figure = bq.Figure(
        marks=marks, axes=axes, title=name, animation_duration=0, padding_x=0, padding_y=0,
        fig_margin={"top": 34, "bottom": 40, "left": 52, "right": 10},
        layout=w.Layout(width=f"{width}px", height="240px", min_width="0"),
        title_style={"font-size": "13px"},
    )  # fmt: skip
    figure.add_class("lfads-figure")
    return figure
