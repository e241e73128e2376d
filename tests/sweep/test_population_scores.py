"""What members can be judged by: which figure, in which direction, and what it needs."""

import math
from types import SimpleNamespace

import pytest

from lfads_nb.errors import ParamsError
from lfads_nb.sweep import RunParams
from lfads_nb.sweep.population_scores import SCORES

NAN = math.nan


@pytest.mark.parametrize(
    ("key", "column", "more_is_better", "needs"),
    [
        ("recon", "", False, {}),
        ("co_bps", "co_bps", True, {"heldout_channels": 2}),
        ("fp_bps", "fp_bps", True, {"forward_prediction_bins": 2}),
        ("val_hidden_nll", "val_hidden_nll", False, {"sample_validation_rate": 0.2}),
        ("r2_decoding", "r2_decoding", True, {}),
    ],
)
def test_each_score_is_a_column_of_the_fit_log_with_a_direction_and_what_it_needs(
    key, column, more_is_better, needs
):
    score = SCORES[key]
    assert (score.key, score.column) == (key, column)
    assert score.rank(2.0) == (2.0 if more_is_better else -2.0)
    assert math.isnan(score.rank(NAN))
    score.check(RunParams(**needs))
    for field in needs:
        with pytest.raises(ParamsError, match=f"score '{key}' needs {field} above 0"):
            score.check(RunParams())


def test_there_are_no_other_scores():
    assert list(SCORES) == ["recon", "co_bps", "fp_bps", "val_hidden_nll", "r2_decoding"]


def test_only_decoding_needs_behaviour_in_one_of_the_sessions_at_least():
    with_it, without = SimpleNamespace(behavior={"hand": 2}), SimpleNamespace(behavior={})
    SCORES["r2_decoding"].check_data([without, with_it])
    with pytest.raises(ParamsError, match="'r2_decoding' needs behaviour with the data"):
        SCORES["r2_decoding"].check_data([without, without])
    for key in set(SCORES) - {"r2_decoding"}:
        SCORES[key].check_data([without])


def test_a_score_is_smoothed_over_the_epochs_and_goes_on_from_the_last_turn():
    recon = SCORES["recon"]
    assert recon.smooth(None, [10.0]) == 10.0
    assert recon.smooth(None, [10.0, 20.0]) == pytest.approx(0.3 * 10 + 0.7 * 20)
    assert recon.smooth(10.0, [20.0]) == pytest.approx(17.0)
    assert recon.smooth(10.0, []) == 10.0
    assert math.isnan(recon.smooth(None, []))


def test_a_cost_that_is_no_number_is_a_member_that_diverged():
    assert math.isnan(SCORES["recon"].smooth(10.0, [20.0, NAN]))
    assert math.isnan(SCORES["recon"].smooth(10.0, [NAN, 20.0]))


def test_epochs_after_which_decoding_was_not_worked_out_are_left_out():
    decoding = SCORES["r2_decoding"]
    assert decoding.every == 5
    assert decoding.smooth(None, [NAN, NAN, 0.5]) == 0.5
    assert decoding.smooth(0.5, [NAN, 1.0, NAN]) == pytest.approx(0.3 * 0.5 + 0.7)
    assert decoding.smooth(0.5, [NAN]) == 0.5
    assert math.isnan(decoding.smooth(None, [NAN, NAN]))
