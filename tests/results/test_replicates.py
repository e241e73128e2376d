import numpy as np
import pandas as pd
import pytest

from lfads_nb.errors import DataError
from lfads_nb.results.replicates import group_replicates


def runs(means, n_seeds=3, noise=(-1.0, 0.0, 1.0)):
    rows = [
        {"spec": "s", "gen_dim": 10 * (i + 1), "seed": seed, "cost": mean + noise[seed]}
        for i, mean in enumerate(means)
        for seed in range(n_seeds)
    ]
    return pd.DataFrame(rows, index=[f"run{i}" for i in range(len(rows))])


def grouped(frame, figure="cost", higher_is_better=False):
    return group_replicates(frame, ["gen_dim", "seed"], figure, higher_is_better=higher_is_better)


def test_runs_that_differ_in_their_seed_are_one_setting():
    result = grouped(runs([5, 3]))
    assert result.table["gen_dim"].tolist() == [20, 10]
    assert result.table["mean"].tolist() == [3, 5]
    assert result.table["n"].tolist() == [3, 3]
    assert result.table["sd"].tolist() == [1, 1]
    assert result.table["runs"][0] == ("run3", "run4", "run5")
    assert result.seed_sd == pytest.approx(1)


def test_differences_smaller_than_seeds_make_are_said_to_be_so():
    close = grouped(runs([5, 4.5, 50]))
    assert close.as_good_as_best().tolist() == [True, True, False]
    assert "one other setting differ by less than seeds do" in close.sentence()
    far = grouped(runs([5, 50]))
    assert far.as_good_as_best().tolist() == [True, False]
    assert "stands out" in far.sentence()


def test_one_run_each_says_that_nothing_is_known_of_seeds():
    single = grouped(runs([5, 4], n_seeds=1))
    assert np.isnan(single.seed_sd)
    assert single.as_good_as_best().tolist() == [True, False]
    assert "how much of a difference seeds alone make is not known" in single.sentence()


def test_the_direction_is_the_figures():
    assert grouped(runs([5, 3]), higher_is_better=True).table["gen_dim"].tolist() == [10, 20]


def test_runs_without_the_figure_are_left_out_and_columns_are_checked():
    frame = runs([5, 3])
    frame.loc["run0", "cost"] = np.nan
    assert grouped(frame).table["n"].tolist() == [3, 2]
    frame["cost"] = np.nan
    assert len(grouped(frame).table) == 0
    assert grouped(frame).sentence() == ""
    with pytest.raises(DataError, match="no column nothing"):
        grouped(frame, figure="nothing")


def test_other_specs_are_other_settings():
    frame = runs([5])
    frame["spec"] = ["a", "b", "b"]
    assert grouped(frame).table["n"].tolist() == [1, 2]
