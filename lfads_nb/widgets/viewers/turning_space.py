"""A canvas with lines in three dimensions that turns under the mouse.

What is drawn lies in one binary buffer for each kind of line; turning, zooming and the time cursor
need no kernel. While it moves, part of the trials is drawn; when it rests, all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets as t

_HERE = Path(__file__).parent
MOST_POINTS = 1_000_000
ABOVE, ALONG_THIRD = (-0.3, 1.0), (0.0, 1.5)
"""Where one looks from at first, yaw and pitch: the first two axes are the widest."""
"""Of single trials; beyond that only every second, third ... bin is sent."""


class TurningSpace(anywidget.AnyWidget):
    """Trials and averages as curves in three dimensions. All coordinates lie within -1 and 1."""

    _esm = "\n".join(
        (_HERE / name).read_text(encoding="utf-8")
        for name in ("layer_values.js", "svg_context.js", "space_scene.js", "turning_space.js")
    )

    _css = _HERE / "viewers.css"

    trials = t.Bytes().tag(sync=True)
    trials_group = t.Bytes().tag(sync=True)
    averages = t.Bytes().tag(sync=True)
    averages_group = t.Bytes().tag(sync=True)
    others = t.Bytes().tag(sync=True)
    others_group = t.Bytes().tag(sync=True)
    n_bins = t.Int(0).tag(sync=True)
    time = t.Bytes().tag(sync=True)
    zero_bin = t.Int(-1).tag(sync=True)
    trial_events = t.Bytes().tag(sync=True)
    average_events = t.Bytes().tag(sync=True)
    event_names = t.List(t.Unicode()).tag(sync=True)
    colours = t.List(t.Unicode()).tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    highlight = t.List(t.Int()).tag(sync=True)
    alpha = t.Float(0.4).tag(sync=True)
    axes = t.List(t.Unicode()).tag(sync=True)
    show_trials = t.Bool(True).tag(sync=True)
    show_averages = t.Bool(True).tag(sync=True)
    home = t.List(t.Float(), list(ABOVE)).tag(sync=True)
    yaw = t.Float(ABOVE[0]).tag(sync=True)
    pitch = t.Float(ABOVE[1]).tag(sync=True)
    zoom = t.Float(1.0).tag(sync=True)
    cursor = t.Int(-1).tag(sync=True)
    title = t.Unicode("").tag(sync=True)
    description = t.Unicode("").tag(sync=True)
    file_name = t.Unicode("space").tag(sync=True)
    code = t.Unicode("").tag(sync=True)

    def show(
        self,
        trials: np.ndarray,
        trials_group: np.ndarray,
        averages: np.ndarray,
        averages_group: np.ndarray,
        *,
        time_ms: np.ndarray,
        colours: Sequence[str],
        labels: Sequence[str],
        others: np.ndarray | None = None,
        others_group: np.ndarray | None = None,
        events: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
        **more: Any,
    ) -> int:
        """Replace everything that is drawn.

        Parameters
        ----------
        trials, averages, others : (lines, bins, 3); NaN leaves a gap.
            Put into a box of -1 to 1 by one scale for all three dimensions.
        trials_group, averages_group, others_group : (lines,) positions in `colours` and `labels`.
        time_ms : (bins,)
        events : name of each -> bin of it in every trial and in every average; -1 for none.
        more : other traits.

        Returns
        -------
        int
            Every how manyth bin was sent.
        """
        others = np.zeros((0, *averages.shape[1:])) if others is None else others
        every = max(1, -(-int(np.prod(trials.shape[:2])) // MOST_POINTS))
        kept = slice(None, None, every)
        centre, half = _box(trials, averages, others)
        zero = int(np.searchsorted(time_ms, 0.0)) if time_ms[0] < 0 < time_ms[-1] else -1
        with self.hold_sync():
            for name, points in (("trials", trials), ("averages", averages), ("others", others)):
                setattr(self, name, _buffer((points[:, kept] - centre) / half, "<f4"))
            self.trials_group = _buffer(trials_group, "<u2")
            self.averages_group = _buffer(averages_group, "<u2")
            self.others_group = _buffer(
                np.zeros(len(others)) if others_group is None else others_group, "<u2"
            )
            self.n_bins = len(time_ms[kept])
            self.time = _buffer(time_ms[kept], "<f4")
            bins = list((events or {}).values())
            for name, each in (("trial_events", 0), ("average_events", 1)):
                sent = [np.where(pair[each] >= 0, pair[each] // every, -1) for pair in bins]
                setattr(self, name, _buffer(np.concatenate([np.zeros(0), *sent]), "<i4"))
            self.event_names = list(events or {})
            self.zero_bin = zero // every if zero > 0 else -1
            self.colours, self.labels = list(colours), list(labels)
            self.alpha = float(np.clip(5 / np.sqrt(max(len(trials), 1)), 0.12, 0.7))
            if self.cursor >= self.n_bins:
                self.cursor = -1
            for name, value in more.items():
                self.set_trait(name, value)
        return every

    def look_from(self, side: tuple[float, float]) -> None:
        """Turn it to a side, yaw and pitch in radians, which "reset" then goes back to."""
        if self.home != list(side):
            with self.hold_sync():
                self.home = list(side)
                self.yaw, self.pitch = side

    def clear(self) -> None:
        """Draw nothing but the axes."""
        with self.hold_sync():
            self.trials = self.averages = self.others = b""
            self.n_bins, self.cursor = 0, -1

    def drawn(self, kind: str) -> np.ndarray:
        """Return what was sent to the browser, for tests: (lines, bins, 3) float32."""
        return np.frombuffer(getattr(self, kind), "<f4").reshape(-1, self.n_bins, 3)


def _box(trials: np.ndarray, averages: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, float]:
    """Return centre (3,) and half width of a cube around the averages and nearly all trials."""
    bounds = [b for each in (averages, others) for b in _extent(each, 0.0)]
    bounds += _extent(trials, 0.5)
    if not bounds:
        return np.zeros(3), 1.0
    low, high = np.min(bounds, axis=0), np.max(bounds, axis=0)
    return (low + high) / 2, float((high - low).max() / 2) or 1.0


def _extent(points: np.ndarray, beyond: float) -> list[np.ndarray]:
    """Return the lowest and the highest corner, without so many per cent at either end."""
    flat = points.reshape(-1, 3)
    flat = flat[np.isfinite(flat).all(axis=1)]
    if not len(flat):
        return []
    step = max(1, len(flat) // 200_000)
    return list(np.percentile(flat[::step], [beyond, 100 - beyond], axis=0))


def _buffer(values: np.ndarray, dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype=dtype).tobytes()
