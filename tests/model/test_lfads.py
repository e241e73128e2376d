"""The cost of a batch, part by part, against the equations in numpy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from lfads_nb.model.batches import SessionBatches, make_batch
from lfads_nb.model.inputs import Trials
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.weights import to_tf1
from tests.model.numpy_lfads import NumpyLfads
from tests.model.small_runs import session, small_architecture, trials
from tests.model.tf1_folders import DEFAULTS


def batch_of(model: Lfads, data: Trials, **more) -> dict:
    batch = make_batch(model.architecture, data, 0, **more)
    return {name: ops.convert_to_tensor(array[None]) for name, array in batch.items()}


def figures(model: Lfads, batch: dict, *, training=False) -> dict[str, float]:
    """Evaluate one batch and return its parts."""
    for metric in model.metrics:
        metric.reset_state()
    loss = model.compute_loss(x=batch, y_pred=model(batch, training=training), training=training)
    parts = model.get_metrics_result()
    assert float(parts["total"]) == pytest.approx(float(loss), rel=1e-5)
    return {name: float(value) for name, value in parts.items()}


def with_certain_posterior(model: Lfads) -> Lfads:
    """Make g0's posterior so narrow that a sample is its mean."""
    model.network.b_ic_logvar.assign(ops.full(model.network.b_ic_logvar.shape, -40.0))
    return model


def reference(model: Lfads) -> NumpyLfads:
    settings = {**DEFAULTS, **model.architecture.params.set_values()}
    return NumpyLfads(settings, to_tf1(model.network))


def test_cost_is_the_sum_of_its_weighted_parts():
    model = with_certain_posterior(Lfads(small_architecture(ic_post_var_min=0.0)))
    model.step.assign(1)
    data = trials(5, 7, 6)
    parts = figures(model, batch_of(model, data))
    numpy_model = reference(model)
    expected = numpy_model.push_mean("one", data.counts)
    log_p = stats.poisson.logpmf(data.counts, expected["output_dist_params"])
    assert parts["recon"] == pytest.approx(-log_p.sum(axis=(1, 2)).mean(), rel=1e-4)
    assert parts["kl"] == pytest.approx(numpy_model.kl_g0(expected).mean(), rel=1e-4)
    assert parts["l2"] == pytest.approx(numpy_model.l2(), rel=1e-4)
    assert (parts["kl_weight"], parts["l2_weight"]) == (0.25, 0.25)
    total = parts["recon"] + 0.25 * parts["kl"] + 0.25 * parts["l2"]
    assert parts["total"] == pytest.approx(total, rel=1e-5)


def test_rows_of_weight_0_do_not_count():
    model = with_certain_posterior(Lfads(small_architecture(ic_post_var_min=0.0)))
    data = trials(5, 7, 6)
    some = Trials(data.counts[:3], data.external_inputs[:3])
    weights = np.float32([1, 1, 1, 0, 0])
    filled = figures(model, batch_of(model, data, weights=weights))
    assert filled["recon"] == pytest.approx(figures(model, batch_of(model, some))["recon"])


def test_divergence_of_the_inputs_is_estimated_at_the_sample_that_drove_the_generator():
    """Its mean over many passes is the analytic divergence of an input without past."""
    architecture = small_architecture(
        co_dim=1, n_bins=1, do_feed_factors_to_controller=False, kl_co_weight=2.0
    )
    model = Lfads(architecture)
    prior = model.network.input_prior
    data = Trials(np.ones((4000, 1, 6), int), np.zeros((4000, 1, 0)))
    parts = figures(model, batch_of(model, data))
    expected = reference(model).push_mean("one", data.counts[:1])
    mean, logvar = expected["controller_outputs"][0, 0, 0], expected["co_logvars"][0, 0, 0]
    p_var = prior.summary()["process_var"][0]
    kl = 0.5 * (np.log(p_var) - logvar + (np.exp(logvar) + mean**2) / p_var - 1)
    assert parts["kl_co"] == pytest.approx(2.0 * kl, rel=0.1)


def test_missing_counts_change_nothing_but_their_own_share():
    model = with_certain_posterior(Lfads(small_architecture(ic_post_var_min=0.0)))
    data = trials(4, 7, 6)
    counts = data.counts.astype(np.float32)
    counts[:, 2:4] = np.nan
    holes = Trials(counts, data.external_inputs)
    parts = figures(model, batch_of(model, holes, mask_missing=True))
    expected = reference(model).push_mean("one", np.nan_to_num(counts))
    log_p = stats.poisson.logpmf(data.counts, expected["output_dist_params"])
    assert parts["recon"] == pytest.approx(-log_p[:, [0, 1, 4, 5, 6]].sum() / 4, rel=1e-4)


def gradient_of_recon_to_readout_bias(model: Lfads, batch: dict) -> np.ndarray:
    """Return d(cost)/d(read-out bias), (channels,)."""
    bias = model.network.readout.heads[0][1]
    if keras.backend.backend() == "jax":
        import jax

        def cost(value):
            with keras.StatelessScope([(bias, value)]):
                return model.compute_loss(
                    x=batch, y_pred=model(batch, training=True), training=False
                )

        return np.asarray(jax.grad(cost)(bias.value))[0]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        cost = model.compute_loss(x=batch, y_pred=model(batch, training=True), training=False)
    return np.asarray(tape.gradient(cost, bias.value))[0]


def test_coordinated_dropout_passes_no_gradient_of_visible_counts():
    changes = {"l2_gen_scale": 0, "keep_prob": 1.0}
    model = Lfads(small_architecture(coordinated_dropout_rate=0.5, **changes))
    plain = Lfads(small_architecture(**changes))
    data = trials(300, 7, 6)
    half = gradient_of_recon_to_readout_bias(model, batch_of(model, data))
    whole = gradient_of_recon_to_readout_bias(plain, batch_of(plain, data))
    np.testing.assert_allclose(half / whole, 0.5, atol=0.2)
    # The cost itself still counts every element.
    costs = [figures(m, batch_of(m, data), training=True)["recon"] for m in (model, plain)]
    assert costs[0] == pytest.approx(costs[1], rel=0.05)


@pytest.mark.parametrize(
    ("changes", "always"),
    [({"heldout_channels": 2}, np.s_[4:]), ({"forward_prediction_bins": 6}, np.s_[:])],
)
def test_what_the_encoders_never_see_teaches_in_full_under_coordinated_dropout(changes, always):
    changes = {"l2_gen_scale": 0, "keep_prob": 1.0, **changes}
    dropped = Lfads(small_architecture(coordinated_dropout_rate=0.5, **changes))
    plain = Lfads(small_architecture(**changes))
    data = trials(300, 7, 6)
    some = gradient_of_recon_to_readout_bias(dropped, batch_of(dropped, data))
    whole = gradient_of_recon_to_readout_bias(plain, batch_of(plain, data))
    # only one of seven bins is seen in the second case, and half of it teaches
    expected = 1 if "heldout_channels" in changes else 6.5 / 7
    np.testing.assert_allclose((some / whole)[always], expected, atol=0.25)
    if "heldout_channels" in changes:
        np.testing.assert_allclose((some / whole)[:4], 0.5, atol=0.2)


def test_what_sample_validation_keeps_stands_for_the_whole():
    model = Lfads(small_architecture(sample_validation_rate=0.5, keep_prob=1.0))
    plain = Lfads(small_architecture(keep_prob=1.0))
    data = trials(300, 7, 6)
    hidden = np.random.default_rng(0).random(data.counts.shape) < 0.5
    kept = figures(model, batch_of(model, data, hidden=hidden))["recon"]
    whole = figures(plain, batch_of(plain, data))["recon"]
    assert kept == pytest.approx(whole, rel=0.05)


@pytest.mark.slow
def test_hidden_samples_are_neither_seen_nor_learned_but_logged():
    model = Lfads(small_architecture(sample_validation_rate=0.5, keep_prob=1.0))
    data = trials(30, 7, 6)
    everything = np.ones(data.counts.shape, bool)
    parts = figures(model, batch_of(model, data, hidden=everything))
    assert parts["recon"] == 0
    assert parts["n_hidden"] == everything.sum()
    assert parts["hidden"] < 0
    gradient = gradient_of_recon_to_readout_bias(model, batch_of(model, data, hidden=everything))
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({"heldout_channels": 2}, np.s_[:, :, 4:]),
        ({"forward_prediction_bins": 3}, np.s_[:, 4:]),
        ({"num_steps_for_gen_ic": 2}, np.s_[:, 2:]),
    ],
)
def test_encoders_do_not_see_what_is_held_out(changes, hidden):
    model = Lfads(small_architecture(co_dim=0, **changes))
    data = trials(4, 7, 6)
    other = data.counts.copy()
    other[hidden] += 5

    def encoded(counts):
        batch = batch_of(model, Trials(counts, data.external_inputs))
        e = model.network.encode(batch["counts"][0], None, batch["session"][0])
        return ops.convert_to_numpy(e.ic_mean)

    np.testing.assert_array_equal(encoded(data.counts), encoded(other))
    changed = data.counts.copy()
    changed[:, 0, 0] += 5
    assert (encoded(data.counts) != encoded(changed)).any()


def test_controller_sees_nothing_of_held_out_bins():
    model = Lfads(small_architecture(co_dim=2, forward_prediction_bins=3))
    data = trials(4, 7, 6)
    other = data.counts.copy()
    other[:, 4:] += 5
    inputs = []
    for counts in (data.counts, other):
        batch = batch_of(model, Trials(counts, data.external_inputs))
        e = model.network.encode(batch["counts"][0], None, batch["session"][0])
        inputs.append(ops.convert_to_numpy(e.inputs))
    np.testing.assert_array_equal(*inputs)
    assert (inputs[0][4:] == 0).all()


def test_regions_add_up_to_the_whole_likelihood():
    model = Lfads(small_architecture(heldout_channels=2, forward_prediction_bins=3))
    parts = figures(model, batch_of(model, trials(4, 7, 6)))
    regions = parts["seen"] + parts["heldout"] + parts["forward"]
    assert regions / 4 == pytest.approx(-parts["recon"], rel=1e-5)
    assert 0 not in (parts["seen"], parts["heldout"], parts["forward"])


def test_padded_channels_cost_nothing():
    architecture = small_architecture(sessions=("a", "b"), channels=(4, 6), ic_post_var_min=0.0)
    model = with_certain_posterior(Lfads(architecture))
    batches = SessionBatches(
        model.architecture, [session("a", n_channels=4), session("b", n_channels=6)], "valid"
    )
    ((batch),) = batches[0]
    batch = {name: ops.convert_to_tensor(x) for name, x in batch.items()}
    before = figures(model, batch)["recon"]
    model.network.readout.heads[0][1].assign(np.float32([[0, 0, 0, 0, 3, 3], [0] * 6]))
    assert figures(model, batch)["recon"] == pytest.approx(before)


def test_a_session_with_fewer_channels_costs_what_its_own_channels_do():
    architecture = small_architecture(sessions=("a", "b"), channels=(4, 6), ic_post_var_min=0.0)
    model = with_certain_posterior(Lfads(architecture))
    data = trials(5, 7, 4)
    rates = reference(model).push_mean("a", data.counts)["output_dist_params"]
    log_p = stats.poisson.logpmf(data.counts, rates)
    found = figures(model, batch_of(model, data))["recon"]
    assert found == pytest.approx(-log_p.sum(axis=(1, 2)).mean(), rel=1e-4)


def test_correlated_inputs_cost_extra():
    model = Lfads(small_architecture(co_dim=2, co_mean_corr_scale=3.0))
    parts = figures(model, batch_of(model, trials(4, 7, 6)))
    without = parts["recon"] + parts["kl_weight"] * parts["kl"] + parts["l2_weight"] * parts["l2"]
    assert parts["correlation"] > 0
    assert parts["total"] - without == pytest.approx(3.0 * parts["correlation"], rel=1e-2)


@pytest.mark.parametrize("name", ["ic_encoder", "ci_encoder"])
def test_encoders_can_have_an_l2_penalty(name):
    off = {"l2_gen_scale": 0.0, "l2_con_scale": 0.0, "co_dim": 1}
    scale = {f"l2_{name.removesuffix('oder')}_scale": 10.0}
    plain, penalised = Lfads(small_architecture(**off)), Lfads(small_architecture(**off, **scale))
    assert float(plain.network.l2()) == 0
    encoder = getattr(penalised.network, name)
    squares = sum(np.sum(np.square(v)) for v in (encoder.w_h_ru, encoder.w_h_c))
    cells = [penalised.network.decoder.generator, penalised.network.decoder.controller]
    n = sum(np.size(v) for c in cells for v in (c.w_h_ru, c.w_h_c, c.b))
    n += sum(np.size(v) for v in (encoder.w_h_ru, encoder.w_h_c))
    assert float(penalised.network.l2()) == pytest.approx(0.5 * 10 * squares / n, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "trained"),
    [
        ({"do_train_io_only": True}, {"readin", "readout"}),
        ({"do_train_encoder_only": True}, {"ic_encoder", "ic_mean", "ic_logvar"}),
        ({"do_train_readin": False}, None),
    ],
)
def test_only_the_chosen_part_is_trained(changes, trained):
    model = Lfads(small_architecture(sessions=("a", "b"), channels=(4, 6), co_dim=1, **changes))
    paths = {v.path for v in model.trainable_variables}
    if trained is None:
        assert not any("readin" in path for path in paths)
        assert any("readout" in path for path in paths)
    else:
        assert paths
        assert all(any(name in path for name in trained) for path in paths)


def test_read_in_and_read_out_start_at_the_alignment():
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(n, 3)).astype(np.float32) for n in (4, 6)]
    means = [rng.random(4).astype(np.float32), None]
    sessions = [
        session(name, n_channels=n, alignment_matrix=a, alignment_bias=m)
        for name, n, a, m in zip("ab", (4, 6), matrices, means, strict=True)
    ]
    architecture = small_architecture(sessions=("a", "b"), channels=(4, 6))
    arrays = to_tf1(Lfads(architecture, sessions).network)
    np.testing.assert_allclose(arrays["LFADS_x_2_infac_a.h5_W:0"], matrices[0])
    np.testing.assert_allclose(
        arrays["LFADS_x_2_infac_a.h5_b:0"][0], -means[0] @ matrices[0], rtol=1e-6
    )
    np.testing.assert_allclose(arrays["LFADS_glm_fac_2_logrates_b.h5_W:0"], matrices[1].T)
    np.testing.assert_allclose(arrays["LFADS_glm_fac_2_logrates_a.h5_b:0"][0], means[0])
    # The bias of one session does not leak into another.
    np.testing.assert_array_equal(arrays["LFADS_glm_fac_2_logrates_b.h5_b:0"], 0)
    np.testing.assert_array_equal(arrays["LFADS_x_2_infac_b.h5_b:0"], 0)


def test_dropout_acts_in_training_only():
    model = with_certain_posterior(Lfads(small_architecture(ic_post_var_min=0.0, keep_prob=0.5)))
    batch = batch_of(model, trials(4, 7, 6))
    costs = {figures(model, batch)["recon"] for _ in range(2)}
    noisy = {figures(model, batch, training=True)["recon"] for _ in range(2)}
    assert len(costs) == 1
    assert len(noisy) == 2
