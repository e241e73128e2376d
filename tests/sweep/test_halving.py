"""Who goes on from a rung, and what is written of it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.errors import ParamsError, RunFolderError
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.halving import (
    Halving,
    HalvingOrder,
    Rung,
    add_rung,
    lost_at,
    lost_in_words,
    read_rungs,
)


@pytest.fixture
def folder(tmp_path):
    run = RunFolder(tmp_path / "a" / "one")
    run.output.mkdir(parents=True)
    return run


def test_of_27_runs_in_lock_step_27_9_3_and_1_get_to_the_rungs():
    rule = Halving(factor=3, first_epoch=1)
    costs = {run: (run * 11) % 27 + 100.0 for run in range(27)}
    alive, reached, trained, before = list(costs), [], 0, 0
    for epoch in (1, 3, 9):
        assert rule.is_rung(epoch)
        reached.append(len(alive))
        trained += (epoch - before) * len(alive)
        before = epoch
        scores = {run: costs[run] / epoch for run in alive}
        alive = [
            run
            for run in alive
            if rule.judge(epoch, scores[run], [scores[o] for o in alive if o != run]).goes_on
        ]
    trained += (27 - 9) * len(alive)
    assert (reached, trained) == ([27, 9, 3], 27 + 18 + 18 + 18)
    assert alive == [min(costs, key=costs.__getitem__)]


@given(
    scores=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    factor=st.integers(2, 5),
    score=st.sampled_from(["recon_valid", "co_bps"]),
)
def test_one_in_so_many_goes_on_and_the_best_so_far_always_does(scores, factor, score):
    rule = Halving(factor, 10, score)
    better = min if score == "recon_valid" else max
    for i, own in enumerate(scores):
        before = scores[:i]
        rung = rule.judge(10, own, before)
        strictly_better = [s for s in before if better(s, own) != own]
        assert (rung.n, rung.place) == (i + 1, 1 + len(strictly_better))
        assert rung.goes_on == (len(strictly_better) < max(1, rung.n // factor))
        if better([*before, own]) == own:
            assert rung.goes_on


@given(st.integers(1, 50), st.integers(2, 5), st.integers(0, 4))
def test_rungs_are_at_powers_of_the_factor_and_nowhere_else(first, factor, k):
    rule = Halving(factor, first)
    rungs = [first * factor**i for i in range(k + 1)]
    assert [epoch for epoch in range(rungs[-1] + 1) if rule.is_rung(epoch)] == rungs


def test_a_run_without_a_figure_never_goes_on_and_does_not_count():
    rule = Halving(first_epoch=5)
    assert not rule.judge(5, math.nan, []).goes_on
    assert rule.judge(5, 3.0, [math.nan, math.inf]) == Rung(5, 3.0, 1, 1, goes_on=True)


def test_scores_are_smoothed_as_autolfads_does_over_what_is_known():
    assert Halving().smoothed([10.0, math.nan, 20.0]) == pytest.approx(0.3 * 10 + 0.7 * 20)
    assert math.isnan(Halving().smoothed([math.nan]))


@pytest.mark.parametrize(
    "values", [{"factor": 1}, {"factor": 2.5}, {"first_epoch": -1}, {"score": "luck"}]
)
def test_a_rule_that_makes_no_sense_is_refused(values):
    with pytest.raises(ParamsError, match=str(next(iter({"luck"} & {*values.values()} or values)))):
        Halving(**values)


def test_an_order_finds_its_peers_after_the_collection_was_moved(folder, tmp_path):
    HalvingOrder(Halving(4, 30), (tmp_path / "b" / "one",)).save(folder)
    (tmp_path / "moved").mkdir()
    (tmp_path / "a").rename(tmp_path / "moved" / "a")
    read = HalvingOrder.read(RunFolder(tmp_path / "moved" / "a" / "one"))
    assert read.rule == Halving(4, 30)
    assert [peer.resolve() for peer in read.peers] == [tmp_path / "moved" / "b" / "one"]
    assert HalvingOrder.read(RunFolder(tmp_path)) is None


def test_a_run_is_lost_at_its_first_lost_rung_for_as_long_as_it_is_judged(folder):
    HalvingOrder(Halving(3, 10), ()).save(folder)
    assert lost_at(folder) is None
    add_rung(folder, Rung(10, 5.0, 1, 1, goes_on=True))
    add_rung(folder, Rung(30, None, 9, 9, goes_on=False))
    assert lost_at(folder).epoch == 30
    assert [rung.epoch for rung in read_rungs(folder)] == [10, 30]
    folder.halving_json.unlink()
    assert lost_at(folder) is None


def test_why_it_was_stopped_is_said_in_words():
    said = lost_in_words(Rung(105, 4.0, 5, 9, goes_on=False), Halving())
    assert said == (
        "stopped early after 105 epochs: place 5 of 9 by validation likelihood, "
        "and the best 3 go on"
    )
    assert "the best one goes on" in lost_in_words(Rung(9, 4.0, 2, 2, goes_on=False), Halving())
    assert "has no" in lost_in_words(Rung(9, None, 2, 2, goes_on=False), Halving())


@pytest.mark.parametrize(
    "content",
    [
        "[", "3", '{"schema": 9, "rungs": []}', '{"schema": 1, "rungs": 3}',
        '{"schema": 1, "rungs": [{"epoch": "x", "place": 1, "n": 1, "score": 1, "goes_on": true}]}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_by_its_name(folder, content):
    folder.rungs_json.write_text(content)
    folder.halving_json.write_text(content)
    with pytest.raises(RunFolderError, match=r"rungs\.json"):
        read_rungs(folder)
    with pytest.raises(RunFolderError, match=r"halving\.json"):
        HalvingOrder.read(folder)


def test_a_hostile_peer_is_left_out(folder):
    order = {"schema": 1, "factor": 3, "first_epoch": 5, "score": "recon_valid"}
    folder.halving_json.write_text(json.dumps({**order, "peers": ["a\0b", "../b"]}))
    assert len(HalvingOrder.read(folder).peers) == 1
