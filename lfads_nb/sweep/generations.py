"""The rules of population-based training, as pure functions of scores and a seed.

At the end of a generation some members are overwritten by better ones (*exploit*), and those get
slightly different hyperparameters (*explore*). Whoever calls these with the same numbers gets the
same decisions. Ranks are made so that higher is better; NaN is a member that diverged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from lfads_nb.errors import ParamsError
from lfads_nb.sweep.search_space import SearchSpace

Rule = Literal["one_way", "pairs"]

Sources = list[int | None]
"""For each member the one that overwrites it; None if it goes on by itself."""


def one_way(ranks: Sequence[float], rng: np.random.Generator) -> Sources:
    """Let every member meet one other, and be overwritten if that is strictly better.

    The binary tournament of autolfads-tf2: opponents are drawn from all others that have a rank.
    About half of the members are replaced, the best one never, one without a rank always.
    """
    sources: Sources = []
    for member, rank in enumerate(ranks):
        others = [o for o, r in enumerate(ranks) if o != member and not math.isnan(r)]
        # One number is drawn in any case, so that a member that diverged changes no other's lot.
        drawn = rng.random()
        opponent = others[int(drawn * len(others))] if others else None
        if opponent is not None and not (math.isnan(rank) or ranks[opponent] > rank):
            opponent = None
        sources.append(opponent)
    return sources


def pairs(ranks: Sequence[float], rng: np.random.Generator) -> Sources:
    """Pair the members off at random, and let the worse of each pair be overwritten.

    The tournament of lfads-torch: of an odd number one sits out; of equal ones the first loses. A
    member without a rank that met none with one gets another opponent.
    """
    order = rng.permutation(len(ranks))
    sources: Sources = [None] * len(ranks)
    for first, second in zip(order[::2], order[1::2], strict=False):
        a, b = int(first), int(second)
        if math.isnan(ranks[b]) or ranks[a] > ranks[b]:
            a, b = b, a
        sources[a] = b
    able = [member for member, rank in enumerate(ranks) if not math.isnan(rank)]
    for member, rank in enumerate(ranks):
        source = sources[member]
        if math.isnan(rank) and able and (source is None or math.isnan(ranks[source])):
            sources[member] = able[int(rng.integers(len(able)))]
    return sources


RULES: dict[Rule, Callable[[Sequence[float], np.random.Generator], Sources]] = {
    "one_way": one_way,
    "pairs": pairs,
}


def first_settings(space: SearchSpace, n_members: int, *, seed: int) -> list[dict[str, float]]:
    """Draw every member's first values."""
    return space.first(n_members, np.random.default_rng([seed, 0]))


def next_settings(
    space: SearchSpace,
    settings: Sequence[Mapping[str, float]],
    ranks: Sequence[float],
    *,
    rule: Rule,
    seed: int,
    generation: int,
) -> tuple[Sources, list[dict[str, float]]]:
    """Decide how every member goes on.

    Parameters
    ----------
    space : in our units.
    settings, ranks : of the generation that ended, one for each member; higher is better.
    rule : how losers are found.
    seed : the population's.
    generation : the one that is to begin.

    Returns
    -------
    For each member whom it copies or None, and its values: the source's, each changed a little, or
    its own.

    Raises
    ------
    ParamsError
        If no member has a rank.
    """
    if all(math.isnan(rank) for rank in ranks):
        raise ParamsError(
            "the cost of every member became NaN or infinite: lower the learning rate (its range "
            "and its initial value), or max_grad_norm"
        )
    sources = RULES[rule](ranks, np.random.default_rng([seed, generation, 0]))
    new = []
    for member, source in enumerate(sources):
        if source is None:
            new.append(dict(settings[member]))
        else:
            rng = np.random.default_rng([seed, generation, 1, member])
            new.append(space.changed(settings[source], rng))
    return sources, new


def improvement(best: Sequence[float], patience: int) -> float:
    """Return how much the best rank rose over the last generations, as a share of its size.

    Parameters
    ----------
    best : the best rank of every generation so far.
    patience : how many generations are looked at; NaN before there are so many.
    """
    recent = list(best)[-patience:]
    if len(recent) < patience:
        return math.nan
    size = float(np.mean(np.abs(recent)))
    return (max(recent) - recent[0]) / size if size else 0.0


def has_settled(best: Sequence[float], *, patience: int, least: float) -> bool:
    """Whether the best rank has stopped rising: by at most `least` over `patience` generations."""
    found = improvement(best, patience)
    return not math.isnan(found) and found <= least
