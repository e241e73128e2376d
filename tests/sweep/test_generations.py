import math

import numpy as np
import pytest

from lfads_nb.errors import ParamsError
from lfads_nb.sweep import Searched, SearchSpace
from lfads_nb.sweep.generations import (
    first_settings,
    has_settled,
    improvement,
    next_settings,
    one_way,
    pairs,
)


def test_one_way_never_replaces_the_best_always_the_worst_and_half_on_average():
    rng = np.random.default_rng(0)
    counts = np.zeros(20)
    for _ in range(10_000):
        sources = one_way(range(20), rng)
        replaced = np.array([source is not None for source in sources])
        counts += replaced
        assert all(source is None or source > member for member, source in enumerate(sources))
    assert counts[19] == 0
    assert counts[0] == 10_000
    assert counts.sum() / 10_000 == pytest.approx(10, abs=0.1)


def test_pairs_replace_exactly_half_each_by_one_that_is_better():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        sources = pairs(range(20), rng)
        losers = [member for member, source in enumerate(sources) if source is not None]
        assert len(losers) == 10
        assert all(sources[member] > member for member in losers)
        assert len({sources[member] for member in losers} | set(losers)) == 20
    assert sum(source is not None for source in pairs(range(7), rng)) == 3


@pytest.mark.parametrize("rule", [one_way, pairs])
@pytest.mark.parametrize("n_able", [1, 2, 7])
def test_a_member_that_diverged_is_always_replaced_and_never_chosen(rule, n_able):
    rng = np.random.default_rng(1)
    ranks = [math.nan, *range(n_able), math.nan, math.nan, math.nan]
    for _ in range(1000):
        sources = rule(ranks, rng)
        for member, source in enumerate(sources):
            if math.isnan(ranks[member]):
                assert source is not None
            if source is not None:
                assert not math.isnan(ranks[source])


@pytest.mark.parametrize("rule", [one_way, pairs])
def test_equal_members_do_not_replace_each_other_for_nothing(rule):
    sources = rule([1.0] * 6, np.random.default_rng(0))
    assert sum(s is not None for s in sources) == (0 if rule is one_way else 3)


def test_of_an_equal_pair_the_first_that_is_drawn_loses():
    for seed in range(20):
        first, second = np.random.default_rng(seed).permutation(2)
        assert pairs([1.0, 1.0], np.random.default_rng(seed))[first] == second


def test_a_best_score_that_never_moves_has_settled_even_if_it_is_zero():
    for best in ([3.0] * 4, [0.0] * 4):
        assert improvement(best, 4) == 0.0
        assert has_settled(best, patience=4, least=0.0)


def test_the_search_ends_when_the_best_score_stands_still():
    settled, rising = [-10, -9.999, -9.998, -9.9975], [-10, -9.99, -9.98, -9.97]
    assert improvement(settled, 4) == pytest.approx(2.5e-4, rel=1e-2)
    assert improvement(rising, 4) == pytest.approx(3.0e-3, rel=1e-2)
    assert has_settled(settled, patience=4, least=5e-4)
    assert not has_settled(rising, patience=4, least=5e-4)
    assert not has_settled(settled[:3], patience=4, least=5e-4)
    assert has_settled([-20, *settled], patience=4, least=5e-4)


SPACE = SearchSpace({"learning_rate_init": Searched(1e-5, 1e-1), "kl_ic_weight": Searched(0.1, 1)})


def test_decisions_depend_on_seed_generation_and_scores_alone():
    settings = SPACE.first(6, np.random.default_rng(0))
    ranks = [1.0, 3.0, math.nan, 2.0, 5.0, 4.0]

    def decide(seed=1, generation=3):
        return next_settings(
            SPACE, settings, ranks, rule="one_way", seed=seed, generation=generation
        )

    sources, new = decide()
    assert decide() == (sources, new)
    assert decide(seed=2) != (sources, new)
    assert decide(generation=4) != (sources, new)
    for member, source in enumerate(sources):
        if source is None:
            assert new[member] == settings[member]
        else:
            assert all(new[member][name] != settings[source][name] for name in SPACE)


def test_when_every_member_diverged_the_learning_rate_is_named():
    settings = SPACE.first(2, np.random.default_rng(0))
    with pytest.raises(ParamsError, match="learning rate"):
        next_settings(SPACE, settings, [math.nan] * 2, rule="pairs", seed=0, generation=1)


def test_decisions_for_a_seed_are_those_of_earlier_versions():
    """A population that was begun with one version goes on with the next."""
    settings = first_settings(SPACE, 4, seed=7)
    ranks = [1.0, 4.0, 2.0, 3.0]
    sources, new = next_settings(SPACE, settings, ranks, rule="one_way", seed=7, generation=1)
    drawn = [settings[member]["learning_rate_init"] for member in range(4)]
    assert drawn == pytest.approx(
        [3.1650594102156e-3, 1.26690123930944e-2, 1.5873223805066e-4, 1.04969038285163e-5]
    )
    assert sources == [3, None, None, None]
    assert new[1:] == settings[1:]
    assert new[0] == pytest.approx(
        {"learning_rate_init": 8.632367370036e-6, "kl_ic_weight": 0.64288634086238}
    )
