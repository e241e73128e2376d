from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.model import sampling
from lfads_nb.model.inputs import Trials
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.sampling import PassSize, PosteriorSampler, pass_size
from tests.model.small_runs import small_architecture, trials

pytestmark = pytest.mark.usefixtures("op_by_op")

AVERAGE, PUSH_MEAN = "posterior_sample_and_average", "posterior_push_mean"


def means(model, data, *, kind=AVERAGE, n_samples=64, session=0, **more):
    sampler = PosteriorSampler(model, kind=kind, n_samples=n_samples, max_trials=len(data), **more)
    return sampler.means(data, session)


def test_passes_keep_within_their_memory():
    architecture = small_architecture(gen_dim=200, co_dim=4)
    assert pass_size(architecture, 10_000, 512) == PassSize(4, 512)
    assert pass_size(architecture, 10, 10**9) == PassSize(1, 2048)
    assert pass_size(architecture, 3, 1) == PassSize(3, 1)
    assert pass_size(architecture, 10_000, 512, device="gpu") == PassSize(64, 512)
    long = small_architecture(co_dim=50, n_bins=2000)
    assert pass_size(long, 10, 512) == PassSize(1, 167)


@pytest.mark.slow
@pytest.mark.parametrize("co_dim", [0, 2])
def test_averages_do_not_depend_on_how_the_samples_are_cut(co_dim, monkeypatch):
    model = Lfads(small_architecture(co_dim=co_dim, ext_input_dim=1, inject_ext_input_to_gen=True))
    data = trials(5, 7, 6, n_external=1)
    whole = means(model, data, n_samples=3000)
    monkeypatch.setattr(sampling, "PASS_ROWS", {"cpu": 700})
    size = pass_size(model.architecture, 5, 3000)
    assert size.trials == 1
    assert 3000 % size.samples
    cut = means(model, data, n_samples=3000)
    for name in ("factors", "gen_states", "output_dist_params", "gen_ics"):
        np.testing.assert_allclose(cut[name], whole[name], atol=0.08)
    # Inferred inputs that nothing was learned of give single samples with very high costs.
    for name in ("costs", "nll_bound_vaes"):
        np.testing.assert_allclose(cut[name], whole[name], rtol=0.03 if co_dim else 0.01)


def test_many_samples_at_once_equal_copies_of_a_trial_one_by_one():
    """TF1's way: one trial, one pass, all its rows."""
    model = Lfads(small_architecture())
    data = trials(3, 7, 6)
    at_once = means(model, data, n_samples=4000)
    for i in range(3):
        one = Trials(data.counts[i : i + 1], data.external_inputs[i : i + 1])
        alone = means(model, one, n_samples=4000)
        for name in ("factors", "output_dist_params"):
            np.testing.assert_allclose(at_once[name][i], alone[name][0], atol=0.05)
        assert at_once["costs"][i] == pytest.approx(alone["costs"][0], rel=0.01)


def test_importance_weighted_bound_is_tighter():
    arrays = means(Lfads(small_architecture(co_dim=1)), trials(6, 7, 6), n_samples=100)
    assert (arrays["nll_bound_iwaes"] < arrays["nll_bound_vaes"]).all()


def test_standard_deviations_come_on_request():
    model, data = Lfads(small_architecture()), trials(4, 7, 6)
    assert not any(name.endswith("_sd") for name in means(model, data))
    arrays = means(model, data, with_sd=True, n_samples=500)
    assert arrays["factors_sd"].shape == arrays["factors"].shape
    assert arrays["output_dist_params_sd"].shape == arrays["output_dist_params"].shape
    assert (arrays["factors_sd"] > 0).all()
    pushed = means(model, data, with_sd=True, kind=PUSH_MEAN)
    assert not any(name.endswith("_sd") for name in pushed)


@pytest.mark.slow
def test_standard_deviation_is_that_of_the_samples(monkeypatch):
    monkeypatch.undo()  # Many passes of one size are faster with a graph.
    model, data = Lfads(small_architecture(co_dim=1)), trials(1, 7, 6)
    one = PosteriorSampler(model, kind=AVERAGE, n_samples=1, max_trials=1)
    singles = [one.means(data, 0) for _ in range(60)]
    arrays = means(model, data, with_sd=True, n_samples=5000)
    for name in ("factors", "controller_outputs"):
        expected = np.stack([single[name][0] for single in singles]).std(axis=0)
        np.testing.assert_allclose(arrays[f"{name}_sd"][0], expected, rtol=0.45)


def test_each_session_keeps_its_own_width():
    model = Lfads(small_architecture(sessions=("a", "b"), channels=(4, 6)))
    assert means(model, trials(3, 7, 4), session=0)["output_dist_params"].shape == (3, 7, 4)
    assert means(model, trials(3, 7, 6), session=1)["output_dist_params"].shape == (3, 7, 6)


def test_two_headed_outputs_are_saved_side_by_side():
    model = Lfads(small_architecture(sessions=("a", "b"), channels=(4, 6), output_dist="gaussian"))
    arrays = means(model, trials(3, 7, 4), kind=PUSH_MEAN)
    assert arrays["output_dist_params"].shape == (3, 7, 8)
    # Log variances start at 1 everywhere.
    np.testing.assert_allclose(arrays["output_dist_params"][..., 4:], np.e, rtol=1e-5)


def test_progress_counts_every_trial():
    model, data, told = Lfads(small_architecture()), trials(9, 7, 6), []
    sampler = PosteriorSampler(model, kind=AVERAGE, n_samples=4, max_trials=4)
    arrays = sampler.means(data, 0, told.append)
    assert sum(told) == 9
    assert len(arrays["costs"]) == 9
