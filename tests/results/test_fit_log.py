from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.errors import RunFolderError
from lfads_nb.results.fit_log import FitLog


def _read(tmp_path, text):
    path = tmp_path / "fitlog.csv"
    path.write_text(text)
    return FitLog.read(path)


LINE = (
    "epoch,0, step,5, total,287.40,261.20,       recon,274.57,237.59, kl,409.71,261.18, "
    "l2,22.04605,       klweight,0.07, l2weight,0.07\n"
)


def test_a_line_of_the_original(tmp_path):
    log = _read(tmp_path, LINE)
    assert log.step.tolist() == [5]
    assert (log.total_train[0], log.total_valid[0]) == (287.40, 261.20)
    assert (log.recon_train[0], log.recon_valid[0]) == (274.57, 237.59)
    assert (log.kl_train[0], log.kl_valid[0]) == (409.71, 261.18)
    assert (log.l2[0], log.kl_weight[0], log.l2_weight[0]) == (22.04605, 0.07, 0.07)
    assert log.lve_index is None
    assert np.isnan(log.total_valid_lve)
    assert log.extra == {}


def test_nan_and_inf_are_read(tmp_path):
    log = _read(tmp_path, LINE + LINE.replace("287.40,261.20", "nan,inf").replace("h,0", "h,1"))
    assert np.isnan(log.total_train[1])
    assert np.isinf(log.total_valid[1])


@given(cut=st.integers(1, len(LINE)))
def test_a_line_that_is_still_being_written_is_left_out(tmp_path_factory, cut):
    log = _read(tmp_path_factory.mktemp("log"), LINE + LINE.replace("epoch,0", "epoch,1")[:-cut])
    assert log.n_epochs == 1
    assert log.l2_weight.tolist() == [0.07]


def test_further_figures_are_kept_by_their_label(tmp_path):
    text = LINE.rstrip("\n") + ", bps,0.5,0.4, co_bps,0.25, learning_rate,0.01\n"
    log = _read(tmp_path, LINE + text.replace("epoch,0", "epoch,1"))
    assert log["bps_valid"].tolist()[1] == 0.4
    assert np.isnan(log["bps_valid"][0])
    assert set(log.extra) == {"bps_train", "bps_valid", "co_bps", "learning_rate"}
    with pytest.raises(RunFolderError, match="does not log 'fp_bps', only epoch"):
        log["fp_bps"]


def test_without_validation_trials_each_cost_has_one_value(tmp_path):
    log = _read(
        tmp_path, "epoch,0, step,5, total,2.0, recon,1.5, kl,0.5, l2,0, klweight,1, l2weight,1\n"
    )
    assert log.total_train.tolist() == [2.0]
    assert np.isnan(log.total_valid).all()
    assert log.lve_index is None


def test_the_best_epoch_counts_only_after_both_ramps(tmp_path, fit_log_text):
    log = _read(tmp_path, fit_log_text(30, ramp=10))
    full = log.to_frame()[lambda f: (f.kl_weight >= 1) & (f.l2_weight >= 1)]
    assert log.lve_index == full.total_valid.idxmin()
    assert log.lve_index > 9
    assert log.total_valid_lve == full.total_valid.min()
    assert log.step_lve == log.step[log.lve_index]


def test_resumed_training_is_told_apart_by_step(tmp_path, fit_log_text):
    # The newest checkpoint was that of step 110, so 115 to 150 were done again.
    log = _read(tmp_path, fit_log_text(30) + fit_log_text(4, start=110))
    assert log.n_resumes == 1
    assert log.segment.tolist() == [0] * 30 + [1] * 4
    assert log.step[log.is_superseded].tolist() == list(range(115, 155, 5))
    assert not log.is_superseded[-4:].any()
    assert log.trained_epoch.tolist() == [*range(30), *range(22, 26)]
    assert "1 x resumed" in repr(log)


def test_lines_that_are_not_ours_are_passed_over(tmp_path):
    log = _read(tmp_path, "\x00\x00\x00\n" + LINE + "\n  \nTraceback: no\n")
    assert log.n_epochs == 1


@pytest.mark.parametrize("damage", ["nan", "inf", "-1", "1e300"])
@pytest.mark.parametrize("count", ["epoch,0", "step,5"])
def test_a_damaged_count_of_steps_is_a_line_that_is_not_ours(tmp_path, count, damage):
    name, _ = count.split(",")
    log = _read(tmp_path, LINE.replace(count, f"{name},{damage}") + LINE)
    assert (log.epoch.tolist(), log.step.tolist()) == ([0], [5])


def test_missing_and_empty_logs_say_why(tmp_path):
    with pytest.raises(RunFolderError, match="has not finished its first epoch"):
        FitLog.read(tmp_path / "fitlog.csv")
    with pytest.raises(RunFolderError, match="no complete line yet"):
        _read(tmp_path, "epoch,0, st")
