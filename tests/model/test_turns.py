"""Turns of a population's members, on tiny folders."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.model import preview_writer, stages, turns
from lfads_nb.model.checkpoints import ROLLING, Checkpoints
from lfads_nb.model.compiled_models import CompiledModels
from lfads_nb.model.turns import take_turn
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.live_preview import read_preview
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.turns import TurnRequest, TurnResult
from tests.model.small_runs import small_params, write_inputs

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("op_by_op")]

SETTINGS = {"learning_rate_init": 0.004, "keep_prob": 0.8, "kl_ic_weight": 0.3}


def member(path: Path, **changes) -> RunFolder:
    run = write_inputs(path)
    RunRecord("population", "one", small_params(**changes), ("one",)).save(run)
    return run


def request(run: RunFolder, generation=0, *, epochs=2, copy_from=None, seed=1, **settings):
    return TurnRequest(
        folder=run.path,
        generation=generation,
        settings={**SETTINGS, **settings},
        first_epoch=generation * epochs,
        epochs=epochs,
        copy_from=copy_from,
        seed=seed,
    )


def newest(run: RunFolder) -> Path:
    return Checkpoints(run.output, ROLLING).paths()[0]


def arrays_of(checkpoint: Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(checkpoint) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def state_in(checkpoint: Path) -> dict:
    with h5py.File(checkpoint) as file:
        return json.loads(file.attrs["training_state"])


def same(first: Path, second: Path) -> bool:
    a, b = arrays_of(first), arrays_of(second)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def outcome(result: TurnResult) -> TurnResult:
    """What of a result does not depend on the machine's speed."""
    return replace(result, seconds=0.0, overhead_seconds=0.0)


def test_turns_follow_each_other(tmp_path):
    run = member(tmp_path / "a")
    first = take_turn(request(run))
    second = take_turn(request(run, 1, learning_rate_init=0.002))
    assert (first.epoch, second.epoch) == (2, 4)
    assert first.score == pytest.approx(0.3 * first.valid[0] + 0.7 * first.valid[1])
    smoothed = 0.3 * (0.3 * first.score + 0.7 * second.valid[0]) + 0.7 * second.valid[1]
    assert second.score == pytest.approx(smoothed)
    lines = run.fit_log.read_text().splitlines()
    assert [line.split(",")[1] for line in lines] == ["0", "1", "2", "3"]
    rates = [v for name, v in arrays_of(newest(run)).items() if "optimizer" in name and not v.shape]
    assert any(np.isclose(rate, 0.002) for rate in rates)


def test_a_turn_ends_with_a_preview_and_is_not_changed_by_it(tmp_path, monkeypatch):
    seen, other, unseen = (member(tmp_path / name) for name in ("seen", "other", "unseen"))
    models = CompiledModels()
    first = take_turn(request(seen), models=models)
    take_turn(request(other, seed=2), models=models)
    made = read_preview(seen)
    assert (made.epoch, made.rates.shape, made.session) == (2, (3, 7, 6), "one")
    take_turn(request(seen, 1), models=models)
    assert read_preview(seen).epoch == 2  # that is not a minute old yet
    take_turn(request(other, 1, copy_from=seen.path, seed=2), models=models)
    assert read_preview(other).epoch == 4  # it showed weights that are gone
    os.utime(seen.preview, (1e9, 1e9))
    last = take_turn(request(seen, 2), models=models)
    assert read_preview(seen).epoch == 6

    monkeypatch.setattr(preview_writer, "N_TRIALS", 0)
    assert outcome(take_turn(request(unseen))) == outcome(first)
    take_turn(request(unseen, 1))
    assert outcome(take_turn(request(unseen, 2))) == outcome(last)
    assert read_preview(unseen) is None


class _Killed(BaseException):
    """Stands for a process that ends between two lines."""


@pytest.mark.parametrize("moment", ["_TurnScore", "save", "delete"])
def test_a_turn_that_was_killed_gives_the_same_when_it_is_taken_again(
    tmp_path, monkeypatch, moment
):
    through, killed = member(tmp_path / "a"), member(tmp_path / "b")
    for run in (through, killed):
        take_turn(request(run))
    expected = take_turn(request(through, 1))

    def die(*_, **__):
        raise _Killed

    with monkeypatch.context() as patch:
        if moment == "_TurnScore":
            after = turns._TurnScore.after_epoch
            calls = iter(range(10))
            patch.setattr(
                turns._TurnScore,
                "after_epoch",
                lambda self, f, logs: die() if next(calls) else after(self, f, logs),
            )
        elif moment == "save":
            patch.setattr(TurnResult, "save", die)
        else:
            patch.setattr(turns, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
            patch.setattr(turns.Checkpoints, "save", _save_then_die_at(6 + 3, die))
        with pytest.raises(_Killed):
            take_turn(request(killed, 1))
    again = take_turn(request(killed, 1))
    assert outcome(again) == outcome(expected)
    assert same(newest(killed), newest(through))
    assert killed.fit_log.read_text() == through.fit_log.read_text()
    assert len(list(killed.output.glob("*.weights.h5"))) == 2


def _save_then_die_at(step, die):
    save = Checkpoints.save

    def saving(self, model, state):
        save(self, model, state)
        if state.step == step:
            die()

    return saving


def test_a_turn_whose_result_is_there_is_not_taken_again(tmp_path, monkeypatch):
    run = member(tmp_path / "a")
    first = take_turn(request(run))
    monkeypatch.setattr(turns, "set_up", None)
    assert take_turn(request(run)) == first
    assert TurnResult.of(request(run)) == first
    assert TurnResult.of(request(run, keep_prob=0.5)) is None


def test_a_copy_takes_weights_and_moments_bit_for_bit_and_the_new_rate(tmp_path, monkeypatch):
    winner, loser = member(tmp_path / "w"), member(tmp_path / "l")
    take_turn(request(winner))
    take_turn(request(loser, seed=2))
    seen = {}

    def look(self, callbacks):
        seen["file"] = Checkpoints(tmp_path, "seen").save(self.model, self.state)
        seen["rate"], seen["state"] = self.learning_rate, self.state
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(turns.Training, "fit", look)
        with pytest.raises(_Killed):
            take_turn(request(loser, 1, copy_from=winner.path, seed=2, learning_rate_init=0.003))
    copied, original = arrays_of(seen["file"]), arrays_of(newest(winner))
    differing = {name for name in original if not np.array_equal(copied[name], original[name])}
    assert len(differing) == 1  # the learning rate
    assert seen["rate"] == pytest.approx(0.003)
    assert seen["state"].turn.score is None
    assert seen["state"].seed != state_in(newest(winner))["seed"]

    # The winner goes on meanwhile; the copy still starts from where it stood.
    take_turn(request(winner, 1))
    result = take_turn(request(loser, 1, copy_from=winner.path, seed=2, learning_rate_init=0.003))
    assert result.score == pytest.approx(0.3 * result.valid[0] + 0.7 * result.valid[1])
    assert result.epoch == 4


def test_a_member_that_diverges_says_so_and_goes_on_from_another(tmp_path):
    good, bad = member(tmp_path / "g"), member(tmp_path / "b")
    take_turn(request(good))
    result = take_turn(request(bad, learning_rate_init=1e30, seed=2))
    assert result.diverged
    assert math.isnan(result.score)
    assert math.isnan(TurnResult.of(request(bad, learning_rate_init=1e30, seed=2)).score)
    with pytest.raises(RunFolderError, match="no whole checkpoint of the weights after 2 epochs"):
        take_turn(request(bad, 1, seed=2))
    saved = take_turn(request(bad, 1, copy_from=newest(good), seed=2))
    assert not saved.diverged
    assert math.isfinite(saved.score)


def test_kept_models_give_what_new_ones_give(tmp_path):
    """First weights, one's own, copied ones, other seeds and settings, in one process."""

    def population(root: Path, models: CompiledModels | None) -> list[TurnResult]:
        a, b, c = (member(root / name) for name in "abc")
        asked = [
            request(a),
            request(b, seed=2, keep_prob=0.5, learning_rate_init=0.01),
            request(a, 1),
            request(b, 1, seed=2, copy_from=a.path, kl_ic_weight=5.0),
            request(c, seed=3),
        ]
        return [outcome(take_turn(r, models=models)) for r in asked]

    models = CompiledModels()
    assert population(tmp_path / "w", models) == population(tmp_path / "c", None)
    assert len(models._kept) == 1
    for name in "abc":
        assert same(*(newest(RunFolder(tmp_path / which / name)) for which in "wc"))


def test_kept_models_are_those_of_other_shapes_or_structures(tmp_path):
    models = CompiledModels(keep=2)
    first = member(tmp_path / "a")
    for run, asked in (
        (first, request(first)),
        (wider := member(tmp_path / "b", factors_dim=4), request(wider)),
        (plain := member(tmp_path / "c", kl_increase_steps=9), request(plain)),
    ):
        assert take_turn(asked, models=models).epoch == 2
        assert models._kept[next(reversed(models._kept))].model.architecture.params.factors_dim == (
            RunRecord.load(run).params.factors_dim
        )
    assert len(models._kept) == 2


def test_requests_survive_the_way_through_their_file_and_a_move(tmp_path):
    asked = request(RunFolder(tmp_path / "p" / "a"), 1, copy_from=tmp_path / "p" / "b")
    asked.folder.mkdir(parents=True)
    asked.save()
    assert TurnRequest.load(asked.folder) == asked
    shutil.move(tmp_path / "p", tmp_path / "q")
    moved = TurnRequest.load(tmp_path / "q" / "a")
    assert moved.copy_from == tmp_path / "q" / "b"
    assert moved.key == asked.key


def test_a_member_is_an_ordinary_run_in_the_end(tmp_path):
    run = member(tmp_path / "a")
    asked = request(run)
    take_turn(asked)
    params = small_params(max_epochs=2, **SETTINGS)
    summary = stages.train(run, params, ("one",))
    assert (summary.epochs, summary.resumed_from_step) == (2, 6)
    stages.sample_posterior(run, params, ("one",))
    stages.export_weights(run, params, ("one",))
    assert run.model_params.exists()
    assert stages.train(run, params.copy(max_epochs=3), ("one",)).epochs == 3
