from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.errors import ParamsError, RunFolderError
from lfads_nb.sweep import RunParams, Searched, SearchSpace, autolfads_space


def test_changes_are_even_up_and_down_and_never_nothing():
    item, rng = Searched(1e-6, 1e-3, step=0.8), np.random.default_rng(0)
    factors = np.array([item.changed(1e-4, rng) for _ in range(100_000)]) / 1e-4
    assert factors.min() >= 1 / 1.8 * (1 - 1e-9)
    assert factors.max() <= 1.8 * (1 + 1e-9)
    assert abs(np.log(factors).mean()) < 0.003
    smallest = 1 + 0.0016
    assert not np.any((factors > 1 / smallest * (1 + 1e-9)) & (factors < smallest * (1 - 1e-9)))


@pytest.mark.parametrize("start", [1e-5, 5e-3])
def test_changes_from_an_enforced_limit_stay_inside(start):
    item, rng = autolfads_space()["learning_rate_init"], np.random.default_rng(1)
    values = [item.changed(start, rng) for _ in range(1000)]
    assert min(values) >= 1e-5
    assert max(values) <= 5e-3


@pytest.mark.parametrize("keep_prob", [0.4, 0.6, 1.0])
def test_dropout_is_varied_as_the_share_that_is_dropped(keep_prob):
    item, rng = autolfads_space()["keep_prob"], np.random.default_rng(2)
    rates = np.array([1 - item.changed(keep_prob, rng) for _ in range(1000)])
    assert rates.min() >= 0
    assert rates.max() <= 0.6 + 1e-12
    allowed = (1 - keep_prob) * np.array([1 / 1.3, 1.3])
    assert np.all(rates >= allowed[0] - 1e-12)
    assert np.all(rates <= allowed[1] + 1e-12)


def test_weights_become_ours_by_bins_and_channels():
    ours = autolfads_space().in_units_of(100, 50, RunParams(co_dim=4))
    ranges = {name: (ours[name].low, ours[name].high) for name in ours}
    assert ranges["kl_ic_weight"] == pytest.approx((5e-3, 5))
    assert ranges["kl_co_weight"] == pytest.approx((5e-3, 0.5))
    assert ranges["l2_gen_scale"] == pytest.approx((0.5, 5000))
    assert ranges["learning_rate_init"] == (1e-5, 5e-3)
    assert ours.in_units_of(7, 7, RunParams(co_dim=4)).to_json() == ours.to_json()


def test_what_a_setting_does_not_have_is_not_searched():
    ours = autolfads_space().in_units_of(10, 5, RunParams(co_dim=0))
    assert "kl_co_weight" not in list(ours)
    assert "l2_con_scale" not in list(ours)
    assert "kl_ic_weight" in list(ours)


@given(st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_first_draws_and_changes_make_legal_settings(seed, n_changes):
    space = autolfads_space().in_units_of(100, 50, RunParams(co_dim=4))
    rng = np.random.default_rng(seed)
    (settings,) = space.first(1, rng)
    assert settings["learning_rate_init"] == 4e-3
    assert settings["coordinated_dropout_rate"] == 0.5
    for _ in range(n_changes):
        settings = space.changed(settings, rng)
    RunParams(**{**settings, "learning_rate_stop": 1e-12})


def test_a_space_can_be_edited_and_kept():
    space = autolfads_space().change("kl_ic_weight", low=1e-5).copy(l2_con_scale=None)
    assert space["kl_ic_weight"].low == 1e-5
    assert "l2_con_scale" not in list(space)
    assert SearchSpace.from_json(space.to_json()) == space
    with pytest.raises(ParamsError, match="not searched"):
        space.change("l2_con_scale", low=1)
    with pytest.raises(RunFolderError, match="cannot be used"):
        SearchSpace.from_json({"kl_ic_weight": {"low": 2, "high": 1}})


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"factors_dim": Searched(2, 8)}, "factors_dim cannot be searched"),
        ({"temporal_spike_jitter_width": Searched(1, 8)}, "cannot be searched"),
        ({"coordinated_dropout_rate": Searched(0.1, 1.0, bounded=True)}, "below 1"),
        ({"coordinated_dropout_rate": Searched(0.1, 0.7)}, "bounded=True"),
        ({"keep_prob": Searched(0.1, 1.2, bounded=True, complement=True)}, "at most 1"),
        ({}, "at least one"),
    ],
)
def test_what_cannot_be_searched_is_said(space, words):
    with pytest.raises(ParamsError, match=words):
        SearchSpace(space)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"low": 2, "high": 1}, "low < high"),
        ({"low": 0, "high": 1}, "logarithmic"),
        ({"low": 1, "high": 2, "initial": 3}, "initial"),
        ({"low": 1, "high": 2, "step": 0}, "step"),
    ],
)
def test_numbers_that_are_no_range_are_said(numbers, words):
    with pytest.raises(ParamsError, match=words):
        Searched(**numbers)


def test_autolfads_ranges_are_those_of_its_authors():
    wanted = {
        "learning_rate_init": (1e-5, 5e-3, True, 4e-3, 0.3, True, False, False),
        "keep_prob": (0.0, 0.6, False, None, 0.3, True, False, True),
        "coordinated_dropout_rate": (0.01, 0.7, False, 0.5, 0.3, True, False, False),
        "l2_gen_scale": (1e-4, 1.0, True, None, 0.8, False, True, False),
        "l2_con_scale": (1e-4, 1.0, True, None, 0.8, False, True, False),
        "kl_co_weight": (1e-6, 1e-4, True, None, 0.8, False, True, False),
        "kl_ic_weight": (1e-6, 1e-3, True, None, 0.8, False, True, False),
    }
    space = autolfads_space()
    assert {name: astuple(space[name]) for name in wanted} == wanted


def test_first_draws_are_even_on_their_scale_and_a_number_is_drawn_all_the_same():
    drawn = np.array([Searched(1e-6, 1e-2).first(np.random.default_rng(i)) for i in range(2000)])
    assert abs(np.log10(drawn).mean() + 4) < 0.1
    plain = Searched(2.0, 4.0, log=False)
    values = np.array([plain.first(np.random.default_rng(i)) for i in range(2000)])
    assert [values.min() >= 2, values.max() <= 4, abs(values.mean() - 3) < 0.05] == [True] * 3
    fixed, one, other = Searched(1.0, 2.0, initial=1.5), *map(np.random.default_rng, (7, 7))
    assert fixed.first(one) == 1.5
    other.random()
    assert one.random() == other.random()


def test_a_range_per_element_is_multiplied_once():
    scaled = Searched(1e-4, 1.0, initial=0.01, step=0.8, per_element=True).scaled(100.0)
    assert astuple(scaled) == (1e-2, 100.0, True, 1.0, 0.8, False, False, False)
    assert scaled.scaled(100.0) is scaled
