from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from lfads_nb.errors import DiskFullError, RunFolderError
from lfads_nb.model.checkpoints import ROLLING, Checkpoints
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.optimizer import ClippedAdam
from lfads_nb.model.training_state import TrainingState
from tests.model.small_runs import small_architecture


def model_at(value: float, *, compiled=True, **changes) -> Lfads:
    """Return a model whose weights, moments and step all tell one number."""
    architecture = small_architecture(**changes)
    model = Lfads(architecture)
    if compiled:
        model.compile(optimizer=ClippedAdam(architecture.params))
        model.optimizer.build(model.trainable_variables)
        for variable in model.optimizer.variables:
            variable.assign(ops.full(variable.shape, value, dtype=variable.dtype))
    for variable in model.trainable_variables:
        variable.assign(ops.full(variable.shape, value))
    model.step.assign(int(value))
    return model


def state_at(step: int, model: Lfads) -> TrainingState:
    state = TrainingState.start(model.architecture.params)
    state.step, state.epoch, state.lowest_valid, state.best_epoch = step, step // 2, 1.5, 3
    state.rule.history = [1.0, np.inf, 2.0]
    return state


def saved(tmp_path, steps) -> Checkpoints:
    checkpoints = Checkpoints(tmp_path, ROLLING, keep=2)
    for step in steps:
        model = model_at(step)
        checkpoints.save(model, state_at(step, model))
    return checkpoints


def test_everything_comes_back(tmp_path):
    checkpoints = saved(tmp_path, [4])
    model = model_at(0)
    state = checkpoints.load(model, model.architecture.params)
    original = model_at(4)
    for got, expected in zip(model.weights, original.weights, strict=True):
        np.testing.assert_array_equal(got, expected)
    for got, expected in zip(model.optimizer.variables, original.optimizer.variables, strict=True):
        np.testing.assert_array_equal(got, expected)
    assert state == state_at_with_seed(4, original)


def state_at_with_seed(step, model) -> TrainingState:
    state = state_at(step, model)
    state.seed = ops.convert_to_numpy(model.network.seed.state).tolist()
    return state


def test_random_numbers_go_on_where_they_were(tmp_path):
    model = model_at(2)
    model.network.seed.next()
    Checkpoints(tmp_path, ROLLING).save(model, state_at(2, model))
    expected = ops.convert_to_numpy(model.network.seed.next())
    other = model_at(0, seed=0)
    Checkpoints(tmp_path, ROLLING).load(other, other.architecture.params)
    np.testing.assert_array_equal(ops.convert_to_numpy(other.network.seed.next()), expected)


def test_only_the_newest_are_kept(tmp_path):
    checkpoints = saved(tmp_path, [2, 10, 100])
    assert [path.name for path in checkpoints.paths()] == [
        "lfads_vae-100.weights.h5",
        "lfads_vae-10.weights.h5",
    ]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut short", "one byte changed", "not hdf5"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, damage, caplog):
    checkpoints = saved(tmp_path, [2, 10])
    newest = checkpoints.paths()[0]
    content = bytearray(newest.read_bytes())
    if damage == "cut short":
        content = content[: len(content) // 2]
    elif damage == "one byte changed":
        place = bytes(content).index(np.full(4, 10.0, "<f4").tobytes())
        content[place + 1] ^= 1
    else:
        content = b"nothing"
    newest.write_bytes(bytes(content))
    model = model_at(0)
    state = checkpoints.load(model, model.architecture.params)
    assert state.step == 2
    assert "damaged" in caplog.text


def test_without_any_checkpoint_nothing_is_loaded(tmp_path):
    model = model_at(0)
    assert Checkpoints(tmp_path / "absent", ROLLING).load(model, model.architecture.params) is None


def test_a_model_that_only_infers_loads_the_weights_alone(tmp_path):
    saved(tmp_path, [4])
    model = model_at(0, compiled=False)
    Checkpoints(tmp_path, ROLLING).load(model, model.architecture.params)
    np.testing.assert_array_equal(model.network.decoder.generator.w_fac, 4.0)


def test_other_settings_are_refused_rather_than_taken_for_damage(tmp_path):
    saved(tmp_path, [4])
    model = model_at(0, gen_dim=6)
    with pytest.raises(RunFolderError, match="does not fit the run's settings"):
        Checkpoints(tmp_path, ROLLING).load(model, model.architecture.params)


def test_a_checkpoint_on_a_full_disk_is_refused_in_words_and_the_one_before_stays(
    small_disk, leave_free
):
    checkpoints = saved(small_disk, [4])
    size = checkpoints.paths()[0].stat().st_size
    model = model_at(6)
    for n_free in (0, size // 2048, size // 1024 - 4):
        leave_free(small_disk, n_free)
        with pytest.raises(DiskFullError, match=r"no room for .*lfads_vae-6.* it needs"):
            checkpoints.save(model, state_at(6, model))
    assert [path.name for path in small_disk.glob("*lfads_vae*")] == ["lfads_vae-4.weights.h5"]
    leave_free(small_disk, 600)
    checkpoints.save(model, state_at(6, model))
    assert checkpoints.load(model, model.architecture.params).step == 6
