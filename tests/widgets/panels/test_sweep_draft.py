import numpy as np
import pytest

from lfads_nb.datasets import DatasetInfo
from lfads_nb.sweep import RunParams
from lfads_nb.sweep.param_info import param
from lfads_nb.widgets.panels.sweep_draft import FieldSweep, SweepDraft, read_draft

INFO = DatasetInfo(n_trials=100, n_channels=30, n_bins=1000, bin_ms=1.0)


def test_values_make_one_setting():
    result = read_draft(SweepDraft({"factors_dim": "8", "co_dim": "0"}), RunParams)
    assert result.settings == [RunParams(factors_dim=8, co_dim=0)]
    assert result.errors == []


def test_lists_and_ranges_make_a_grid():
    draft = SweepDraft(
        {"co_dim": "0"},
        {
            "factors_dim": FieldSweep("list", values="2, 4"),
            "gen_dim": FieldSweep("range", low="10", high="30", n="3"),
            "l2_gen_scale": FieldSweep("log range", low="1", high="100", n="3"),
        },
    )
    result = read_draft(draft, RunParams)
    assert result.n_settings == len(result.settings) == 18
    assert {p.gen_dim for p in result.settings} == {10, 20, 30}
    assert {p.l2_gen_scale for p in result.settings} == {1.0, 10.0, 100.0}
    assert result.swept["factors_dim"] == "2, 4"


def test_random_draws_multiply_the_grid_and_follow_the_seed():
    draft = SweepDraft(
        {},
        {
            "factors_dim": FieldSweep("list", values="2, 4"),
            "learning_rate_init": FieldSweep("log random", low="1e-3", high="1e-1"),
        },
        n_draws=5,
        seed=1,
    )
    first, second = read_draft(draft, RunParams), read_draft(draft, RunParams)
    assert len(first.settings) == 10
    assert first.settings == second.settings
    assert all(1e-3 <= p.learning_rate_init <= 1e-1 for p in first.settings)


@pytest.mark.parametrize("draws", ["latin", "sobol"])
def test_quasi_random_draws_of_the_form_take_every_part_of_each_range_once(draws):
    n = 16
    draft = SweepDraft(
        {},
        {
            "learning_rate_init": FieldSweep("log random", low="1e-3", high="1e-1"),
            "keep_prob": FieldSweep("random", low="0.5", high="0.9"),
        },
        n_draws=n,
        draws=draws,
    )
    made = read_draft(SweepDraft.from_json(draft.to_json(), RunParams.model_fields), RunParams)
    rate = np.log10([p.learning_rate_init for p in made.settings]) / 2 + 1.5
    keep = (np.array([p.keep_prob for p in made.settings]) - 0.5) / 0.4
    for fractions in (rate, keep):
        assert sorted((fractions * n).astype(int)) == list(range(n))


@pytest.mark.parametrize(
    ("draft", "field", "words"),
    [
        (SweepDraft({"factors_dim": "x"}), "factors_dim", "whole number"),
        (SweepDraft({}, {"factors_dim": FieldSweep("list")}), "factors_dim", "give the values"),
        (
            SweepDraft({}, {"factors_dim": FieldSweep("range", low="9", high="3")}),
            "factors_dim",
            "low < high",
        ),
        (
            SweepDraft({}, {"factors_dim": FieldSweep("range", low="1", high="3", n="many")}),
            "factors_dim",
            "whole number",
        ),
        (
            SweepDraft({}, {"kl_ic_weight": FieldSweep("log range", low="0", high="3")}),
            "kl_ic_weight",
            "above 0",
        ),
        (SweepDraft({"co_dim": "1", "co_mean_corr_scale": "0.1"}), "co_dim", "at least two"),
    ],
)
def test_problems_are_told_at_their_field(draft, field, words):
    result = read_draft(draft, RunParams)
    assert any(words in problem.message for problem in result.problems[field])
    assert result.settings == []


def test_settings_are_held_against_the_data():
    result = read_draft(SweepDraft({"spike_bin_ms": "2.5"}), RunParams, [[("day1", INFO)]])
    assert any("day1" in p.message for p in result.problems["spike_bin_ms"])
    assert result.settings == []


def test_the_data_are_checked_even_while_another_field_is_wrong():
    draft = SweepDraft({"spike_bin_ms": "2.5", "co_dim": "-1"})
    result = read_draft(draft, RunParams, [[("day1", INFO)]])
    assert set(result.problems) >= {"spike_bin_ms", "co_dim"}


def test_warnings_stop_nothing():
    result = read_draft(SweepDraft({"batch_size": "50"}), RunParams, [[("day1", INFO)]])
    assert result.problems["batch_size"][0].severity == "warning"
    assert len(result.settings) == 1


def test_sessions_of_unequal_length_cannot_be_stitched():
    short = DatasetInfo(n_trials=100, n_channels=30, n_bins=500, bin_ms=1.0)
    result = read_draft(SweepDraft(), RunParams, [[("day1", INFO), ("day2", short)]])
    assert any("equally many bins" in p.message for p in result.problems["spike_bin_ms"])


def test_too_many_settings_are_refused_before_they_are_made():
    wide = FieldSweep("range", low="1", high="60000", n="1500")
    result = read_draft(SweepDraft({}, {"gen_dim": wide, "con_dim": wide}), RunParams)
    assert result.n_settings == 1500**2
    assert "more than 2,000" in result.general[0]


def test_equal_settings_are_made_once():
    sweep = FieldSweep("range", low="1", high="3", n="9")
    assert len(read_draft(SweepDraft({}, {"gen_dim": sweep}), RunParams).settings) == 3


def test_a_draft_survives_as_json():
    draft = SweepDraft({"co_dim": "0"}, {"gen_dim": FieldSweep("list", values="1")}, 3, 4)
    assert SweepDraft.from_json(draft.to_json(), RunParams.model_fields) == draft


@pytest.mark.parametrize("content", [None, [], {}, {"values": 3}, {"values": {}, "sweeps": []}])
def test_a_draft_of_another_time_is_left_out(content):
    assert SweepDraft.from_json(content, RunParams.model_fields) == SweepDraft()


def test_a_setting_fills_the_form_and_comes_back():
    params = RunParams(factors_dim=3, learning_rate_stop=1e-7, do_train_readin=False)
    assert read_draft(SweepDraft.of(params), RunParams).settings == [params]


class OwnParams(RunParams):
    smoothing_ms: float = param(0.0, "Width of my own smoothing.", group="own", unit="ms", ge=0)


def test_parameters_of_ones_own_are_swept_like_the_others():
    draft = SweepDraft({}, {"smoothing_ms": FieldSweep("list", values="10, 20")})
    assert [p.smoothing_ms for p in read_draft(draft, OwnParams).settings] == [10.0, 20.0]
