"""Driving populations in this process, with a toy for a model."""

import math

import numpy as np
import pytest

from lfads_nb.errors import ParamsError, QueueError
from lfads_nb.queue.population_driver import DriverStoppedError, PopulationDriver, make_best
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.population import PopulationResults
from lfads_nb.sweep.population_history import ancestry, read_history
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.run_record import RunRecord
from tests.queue.populations import TurnsHere, make_population, tables_of
from tests.queue.toy_turns import checkpoint, gain


def drive(folder, turns=None, **options):
    return PopulationDriver(folder, turns or TurnsHere(), sleep=lambda _: None, **options).run()


def test_the_toy_finds_its_learning_rate_and_beats_a_random_search_of_equal_epochs(tmp_path):
    folder = make_population(tmp_path, members=20, generations=15)
    assert drive(folder) == "15 generations are trained"
    found = PopulationResults.open(folder)
    rates = found.settings["learning_rate_init"][-1]
    assert np.median(np.abs(np.log(rates) - math.log(1e-3))) < 0.5
    drawn = found.settings["learning_rate_init"][0]
    random_search = min(100 - 15 * gain({"learning_rate_init": rate}) for rate in drawn)
    assert found.best[-1] <= random_search
    assert np.all(np.diff(found.best) < 0)
    assert found.scores.shape == (15, 20)


def test_every_turn_is_taken_once_and_the_rest_follows_from_files(tmp_path):
    folder, turns = make_population(tmp_path), TurnsHere()
    drive(folder, turns)
    assert len(turns.taken) == len(set(turns.taken)) == 3 * 4
    before = tables_of(folder)
    drive(folder, turns)
    assert len(turns.taken) == 12
    assert tables_of(folder) == before


class _Killed(BaseException):
    """Stands for a process that ends between two lines."""


@pytest.mark.parametrize("at", range(0, 40, 3))
def test_a_driver_killed_anywhere_is_followed_by_one_that_decides_the_same(
    tmp_path, monkeypatch, at
):
    through = make_population(tmp_path / "a")
    drive(through)
    killed, turns = make_population(tmp_path / "b"), TurnsHere()
    from lfads_nb import atomic_files

    replacing, calls = atomic_files.os.replace, iter(range(1000))

    def die_at(source, target):
        if next(calls) == at:
            raise _Killed
        return replacing(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("lfads_nb.atomic_files.os.replace", die_at)
        with pytest.raises(_Killed):
            drive(killed, turns)
    drive(killed, turns)
    assert tables_of(killed) == tables_of(through)
    ends = [(killed.member(m).path / "ends.txt").read_text().split() for m in range(4)]
    assert ends == [["0", "1", "2"]] * 4


def test_a_member_that_diverges_is_replaced_and_the_others_go_on(tmp_path):
    folder = make_population(tmp_path)
    (folder.member(2).path / "behaviour.json").write_text('{"diverge": [0, 1]}')
    drive(folder)
    history = read_history(folder)
    assert math.isnan(history[0].scores[2])
    assert history[1].turns[2].source is not None
    assert history[2].turns[2].source is not None
    assert all(2 not in [t.source for t in g.turns] for g in history[1:])


def test_when_all_diverge_it_is_said_why_and_what_to_do(tmp_path):
    folder = make_population(tmp_path)
    for member in range(4):
        (folder.member(member).path / "behaviour.json").write_text('{"diverge": [1]}')
    with pytest.raises(ParamsError, match="lower the learning rate"):
        drive(folder)


class _NeverWhole(TurnsHere):
    """Turns that end without a result."""

    ended = RunStatus(RunState.FAILED, reason="out of memory")

    def start(self, members):
        self.taken += [member.path.name for member in members]

    def state(self, member):
        return self.ended


def test_a_turn_that_fails_again_and_again_ends_the_population_in_words(tmp_path):
    turns = _NeverWhole()
    with pytest.raises(QueueError, match=r"member_00.*generation 0 \(out of memory\).*Launch"):
        drive(make_population(tmp_path), turns)
    assert turns.taken.count("member_00") == 3


def test_a_driver_that_is_told_to_stop_stops(tmp_path):
    turns = _NeverWhole()
    turns.ended = RunStatus(RunState.TRAINING)
    with pytest.raises(DriverStoppedError):
        drive(make_population(tmp_path), turns, should_stop=lambda: True)
    assert len(turns.taken) == 4


def test_progress_is_told_with_an_estimate(tmp_path):
    told, seconds = [], iter(range(10**6))
    drive(make_population(tmp_path), on_progress=told.append, clock=lambda: float(next(seconds)))
    whole = [p.generation for p in told if p.members_done == p.members]
    assert sorted(set(whole)) == [0, 1, 2]
    assert told[0].eta_s is None
    assert told[0].fraction == 0
    assert told[-1].fraction == 1
    assert told[-1].eta_s == 0
    assert told[-1].best_score == pytest.approx(PopulationResults.open(_folder(tmp_path)).best[-1])


def _folder(root):
    from lfads_nb.sweep import PopulationFolder

    return PopulationFolder(next(root.glob("pbt_*/one")))


def test_the_winner_is_an_ordinary_run_with_its_lineages_costs(tmp_path):
    folder = make_population(tmp_path, members=6, generations=5)
    drive(folder)
    record, history = PopulationRecord.load(folder), read_history(folder)
    winner = history[-1].best(record.population)
    best = make_best(folder, record)
    assert best == make_best(folder, record)
    params = RunRecord.load(best).params
    assert params.learning_rate_init == history[-1].turns[winner].settings["learning_rate_init"]
    assert params.max_epochs == history[-1].last_epoch == 11
    last = checkpoint(best.path, 11)
    assert last.read_bytes() == checkpoint(folder.member(winner).path, 11).read_bytes()
    log = FitLog.read(best.fit_log)
    assert log["epoch"].tolist() == list(range(11))
    carriers = ancestry(history, winner)
    values = [v for g, m in zip(history, carriers, strict=True) for v in g.turns[m].valid]
    assert log["recon_valid"] == pytest.approx(values, abs=1e-3)
    assert np.all(np.diff(log["recon_valid"]) < 0)


def test_a_half_made_winner_is_made_anew(tmp_path):
    folder = make_population(tmp_path)
    drive(folder)
    (folder.path / ".writing-best" / "lfadsOutput").mkdir(parents=True)
    best = make_best(folder, PopulationRecord.load(folder))
    assert best.run_json.exists()
    assert not (folder.path / ".writing-best").exists()


def test_scores_other_than_the_cost_come_from_the_fit_log(tmp_path, monkeypatch):
    from lfads_nb.sweep import population_scores as scores

    low = scores.PopulationScore("low", "kl", "nats", column="step", higher_is_better=True)
    monkeypatch.setitem(scores.SCORES, "low", low)
    folder = make_population(tmp_path, score="low")
    drive(folder)
    history = read_history(folder)
    assert history[0].turns[0].valid == (1, 2, 3)
    assert history[0].scores[0] == pytest.approx(0.3 * (0.3 * 1 + 0.7 * 2) + 0.7 * 3)
    for member, turn in enumerate(history[1].turns):
        past = None if turn.source is not None else history[0].scores[member]
        assert turn.score == pytest.approx(low.smooth(past, [4, 5]))


def test_results_are_read_while_a_population_trains(tmp_path):
    folder = make_population(tmp_path)
    found = PopulationResults.open(folder)
    assert (found.n_generations, found.leader, found.scores.shape) == (0, None, (0, 4))
    assert len(found.members_table()) == 4

    class Stops(TurnsHere):
        def start(self, members):
            if len(self.taken) >= 4:
                super().start(members[:2])
                raise _Killed
            super().start(members)

    with pytest.raises(_Killed):
        drive(folder, Stops())
    found = PopulationResults.open(folder)
    assert found.n_generations == 2
    assert np.isnan(found.scores[1]).all()
    assert len(found.best) == 1
    assert len(found.curve(0).epochs) == 5  # its turn is whole, the generation is not
    assert len(found.curve(3).epochs) == 3
    table = found.members_table()
    assert table["rank"].tolist()[found.leader] == 1
    assert len(found.turns_table()) == 8
