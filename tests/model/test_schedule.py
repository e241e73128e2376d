from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.model.schedule import (
    EarlyStopping,
    LearningRateRule,
    end_reached,
    epochs_left,
    has_l2,
    ramp,
    ramps_done,
)
from lfads_nb.sweep.params import RampSteps
from tests.model.small_runs import small_params


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (10, 0.0), (15, 0.5), (20, 1.0), (21, 1.0)])
def test_ramp_rises_linearly_and_stays(step, weight):
    assert float(ramp(step, 10, 10)) == pytest.approx(weight)


def test_ramp_of_no_steps_is_no_ramp_instead_of_nan():
    assert [float(ramp(step, 3, 0)) for step in (0, 2, 3, 4)] == [0.0, 0.0, 1.0, 1.0]


def test_ramps_are_done_when_all_that_are_in_use_are():
    steps = RampSteps(5, 10, 0, 30)
    assert [ramps_done(s, steps, has_l2=False) for s in (14, 15)] == [False, True]
    assert [ramps_done(s, steps, has_l2=True) for s in (15, 29, 30)] == [False, False, True]


def test_any_l2_scale_counts():
    off = {"l2_gen_scale": 0, "l2_con_scale": 0}
    assert not has_l2(small_params(**off))
    assert has_l2(small_params(**off, l2_ic_enc_scale=1))


def test_rate_falls_when_the_cost_is_worse_than_all_of_the_last_n():
    rule = LearningRateRule(0.5, 2)
    costs = [5.0, 4.0, 3.0, 4.5, 9.0, 9.0, 9.0, 10.0]
    rates = [rule.next_rate(1.0, cost) for cost in costs]
    # 4.5 exceeds 4 and 3; the infinity then blocks two epochs; the last compares with 9 and 9.
    assert rates == [1, 1, 1, 0.5, 1, 1, 1, 0.5]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.integers(1, 6))
def test_decays_are_more_than_n_epochs_apart(costs, n):
    rule = LearningRateRule(0.5, n)
    decays = [i for i, cost in enumerate(costs) if rule.next_rate(1.0, cost) < 1]
    assert all(later - earlier > n for earlier, later in itertools.pairwise(decays))
    assert all(i > n for i in decays)


def test_early_stopping_waits_for_its_patience_on_the_smoothed_cost():
    rule = EarlyStopping(3)
    assert not any(rule.update(cost) for cost in (10.0, 9.0, 8.0))
    assert [rule.update(20.0) for _ in range(3)] == [False, False, True]


def test_early_stopping_keeps_three_tenths_of_the_past():
    rule = EarlyStopping(3)
    for cost in (10.0, 20.0, 0.0):
        rule.update(cost)
    assert rule.smoothed == pytest.approx(0.3 * (0.3 * 10 + 0.7 * 20) + 0.7 * 0)


def test_early_stopping_is_off_without_patience_and_survives_nan():
    rule = EarlyStopping(0)
    assert not any(rule.update(cost) for cost in (1.0, 2.0, math.nan, 3.0, 4.0))


def test_training_ends_by_rate_or_by_epochs():
    params = small_params(max_epochs=7, learning_rate_stop=1e-3)
    assert end_reached(params, epoch=6, rate=1e-3) == ""
    assert "learning_rate_stop" in end_reached(params, epoch=6, rate=9e-4)
    assert "max_epochs=7" in end_reached(params, epoch=7, rate=1e-2)
    assert end_reached(small_params(max_epochs=0), epoch=10**6, rate=1e-2) == ""


def test_epochs_left_follow_the_rule_that_ends_first():
    params = small_params(
        max_epochs=0, learning_rate_decay_factor=0.5, learning_rate_stop=0.125e-2,
        learning_rate_n_to_compare=6,
    )  # fmt: skip
    # Three halvings of 0.01 are left, at least seven epochs apart.
    assert epochs_left(params, epochs_done=3, rate=0.01, recent_rates=[0.01]) == pytest.approx(21)
    slow = [0.02] * 19 + [0.01]
    assert epochs_left(params, epochs_done=20, rate=0.01, recent_rates=slow) == pytest.approx(60)
    capped = params.copy(max_epochs=22)
    assert epochs_left(capped, epochs_done=20, rate=0.01, recent_rates=slow) == 2
    assert epochs_left(params, epochs_done=20, rate=1e-9, recent_rates=slow) == 0
