"""One bar and a few words for a run's whole way."""

from __future__ import annotations

import pytest

from lfads_nb.queue.live import LiveDisplay, progress_html
from lfads_nb.queue.stage import StageReporter, announce
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status
from lfads_nb.queue.steps import overall_fraction, step_in_words
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.progress import TrainProgress, TrainStep, epochs_in_words

ALL = ("training", "sampling", "exporting")


def test_a_launch_is_not_36_seconds_of_training_0_percent():
    said = [
        step_in_words(RunStatus(RunState.TRAINING, stage=stage, progress=progress))
        for stage, progress in (
            ("starting", {}),
            ("starting", {"doing": "importing libraries"}),
            ("training", {"doing": "compiling"}),
            ("training", {"doing": "3 of about 120 epochs", "epoch": 2}),
        )
    ]
    assert said == ["starting", "importing libraries", "compiling", "3 of about 120 epochs"]
    sampling = RunStatus(RunState.SAMPLING, stage="sampling", finished_stages=("training",))
    assert step_in_words(sampling) == "sampling rates and factors"
    exported = RunStatus(RunState.EXPORTING, stage="exporting", finished_stages=ALL)
    assert step_in_words(exported) == "writing the report"
    assert step_in_words(RunStatus(RunState.DONE, progress={"doing": "compiling"})) == ""


def test_the_bar_of_a_run_never_goes_back():
    way = [
        RunStatus(RunState.QUEUED),
        RunStatus(RunState.TRAINING, stage="starting"),
        *(RunStatus(RunState.TRAINING, stage="training", progress={"fraction": f})
          for f in (0.0, 0.4, 1.0)),
        RunStatus(RunState.TRAINING, stage="training", progress={}, finished_stages=ALL[:1]),
        *(RunStatus(RunState.SAMPLING, stage="sampling", progress={"fraction": f},
                    finished_stages=ALL[:1]) for f in (0.0, 1.0)),
        RunStatus(RunState.EXPORTING, stage="exporting", finished_stages=ALL[:2]),
        RunStatus(RunState.EXPORTING, stage="exporting", finished_stages=ALL),
        RunStatus(RunState.DONE, finished_stages=ALL),
    ]  # fmt: skip
    fractions = [overall_fraction(status) for status in way]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_a_run_that_failed_keeps_its_place_on_the_bar():
    half = RunStatus(RunState.FAILED, stage="training", progress={"fraction": 0.5})
    assert 0.4 < overall_fraction(half) < 0.5
    sampling = RunStatus(RunState.FAILED, stage="sampling", finished_stages=ALL[:1])
    assert overall_fraction(sampling) == pytest.approx(0.9)


def test_a_stage_says_what_it_does_and_waits_rather_than_going_back(tmp_path):
    folder = RunFolder(tmp_path)
    status = RunStatus(RunState.TRAINING, stage="training")
    write_status(folder, status)
    with StageReporter(folder, status, LiveDisplay()) as reporter:
        reporter.report(TrainStep("compiling"))
        reporter.report(TrainStep("first epoch", fraction=0.3, eta_s=20.0))
        reporter.report(TrainProgress(0, 5, 0.1, None, *[1.0] * 10))  # it will take longer
    progress = read_status(folder).progress
    assert progress["doing"] == "1 of about 10 epochs"
    assert progress["fraction"] == 0.3
    assert progress["total_valid"] == 1.0


def test_sampling_says_how_long_it_will_take(tmp_path):
    folder = RunFolder(tmp_path)
    status = RunStatus(RunState.SAMPLING, stage="sampling")
    write_status(folder, status)
    with StageReporter(folder, status, LiveDisplay()) as reporter:
        reporter.report(0.0)
        reporter.report(0.25)
    progress = read_status(folder).progress
    assert progress["fraction"] == 0.25
    assert progress["eta_s"] >= 0.0


def test_epochs_are_counted_in_words():
    assert epochs_in_words(0, 0.0) == "first epoch"
    assert epochs_in_words(12, 0.1) == "12 of about 120 epochs"


def test_only_the_attempt_that_owns_a_run_says_what_it_does(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    mine = RunStatus(RunState.TRAINING, stage="starting", attempt_id="mine")
    write_status(folder, mine)
    announce(tmp_path, "importing libraries")  # in a notebook that somebody opened
    assert read_status(folder) == mine
    monkeypatch.setenv("LFADS_NB_RUN", str(tmp_path.resolve()))
    monkeypatch.setenv("LFADS_NB_ATTEMPT", "another")
    announce(tmp_path, "importing libraries")
    assert read_status(folder) == mine
    monkeypatch.setenv("LFADS_NB_ATTEMPT", "mine")
    announce(tmp_path, "importing libraries")
    assert read_status(folder).progress == {"doing": "importing libraries"}


def test_a_finished_report_has_no_bar_at_0_percent():
    said = progress_html({"epoch": 4}, "exporting", is_whole=True)
    assert said == "<p>Exporting done</p>"
    said = progress_html({"fraction": 0.4}, "sampling", is_whole=False)
    assert said == "<p>Sampling ended early, at 40%</p>"
    assert "<progress" in progress_html({"fraction": 0.4}, "sampling")
