"""How the pictures of reports look: sizes, fonts, colours that the colour-blind can tell apart.

Figures are made without pyplot, so that a report leaves no figures behind in the kernel that made
it, and show themselves in notebooks as sharp PNG images.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from lfads_nb import palette
from lfads_nb.datasets.conditions import condition_label, unique_conditions

WIDTH_IN = 10.0
"""Width of every figure: fits a laptop's notebook and a printed page."""

_DPI = 192

TRAIN, VALID = palette.TRAIN, palette.VALID
TRUTH, MODEL, DATA = "#000000", "#0072B2", "#7A7A7A"
SHADE, DARK_SHADE = "#EFEFEF", "#DCDCDC"
WHITE_EDGE = (withStroke(linewidth=2.5, foreground="white"),)
"""Path effects that keep a label readable over lines."""

_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#444444",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.3,
    "figure.titlesize": 11,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "svg.fonttype": "none",
    # Names are the user's: a `$` in them is a dollar.
    "text.parse_math": False,
}


class ReportFigure(Figure):
    """A matplotlib figure that any notebook shows, also without `%matplotlib inline`."""

    _drawn: tuple[bytes, dict[str, int]] | None = None

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Write the figure as matplotlib does, in the style of the reports."""
        with report_style():
            super().savefig(*args, **kwargs)

    def draw_ahead(self) -> None:
        """Draw what will be shown next: an error of the drawing is raised here, not there."""
        self._drawn = self._repr_png_()

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        drawn, self._drawn = self._drawn, None
        if drawn is not None:
            return drawn
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI)
        width, height = self.get_size_inches() * 96
        # Shown at 96 dots per inch, the image has twice the pixels that it needs: sharp.
        return buffer.getvalue(), {"width": round(width), "height": round(height)}


@contextmanager
def report_style() -> Iterator[None]:
    """Make figures within this block in the style of the reports.

    A user's own style takes no part: `text.usetex` without LaTeX, or a font that is missing on the
    machine that runs the queue, would leave a report without its pictures.
    """
    own = {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith(("backend", "webagg"))}
    style: dict[Any, Any] = {**own, **_STYLE}
    with mpl.rc_context(style):
        yield


def new_figure(height_in: float, title: str = "") -> ReportFigure:
    """Return an empty figure of the usual width."""
    figure = ReportFigure(figsize=(WIDTH_IN, height_in), layout="constrained")
    if title:
        figure.suptitle(shown_text(title, most=110), x=0.01, ha="left", fontweight="bold")
    return figure


def laid_out(figure: ReportFigure) -> ReportFigure:
    """Work out the figure's layout for good, and return it.

    Left to every drawing, the layout of colour bars in parts of a figure goes wrong the second
    time (matplotlib 3.11).
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    return figure


def condition_colors(ids: np.ndarray) -> dict[Any, Any]:
    """Return a colour for each condition, the same as in the viewers.

    Parameters
    ----------
    ids : (trials,) condition ids; all of them, so that a condition keeps its colour everywhere.
    """
    conditions = unique_conditions(ids)
    colors = palette.of_conditions(conditions)
    return dict(zip(conditions.tolist(), colors, strict=True))


def draw_condition_legend(
    part: Figure | SubFigure, ids: np.ndarray, colors: dict[Any, Any], n_conditions: int
) -> None:
    """Name the colours of conditions below a figure, saying so if some are not drawn."""
    labels = [shown_text(condition_label(i)) for i in ids]
    handles = [
        Line2D([], [], color=colors[i.item()], lw=2, label=label)
        for i, label in zip(ids, labels, strict=True)
    ]
    title = "condition" if len(ids) == n_conditions else f"{len(ids)} of {n_conditions} conditions"
    longest = max(map(len, labels))
    columns = int(np.clip(120 // (longest + 8), 1, 12))
    part.legend(handles=handles, title=title, loc="outside lower center",
                ncols=min(len(ids), columns))  # fmt: skip


def shown_text(text: Any, *, most: int = 40) -> str:
    """Return a user's text as a label: no longer than fits, and none that matplotlib would hide."""
    text = " ".join(str(text).split())
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most // 2 - 1) :]}"
    # Legends leave out labels that begin with an underscore.
    return f" {text}" if text.startswith("_") else text


def evenly_chosen(items: np.ndarray, n: int) -> np.ndarray:
    """Return at most `n` of the items, evenly spaced, the first and the last among them."""
    if len(items) <= n:
        return items
    return items[np.unique(np.linspace(0, len(items) - 1, n).round().astype(int))]


def say_why_empty(part: SubFigure, reason: str) -> None:
    """Write into a part of a figure why it shows nothing."""
    part.text(0.5, 0.5, reason, ha="center", va="center", color="#444444")
