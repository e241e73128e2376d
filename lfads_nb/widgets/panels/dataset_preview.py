"""A look at one session: a trial's raster, rates and Fano factors per channel, the rate over the
session, trials per condition, what was assumed when it was read, and oddities."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as w
import numpy as np

from lfads_nb.datasets import Counts, Dataset
from lfads_nb.datasets.conditions import condition_label
from lfads_nb.datasets.data_quality import DataQuality, inspect, remarks
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.guard import guarded, notice_html
from lfads_nb.widgets.theme import html, row, stack, title

MAX_SPIKES = 15_000  # what a scatter draws fluently
MAX_TRIALS = 3_000


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
        super().__init__([self._task, self._body], layout={"display": "none"})
        self.add_class("lfads-section")

    def show(self, dataset: Dataset | None) -> None:
        """Read a dataset and show it; None shows nothing."""
        self._wanted = dataset
        self.layout.display = "none" if dataset is None else None
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
            row(stack(self._figures.raster), stack(self._figures.rates), stack(self._figures.fano)),
            row(stack(self._figures.trials), stack(self._figures.conditions)),
        ]

    def _show_trial(self, _change: Any = None) -> None:
        counts = self._counts
        if counts is None or self._figures is None:
            return
        trial = min(self._trial.value, counts.n_trials - 1)
        shown, n_spikes = self._figures.show_trial(counts, trial)
        ids = counts.condition_ids
        condition = (
            f", condition {condition_label(ids[trial]) or 'none'}" if ids is not None else ""
        )
        cut = f" (the first {shown} drawn)" if shown < n_spikes else ""
        about = f"{n_spikes} bins with spikes{condition}{cut}"
        self._about_trial.value = f'<span class="lfads-dim">{escape(about)}</span>'


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
    if quality.missing:
        facts.append(f"{100 * quality.missing:.3g} % of the bins missing")
    if counts.ext_input_dim:
        facts.append(f"{counts.ext_input_dim} external inputs")
    odd = remarks(quality)
    verdict = (
        notice_html("warning", "Worth a look:", points=tuple(odd))
        if odd
        else notice_html(
            "success", "No dead, doubled or noisy channels, no empty trials, no drift."
        )
    )
    assumed = ""
    if counts.notes:
        said = notice_html("info", "When it was read:", points=tuple(counts.notes))
        assumed = f'<div style="margin:0 0 6px">{said}</div>'
    return f'<p style="margin:0 0 6px">{escape(" · ".join(facts))}</p>{assumed}{verdict}'


class _Figures:
    """Figures whose marks change; made when first needed, as bqplot takes time to import."""

    def __init__(self) -> None:
        import bqplot as bq

        from lfads_nb.palette import categorical
        from lfads_nb.widgets.small_figure import make_figure

        blue, orange, *_ = categorical(2)
        time, channel = _fixed_scale(), _fixed_scale()
        self._spikes = bq.Scatter(
            x=[], y=[], scales={"x": time, "y": channel}, marker="rectangle", default_size=6,
            colors=[blue], default_skew=0.95, stroke_width=0,
        )  # fmt: skip
        self.raster = make_figure(
            [self._spikes], time, channel, title="Spikes of the trial", x_label="time (ms)",
            y_label="channel", width="380px",
        )  # fmt: skip
        x, y = _fixed_scale(), _fixed_scale()
        self._rates = bq.Bars(x=[0], y=[0], scales={"x": x, "y": y}, colors=[blue], padding=0.1)
        self.rates = make_figure(
            [self._rates], x, y, title="Rate of each channel", x_label="channel",
            y_label="spikes/s", width="310px",
        )  # fmt: skip
        x, y = _fixed_scale(), _fixed_scale()
        self._fano = bq.Bars(x=[0], y=[0], scales={"x": x, "y": y}, colors=[blue], padding=0.1)
        self._poisson = bq.Lines(
            x=[0, 1], y=[1, 1], scales={"x": x, "y": y}, colors=[orange], stroke_width=1.5
        )
        self.fano = make_figure(
            [self._fano, self._poisson], x, y, title="Fano factor (line: Poisson)",
            x_label="channel", y_label="variance / mean", width="310px",
        )  # fmt: skip
        x, y = _fixed_scale(), _fixed_scale()
        self._trials = bq.Scatter(
            x=[], y=[], scales={"x": x, "y": y}, colors=[blue], default_size=8, stroke_width=0
        )
        self._trend = bq.Lines(x=[], y=[], scales={"x": x, "y": y}, colors=[orange], stroke_width=2)
        self.trials = make_figure(
            [self._trials, self._trend], x, y, title="Rate over the session (line: running mean)",
            x_label="trial", y_label="spikes/s and channel", width="690px",
        )  # fmt: skip
        x, y = _fixed_scale(), _fixed_scale()
        self._conditions = bq.Bars(
            x=[0], y=[0], scales={"x": x, "y": y}, colors=[orange], padding=0.1
        )
        self.conditions = make_figure(
            [self._conditions], x, y, title="Trials per condition", x_label="condition, in order",
            y_label="trials", width="310px",
        )  # fmt: skip

    def show_session(self, counts: Counts, quality: DataQuality) -> None:
        start = float(counts.time_ms[0])
        _set_limits(
            self.raster,
            (start, start + counts.n_bins * counts.bin_ms),
            (-0.5, counts.n_channels - 0.5),
        )
        _set_bars(self.rates, self._rates, np.arange(counts.n_channels), quality.rates_hz)
        _set_bars(self.fano, self._fano, np.arange(counts.n_channels), np.nan_to_num(quality.fano))
        fano_y = self.fano.axes[1].scale
        if fano_y.max < 1.2:  # the line at 1 is always seen
            _set_limits(self.fano, (-0.5, counts.n_channels - 0.5), (0.0, 1.2))
        self._poisson.x = np.array([-0.5, counts.n_channels - 0.5])
        self._show_trial_rates(quality)
        numbers = list(quality.trials_per_condition.values()) or [counts.n_trials]
        _set_bars(
            self.conditions, self._conditions, np.arange(1, len(numbers) + 1), np.array(numbers)
        )

    def _show_trial_rates(self, quality: DataQuality) -> None:
        rates = np.where(quality.recorded_ms > 0, quality.trial_rates_hz, np.nan)
        trials = np.arange(len(rates))
        shown = np.unique(np.linspace(0, len(rates) - 1, MAX_TRIALS).astype(int))
        shown = shown[np.isfinite(rates[shown])]
        highest = float(np.nanmax(rates, initial=0.0))
        _set_limits(self.trials, (-0.5, len(rates) - 0.5), (0.0, highest * 1.05 or 1.0))
        with self._trials.hold_sync():
            self._trials.x, self._trials.y = trials[shown], rates[shown].astype(np.float32)
        x, y = _running_mean(rates)
        with self._trend.hold_sync():
            self._trend.x, self._trend.y = x, y

    def show_trial(self, counts: Counts, trial: int) -> tuple[int, int]:
        """Draw a trial's spikes; return how many were drawn and how many there are."""
        one = np.nan_to_num(np.asarray(counts.counts[trial], dtype=float))
        bins, channels = np.nonzero(one > 0)
        with self._spikes.hold_sync():
            self._spikes.x = counts.time_ms[bins[:MAX_SPIKES]].astype(np.float32)
            self._spikes.y = channels[:MAX_SPIKES].astype(np.float32)
        return min(len(bins), MAX_SPIKES), len(bins)


def _running_mean(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over a tenth of the trials around each, where any of them was recorded."""
    width = max(len(rates) // 10, 1)
    known = np.isfinite(rates)
    window = np.ones(width)
    n_known = np.convolve(known, window, mode="same")
    total = np.convolve(np.where(known, rates, 0.0), window, mode="same")
    place = np.unique(np.linspace(0, len(rates) - 1, 200).astype(int))
    place = place[n_known[place] > 0.5]
    return place, (total[place] / n_known[place]).astype(np.float32)


def _fixed_scale() -> Any:
    import bqplot as bq

    return bq.LinearScale(min=0.0, max=1.0, allow_padding=False)


def _set_bars(figure: Any, bars: Any, x: np.ndarray, y: np.ndarray) -> None:
    highest = float(np.max(y, initial=0.0))
    _set_limits(figure, (float(x[0]) - 0.5, float(x[-1]) + 0.5), (0.0, highest * 1.05 or 1.0))
    with bars.hold_sync():
        bars.x, bars.y = x, y


def _set_limits(figure: Any, x: tuple[float, float], y: tuple[float, float]) -> None:
    from lfads_nb.widgets.small_figure import nice_ticks

    for axis, (low, high) in zip(figure.axes, (x, y), strict=True):
        with axis.scale.hold_sync():
            axis.scale.min, axis.scale.max = low, high
        axis.tick_values = np.array(nice_ticks(low, high))
