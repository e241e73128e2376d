"""Turns that are taken as one program, on tiny folders; run by `test_jax.py` under JAX."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfads_nb.errors import ParamsError, RunFolderError
from lfads_nb.model import preview_writer
from lfads_nb.model.checkpoints import IN_TURN, ROLLING, Checkpoints
from lfads_nb.model.pack_models import CompiledPacks
from lfads_nb.model.turn_packs import PackTurn, take_turns_together
from lfads_nb.model.turns import take_turn
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.live_preview import read_preview
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.turns import TurnRequest, TurnResult
from tests.model.small_runs import small_params, write_inputs
from tests.model.test_packs import figures, on_jax

pytestmark = pytest.mark.training

N = 3


def population(path: Path) -> list[RunFolder]:
    """Members' folders that share one file of data."""
    data = write_inputs(path / "data")
    members = []
    for number in range(N):
        run = RunFolder(path / f"member_{number}")
        run.input.mkdir(parents=True)
        os.symlink(data.input_file("one"), run.input_file("one"))
        RunRecord("population", "one", small_params(), ("one",)).save(run)
        members.append(run)
    return members


def request(members, number, generation, *, copy=None, **settings) -> TurnRequest:
    rate = 0.004 / (1 + number + generation)
    return TurnRequest(
        folder=members[number].path,
        generation=generation,
        settings={"learning_rate_init": rate, "keep_prob": 1.0 - 0.1 * number, **settings},
        first_epoch=2 * generation,
        epochs=2,
        copy_from=None if copy is None else members[copy].path,
        seed=10 + number,
    )


def generations(members) -> list[list[TurnRequest]]:
    """Three generations; in the second one copies, as in a population."""
    copies = {(1, 2): 0}
    return [[request(members, n, g, copy=copies.get((g, n))) for n in range(N)] for g in range(3)]


def close(a: TurnResult, b: TurnResult) -> bool:
    same = np.allclose([a.score, *a.valid], [b.score, *b.valid], rtol=1e-4)
    return same and (a.generation, a.epoch, a.diverged) == (b.generation, b.epoch, b.diverged)


@on_jax
def test_a_population_that_trains_as_one_program_is_what_it_is_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(preview_writer, "SECONDS_BETWEEN", 0.0)
    alone, together = population(tmp_path / "alone"), population(tmp_path / "together")
    packs, told = CompiledPacks(), []
    for one_by_one, at_once in zip(generations(alone), generations(together), strict=True):
        expected = [take_turn(each) for each in one_by_one]
        results = take_turns_together([PackTurn(r, on_end=told.append) for r in at_once], packs)
        assert all(map(close, results, expected))
        assert [TurnResult.of(r) for r in at_once] == results
    assert len(told) == 3 * N
    for member, same in zip(together, alone, strict=True):
        np.testing.assert_allclose(figures(member), figures(same), rtol=1e-4, atol=1e-2)
        seen, there = read_preview(member), read_preview(same)
        assert seen.epoch == there.epoch == 6
        np.testing.assert_allclose(seen.rates, there.rates, rtol=1e-3)
    # What was compiled for the first generation served the others.
    assert packs._stacked._epoch._cache_size() == 1

    # Asked again, it is answered from what is written.
    again = take_turns_together([PackTurn(r) for r in generations(together)[2]], packs)
    assert again == [TurnResult.of(r) for r in generations(together)[2]]


@on_jax
def test_members_of_a_pack_of_turns_end_each_in_its_own_way(tmp_path):
    members = population(tmp_path)
    first = [
        request(members, 0, 0),
        request(members, 1, 0, learning_rate_init=1e38),
        request(members, 2, 0),
    ]
    count: list[int] = []

    def after_an_epoch() -> bool:
        count.append(1)
        return True

    turns = [PackTurn(r) for r in first]
    turns[2] = replace(turns[2], should_stop=after_an_epoch)
    well, diverged, stopped = take_turns_together(turns)
    assert (well.epoch, well.diverged) == (2, False)
    assert diverged.diverged
    assert np.isnan(diverged.score)
    assert not Checkpoints(members[1].output, ROLLING).paths()
    assert stopped is None
    assert TurnResult.of(first[2]) is None

    # What was stopped is taken again alone, and is what it would have been.
    again = take_turn(first[2])
    untouched = population(tmp_path / "other")
    assert close(again, take_turn(request(untouched, 2, 0)))
    assert not Checkpoints(members[2].output, IN_TURN).paths()

    # The one that diverged has nothing to go on from; its neighbours do not mind.
    second = [request(members, n, 1) for n in range(N)]
    results = take_turns_together([PackTurn(r) for r in second])
    assert [getattr(r, "epoch", None) for r in results] == [4, None, 4]
    assert isinstance(results[1], RunFolderError)
    assert "no whole checkpoint" in str(results[1])


@on_jax
def test_turns_of_different_generations_are_no_pack(tmp_path):
    members = population(tmp_path)
    with pytest.raises(ParamsError, match="another generation"):
        take_turns_together([PackTurn(request(members, 0, 0)), PackTurn(request(members, 1, 1))])
