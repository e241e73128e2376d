"""A run that trains, seen at work: a few validation trials as it sees them now, and its factors."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np

from lfads_nb.palette import of_dimensions
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.live_preview import LivePreview, read_preview
from lfads_nb.widgets.theme import html

if TYPE_CHECKING:
    from lfads_nb.widgets.viewers.plot import Plot

_GAP = 0.06  # between trials and between kinds, of a trial's width and height
_BRIGHTEST = 99.5  # percentile of the rates that has the last colour


class LivePreviewBox(w.VBox):
    """Shows the preview that training writes about once a minute; empty until the first one.

    The plots are made when there is something to draw: bqplot takes a while to import.
    """

    def __init__(self) -> None:
        self._words = html()
        self._plots: tuple[Plot, Plot] | None = None
        self._shown: tuple[Any, ...] = ()
        super().__init__([self._words], layout={"display": "none", "width": "100%"})
        self.add_class("lfads-viewer")

    def show(self, folder: RunFolder | None, *, whose: str = "it") -> None:
        """Show what there is of a run that trains; None for no run.

        Parameters
        ----------
        folder : the run's.
        whose : what to call it.
        """
        key = (None,) if folder is None else (folder.path, _stamp(folder), whose)
        if key == self._shown:
            return
        self._shown = key
        preview = None if folder is None else read_preview(folder)
        self.layout.display = "none" if preview is None else ""
        if preview is not None:
            self._draw(preview, whose)

    @property
    def plots(self) -> tuple[Plot, Plot]:
        """The images of the trials, and the plane of their factors."""
        if self._plots is None:
            from lfads_nb.widgets.viewers.plot import Plot

            trials = Plot("", "", height=210, margins=(4, 8, 8, 74), x_ticks=False, has_tools=False)
            plane = Plot("", "", height=210, margins=(4, 8, 8, 8), x_ticks=False, y_ticks=False,
                         has_tools=False)  # fmt: skip
            trials.layout.flex, trials.layout.width = "3 1 360px", "auto"
            plane.layout.flex, plane.layout.width = "1 1 180px", "auto"
            self._plots = (trials, plane)
        return self._plots

    def _draw(self, shown: LivePreview, whose: str) -> None:
        self._words.value = (
            f"<b>As {escape(whose)} is after {shown.epoch} epochs</b>: validation trials "
            f"{', '.join(str(i) for i in shown.trials)} of {escape(shown.session)}, from left to "
            "right; neurons from top to bottom. Redrawn about once a minute."
        )
        is_first = self._plots is None
        trials, plane = self.plots
        self._draw_trials(trials, shown)
        _draw_plane(plane, shown)
        if is_first:
            # Once drawn, not before: an axis that is put on screen while its rows get their names
            # shows numbers in their place ever after.
            row = w.HBox([trials, plane], layout={"flex_flow": "row wrap", "width": "100%"})
            self.children = [self._words, row]

    def _draw_trials(self, plot: Plot, shown: LivePreview) -> None:
        from lfads_nb.widgets.viewers.heat_map import heat_image

        kinds = {"counts": shown.counts, "rates now": shown.rates}
        if shown.truth is not None:
            kinds["true rates"] = shown.truth
        rates = np.concatenate([each.ravel() for name, each in kinds.items() if name != "counts"])
        high = float(np.nanpercentile(rates, _BRIGHTEST)) or 1.0
        # A spike is bright, however low the rates are.
        scaled = {name: each / (1.0 if name == "counts" else high) for name, each in kinds.items()}
        picture, middles = mosaic(list(scaled.values()))
        height, width = picture.shape
        plot.layer.show_image(*heat_image(picture, (0.0, 1.0)), (0.0, width, 0.0, height))
        plot.layer.description = f"{', '.join(kinds)} of {len(shown.trials)} validation trials"
        plot.set_home((0, width), (0, height))
        plot.name_rows(
            {height - middle: name for middle, name in zip(middles, kinds, strict=True)},
            across=False,
        )


def mosaic(kinds: list[np.ndarray]) -> tuple[np.ndarray, list[float]]:
    """Return images of trials beside each other, kinds of them below each other, NaN between.

    Parameters
    ----------
    kinds : (trials, bins, channels) each, all of one shape.

    Returns
    -------
    picture : (rows, columns), the first channel on top.
    middles : rows at which the middle of each kind lies.
    """
    n_trials, n_bins, n_channels = kinds[0].shape
    wide, high = (
        n_bins + max(1, round(_GAP * n_bins)),
        n_channels + max(1, round(_GAP * n_channels)),
    )
    picture = np.full((high * len(kinds), wide * n_trials), np.nan)
    for row, values in enumerate(kinds):
        for column, trial in enumerate(values):
            top, left = row * high, column * wide
            picture[top : top + n_channels, left : left + n_bins] = trial.T
    return picture, [row * high + n_channels / 2 for row in range(len(kinds))]


def _draw_plane(plot: Plot, shown: LivePreview) -> None:
    from lfads_nb.widgets.viewers.line_keys import key_html
    from lfads_nb.widgets.viewers.projections import principal_axes

    axes = principal_axes(shown.factors, 2)
    points = axes.project(shown.factors)
    # A single factor has no second dimension: it goes on in time.
    second = points[..., 1] if points.shape[-1] > 1 else points[..., 0]
    time = np.broadcast_to(np.arange(points.shape[1], dtype=float), second.shape)
    first = points[..., 0] if points.shape[-1] > 1 else time
    colours = of_dimensions(len(points))
    plot.layer.show_lines(
        first, second, np.arange(len(points)), colours, alpha=0.95, line_width=1.8,
        names=[f"validation trial {i}" for i in shown.trials],
    )  # fmt: skip
    limits = [(float(np.nanmin(v)), float(np.nanmax(v))) for v in (first, second)]
    room = [0.06 * (high - low) or 0.5 for low, high in limits]
    (x0, x1), (y0, y1) = ((low - r, high + r) for (low, high), r in zip(limits, room, strict=True))
    plot.set_home((x0, x1), (y0, y1))
    plot.explain_key(key_html("Factors", []))
    plot.say("Their factors, in the plane of most variance.")


def _stamp(folder: RunFolder) -> tuple[int, int] | None:
    try:
        found = folder.preview.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
