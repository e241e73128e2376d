"""Factors or generator states in three dimensions: the picture of a system's dynamics."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.datasets.behavior import Signal
from lfads_nb.errors import DataError
from lfads_nb.results import PosteriorMeans
from lfads_nb.results.jpca import jpca, shuffled_r2
from lfads_nb.widgets.theme import plural
from lfads_nb.widgets.viewers.event_dots import median_times
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.projections import principal_axes, readout_axes
from lfads_nb.widgets.viewers.references import References
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.toggle import bar, toggle
from lfads_nb.widgets.viewers.turning_space import ABOVE, ALONG_THIRD, TurningSpace
from lfads_nb.widgets.viewers.viewed import Viewed
from lfads_nb.widgets.viewers.viewer import Viewer

Projection = Callable[[np.ndarray], np.ndarray]
FIELDS = {"factors": "factors", "generator states": "generator_states"}
_COMPONENTS, _SINGLE, _ROTATIONS = "principal components", "single dimensions", "jPCA planes"
_READOUT = "read-out of "
_NOTHING, _SESSIONS = "nothing", "all sessions"
_MOST_COMPONENTS = 6
_TIME = -1  # in the place of a dimension
_HELP = (
    "Drag to turn, click and then wheel or +/− to zoom, arrows to turn by keys, space to play. "
    "Dots: first bin; rings: time 0. Curves are rounded between bins."
)


class StateSpaceViewer(Viewer):
    """Single trials and condition averages as trajectories in three dimensions.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns.
    references : other runs by name, to lay over this one (Procrustes).
    selection : shared with other viewers.
    chosen : what to select at first; see `Selection`.
    """

    title: ClassVar[str] = "3-D"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "events",
        "time_window",
    )  # fmt: skip

    def __init__(
        self,
        posterior_means: PosteriorMeans | Viewed,
        *,
        references: Mapping[str, PosteriorMeans] | None = None,
        selection: Selection | None = None,
        chrome: bool = True,
        **chosen: Any,
    ) -> None:
        self._runs = dict(references or {})
        super().__init__(posterior_means, selection=selection, chrome=chrome, **chosen)

    def build(self) -> Sequence[w.Widget]:
        pm = self.viewed.source.pm
        fields = {label: key for label, key in FIELDS.items() if pm.has(key)}
        self.field = w.Dropdown(description="show", options=fields, **_NARROW)
        self.basis = w.Dropdown(
            description="in", style=_NARROW["style"],
            options=[
                ("PCA", _COMPONENTS),
                *((n, n) for n in (_ROTATIONS, *(_READOUT + n for n in pm.behavior), _SINGLE)),
            ],
            layout={"width": "auto", "max_width": "140px"},
        )  # fmt: skip
        self.dims = [w.Dropdown(description=name, **_NARROW) for name in ("x", "y", "z")]
        self._shuffled: tuple[Any, np.ndarray] | None = None
        self.references = References(self.viewed, self._runs)
        sessions = [_SESSIONS] if len(self.viewed.sources) > 1 else []
        self.over = w.Dropdown(
            description="lay over", options=[_NOTHING, *sessions, *self._runs],
            layout={"width": "auto", "max_width": "145px"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.over.observe(self.redraw, "value")
        if len(self.over.options) == 1:
            self.over.layout.display = "none"
        self.single = toggle("single trials", value=True)
        self.averages = toggle("averages", value=True)
        self.space = TurningSpace()
        self.why = w.HTML()
        self.note = w.HTML()
        self.note.add_class("lfads-note")
        self._offer_dimensions()
        for control in (self.field, self.basis):
            control.observe(self._other_space, "value")
        for control in self.dims:
            control.observe(self._other_dimension, "value")
        w.jslink((self.single, "value"), (self.space, "show_trials"))
        w.jslink((self.averages, "value"), (self.space, "show_averages"))
        controls = bar(self.field, self.basis, *self.dims, self.single, self.averages, self.over)
        if len(fields) == 1:
            self.field.layout.display = "none"
        return [controls, self.space, self.why, self.note]

    @property
    def plots(self) -> Sequence[Plot]:
        return ()

    def show_only(self, reason: str) -> None:
        """Show nothing but the reason why there is nothing to show."""
        self.space.clear()
        self.why.value = _words(reason)

    # ----------------------------------------------------------------------------- the space

    def _other_space(self, _change: Any = None) -> None:
        self._offer_dimensions()
        self.redraw()

    def _other_dimension(self, _change: Any) -> None:
        if not self._offering:
            self.redraw()

    def _offer_dimensions(self) -> None:
        """Name the dimensions that there are, the first three chosen."""
        self._offering = True
        names = self._names_of_dimensions()
        for place, control in enumerate(self.dims):
            control.options = [*((name, i) for i, name in enumerate(names)), ("time", _TIME)]
            # Two dimensions have no third: they are seen as they go on in time.
            control.value = place if place < len(names) else _TIME
        self.space.look_from(ALONG_THIRD if self.dims[2].value == _TIME else ABOVE)
        self._offering = False

    def _names_of_dimensions(self) -> list[str]:
        n, basis = self.viewed.source.width(self.field.value), self.basis.value
        if basis == _COMPONENTS:
            return [f"PC {i + 1}" for i in range(min(n, _MOST_COMPONENTS))]
        if basis == _ROTATIONS:
            return [f"jPC {i + 1}" for i in range(max(2, min(n, _MOST_COMPONENTS) // 2 * 2))]
        if basis == _SINGLE:
            stem = "factor" if self.field.value == "factors" else "unit"
            return [f"{stem} {i}" for i in range(n)]
        return [*self._signal().dim_names, "most of the rest"]

    def _signal(self) -> Signal:
        """Return the behaviour whose read-out is looked at."""
        return self.viewed.source.pm.behavior[self.basis.value.removeprefix(_READOUT)]

    def draw(self) -> None:
        viewed, source = self.viewed, self.viewed.source
        trials, bins = viewed.trials(), viewed.bins()
        self.why.value = ""
        if not len(trials):
            self.show_only(viewed.why_no_trials())
            return
        field = self.field.value
        conditions = viewed.conditions
        averages = self.references.averages_of(source, field)
        groups = self.references.groups(averages)
        values = source.pm.field(field)[trials][:, bins]
        others, of_whom = self._laid_over(averages, groups)
        project, words = self._projecting(averages[groups], values, trials)
        place = self._placing(project, averages[groups])
        every = self.space.show(
            place(values), np.maximum(conditions.group[trials], 0),
            place(averages[groups]), groups, others=place(others),
            others_group=np.tile(groups, len(others) // max(len(groups), 1)),
            events=self._events(trials, groups), time_ms=source.time_ms[bins],
            colours=conditions.colours, labels=conditions.labels,
            axes=[control.label for control in self.dims],
            highlight=[int(i) for i in np.flatnonzero(np.isin(trials, self.selection.picked))],
            title=f"{self.field.label.capitalize()} of {source.name}",
            description=(
                f"{len(trials)} single trials and {len(groups)} condition averages of "
                f"{source.name}'s {self.field.label} in three dimensions"
            ),
            file_name=f"{field}_3d_{source.name}",
            code=self.call(),
        )  # fmt: skip
        thinned = f" Every {every}th bin is drawn." if every > 1 else ""
        names = [html.escape(event.name) for event in viewed.events()]
        shapes = ("circles", "squares", "triangles")
        marks = ", ".join(f"{s}: {n}" for s, n in zip(shapes, names, strict=False))
        marked = f" {marks.capitalize()} (on averages the median)." if marks else ""
        self.note.value = f"{len(trials):,} trials. {words}{of_whom}{thinned} {_HELP}{marked}"

    def _events(
        self, trials: np.ndarray, groups: np.ndarray
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the bins of marked events, of the trials and at the median of each average."""
        viewed, found = self.viewed, {}
        time, bin_ms = viewed.source.time_ms[viewed.bins()], viewed.source.pm.bin_ms
        for event in viewed.events():
            medians = event._replace(time_ms=median_times(viewed, event, trials)[groups])
            found[event.name] = (event.bins(time, bin_ms)[trials], medians.bins(time, bin_ms))
        return found

    def _laid_over(self, averages: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, str]:
        """Return averages of other sessions or of another run, and what to say of them."""
        over, field = self.over.value, self.field.value
        if over == _NOTHING:
            return averages[:0], ""
        if over == _SESSIONS:
            sessions = self.references.other_sessions(groups, field)
            return np.concatenate(sessions), f" Dashed: {plural(len(sessions), 'other session')}."
        laid, fit = self.references.lay_over(over, averages, groups, field)
        words = f" Dashed: {html.escape(over)}, laid over these (R² {fit.r2:.2f})."
        return laid, words

    def _placing(self, project: Projection, averages: np.ndarray) -> Projection:
        """Return what puts (..., bins, dims) into the three dimensions that are chosen."""
        shown = project(averages)
        chosen = [min(int(control.value), shown.shape[-1] - 1) for control in self.dims]
        spread = np.nanmax(shown[..., chosen], axis=(0, 1)) - np.nanmin(
            shown[..., chosen], axis=(0, 1)
        )
        n_bins = averages.shape[1]
        # Time has no unit of the states': it is made as long as they are wide.
        time = np.linspace(-0.5, 0.5, n_bins) * (float(spread.max()) or 1.0)

        def place(values: np.ndarray) -> np.ndarray:
            projected = project(values)
            columns = [
                np.broadcast_to(time, projected.shape[:-1]) if i == _TIME else projected[..., i]
                for i in chosen
            ]
            return np.stack(columns, axis=-1)

        return place

    def _projecting(
        self, averages: np.ndarray, values: np.ndarray, trials: np.ndarray
    ) -> tuple[Projection, str]:
        """Return what turns (..., bins, dims) into the dimensions offered, and what to say."""
        if self.basis.value == _SINGLE:
            return lambda values: values, ""
        if self.basis.value == _COMPONENTS:
            axes = principal_axes(averages, _MOST_COMPONENTS)
            chosen = sorted({int(control.value) for control in self.dims} - {_TIME})
            held = 100 * axes.explained[chosen].sum()
            words = f"These axes hold {held:.0f}% of the variance of the condition averages."
            return axes.project, words
        if self.basis.value == _ROTATIONS:
            return self._rotations(averages)
        target = self._signal().values[trials][:, self.viewed.bins()]
        readout = readout_axes(values, target)
        words = (
            f"The axes from which {html.escape(self.basis.value.removeprefix(_READOUT))} is read "
            f"out, bin by bin (R² {readout.r2:.2f} on these trials; the tab Decoding has it on "
            "others)."
        )
        return readout.project, words

    def _rotations(self, averages: np.ndarray) -> tuple[Projection, str]:
        pm = self.viewed.source.pm
        found = jpca(averages, n_components=_MOST_COMPONENTS, bin_ms=pm.bin_ms)
        speeds = ", ".join(f"{hz:.2g}" for hz in found.frequencies_hz)
        words = (
            f"The mean over conditions is taken off. Rotations explain {100 * found.r2_skew:.0f}% "
            f"of the changes, any linear dynamics {100 * found.r2_best:.0f}%; the planes turn at "
            f"{speeds} Hz, the first holds {100 * found.captured[0]:.0f}% of the variance. "
        )
        return found.project, words + self._control(averages, found.r2_skew)

    def _control(self, averages: np.ndarray, r2: float) -> str:
        """Say what rotations explain of shuffled data; kept until the averages change."""
        key = (averages.shape, averages.tobytes())
        if self._shuffled is None or self._shuffled[0] != key:
            try:
                control = shuffled_r2(averages, n_components=_MOST_COMPONENTS)
            except DataError as error:
                return f"Shuffled data rotate too; {html.escape(str(error))}."
            self._shuffled = (key, control)
        control = self._shuffled[1]
        low, high = (100 * edge for edge in np.percentile(control, [5, 95]))
        as_high = int((control >= r2).sum())
        return (
            f"With each dimension's conditions shuffled they explain {low:.0f}% to {high:.0f}%; "
            f"{as_high} of {len(control)} shuffles are as high as the data."
        )


_NARROW: Mapping[str, Any] = {
    "layout": {"width": "auto"},
    "style": {"description_width": "initial"},
}


def _words(text: str) -> str:
    return f"<div class='lfads-words'>{html.escape(text)}</div>"
