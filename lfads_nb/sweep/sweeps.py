"""Many settings out of one: full grids, evenly spaced ranges, random and quasi-random draws."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lfads_nb.errors import ParamsError
from lfads_nb.sweep.params import Draws, RunParams, unknown_names_message

"""How settings are drawn: each by itself, or spread evenly (Latin hypercube, Sobol's sequence)."""


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

    def at(self, fractions: np.ndarray) -> list[float]:
        """Return the values at these fractions of the range, each in [0, 1]."""
        return self._at(fractions)

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
    params: RunParams,
    n: int,
    ranges: Mapping[str, Range | Iterable[Any]],
    *,
    seed: int = 0,
    draws: Draws = "random",
) -> list[RunParams]:
    """Return `n` settings with values drawn at random, or spread evenly.

    Parameters
    ----------
    params : setting that the rest is taken from.
    n : number of settings.
    ranges : field name -> `Range`, or a list to choose from.
    seed : the same seed gives the same settings.
    draws : "latin" cuts every range into n equal parts and takes each once; "sobol" also fills the
        space of several ranges evenly, best for 2, 4, 8, ... settings (scipy.stats.qmc, scrambled).

    Raises
    ------
    ParamsError
        Unknown field, or nothing to draw from.
    """
    if n < 1:
        raise ParamsError(f"a random sweep draws at least 1 setting, got {n!r}")
    rng = np.random.default_rng(seed)
    spread = None if draws == "random" else _spread(n, len(_known(params, ranges)), rng, draws)
    info = type(params).param_info()
    columns: dict[str, list[Any]] = {}
    for place, (name, wanted) in enumerate(_known(params, ranges).items()):
        if isinstance(wanted, Range):
            drawn = wanted.at(rng.random(n) if spread is None else spread[place])
            columns[name] = [round(v) for v in drawn] if info[name].kind == "int" else drawn
        else:
            choices = _listed(name, wanted)
            if spread is None:
                chosen = rng.integers(len(choices), size=n)
            else:
                chosen = (spread[place] * len(choices)).astype(int)
            columns[name] = [choices[i] for i in chosen]
    return [params.copy(**{name: column[i] for name, column in columns.items()}) for i in range(n)]


def _spread(n: int, n_ranges: int, rng: np.random.Generator, draws: Draws) -> np.ndarray:
    """Spread n points evenly over the unit cube: (ranges, n) in [0, 1)."""
    from scipy.stats import qmc

    if draws == "latin":
        return qmc.LatinHypercube(n_ranges, rng=rng).random(n).T
    if draws == "sobol":
        # whole powers of two are what keeps the sequence balanced; what is too much is left out
        return qmc.Sobol(n_ranges, rng=rng).random_base2((n - 1).bit_length())[:n].T
    raise ParamsError(f"draws are 'random', 'latin' or 'sobol', got {draws!r}")


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
