"""Trials grouped and coloured by a column of their table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from lfads_nb import palette
from lfads_nb.datasets.conditions import condition_label, has_condition

Scheme = Literal["auto", "categories", "numbers", "angles"]

ALL_TRIALS = "all trials"
MOST_GROUPS = 200
_N_RANGES = 8
_N_SHOWN_AT_FIRST = 8


@dataclass(frozen=True)
class Conditions:
    """The groups of a session's trials.

    `group` is (trials,) the position in `labels` of each trial, -1 for a trial without condition;
    `colours` are `#rrggbb`; `scheme` is how they were chosen; `sizes` (groups,) counts trials.
    `centres` (groups,) are the numbers that the labels stand for, where they are numbers.
    """

    column: str | None
    labels: tuple[str, ...]
    colours: tuple[str, ...]
    group: np.ndarray
    scheme: palette.Scheme
    centres: np.ndarray | None = None

    @property
    def sizes(self) -> np.ndarray:
        return np.bincount(self.group[self.group >= 0], minlength=len(self.labels))

    def shown_at_first(self) -> tuple[str, ...]:
        """The labels that are shown before anybody chooses: not dozens on top of each other."""
        n = len(self.labels)
        if self.scheme == "categories" or n <= _N_SHOWN_AT_FIRST:
            return self.labels[:_N_SHOWN_AT_FIRST]
        # What has an order is shown from end to end, and a circle all around.
        places = np.linspace(0, n, _N_SHOWN_AT_FIRST, endpoint=False)
        if self.scheme == "numbers":
            places = np.linspace(0, n - 1, _N_SHOWN_AT_FIRST)
        return tuple(self.labels[place] for place in places.round().astype(int).tolist())

    def coloured_for(self, shown: tuple[str, ...]) -> Conditions:
        """Return the same with the colours of numbers spread over those that are shown."""
        is_shown = self.is_shown(shown)
        if self.scheme != "numbers" or self.centres is None or not is_shown.any():
            return self
        numbers = self.centres.astype(float)
        low, high = float(numbers[is_shown].min()), float(numbers[is_shown].max())
        span = high - low
        fractions = (numbers - low) / span if span else np.full(len(numbers), 0.5)
        return replace(self, colours=tuple(palette.sequential(fractions)))

    def is_shown(self, shown: tuple[str, ...]) -> np.ndarray:
        """(groups,) bool for the labels that are shown."""
        wanted = set(shown)
        return np.array([label in wanted for label in self.labels], dtype=bool)


def group_trials(
    values: Any, *, column: str | None, n_trials: int, scheme: Scheme = "auto"
) -> Conditions:
    """Group trials by the values of a column and give each group its colour.

    Parameters
    ----------
    values : (trials,) numbers or text; None puts all trials into one group.
    column : name of the column.
    n_trials : trials of the session.
    scheme : "categories" have unordered colours; "numbers" ordered ones, many different values
        falling into ranges with equally many trials; "angles" close to a circle. "auto" takes
        text and whole numbers for categories, fractions for numbers, and directions all around,
        or columns whose name says so, for angles.
    """
    if values is None:
        only = tuple(palette.categorical(1))
        group = np.zeros(n_trials, dtype=np.int64)
        return Conditions(None, (ALL_TRIALS,), only, group, "categories")
    values = _plain(values)
    chosen = _guess_scheme(values, column or "") if scheme == "auto" else scheme
    if values.dtype.kind == "U":
        chosen = "categories"
    distinct, group = _number_groups(values)
    is_ranged = values.dtype.kind == "f" and len(distinct) > 3 * _N_RANGES
    if len(distinct) > MOST_GROUPS or (is_ranged and chosen != "categories"):
        if values.dtype.kind == "U":
            return group_trials(None, column=None, n_trials=n_trials)
        labels, centres, group = _ranges(values, cyclic=chosen == "angles")
    else:
        labels, centres = [condition_label(value) for value in distinct], distinct
    colours = _colours(centres, chosen, len(labels))
    numbers = None if values.dtype.kind == "U" else centres
    return Conditions(column, tuple(labels), tuple(colours), group, chosen, numbers)


def _plain(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind in "OSUT":
        return np.array(["" if v is None or v != v else str(v) for v in array.tolist()])
    if array.dtype.kind == "b":
        return array.astype(np.str_)
    whole = array.dtype.kind == "f" and np.isfinite(array).all() and (array == array.round()).all()
    return array.astype(np.int64) if whole else array


def _guess_scheme(values: np.ndarray, column: str) -> palette.Scheme:
    if values.dtype.kind == "U":
        return "categories"
    if any(word in column.lower() for word in ("angle", "direction", "theta", "phase", "azimuth")):
        return "angles"
    return palette.guess_scheme(values)


def _number_groups(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = has_condition(values)
    group = np.full(len(values), -1, dtype=np.int64)
    distinct, group[known] = np.unique(values[known], return_inverse=True)
    return distinct, group


def _ranges(values: np.ndarray, *, cyclic: bool) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Cut numbers into ranges: with equally many trials each, or angles into equal arcs."""
    known = np.isfinite(values)
    if cyclic:
        edges = np.linspace(values[known].min(), values[known].max(), _N_RANGES + 1)
    else:
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _N_RANGES + 1)))
    group = np.full(len(values), -1, dtype=np.int64)
    group[known] = np.clip(
        np.searchsorted(edges, values[known], side="right") - 1, 0, len(edges) - 2
    )
    labels = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    return labels, (edges[:-1] + edges[1:]) / 2, group


def _colours(centres: np.ndarray, scheme: palette.Scheme, n: int) -> list[str]:
    if scheme == "categories" or not n:
        return palette.categorical(n)
    numbers = centres.astype(float)
    if scheme == "angles":
        return palette.cyclic(numbers / palette.turn_of(numbers))
    span = np.ptp(numbers)
    return palette.sequential((numbers - numbers.min()) / span if span else np.full(n, 0.5))
