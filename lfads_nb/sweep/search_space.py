"""What a population searches: ranges of hyperparameters, first draws, and small changes of them.

Ranges and rules are those of AutoLFADS (autolfads-tf2 and lfads-torch agree on them). Both divide
their costs by bins and channels, so their weights of penalties mean nothing here until they are
multiplied by both: `Searched.per_element` marks such a range, `SearchSpace.in_units_of` does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lfads_nb.errors import ParamsError, RunFolderError
from lfads_nb.sweep.param_info import ParamInfo
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.turns import SETTABLE

_TRIES = 99
_SMALLEST_STEP = 0.002
"""Of the largest step: a change is never as good as none."""


@dataclass(frozen=True)
class Searched:
    """How one hyperparameter is searched.

    Parameters
    ----------
    low, high : float
        Range of the first draws.
    log : bool
        Whether it is even on a logarithmic scale.
    initial : float or None
        Where all members start; None draws for each.
    step : float
        A change multiplies by at most `1 + step`, or divides by it.
    bounded : bool
        Whether changes stay within the range too; if not, they only stay at or above 0.
    per_element : bool
        Whether the numbers are per bin and channel, as AutoLFADS' are.
    complement : bool
        Whether what is varied is 1 minus the hyperparameter: a dropout rate for `keep_prob`.

    Raises
    ------
    ParamsError
        If the numbers cannot be a range.
    """

    low: float
    high: float
    log: bool = True
    initial: float | None = None
    step: float = 0.3
    bounded: bool = False
    per_element: bool = False
    complement: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high:
            raise ParamsError(
                f"a searched range needs 0 <= low < high, got {self.low!r} to {self.high!r}"
            )
        if self.log and self.low <= 0:
            raise ParamsError(f"a logarithmic range needs low above 0, got {self.low!r}")
        if not self.step > 0:
            raise ParamsError(f"the step of a change must be above 0, got {self.step!r}")
        if self.initial is not None and not self.low <= self.initial <= self.high:
            raise ParamsError(
                f"the initial value {self.initial!r} is not within {self.low!r} to {self.high!r}"
            )

    def scaled(self, factor: float) -> Searched:
        """Return the range in the units of a dataset, if it is per bin and channel."""
        if not self.per_element:
            return self
        initial = None if self.initial is None else self.initial * factor
        return replace(
            self, low=self.low * factor, high=self.high * factor, initial=initial, per_element=False
        )

    def first(self, rng: np.random.Generator) -> float:
        """Draw where a member starts; a number is drawn even if all start alike."""
        fraction = rng.random()
        if self.initial is not None:
            return self.turned(self.initial)
        if self.log:
            drawn = float(np.exp(np.log(self.low) + fraction * np.log(self.high / self.low)))
        else:
            drawn = float(self.low + fraction * (self.high - self.low))
        return self.turned(min(max(drawn, self.low), self.high))

    def changed(self, value: float, rng: np.random.Generator) -> float:
        """Change a value a little, up or down with equal chance and without drift.

        autolfads-tf2's form: a factor exp(+-s), s uniform in [ln(1 + 0.002 step), ln(1 + step)];
        drawn again while outside of enforced limits, cut to them after 99 tries.
        """
        inside = self.turned(value)  # turning it over twice gives it back
        smallest, largest = np.log1p(_SMALLEST_STEP * self.step), np.log1p(self.step)
        new = inside
        for _ in range(_TRIES):
            size = rng.uniform(smallest, largest)
            new = inside * float(np.exp(size if rng.random() < 0.5 else -size))
            if not self.bounded or self.low <= new <= self.high:
                return self.turned(new)
        return self.turned(min(max(new, self.low), self.high))

    def turned(self, varied: float) -> float:
        """Return the hyperparameter's value of what is varied, and the other way round."""
        return 1.0 - varied if self.complement else varied


@dataclass(frozen=True)
class SearchSpace:
    """The hyperparameters that a population searches, by their names in `RunParams`.

    Raises
    ------
    ParamsError
        A name cannot be searched.
    """

    searched: Mapping[str, Searched]

    def __post_init__(self) -> None:
        object.__setattr__(self, "searched", dict(self.searched))
        info = RunParams.param_info()
        can = [name for name in SETTABLE if info[name].kind == "float"]
        wrong = [name for name in self.searched if name not in can]
        if wrong:
            raise ParamsError(
                f"{', '.join(wrong)} cannot be searched while members train; these can: "
                f"{', '.join(can)}"
            )
        if not self.searched:
            raise ParamsError("a search space needs at least one hyperparameter")
        for name, item in self.searched.items():
            _check_legal(name, item, info[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.searched)

    def __len__(self) -> int:
        return len(self.searched)

    def __getitem__(self, name: str) -> Searched:
        return self.searched[name]

    def copy(self, **changes: Searched | None) -> SearchSpace:
        """Return it with some ranges changed or added; None takes one out."""
        merged = {**self.searched, **changes}
        return SearchSpace({name: item for name, item in merged.items() if item is not None})

    def change(self, name: str, **fields: Any) -> SearchSpace:
        """Return it with some numbers of one range changed, such as `low=1e-4`.

        Raises
        ------
        ParamsError
            It has no such hyperparameter, or the numbers cannot be a range.
        """
        if name not in self.searched:
            raise ParamsError(f"{name!r} is not searched; these are: {', '.join(self.searched)}")
        return self.copy(**{name: replace(self.searched[name], **fields)})

    def in_units_of(self, n_bins: int, n_channels: float, params: RunParams) -> SearchSpace:
        """Return it in our units, without what a setting does not have.

        Our cost of a trial is a sum over bins and channels where AutoLFADS takes a mean, so a
        weight is multiplied by both numbers (beyond.md 2.1).

        Parameters
        ----------
        n_bins : bins of a trial as LFADS sees it.
        n_channels : channels; of several sessions their mean.
        params : the population's base setting.
        """
        factor = float(n_bins * n_channels)
        without = () if params.co_dim else ("kl_co_weight", "l2_con_scale", "l2_ci_enc_scale")
        kept = {
            name: item.scaled(factor) for name, item in self.searched.items() if name not in without
        }
        return SearchSpace(kept)

    def first(self, n_members: int, rng: np.random.Generator) -> list[dict[str, float]]:
        """Draw where every member starts."""
        return [
            {name: item.first(rng) for name, item in self.searched.items()}
            for _ in range(n_members)
        ]

    def changed(self, settings: Mapping[str, float], rng: np.random.Generator) -> dict[str, float]:
        """Change every value a little."""
        return {name: item.changed(settings[name], rng) for name, item in self.searched.items()}

    def to_json(self) -> dict[str, Any]:
        return {name: asdict(item) for name, item in self.searched.items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Mapping[str, Any]]) -> SearchSpace:
        """Make the space that `to_json` wrote.

        Raises
        ------
        RunFolderError
            It cannot be made, with the reason.
        """
        try:
            return cls({name: Searched(**item) for name, item in content.items()})
        except (TypeError, AttributeError, ParamsError) as error:
            raise RunFolderError(f"the stored search space cannot be used: {error}") from error


def _check_legal(name: str, item: Searched, info: ParamInfo) -> None:
    """Refuse a range that draws or changes could leave the legal values by."""
    low, high = sorted((item.turned(item.low), item.turned(item.high)))
    too_low = info.minimum is not None and low < info.minimum
    too_high = info.maximum is not None and (
        high > info.maximum or (high == info.maximum and not info.maximum_allowed)
    )
    if too_low or too_high:
        raise ParamsError(
            f"the range of {name} reaches from {low:g} to {high:g}, but it must be "
            f"{info.legal_range}"
        )
    if info.maximum is not None and not item.bounded:
        raise ParamsError(f"{name} cannot be searched without limits: set bounded=True")


def autolfads_space() -> SearchSpace:
    """Return what AutoLFADS searches, with its ranges (in its units, marked as such)."""
    return SearchSpace(
        {
            "learning_rate_init": Searched(1e-5, 5e-3, initial=4e-3, step=0.3, bounded=True),
            "keep_prob": Searched(0.0, 0.6, log=False, step=0.3, bounded=True, complement=True),
            "coordinated_dropout_rate": Searched(
                0.01, 0.7, log=False, initial=0.5, step=0.3, bounded=True
            ),
            "l2_gen_scale": Searched(1e-4, 1.0, step=0.8, per_element=True),
            "l2_con_scale": Searched(1e-4, 1.0, step=0.8, per_element=True),
            "kl_co_weight": Searched(1e-6, 1e-4, step=0.8, per_element=True),
            "kl_ic_weight": Searched(1e-6, 1e-3, step=0.8, per_element=True),
        }
    )
