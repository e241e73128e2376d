"""`Population`: many models that train side by side and learn their setting from each other."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lfads_nb.errors import ParamsError, RunFolderError
from lfads_nb.sweep.generations import RULES, Rule
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.population_scores import SCORES, PopulationScore
from lfads_nb.sweep.run_record import params_from_json, params_to_json
from lfads_nb.sweep.search_space import SearchSpace, autolfads_space


@dataclass(frozen=True)
class Population:
    """Population-based training of one base setting, as AutoLFADS does it.

    Members train in generations of equally many epochs. After each, some are overwritten by better
    ones and go on with slightly different values of what is searched. The best member of the last
    generation becomes an ordinary run.

    Parameters
    ----------
    base : RunParams
        Everything that is not searched.
    space : SearchSpace
        What is searched; AutoLFADS' by default.
    members : int
        How many models; 20 to 40 are usual.
    seed : int
        Of all draws; member `i` trains with `base.seed + i`.
    epochs : int
        Of a generation. The first one lasts as long as the ramps of the penalties in addition.
    generations : int
        At most.
    patience, least_improvement : int, float
        Ends when the best score has not got better by more than this share over so many
        generations.
    rule : "one_way" or "pairs"
        Who is overwritten: the binary tournament of autolfads-tf2, or lfads-torch's.
    score : str
        What members are judged by, see `lfads_nb.sweep.population_scores.SCORES`.
    name : str
        A label of your own; it changes nothing else.

    Raises
    ------
    ParamsError
        A number is out of bounds, or the score needs an option that the base setting has not.
    """

    base: RunParams
    space: SearchSpace = field(default_factory=autolfads_space)
    members: int = 20
    seed: int = 0
    epochs: int = 25
    generations: int = 50
    patience: int = 4
    least_improvement: float = 5e-4
    rule: Rule = "one_way"
    score: str = "recon"
    name: str = ""

    def __post_init__(self) -> None:
        least = {"members": 2, "seed": 0, "epochs": 1, "generations": 1, "patience": 2}
        for name, minimum in least.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < minimum:
                raise ParamsError(
                    f"{name} of a population must be a whole number, at least {minimum}, got "
                    f"{value!r}"
                )
        if not self.least_improvement >= 0:
            raise ParamsError(f"least_improvement must be 0 or more, got {self.least_improvement}")
        if self.rule not in RULES:
            raise ParamsError(f"rule {self.rule!r} is not known: it is one of {', '.join(RULES)}")
        if self.score not in SCORES:
            raise ParamsError(
                f"score {self.score!r} is not known: it is one of {', '.join(SCORES)}"
            )
        SCORES[self.score].check(self.base)

    @property
    def measure(self) -> PopulationScore:
        """What members are judged by."""
        return SCORES[self.score]

    @cached_property
    def hash(self) -> str:
        """Six characters that name the population."""
        # Only what differs from its default: a later field must not rename what is there.
        space = {name: _differing(item) for name, item in self.space.searched.items()}
        content = {"params": self.base.param_hash, "space": space, **_differing(self)}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
        return base64.urlsafe_b64encode(digest).decode()[:6]

    @property
    def population_name(self) -> str:
        """Folder of its runs, `pbt_XXXXXX`."""
        return f"pbt_{self.hash}"

    def sweep(self, **values: Iterable[Any]) -> list[Population]:
        """Return a population for every combination of values of the base setting."""
        return [replace(self, base=params) for params in self.base.sweep(**values)]

    def first_epochs(self, ramp_epochs: int) -> int:
        """Return the length of the first generation."""
        return self.epochs + ramp_epochs

    def epochs_at_most(self, ramp_epochs: int) -> int:
        """Return how many epochs each member trains if nothing ends the search early."""
        return ramp_epochs + self.generations * self.epochs

    def describe(self) -> str:
        """Return it in a line."""
        return (
            f"{self.members} members x up to {self.generations} generations of {self.epochs} "
            f"epochs, searching {', '.join(self.space)}; base: {self.base.differences_text()}"
        )

    def to_json(self) -> dict[str, Any]:
        plain = {
            name: getattr(self, name)
            for name in (
                "members", "seed", "epochs", "generations", "patience", "least_improvement",
                "rule", "score", "name",
            )
        }  # fmt: skip
        return {**params_to_json(self.base), "space": self.space.to_json(), **plain}

    @classmethod
    def from_json(
        cls,
        content: Mapping[str, Any],
        *,
        folder: Path | None = None,
        hashes: Mapping[str, tuple[str, str]] | None = None,
    ) -> Population:
        """Make the population that `to_json` wrote.

        Parameters
        ----------
        content, folder, hashes : see `lfads_nb.sweep.run_record.params_from_json`.

        Raises
        ------
        RunFolderError
            It cannot be made, with the reason.
        """
        plain = {f.name for f in fields(cls)} - {"base", "space"}
        try:
            return cls(
                base=params_from_json(content, folder=folder, hashes=hashes),
                space=SearchSpace.from_json(content["space"]),
                **{name: content[name] for name in plain if name in content},
            )
        except (TypeError, KeyError, ParamsError) as error:
            raise RunFolderError(f"the stored population cannot be used: {error}") from error


def _differing(item: Any) -> dict[str, Any]:
    """Return the plain fields of a dataclass that differ from their defaults."""
    return {
        f.name: getattr(item, f.name)
        for f in fields(item)
        if f.name not in ("base", "space", "name") and getattr(item, f.name) != f.default
    }


def ramp_epochs(params: RunParams, n_train: Sequence[int]) -> int:
    """Return how many epochs the ramps of the KL and L2 penalties last.

    Parameters
    ----------
    params : the setting.
    n_train : training trials of each session.
    """
    ramps = params.ramp_steps(len(n_train))
    last = max(ramps.kl_start + ramps.kl_increase, ramps.l2_start + ramps.l2_increase)
    per_epoch = sum(math.ceil(n / params.batch_size) for n in n_train)
    return math.ceil(last / max(per_epoch, 1))
