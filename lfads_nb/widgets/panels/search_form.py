"""The search space of a population as a form: a range on a slider for each hyperparameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ipywidgets as w
import numpy as np

from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.search_space import Searched, SearchSpace
from lfads_nb.widgets.theme import html, stack

_STEPS_PER_DECADE = 10
_WIDER = 100.0
"""How far beyond the usual range a logarithmic slider reaches, as a factor to either side."""
_LINEAR_STEPS = 99


class SearchForm(w.VBox):
    """Rows of a search space, in the units of the data that are looked at.

    Parameters
    ----------
    on_change : called after every change of the user's.
    """

    def __init__(self, on_change: Callable[[], Any]) -> None:
        self._on_change = on_change
        self._rows: dict[str, _Row] = {}
        self._space: SearchSpace | None = None
        self._box = stack()
        super().__init__([self._box])
        self.add_class("lfads-search-form")

    def show(self, space: SearchSpace, in_our_units: SearchSpace) -> None:
        """Show a space; rows that are shown already keep what was set, unless their units change.

        Parameters
        ----------
        space : as it is stored, in AutoLFADS' units where it says so.
        in_our_units : the same for the data at hand, without what a setting does not have.
        """
        self._space = space
        shown = {name: in_our_units[name] for name in in_our_units}
        if {name: row.usual for name, row in self._rows.items()} == shown:
            return
        self._rows = {
            name: _Row(name, item, self._on_change, self._rows.get(name))
            for name, item in shown.items()
        }
        self._box.children = [row.box for row in self._rows.values()]

    def space(self) -> SearchSpace | None:
        """Return what is to be searched; None where every row is off.

        A range that was not touched stays in AutoLFADS' units, so that it is right for every
        session; one that was is in ours.
        """
        if self._space is None:
            return None
        chosen: dict[str, Searched | None] = dict.fromkeys(self._space)
        for name, row in self._rows.items():
            if row.is_on:
                chosen[name] = self._space[name] if row.is_usual else row.searched()
        # What the setting at hand does not have may come back with another one.
        for name in self._space:
            if name not in self._rows:
                chosen[name] = self._space[name]
        if not any(row.is_on for row in self._rows.values()):
            return None
        return SearchSpace({name: item for name, item in chosen.items() if item is not None})

    @property
    def names(self) -> set[str]:
        """What is searched, whether or not its ranges make sense yet."""
        return {name for name, row in self._rows.items() if row.is_on}

    def reset(self) -> None:
        """Back to the usual ranges."""
        self._rows = {}


class _Row:
    """One hyperparameter: whether it is searched, and from where to where."""

    def __init__(
        self, name: str, usual: Searched, on_change: Callable[[], Any], before: _Row | None
    ) -> None:
        self.usual = usual
        info = RunParams.param_info()[name]
        label = f"dropout (1 − {name})" if usual.complement else name
        values = _slider_values(usual)
        self._values = values
        low, high = _nearest(values, usual.low), _nearest(values, usual.high)
        self._usual_places = (low, high)
        self.search = w.Checkbox(
            before is None or before.is_on, description=label, indent=False,
            tooltip=info.description, layout=w.Layout(width="230px"),
        )  # fmt: skip
        self.range = w.SelectionRangeSlider(
            options=[(f"{value:.3g}", place) for place, value in enumerate(values)],
            index=(low, high), continuous_update=False, layout=w.Layout(width="380px"),
            description="", tooltip=f"Range of {label}",
        )  # fmt: skip
        if before is not None and not before.is_usual and before.usual.log == usual.log:
            ratio = usual.low / before.usual.low if usual.log else 1.0
            kept = before.searched()
            self.range.index = (
                _nearest(values, kept.low * ratio),
                max(_nearest(values, kept.high * ratio), _nearest(values, kept.low * ratio) + 1),
            )
        start = "all start at " + f"{usual.initial:.3g}" if usual.initial is not None else ""
        about = html(f'<span class="lfads-dim">{start}</span>')
        self.box = w.HBox([self.search, self.range, about])
        self.box.add_class("lfads-row")
        for control, trait in ((self.search, "value"), (self.range, "index")):
            control.observe(lambda _change: on_change(), trait)

    @property
    def is_on(self) -> bool:
        return bool(self.search.value)

    @property
    def is_usual(self) -> bool:
        return tuple(self.range.index) == self._usual_places

    def searched(self) -> Searched:
        """The range that is set, in the units that are shown."""
        low, high = (float(self._values[place]) for place in self.range.index)
        initial = self.usual.initial
        if initial is not None:
            initial = min(max(initial, low), high)
        return replace(self.usual, low=low, high=high, initial=initial, per_element=False)


def _slider_values(item: Searched) -> np.ndarray:
    """Return where a slider can stand: the usual ends are among them exactly."""
    if not item.log:
        values = np.round(np.linspace(0.0, 0.99, _LINEAR_STEPS + 1), 4)
    else:
        decades = np.log10(item.high * _WIDER) - np.log10(item.low / _WIDER)
        n = int(np.ceil(decades * _STEPS_PER_DECADE)) + 1
        values = np.geomspace(item.low / _WIDER, item.high * _WIDER, n)
        if item.bounded:
            values = values[values <= 1.0] if item.high <= 1.0 else values
    return np.unique(np.concatenate([values, [item.low, item.high]]))


def _nearest(values: np.ndarray, value: float) -> int:
    return int(np.argmin(np.abs(values - value)))
