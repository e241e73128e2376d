from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import stats

from lfads_nb.model.priors import InitialConditionPrior, InputPrior
from tests.model.small_runs import small_params

RNG = np.random.default_rng(0)


def test_fixed_prior_has_the_variance_of_its_scale():
    prior = InitialConditionPrior(small_params(ic_dim=3))
    assert not any(v is prior.theta for v in prior.trainable_variables)
    np.testing.assert_allclose(np.exp(ops.convert_to_numpy(prior.logvar())), 0.1, rtol=1e-6)


def test_learned_prior_stays_within_its_bounds():
    bounds = {"ic_prior_var_min": 0.2, "ic_prior_var_scale": 0.5, "ic_prior_var_max": 1.0}
    prior = InitialConditionPrior(small_params(ic_dim=3, **bounds))
    assert any(v is prior.theta for v in prior.trainable_variables)
    for theta in (-30.0, 0.0, 3.0):
        prior.theta.assign(np.full((1, 3), theta))
        variance = np.exp(ops.convert_to_numpy(prior.logvar()))
        # exp(theta) > 0, so the variance cannot reach the interval's lower half, as in TF1.
        assert (variance >= 0.6 - 1e-6).all()
        assert (variance <= 1.0 + 1e-6).all()


def test_divergence_of_the_initial_condition_equals_its_estimate_from_samples():
    prior = InitialConditionPrior(small_params(ic_dim=2))
    mean, logvar = np.float32([[0.3, -0.2]]), np.float32([[-1.0, -3.0]])
    analytic = float(prior.divergence(mean, logvar)[0])
    x = mean + np.exp(logvar / 2) * RNG.standard_normal((400_000, 2))
    log_q = stats.norm.logpdf(x, mean, np.exp(logvar / 2)).sum(axis=1)
    log_p = stats.norm.logpdf(x, 0.0, np.sqrt(0.1)).sum(axis=1)
    assert analytic == pytest.approx((log_q - log_p).mean(), rel=0.01)


def test_log_density_of_inputs_is_that_of_the_autoregressive_process():
    prior = InputPrior(small_params(co_dim=1, prior_ar_atau=4.0, prior_ar_nvar=0.3))
    u = RNG.standard_normal((5, 1, 1)).astype(np.float32)
    phi, t = np.exp(-1 / 4.0), np.arange(5)
    covariance = 0.3 / (1 - phi**2) * phi ** np.abs(t[:, None] - t)
    expected = stats.multivariate_normal.logpdf(u[:, 0, 0], np.zeros(5), covariance)
    assert float(ops.sum(prior.log_prob(ops.convert_to_tensor(u)))) == pytest.approx(
        expected, rel=1e-4
    )


def test_samples_have_the_process_variance_and_time_constant():
    prior = InputPrior(small_params(co_dim=2, prior_ar_atau=5.0, prior_ar_nvar=0.2))
    u = prior.sample(RNG.standard_normal((40, 4000, 2)).astype(np.float32))
    summary = prior.summary()
    np.testing.assert_allclose(summary["tau"], 5.0, rtol=1e-5)
    np.testing.assert_allclose(u.var(axis=(0, 1)), summary["process_var"], rtol=0.05)
    correlation = np.corrcoef(u[10, :, 0], u[13, :, 0])[0, 1]
    assert correlation == pytest.approx(np.exp(-3 / 5.0), abs=0.05)


def test_time_constant_and_variance_can_be_fixed():
    params = small_params(co_dim=1, do_train_prior_ar_atau=False, do_train_prior_ar_nvar=False)
    assert InputPrior(params).trainable_variables == []
