from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.widgets.viewers.budget import spend


def test_what_is_left_out_is_said():
    trials = np.arange(412)
    drawn = spend(trials, trials % 4, 2000, most_points=60_000)
    assert drawn.sentence() == "240 of 412 trials, every 8th bin"
    assert spend(trials[:5], trials[:5], 100).sentence() == "5 trials, every bin"


def test_bins_are_left_out_before_trials():
    trials = np.arange(120)
    assert spend(trials, trials % 4, 500, most_points=60_000).sentence() == "120 trials, every bin"
    drawn = spend(trials, trials % 4, 500, most_points=30_000)
    assert drawn.sentence() == "120 trials, every 2nd bin"
    drawn = spend(trials, trials % 4, 500, most_points=15_000)
    assert drawn.sentence() == "60 of 120 trials, every 2nd bin"


@pytest.mark.parametrize(("every", "words"), [(3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")])
def test_ordinals(every, words):
    drawn = spend(np.arange(1), np.zeros(1), 1000 * every)
    assert f"every {words} bin" in drawn.sentence()


@given(
    n_trials=st.integers(1, 400), n_groups=st.integers(1, 9), n_bins=st.integers(1, 3000),
    most=st.integers(1, 40_000),
)  # fmt: skip
def test_the_budget_is_kept_and_spread_over_conditions(n_trials, n_groups, n_bins, most):
    trials = np.arange(n_trials) * 2
    group = np.arange(n_trials) % n_groups
    drawn = spend(trials, group, n_bins, most_points=most)
    n_drawn_bins = len(range(0, n_bins, drawn.every))
    assert len(drawn.trials) == 1 or len(drawn.trials) * n_drawn_bins <= max(most, n_drawn_bins)
    assert set(drawn.trials) <= set(trials)
    assert (np.diff(drawn.trials) > 0).all()
    counts = np.bincount(group[drawn.trials // 2], minlength=min(n_groups, n_trials))
    assert counts.max() - counts.min() <= 1 or len(drawn.trials) == n_trials
