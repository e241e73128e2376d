"""Options that only ever showed in files: each does what its description says."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.model import stages
from lfads_nb.model.inputs import describe, read_sessions
from lfads_nb.model.lfads import Lfads
from tests.model.small_runs import small_params, write_inputs

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("op_by_op")]


def last_rate(run, params):
    """Return the learning rate that the newest checkpoint goes on with."""
    from lfads_nb.model.training_setup import set_up

    sessions = read_sessions(run, params, ("one",))
    training = set_up(run, describe(params, sessions), sessions)
    assert training.rolling.load(training.model, params) is not None
    return training.learning_rate


@pytest.mark.parametrize("reset", [False, True])
def test_a_resumed_run_starts_from_the_first_learning_rate_only_when_asked(tmp_path, reset):
    run = write_inputs(tmp_path)
    # every epoch's cost is compared with none before it, so the rate falls soon
    falling = {
        "learning_rate_n_to_compare": 1, "learning_rate_decay_factor": 0.5,
        "learning_rate_init": 0.5, "learning_rate_stop": 1e-9,
    }  # fmt: skip
    first = small_params(max_epochs=12, **falling)
    stages.train(run, first, ("one",))
    reached = last_rate(run, first)
    assert reached < 0.5
    seen = []
    again = small_params(max_epochs=13, do_reset_learning_rate=reset, **falling)
    stages.train(run, again, ("one",), on_progress=lambda p: seen.append(p.learning_rate))
    assert seen[-1] == pytest.approx(0.5 if reset else reached, rel=1e-5)


def test_the_controllers_encoder_is_penalised_by_its_own_scale(tmp_path):
    run = write_inputs(tmp_path)

    def penalty(**changes):
        params = small_params(co_dim=2, l2_gen_scale=0, l2_con_scale=0, **changes)
        model = Lfads(describe(params, read_sessions(run, params, ("one",))))
        return float(model.network.l2())

    assert penalty() == 0
    one = penalty(l2_ci_enc_scale=1)
    assert one > 0
    assert penalty(l2_ci_enc_scale=3) == pytest.approx(3 * one, rel=1e-5)
    # without a controller there is no such encoder
    params = small_params(co_dim=0, l2_gen_scale=0, l2_con_scale=0, l2_ci_enc_scale=1)
    model = Lfads(describe(params, read_sessions(run, params, ("one",))))
    assert float(model.network.l2()) == 0


def test_the_spread_over_posterior_samples_is_stored_when_asked(tmp_path):
    run = write_inputs(tmp_path)
    params = small_params(co_dim=1, max_epochs=1, num_samples_posterior=8)
    stages.train(run, params, ("one",))
    path = run.posterior_means("one", "valid")
    stages.sample_posterior(run, params, ("one",))
    with h5py.File(path) as file:
        assert not [name for name in file if name.endswith("_sd")]
    stages.sample_posterior(run, params.copy(store_posterior_sd=True), ("one",))
    with h5py.File(path) as file:
        for name in ("factors", "output_dist_params", "controller_outputs"):
            assert file[f"{name}_sd"].shape == file[name].shape
            assert (file[f"{name}_sd"][:] > 0).mean() > 0.5
            assert np.isfinite(file[f"{name}_sd"][:]).all()
