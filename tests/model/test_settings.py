"""A compiled step reads its numbers: other values act at once, and nothing is compiled anew."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.backend import compiles_whole_step
from lfads_nb.model.batches import make_batch
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.optimizer import ClippedAdam
from lfads_nb.model.settings import NUMBERS
from tests.model.small_runs import small_architecture, trials

CHANGED = {
    "keep_prob": 0.6, "coordinated_dropout_rate": 0.4, "coordinated_dropout_pass_rate": 0.2,
    "kl_ic_weight": 3.0, "kl_co_weight": 0.2, "l2_gen_scale": 70.0, "l2_con_scale": 20.0,
    "l2_ic_enc_scale": 5.0, "l2_ci_enc_scale": 9.0, "co_mean_corr_scale": 0.3,
}  # fmt: skip
OFF = {
    name: {"keep_prob": 1.0, "kl_ic_weight": 1.0, "kl_co_weight": 1.0}.get(name, 0.0)
    for name in CHANGED
}


def architecture(searched=(), **changes) -> Architecture:
    plain = small_architecture(co_dim=2, **changes)
    fields = (plain.params, plain.sessions, plain.n_channels, plain.n_bins, plain.has_readin)
    return Architecture(*fields, frozenset(searched))


def compiled(which: Architecture) -> Lfads:
    model = Lfads(which)
    model.compile(optimizer=ClippedAdam(which.params), jit_compile=compiles_whole_step())
    model.optimizer.build(model.trainable_variables)
    return model


def take_steps(model: Lfads, n: int) -> list[float]:
    """Return the costs of steps from the same random numbers and ramps half-way."""
    model.network.seed.state.assign(np.asarray([7, 0], "uint32"))
    model.step.assign(2)
    batch = make_batch(model.architecture, trials(8, 7, 6), 0)
    batch = {name: array[None] for name, array in batch.items()}
    return [float(model.train_on_batch(batch, return_dict=True)["total"]) for _ in range(n)]


def test_all_numbers_are_tested():
    assert set(CHANGED) == set(NUMBERS)


@pytest.mark.training
def test_new_numbers_act_in_a_step_that_is_compiled_already():
    model, expected = compiled(architecture(CHANGED, **OFF)), compiled(architecture(**CHANGED))
    start = [ops.convert_to_numpy(v) for v in variables_of(model)]
    off = take_steps(model, 2)
    step = model.train_function
    for variable, value in zip(variables_of(model), start, strict=True):
        variable.assign(value)
    model.network.settings.set(expected.architecture.params)
    on = take_steps(model, 3)
    np.testing.assert_allclose(on, take_steps(expected, 3), rtol=1e-5)
    assert abs(on[0] / off[0] - 1) > 1e-3
    assert model.train_function is step


def variables_of(model: Lfads) -> list:
    return [*model.trainable_variables, *model.optimizer.variables]


@pytest.mark.slow
def test_what_is_off_and_not_searched_draws_nothing():
    plain, searched = (Lfads(architecture(names, **OFF)) for names in ((), CHANGED))
    batch = make_batch(plain.architecture, trials(8, 7, 6), 0)
    batch = {name: ops.convert_to_tensor(array[None]) for name, array in batch.items()}

    def draws(model: Lfads) -> int:
        before = int(model.network.seed.state[1])
        model(batch, training=True)
        return int(model.network.seed.state[1]) - before

    assert draws(plain) == 2  # the initial condition and the inferred inputs
    assert draws(searched) > 6


@pytest.mark.parametrize("name", sorted(set(CHANGED) - {"coordinated_dropout_pass_rate"}))
def test_a_number_that_has_come_down_to_nothing_is_as_if_it_were_off(name):
    """Such as a coordinated dropout of rate 0, where all counts teach."""
    plain, searched = (Lfads(architecture(names, **OFF)) for names in ((), [name]))
    batch = make_batch(plain.architecture, trials(8, 7, 6), 0)
    batch = {key: ops.convert_to_tensor(array[None]) for key, array in batch.items()}
    counts = batch["counts"][0]
    visible, teaches = searched._augmented(batch, counts, True)
    np.testing.assert_allclose(visible, counts, rtol=1e-6)
    assert teaches is None or bool(ops.all(teaches == 1.0))
    np.testing.assert_array_equal(searched.network._drop(counts, True), counts)
    assert float(searched.network.l2()) == float(plain.network.l2()) == 0


def test_an_encoder_whose_scale_is_0_does_not_count_in_the_l2():
    names, on = ["l2_ic_enc_scale", "l2_ci_enc_scale"], {"l2_gen_scale": 10.0}
    plain, searched = (Lfads(architecture(which, **{**OFF, **on})) for which in ((), names))
    assert float(searched.network.l2()) == pytest.approx(float(plain.network.l2()), rel=1e-6)


def test_checkpoints_hold_no_numbers_so_older_ones_load(tmp_path):
    model = Lfads(architecture(**CHANGED))
    model.save_weights(tmp_path / "a.weights.h5")
    other = Lfads(architecture(**{**CHANGED, "keep_prob": 0.9}))
    other.load_weights(tmp_path / "a.weights.h5")
    assert float(other.network.settings["keep_prob"]) == pytest.approx(0.9)
    with h5py.File(tmp_path / "a.weights.h5") as file:
        names: list[str] = []
        file.visit(names.append)
        arrays = [name for name in names if isinstance(file[name], h5py.Dataset)]
    assert arrays
    assert not [name for name in arrays if "settings" in name]
