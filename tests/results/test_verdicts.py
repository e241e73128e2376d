"""The verdict on a run's folder: made once, kept, and made anew when the outputs change."""

from __future__ import annotations

import json
import os
import shutil

import nbformat
import pytest

from lfads_nb.queue.notebook import templates_folder
from lfads_nb.results import population_report
from lfads_nb.results.report import run_verdict
from lfads_nb.results.run_figures import RunFigures
from lfads_nb.results.verdicts import judge
from lfads_nb.sweep.folders import PopulationFolder
from lfads_nb.sweep.verdict import Finding, Level, Verdict, read_verdict


def test_a_verdict_is_kept_in_the_run_folder_and_read_from_there(make_run, monkeypatch):
    run = make_run()
    verdict = judge(run.folder)
    assert verdict.figures["bits_per_spike"] > 0
    kept = json.loads(run.folder.verdict_json.read_text())
    assert kept["text"] == verdict.text
    monkeypatch.setattr("lfads_nb.results.verdicts.verdict_of", None)
    assert judge(run.folder) == verdict == read_verdict(run.folder)


def test_outputs_that_changed_have_another_verdict(make_run):
    run = make_run()
    judge(run.folder)
    path = run.folder.posterior_means("dataset001", "valid")
    os.utime(path, ns=(1, 1))
    assert read_verdict(run.folder) is None
    judge(run.folder)
    assert read_verdict(run.folder) is not None


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema": 99}', '{"schema": 1}', '{"schema": 1, "stamps": [1]}']
)
def test_a_damaged_verdict_is_made_again(make_run, text):
    run = make_run()
    run.folder.verdict_json.write_text(text)
    assert read_verdict(run.folder) is None
    assert judge(run.folder).is_final


def test_a_training_that_goes_on_is_not_blamed_for_its_ramps(make_run, fit_log_text):
    run = make_run(kinds=(), log=fit_log_text(5, ramp=50))
    assert not judge(run.folder).problems
    assert not run.folder.verdict_json.exists()
    run.folder.status_json.write_text(json.dumps({"schema": 1, "state": "cancelled"}))
    assert judge(run.folder).title == "ramps not ended"


def test_the_report_says_that_there_is_no_verdict_yet(make_run):
    run = make_run(kinds=())
    run.folder.fit_log.unlink()
    assert "will stand here" in run_verdict(run.folder)._repr_html_()


def test_whatever_goes_wrong_with_a_verdict_a_finished_run_is_not_lost(make_run, monkeypatch):
    def fail(*_args, **_options):
        raise ZeroDivisionError("by <0>")

    monkeypatch.setattr("lfads_nb.results.verdict_report.judge", fail)
    shown = run_verdict(make_run().folder)
    assert "ZeroDivisionError" in repr(shown)
    assert "&lt;0&gt;" in shown._repr_html_()


def test_names_and_numbers_are_shown_with_their_units(make_run):
    text = repr(run_verdict(make_run().folder))
    assert "bits/spike on validation trials" in text
    assert "KL of g0: " in text
    assert "nats/trial" in text


def test_a_verdict_is_at_most_three_sentences():
    found = [Finding(f"c{i}", Level.BAD, f"fault {i}", f"Fault {i}.", "Do it.") for i in range(5)]
    assert Verdict.of(found).text == "Fault 0. Do it. Also: fault 1, fault 2, fault 3, fault 4."


@pytest.fixture
def population(make_run, tmp_path):
    """A population's folder, whose winner is a run that is done or not."""

    def make(*, is_sampled):
        run = make_run()
        folder = PopulationFolder(tmp_path / "population" / "one")
        folder.path.mkdir(parents=True)
        folder.population_json.write_text("{}")
        shutil.copytree(run.folder.path, folder.best.path)
        shutil.copytree(run.folder.path, folder.member(0).path)
        if not is_sampled:
            for path in folder.best.output.glob("model_runs_*"):
                path.unlink()
        return folder

    return make


def test_the_report_of_a_population_opens_with_the_verdict_on_its_winner(population):
    folder = population(is_sampled=True)
    shown = population_report.winner_verdict(folder.path)
    assert shown.verdict == read_verdict(folder.best)
    assert RunFigures.gather(folder.best).is_winner == 1
    assert "bits" in repr(shown)
    assert repr(population_report.winner_verdict(folder)) == repr(shown)
    cells = nbformat.read(templates_folder() / "population.ipynb", as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert "report.winner_verdict(population_dir)" in code[1]


def test_before_the_winner_is_sampled_it_is_said_what_there_is_to_see(population, tmp_path):
    folder = population(is_sampled=False)
    for found in (folder, PopulationFolder(tmp_path / "new")):
        shown = population_report.winner_verdict(found)
        assert shown.verdict is None
        assert "No verdict yet: it is on the winner" in shown.reason
        assert "scores and the leader's example trials" in shown.reason


def test_a_member_of_a_population_has_no_verdict_of_its_own(population):
    folder = population(is_sampled=True)
    shown = run_verdict(folder.member(0))
    assert shown.verdict is None
    assert "weights and settings change hands" in shown.reason
    assert not folder.member(0).verdict_json.exists()
    assert run_verdict(folder.best).verdict is not None
