"""The view of a population, by what it sends to the browser, from files as a driver writes them."""

from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.results.population import PopulationResults
from lfads_nb.results.verdict_report import ShownVerdict
from lfads_nb.sweep import PopulationFolder, RunParams, Searched, SearchSpace
from lfads_nb.sweep.live_preview import write_preview
from lfads_nb.sweep.population import Population
from lfads_nb.sweep.population_history import Generation, MemberTurn
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.verdict import Finding, Level, Verdict
from lfads_nb.widgets.viewers import PopulationViewer
from lfads_nb.widgets.viewers.population import PATHS, VALUES
from tests.widgets.test_live_preview import preview

MEMBERS = 4


@pytest.fixture
def folder(tmp_path):
    space = SearchSpace(
        {
            "learning_rate_init": Searched(1e-5, 1e-1),
            "keep_prob": Searched(0.0, 0.6, log=False, bounded=True, complement=True),
        }
    )
    population = Population(RunParams(co_dim=0), space, members=MEMBERS, epochs=3, generations=4)
    folder = PopulationFolder(tmp_path / population.population_name / "one")
    PopulationRecord("rc", "one", ("ds",), population, 10, 5, 2).save(folder)
    return folder


def write_generations(folder, n, *, whole=True):
    for number in range(n):
        is_whole = whole or number < n - 1
        turns = []
        for member in range(MEMBERS):
            settings = {"learning_rate_init": 1e-3 * (member + 1), "keep_prob": 0.9}
            source = 0 if number and member == 3 else None
            score = 100.0 - 10 * number + member if is_whole else None
            valid = tuple(score + d for d in (2.0, 1.0, 0.0)) if is_whole else ()
            turns.append(MemberTurn(settings, source, score, valid))
        first = 0 if number == 0 else 5 + 3 * (number - 1)
        Generation(number, first, 5 if number == 0 else 3, tuple(turns)).save(folder)


def test_every_member_and_the_leaders_weights_are_drawn(folder):
    write_generations(folder, 3)
    viewer = PopulationViewer(folder)
    y = np.frombuffer(viewer.plot.layer.y, "<f4").reshape(MEMBERS, -1)
    found = PopulationResults.open(folder)
    np.testing.assert_allclose(y[0][: len(found.curve(0).values)], found.curve(0).values)
    assert viewer.leader.visible
    np.testing.assert_allclose(viewer.leader.y, found.curve(0).values)
    assert "generation 3 of at most 4" in viewer._head.value
    assert "2 times weights were copied" in viewer.plot._note.value


def test_the_first_generation_is_counted_while_it_trains_as_in_the_table(folder):
    write_generations(folder, 1, whole=False)
    viewer = PopulationViewer(folder)
    assert "generation 1 of at most 4, 5 epochs each at its end" in viewer._head.value
    assert "The first generation is under way" in viewer.plot.emptiness
    write_generations(folder, 1)
    viewer.read_again()
    assert not viewer.plot.emptiness


def test_a_population_whose_members_all_diverged_says_so(folder):
    nan = float("nan")
    settings = {"learning_rate_init": 0.1, "keep_prob": 0.9}
    turns = tuple(
        MemberTurn(settings, None, nan, (nan, nan), diverged=True) for _ in range(MEMBERS)
    )
    Generation(0, 0, 5, turns).save(folder)
    viewer = PopulationViewer(folder)
    assert "nan" not in viewer._head.value
    assert "all diverged" in viewer.plot.emptiness
    assert not viewer.leader.visible


def test_the_leaders_trials_are_shown_and_drawn_anew(folder):
    write_generations(folder, 1, whole=False)
    viewer = PopulationViewer(folder)
    assert viewer.preview.layout.display == "none"
    for run in range(MEMBERS):
        folder.member(run).output.mkdir(parents=True)
        write_preview(folder.member(run), preview(epoch=5 + run))
    write_generations(folder, 2)
    viewer.read_again()
    words = viewer.preview._words.value
    assert "As the leader, member 0, is after 5 epochs" in words
    write_preview(folder.member(0), preview(epoch=11))
    viewer.read_again()
    assert "member 0, is after 11 epochs" in viewer.preview._words.value
    assert viewer.preview.plots[0].layer.drawn_image().shape == (3 * 6, 3 * 13)


def test_the_verdict_on_the_winner_stands_above_the_picture(folder, monkeypatch):
    write_generations(folder, 2)
    viewer = PopulationViewer(folder)
    assert "No verdict yet: it is on the winner" in viewer.verdict.value
    finding = Finding("x", Level.BAD, "collapsed", "The rates <hardly> differ.", "Lower it.")
    shown = ShownVerdict(Verdict((finding,), figures={"bits_per_spike": 0.01}))
    monkeypatch.setattr("lfads_nb.widgets.viewers.population.winner_verdict", lambda _: shown)
    viewer.read_again()
    assert ">✗ The winner: " in viewer.verdict.value
    assert "The rates &lt;hardly&gt; differ." in viewer.verdict.value
    assert "0.01" in viewer.verdict.value


def test_paths_are_on_a_logarithmic_axis_and_dropout_is_called_dropout(folder):
    write_generations(folder, 2)
    viewer = PopulationViewer(folder)
    viewer.kind.value = PATHS
    y = np.frombuffer(viewer.plot.layer.y, "<f4").reshape(MEMBERS, -1)
    np.testing.assert_allclose(y[1], np.log10(2e-3), rtol=1e-5)
    viewer.parameter.value = "keep_prob"
    y = np.frombuffer(viewer.plot.layer.y, "<f4").reshape(MEMBERS, -1)
    np.testing.assert_allclose(y, 0.1, rtol=1e-5)
    assert viewer.plot.y_axis.label == "dropout, 1 − keep_prob"


def test_scores_stand_against_what_was_set(folder):
    write_generations(folder, 2)
    viewer = PopulationViewer(folder)
    viewer.kind.value = VALUES
    y = np.frombuffer(viewer.plot.layer.y, "<f4")
    np.testing.assert_allclose(y, [90, 91, 92, 93])


def test_a_click_follows_a_member_everywhere(folder):
    write_generations(folder, 2)
    viewer = PopulationViewer(folder)
    viewer._pick(2, False)
    assert viewer.selection.runs == ("member 2",)
    assert 2 in viewer.plot.layer.highlight
    assert "learning_rate_init 0.003" in viewer.plot._note.value
    viewer.kind.value = PATHS
    assert viewer.plot.layer.highlight == [2]
    viewer._pick(-1, False)
    assert viewer.selection.runs == ()


def test_it_is_never_blank(folder):
    viewer = PopulationViewer(folder)
    assert "has not begun" in viewer.plot.emptiness
    write_generations(folder, 1, whole=False)
    viewer.read_again()
    viewer.kind.value = VALUES
    assert "No generation is whole yet" in viewer.plot.emptiness
    write_generations(folder, 1)
    viewer.read_again()
    assert viewer.plot.emptiness == ""


def test_all_members_diverged_is_drawn_too(folder):
    write_generations(folder, 1)
    nan = MemberTurn({"learning_rate_init": 1e-3, "keep_prob": 0.9}, None, float("nan"), (), True)
    Generation(1, 5, 3, (nan,) * MEMBERS).save(folder)
    viewer = PopulationViewer(folder)
    for kind in viewer.kind.options:
        viewer.kind.value = kind
