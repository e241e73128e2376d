from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from lfads_nb.errors import DataError, RunFolderError
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.trained_params import KEYS, TrainedParams
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams

ORIGINAL = RunFolder(Path(__file__).parents[1] / "model" / "parity" / "single_controller")


def test_the_original_s_weights_by_the_run_manager_s_names():
    weights = TrainedParams.open(ORIGINAL)
    with h5py.File(ORIGINAL.model_params) as file:
        for name, key in (
            ("gen_to_factors_W", "LFADS_gen_gen_2_fac_W:0"),
            ("ic_enc_fwd_gru_xh_to_gates_ru_W", "LFADS_ic_enc_fwd_GRU_Gates_xh_2_ru_W:0"),
            ("ci_enc_rev_gru_xh_to_ru_b", "LFADS_ci_enc_rev_GRU_Gates_xh_2_ru_b:0"),
            ("con_gengru_rh_to_c_b", "LFADS_con_GenGRU_Candidate_rh_2_c_b:0"),
            ("con_co", "LFADS_con_c0:0"),
            ("gen_gengru_x_to_ru_W", "LFADS_gen_GenGRU_Gates_x_2_ru_W:0"),
            ("ic_enc_to_posterior_g0_logvar_W", "LFADS_z_ic_enc_2_post_g0_logvar_W:0"),
        ):
            np.testing.assert_array_equal(getattr(weights, name), file[key])
        known = {f"LFADS_{key}:0" for key in KEYS.values()}
        others = [k for k in file if "Adam" not in k and "power" not in k and k not in known]
    assert sorted(others) == [
        "LFADS_glm_fac_2_logrates_dataset001.h5_W:0",
        "LFADS_glm_fac_2_logrates_dataset001.h5_b:0",
        "LFADS_global_step:0",
        "LFADS_learning_rate:0",
    ]
    assert weights.dataset_names == ("dataset001",)
    # A single session without alignment is read in as it is, and ic_dim is gen_dim.
    assert weights.x_to_infac_W == {}
    assert weights.g0_to_gen_ic_W is None


def test_rates_follow_from_factors_and_read_out():
    pm = PosteriorMeans.open(
        ORIGINAL, RunParams(spike_bin_ms=10), ["dataset001"], kind="posterior_push_mean"
    )
    imputed = TrainedParams.open(ORIGINAL).impute_rates(pm.factors, spike_bin_ms=10)
    np.testing.assert_allclose(imputed, pm.rates, rtol=2e-5)


def test_factors_follow_from_states_and_the_normalised_matrix():
    pm = PosteriorMeans.open(
        ORIGINAL, RunParams(spike_bin_ms=10), ["dataset001"], kind="posterior_push_mean"
    )
    matrix = TrainedParams.open(ORIGINAL).gen_to_factors_W_normalized
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(pm.generator_states @ matrix, pm.factors, atol=2e-5)


def test_the_prior_of_inputs_in_words_of_the_model():
    weights = TrainedParams.open(ORIGINAL)
    tau, variance = weights.input_prior_tau_bins, weights.input_prior_variance
    np.testing.assert_allclose(np.log(tau), weights.prior_ar1_logatau[0])
    innovation = np.exp(weights.prior_ar1_logevars[0])
    np.testing.assert_allclose(variance * (1 - np.exp(-1 / tau) ** 2), innovation, rtol=1e-5)


@pytest.fixture
def stitched(tmp_path):
    run = RunFolder(tmp_path / "param_x" / "all")
    run.output.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with h5py.File(run.model_params, "w") as file:
        for name, n in (("b_2.h5_x", 3), ("a", 5)):
            file[f"LFADS_x_2_infac_{name}.h5_W:0"] = rng.normal(size=(n, 2))
            file[f"LFADS_glm_fac_2_logrates_{name}.h5_W:0"] = rng.normal(size=(2, n))
            file[f"LFADS_glm_fac_2_logrates_{name}.h5_b:0"] = rng.normal(size=(1, n))
            file[f"LFADS_LFADS_glm_fac_2_logrates_{name}.h5_W_Adam:0"] = np.zeros((2, n))
        file["LFADS_gen_gen_2_fac_W:0"] = rng.normal(size=(7, 2))
    return run


def test_sessions_come_in_the_run_s_order(stitched):
    assert TrainedParams.open(stitched).dataset_names == ("a", "b_2.h5_x")
    names = ["b_2.h5_x.h5", "a.h5"]
    stitched.hyperparameters(0).write_text(json.dumps({"dataset_names": names}))
    weights = TrainedParams.open(stitched)
    assert weights.dataset_names == ("b_2.h5_x", "a")
    assert weights.dataset_idx_concatenated.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert weights.num_channels_by_dataset == {"b_2.h5_x": 3, "a": 5}
    assert weights.num_channels_all_datasets == 8
    assert weights.x_to_infac_W["a"].shape == (5, 2)
    concatenated = weights.factors_to_logrates_W_concatenated
    np.testing.assert_array_equal(concatenated[:, 3:], weights.factors_to_logrates_W["a"])


def test_unrecorded_neurons_are_imputed(stitched):
    weights = TrainedParams.open(stitched, ["a", "b_2.h5_x"])
    factors = np.random.default_rng(1).normal(size=(4, 6, 2))
    rates = weights.impute_rates(factors, spike_bin_ms=20)
    assert rates.shape == (4, 6, 8)
    w, b = weights.factors_to_logrates_W["b_2.h5_x"], weights.factors_to_logrates_b["b_2.h5_x"]
    np.testing.assert_allclose(rates[..., 5:], 50 * np.exp(factors @ w + b))
    with pytest.raises(DataError, match="has 3 factors, but the run has 2"):
        weights.impute_rates(np.zeros((4, 3)), spike_bin_ms=20)


def test_what_is_not_there_is_said(stitched):
    weights = TrainedParams.open(stitched)
    assert weights.con_co is None
    assert weights.input_prior_tau_bins is None
    with pytest.raises(AttributeError, match="no_such"):
        _ = weights.no_such
    with pytest.raises(DataError, match="no such matrix; there are ic_enc_fwd_t0"):
        weights["gen_W"]
    stitched.model_params.unlink()
    with pytest.raises(RunFolderError, match="model_params is missing"):
        TrainedParams.open(stitched)


def test_a_model_without_read_out_cannot_impute(tmp_path):
    path = tmp_path / "model_params"
    with h5py.File(path, "w") as file:
        file["LFADS_gen_gen_2_fac_W:0"] = np.ones((3, 2))
    with pytest.raises(RunFolderError, match="no read-out"):
        TrainedParams.open(path, ["a"]).impute_rates(np.zeros((1, 2)), 10)


def test_it_lists_what_it_holds(stitched):
    shown = repr(TrainedParams.open(stitched))
    assert ".gen_to_factors_W (7, 2)" in shown
    assert "a (5, 2)" in shown
    assert "gen_to_factors_W" in dir(TrainedParams.open(stitched))
