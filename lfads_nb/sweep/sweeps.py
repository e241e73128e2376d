"""Many settings out of one: full grids, evenly spaced ranges and random draws."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lfads_nb.errors import ParamsError
from lfads_nb.sweep.params import RunParams, unknown_names_message


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included, even on a linear or a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ParamsError(f"a range needs low < high, got {self.low!r} and {self.high!r}")
        if self.log and self.low <= 0:
            raise ParamsError(f"a logarithmic range needs low above 0, got {self.low!r}")

    def values(self, n: int) -> list[float]:
        """Return `n` evenly spaced values."""
        if n < 1:
            raise ParamsError(f"a range is cut into at least 1 value, got {n!r}")
        return self._at(np.linspace(0, 1, n))

    def draw(self, rng: np.random.Generator, n: int) -> list[float]:
        """Return `n` values drawn at random."""
        return self._at(rng.random(n))

    def _at(self, fraction: np.ndarray) -> list[float]:
        if self.log:
            low, high = np.log(self.low), np.log(self.high)
            # the ends come back exactly as they went in
            return np.clip(np.exp(low + fraction * (high - low)), self.low, self.high).tolist()
        return (self.low + fraction * (self.high - self.low)).tolist()


def grid(params: RunParams, values: Mapping[str, Iterable[Any]]) -> list[RunParams]:
    """Return every combination of values, the first field varying fastest (features.md C8).

    Parameters
    ----------
    params : setting that the rest is taken from.
    values : field name -> values to try.

    Raises
    ------
    ParamsError
        Unknown field, no values, or values that are not a list.
    """
    lists = {name: _listed(name, wanted) for name, wanted in _known(params, values).items()}
    names = list(lists)
    combinations = itertools.product(*(lists[name] for name in reversed(names)))
    return [
        params.copy(**dict(zip(names, reversed(combination), strict=True)))
        for combination in combinations
    ]


def draw(
    params: RunParams, n: int, ranges: Mapping[str, Range | Iterable[Any]], *, seed: int = 0
) -> list[RunParams]:
    """Return `n` settings with values drawn at random.

    Parameters
    ----------
    params : setting that the rest is taken from.
    n : number of settings.
    ranges : field name -> `Range`, or a list to choose from.
    seed : the same seed gives the same settings.

    Raises
    ------
    ParamsError
        Unknown field, or nothing to draw from.
    """
    if n < 1:
        raise ParamsError(f"a random sweep draws at least 1 setting, got {n!r}")
    rng = np.random.default_rng(seed)
    info = type(params).param_info()
    columns: dict[str, list[Any]] = {}
    for name, wanted in _known(params, ranges).items():
        if isinstance(wanted, Range):
            drawn = wanted.draw(rng, n)
            columns[name] = [round(v) for v in drawn] if info[name].kind == "int" else drawn
        else:
            choices = _listed(name, wanted)
            columns[name] = [choices[i] for i in rng.integers(len(choices), size=n)]
    return [params.copy(**{name: column[i] for name, column in columns.items()}) for i in range(n)]


def _known(params: RunParams, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = [name for name in wanted if name not in type(params).model_fields]
    if unknown:
        raise ParamsError(unknown_names_message(unknown, type(params)))
    return wanted


def _listed(name: str, wanted: Any) -> list[Any]:
    if isinstance(wanted, Range):
        raise ParamsError(f"{name}: say how many values, as in Range(...).values(5)")
    if isinstance(wanted, str | bytes | Mapping) or not isinstance(wanted, Iterable):
        raise ParamsError(f"{name} needs a list of values to sweep over, got {wanted!r}")
    values = list(wanted)
    if not values:
        raise ParamsError(f"{name} has no values to sweep over")
    return values
