from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import stats

from lfads_nb.errors import ParamsError
from lfads_nb.model.likelihoods import LIKELIHOODS, likelihood_of
from lfads_nb.sweep.params import RunParams

RNG = np.random.default_rng(0)
A, B, C = (RNG.normal(0, 0.7, (4, 5)).astype(np.float32) for _ in range(3))
POSITIVE = RNG.gamma(2.0, 1.0, (4, 5)).astype(np.float32)
ZEROS = np.where(RNG.random((4, 5)) < 0.5, 0.0, POSITIVE).astype(np.float32)


def log_prob(name, x, *heads):
    return ops.convert_to_numpy(likelihood_of(name).log_prob(ops.convert_to_tensor(x), heads))


def saved(name, *heads):
    return [ops.convert_to_numpy(x) for x in likelihood_of(name).output_params(heads)]


def test_poisson_keeps_its_factorial_term():
    x = RNG.poisson(1.5, (4, 5)).astype(np.float32)
    np.testing.assert_allclose(
        log_prob("poisson", x, A), stats.poisson.logpmf(x, np.exp(A)), rtol=1e-4
    )
    np.testing.assert_allclose(saved("poisson", A)[0], np.exp(A), rtol=1e-6)


def test_saved_rates_are_finite_however_large_the_log_rates():
    assert np.isfinite(saved("poisson", np.float32([[1e3, -1e3]]))[0]).all()


def test_gaussian():
    expected = stats.norm.logpdf(C, A, np.exp(B / 2))
    np.testing.assert_allclose(log_prob("gaussian", C, A, B), expected, rtol=1e-4, atol=1e-5)
    mean, variance = saved("gaussian", A, B)
    np.testing.assert_allclose(mean, A)
    np.testing.assert_allclose(variance, np.exp(B), rtol=1e-6)


def test_gamma_has_the_mean_and_shape_of_its_heads():
    shape, mean = np.exp(B), np.exp(A)
    expected = stats.gamma.logpdf(POSITIVE, shape, scale=mean / shape)
    np.testing.assert_allclose(log_prob("gamma", POSITIVE, A, B), expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(saved("gamma", A, B), [mean, shape], rtol=1e-6)


def test_zero_inflated_gamma_gives_zeros_their_own_probability():
    shape, mean, zero = np.exp(B), np.exp(A), 1 / (1 + np.exp(-C))
    density = np.log1p(-zero) + stats.gamma.logpdf(ZEROS + (ZEROS == 0), shape, scale=mean / shape)
    expected = np.where(ZEROS == 0, np.log(zero), density)
    np.testing.assert_allclose(
        log_prob("zero_inflated_gamma", ZEROS, A, B, C), expected, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(
        saved("zero_inflated_gamma", A, B, C)[0], (1 - zero) * mean, rtol=1e-5
    )


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_first_saved_parameter_is_the_mean(name):
    """Drawn data have the mean that the first saved array says."""
    rng = np.random.default_rng(1)
    heads = [np.full((200_000,), v, np.float32) for v in (0.3, 0.5, -0.4)]
    likelihood = likelihood_of(name)
    params = [p[0] for p in saved(name, *heads[: len(likelihood.heads)])]
    n = heads[0].size
    if name == "poisson":
        x = rng.poisson(np.exp(0.3), n)
    elif name == "gaussian":
        x = rng.normal(0.3, np.exp(0.25), n)
    else:
        x = rng.gamma(np.exp(0.5), np.exp(0.3) / np.exp(0.5), n)
        if name == "zero_inflated_gamma":
            x = np.where(rng.random(n) < 1 / (1 + np.exp(0.4)), 0.0, x)
    assert params[0] == pytest.approx(x.mean(), rel=0.02)


def test_every_choice_of_the_parameters_has_a_likelihood_and_no_other_does():
    assert set(LIKELIHOODS) == set(RunParams.param_info()["output_dist"].choices)
    with pytest.raises(ParamsError, match="none of poisson"):
        likelihood_of("binomial")
