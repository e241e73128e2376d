from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.datasets import DatasetInfo
from lfads_nb.demo import PUBLISHED, QUICK
from lfads_nb.sweep import RunParams
from lfads_nb.sweep.advice import RunSizes, advise, batch_of, epochs_after_ramps

DEMO = RunSizes((1456,), 40, (35,))
REACHES = RunSizes((112,), 26, (45,))
# What decoded 0.90 of the targets on that recording.
GOOD = RunParams(
    spike_bin_ms=20, batch_size=28, gen_dim=48, co_dim=2, kl_ic_weight=0.05, kl_co_weight=0.05,
    kl_increase_steps=900, l2_increase_steps=900, max_epochs=500,
)  # fmt: skip


def about(params: RunParams, sizes: RunSizes) -> dict[str, dict]:
    return {advice.about: dict(advice.changes) for advice in advise(params, sizes)}


@pytest.mark.parametrize("factors", [2, 4, 6, 8])
def test_the_demo_needs_no_advice(factors):
    assert not advise(QUICK.copy(factors_dim=factors), DEMO)
    assert not advise(PUBLISHED.copy(factors_dim=factors), RunSizes((1456,), 500, (35,)))


def test_what_worked_on_real_data_needs_no_advice():
    assert not advise(GOOD, REACHES)


def test_ramps_of_900_steps_at_5_an_epoch_need_180_epochs_and_200_are_advised():
    sizes = RunSizes((140,), 26, (45,))
    (advice,) = advise(GOOD.copy(max_epochs=100), sizes)
    assert "Ramps of 900 steps need 180 epochs here (5 steps an epoch)" in advice.sentence
    assert advice.sentence.endswith("set 200")
    assert advice.changes == {"max_epochs": 200}


def test_a_stitched_run_has_longer_ramps_and_longer_epochs():
    sizes = RunSizes((140, 140), 26, (45, 40))
    (advice,) = advise(GOOD.copy(max_epochs=100), sizes)
    assert "1,800 steps need 180 epochs" in advice.sentence


def test_a_batch_that_holds_all_trials_is_one_step_an_epoch():
    sizes = RunSizes((145,), 26, (45,))
    found = about(GOOD.copy(batch_size=256, max_epochs=0), sizes)
    assert found == {"batch_size": {"batch_size": 24}}
    (advice,) = advise(GOOD.copy(batch_size=256, max_epochs=0), sizes)
    assert "16 to 36 suit" in advice.sentence


def test_default_kl_weights_on_few_trials_are_said_to_collapse():
    found = about(GOOD.copy(kl_ic_weight=1, kl_co_weight=1), REACHES)
    assert found == {"kl_ic_weight": {"kl_ic_weight": 0.05, "kl_co_weight": 0.05}}
    assert about(GOOD.copy(kl_ic_weight=1, co_dim=0), REACHES) == {
        "kl_ic_weight": {"kl_ic_weight": 0.05}
    }


def test_a_large_generator_and_a_long_lag_are_named():
    found = about(GOOD.copy(gen_dim=200, controller_input_lag=10), REACHES)
    assert found == {
        "gen_dim": {"gen_dim": 48}, "controller_input_lag": {"controller_input_lag": 2},
    }  # fmt: skip


def test_sizes_are_those_of_the_split_and_of_the_bins_that_the_model_sees():
    info = DatasetInfo(n_trials=140, n_channels=45, n_bins=520, bin_ms=1.0)
    sizes = RunSizes.of(GOOD, [info])
    assert sizes == RunSizes((112,), 26, (45,))


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=4), st.integers(1, 400),
    st.integers(1, 600), st.integers(1, 300), st.integers(0, 5000), st.integers(0, 500),
)  # fmt: skip
def test_following_all_advice_leaves_none(n_train, bins, batch, gen, ramp, epochs):
    sizes = RunSizes(tuple(n_train), bins, (30,) * len(n_train))
    params = RunParams(
        batch_size=batch, gen_dim=gen, co_dim=2, kl_increase_steps=ramp, l2_increase_steps=ramp,
        max_epochs=epochs,
    )  # fmt: skip
    # Another batch size makes other epochs, so that it may take two rounds.
    for _ in range(3):
        for advice in advise(params, sizes):
            params = params.copy(**advice.changes)
    assert not advise(params, sizes)


@given(st.integers(1, 5000), st.integers(1, 10**5), st.integers(1, 200))
def test_what_is_advised_suffices(n_train, ramp, per_epoch):
    assert 1 <= batch_of(n_train) <= 256
    epochs = epochs_after_ramps(ramp, per_epoch)
    assert epochs * per_epoch >= ramp / 0.9
    assert epochs >= math.ceil(ramp / per_epoch)
