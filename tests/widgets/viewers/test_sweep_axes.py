from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lfads_nb.widgets.viewers.leaderboard import make_leaderboard
from lfads_nb.widgets.viewers.sweep_axes import parameters_of, sweep_axes

TABLE = pd.DataFrame(
    {
        "spec": ["s", "s", "s"],
        "state": ["done", "done", "prepared"],
        "factors_dim": [8, 4, 8],
        "cell": ["gru", "lstm", "gru"],
        "best_recon_valid": [210.0, 205.0, np.nan],
        "r2_truth": [0.5, 0.7, np.nan],
        "co_bps": [np.nan] * 3,
        "problem": ["", "", "no log"],
    },
    index=["a", "b", "c"],
)


def test_parameters_come_first_and_what_nobody_knows_is_left_out():
    axes = sweep_axes(TABLE)
    assert list(axes) == ["factors_dim", "cell", "best_recon_valid", "r2_truth"]
    assert parameters_of(axes) == ["factors_dim", "cell"]


def test_text_is_put_on_an_axis():
    axis = sweep_axes(TABLE)["cell"]
    assert axis.values.tolist() == [0, 1, 0]
    assert axis.text(1.0) == "lstm"


def test_positions_run_from_the_lowest_to_the_highest():
    axes = sweep_axes(TABLE)
    np.testing.assert_array_equal(axes["best_recon_valid"].fractions(), [1, 0, np.nan])
    assert axes["factors_dim"].limits == (4, 8)


def test_the_leaderboard_starts_with_the_best_run():
    board = make_leaderboard(TABLE, {name: name.upper() for name in TABLE.index})
    assert [row["id"] for row in board.rows] == ["b", "a", "c"]
    assert board.rows[0]["cells"]["r2_truth"]["text"] == "0.700"
    assert board.rows[2]["cells"]["r2_truth"]["text"] == "–"


@pytest.mark.parametrize("value", [3.0, np.nan])
def test_a_single_value_is_still_an_axis(value):
    table = pd.DataFrame({"epochs": [value, 5.0]}, index=["a", "b"])
    low, high = sweep_axes(table)["epochs"].limits
    assert high > low


def test_bits_per_spike_come_first():
    table = pd.DataFrame(
        {"best_recon_valid": [np.nan, np.nan, 9.0], "bits_per_spike": [0.1, 0.4, 0.2],
         "state": "done"}, index=["a", "b", "c"],
    )  # fmt: skip
    board = make_leaderboard(table, {name: name for name in "abc"})
    assert [row["id"] for row in board.rows] == ["b", "c", "a"]
    assert board.rows[0]["cells"]["run"]["icon"] == "★"
    assert board.rows[1]["cells"]["run"] == "c"
