"""What a training shows of itself while it goes on."""

from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.model import preview_writer, stages
from lfads_nb.results.fit_log import FitLog
from lfads_nb.sweep.live_preview import read_preview
from tests.model.small_runs import small_params, write_inputs

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("op_by_op")]


def train(run, **changes):
    stages.train(run, small_params(max_epochs=3, **changes), ("one",))
    return FitLog.read(run.fit_log)


def test_a_few_trials_are_shown_and_training_is_not_changed_by_it(tmp_path, monkeypatch):
    unseen = write_inputs(tmp_path / "unseen")
    expected = train(unseen)
    assert read_preview(unseen) is None  # it was over within a minute
    monkeypatch.setattr(preview_writer, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(preview_writer, "COST_SHARE", np.inf)
    run = write_inputs(tmp_path / "seen")
    log = train(run)
    shown = read_preview(run)
    assert shown.epoch == 3
    assert shown.trials.tolist() == [0, 2, 5]
    assert shown.counts.shape == shown.rates.shape == (3, 7, 6)
    assert shown.factors.shape == (3, 7, 3)
    assert (shown.rates > 0).all()
    assert shown.truth is None
    np.testing.assert_array_equal(log.total_train, expected.total_train)
    np.testing.assert_array_equal(log.total_valid, expected.total_valid)


def test_a_preview_that_fails_ends_no_training(tmp_path, monkeypatch, caplog):
    def fail(*_args):
        raise OSError("the disk is full")

    monkeypatch.setattr(preview_writer, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(preview_writer, "write_preview", fail)
    run = write_inputs(tmp_path)
    assert len(train(run)) == 3
    assert caplog.text.count("No more previews") == 1
