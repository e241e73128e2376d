"""A canvas under a bqplot figure, for what SVG is too slow for: bundles of lines, and images.

bqplot's own `Lines` freeze beyond some 20,000 points. This layer draws 150,000 in about 60 ms from
one binary buffer; it reads the figure's scales in the browser, so panning needs no kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets as t
from bqplot import Scale
from ipywidgets import widget_serialization

_HERE = Path(__file__).parent


class RasterLayer(anywidget.AnyWidget):
    """Lines or an image in the coordinates of two bqplot scales, whose limits must be set.

    Its place is inside a `Plot`, which gives it the figure's margins.
    """

    # anywidget takes one module, so what the layer is made of is joined.
    _esm = "\n".join(
        (_HERE / name).read_text(encoding="utf-8")
        for name in ("layer_values.js", "svg_context.js", "picture.js", "raster_layer.js")
    )
    _css = _HERE / "viewers.css"

    x_scale = t.Instance(Scale).tag(sync=True, **widget_serialization)
    y_scale = t.Instance(Scale).tag(sync=True, **widget_serialization)

    x = t.Bytes().tag(sync=True)
    y = t.Bytes().tag(sync=True)
    group = t.Bytes().tag(sync=True)
    n_lines = t.Int(0).tag(sync=True)
    n_bins = t.Int(0).tag(sync=True)
    colours = t.List(t.Unicode()).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    highlight = t.List(t.Int()).tag(sync=True)
    alpha = t.Float(0.5).tag(sync=True)
    line_width = t.Float(1.0).tag(sync=True)
    pickable = t.Bool(False).tag(sync=True)
    description = t.Unicode("").tag(sync=True)

    band_low = t.Bytes().tag(sync=True)
    band_high = t.Bytes().tag(sync=True)
    band_group = t.Bytes().tag(sync=True)
    curves = t.List(t.Dict()).tag(sync=True)
    bands_below = t.Int(0).tag(sync=True)
    band_alpha = t.Float(0.25).tag(sync=True)

    dots = t.Bytes().tag(sync=True)
    dots_look = t.Bytes().tag(sync=True)

    image = t.Bytes().tag(sync=True)
    image_shape = t.List(t.Int(), [0, 0]).tag(sync=True)
    image_extent = t.List(t.Float(), [0.0, 1.0, 0.0, 1.0]).tag(sync=True)
    image_colours = t.Bytes().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._on_pick: list[Callable[[int, bool], None]] = []
        self._on_click: list[Callable[[float, float], None]] = []
        self.on_msg(self._receive)

    def show_lines(
        self,
        x: np.ndarray,
        y: np.ndarray,
        group: np.ndarray,
        colours: Sequence[str],
        *,
        names: Sequence[str] = (),
        highlight: Sequence[int] = (),
        alpha: float | None = None,
        line_width: float = 1.0,
    ) -> None:
        """Replace the lines. Lines of a single bin are drawn as dots.

        Parameters
        ----------
        x : (bins,) shared by all lines, rising, or (lines, bins).
        y : (lines, bins); NaN leaves a gap.
        group : (lines,) position in `colours` of each line.
        names : what hovering over each line says.
        highlight : positions of lines that stand out.
        alpha : opacity; by default less, the more lines there are.
        """
        n_lines, n_bins = y.shape
        n_bins = n_bins if n_lines else x.shape[-1]
        with self.hold_sync():
            self.x, self.y = _buffer(x, "<f4"), _buffer(y, "<f4")
            self.group = _buffer(group, "<u2")
            self.n_lines, self.n_bins = n_lines, n_bins
            self.colours, self.names = list(colours), list(names)
            self.highlight = [int(line) for line in highlight]
            self.alpha = alpha if alpha is not None else fading(n_lines)
            self.line_width = line_width

    def show_bands(
        self, low: np.ndarray, high: np.ndarray, group: np.ndarray, *, below: int = 0
    ) -> None:
        """Fill between curves over the bins of the lines; where each has its own, over its line's.

        Parameters
        ----------
        low, high : (bands, bins).
        group : (bands,) position of each in the lines' colours.
        below : how many of them, the first ones, lie under the lines.
        """
        with self.hold_sync():
            self.band_low, self.band_high = _buffer(low, "<f4"), _buffer(high, "<f4")
            self.band_group = _buffer(group, "<u2")
            self.bands_below = min(below, len(group))

    def show_dots(
        self, x: np.ndarray, y: np.ndarray, group: np.ndarray, shape: np.ndarray, radius: np.ndarray
    ) -> None:
        """Replace the dots, which lie over everything.

        Parameters
        ----------
        x, y : (dots,)
        group : (dots,) position of each in the lines' colours; beyond them is the text's colour.
        shape : (dots,) 0 a circle, 1 a square, 2 a triangle.
        radius : (dots,) in pixels.
        """
        with self.hold_sync():
            self.dots = _buffer(np.stack([x, y], axis=-1), "<f4")
            self.dots_look = _buffer(np.stack([group, shape, radius], axis=-1), "<u2")

    def show_image(
        self, values: np.ndarray, colours: np.ndarray, extent: tuple[float, float, float, float]
    ) -> None:
        """Replace the image.

        Parameters
        ----------
        values : (rows, columns) whole numbers, positions in `colours`; row 0 lies at the top.
        colours : (colours, 4) uint8 RGBA.
        extent : left, right, bottom and top in the scales' units.
        """
        with self.hold_sync():
            self.image = _buffer(values, "<u2")
            self.image_shape = list(values.shape)
            self.image_colours = _buffer(colours, "u1")
            self.image_extent = [float(edge) for edge in extent]

    def clear(self) -> None:
        """Draw nothing."""
        with self.hold_sync():
            self.n_lines = self.n_bins = 0
            self.x = self.y = self.group = self.image = b""
            self.band_low = self.band_high = self.band_group = b""
            self.dots = self.dots_look = b""
            self.image_shape, self.names, self.highlight, self.curves = [0, 0], [], [], []

    def on_pick(self, callback: Callable[[int, bool], None]) -> None:
        """Call `callback(line, extend)` when a line is clicked; line is -1 for none of them."""
        self._on_pick.append(callback)
        self.pickable = True

    def on_click(self, callback: Callable[[float, float], None]) -> None:
        """Call `callback(x, y)` in the scales' units when anything is clicked."""
        self._on_click.append(callback)
        self.pickable = True

    def _receive(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("event") != "pick":
            return
        for clicked in self._on_click:
            clicked(float(content["x"]), float(content["y"]))
        if -1 <= int(content["line"]) < max(self.n_lines, 1):
            for picked in self._on_pick:
                picked(int(content["line"]), bool(content["extend"]))

    # ------------------------------------------------------------- what is drawn, for tests

    def drawn_lines(self) -> np.ndarray:
        """Return the lines that were sent to the browser: (lines, bins) float32."""
        return np.frombuffer(self.y, "<f4").reshape(self.n_lines, self.n_bins)

    def drawn_dots(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the dots that were sent: (dots, 2) places, and (dots, 3) group, shape, radius."""
        places = np.frombuffer(self.dots, "<f4").reshape(-1, 2)
        return places, np.frombuffer(self.dots_look, "<u2").reshape(-1, 3)

    def drawn_image(self) -> np.ndarray:
        """Return the image that was sent to the browser: (rows, columns) uint16."""
        return np.frombuffer(self.image, "<u2").reshape(self.image_shape)


def fading(n_lines: int) -> float:
    """Return an opacity at which so many lines still show where they are dense."""
    return float(np.clip(6 / np.sqrt(max(n_lines, 1)), 0.18, 0.75))


def _buffer(values: np.ndarray, dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype=dtype).tobytes()
