"""Run folders in TF1's format with random weights, for combinations that TF1 left no folder of."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

DEFAULTS = {
    "output_dist": "poisson", "ext_input_dim": 0, "inject_ext_input_to_gen": False,
    "num_steps_for_gen_ic": None, "ic_dim": 5, "factors_dim": 4, "ic_enc_dim": 6, "gen_dim": 7,
    "ci_enc_dim": 5, "con_dim": 6, "co_dim": 2, "controller_input_lag": 1,
    "do_causal_controller": False, "do_feed_factors_to_controller": True,
    "feedback_factors_or_rates": "factors", "ic_prior_var_min": 0.1, "ic_prior_var_scale": 0.1,
    "ic_prior_var_max": 0.1, "ic_post_var_min": 1e-4, "cell_clip_value": 5.0,
    "l2_gen_scale": 500.0, "l2_con_scale": 500.0, "kl_ic_weight": 1.0, "kl_co_weight": 1.0,
    "kl_start_step": 0, "kl_increase_steps": 60, "l2_start_step": 0, "l2_increase_steps": 60,
    "keep_prob": 0.95, "batch_size": 10, "device": "/cpu:0", "do_train_readin": True,
}  # fmt: skip


def variable_shapes(s: dict, channels: dict[str, int], aligned: bool) -> dict[str, tuple[int, int]]:
    """List TF1's variables and their shapes (files_on_disk.md 5.7)."""
    F, G, E, C, K = (
        s[k] for k in ("factors_dim", "gen_dim", "ic_enc_dim", "ci_enc_dim", "con_dim")
    )
    U, n_ic, X = s["co_dim"], s["ic_dim"], s["ext_input_dim"]
    readin = aligned or len(channels) > 1
    n_max = max(channels.values())
    width = (F if readin else n_max) + (0 if s["inject_ext_input_to_gen"] else X)
    shapes: dict[str, tuple[int, int]] = {}

    def affine(name, n_in, n_out):
        shapes[f"{name}_W"], shapes[f"{name}_b"] = (n_in, n_out), (1, n_out)

    for name, n in channels.items():
        if readin:
            affine(f"x_2_infac_{name}.h5", n, F)
        if s["output_dist"] == "gaussian":
            affine(f"glm_fac_2_means_{name}.h5", F, n)
            affine(f"glm_fac_2_logvars_{name}.h5", F, n)
        elif len(channels) > 1 or n != F:
            affine(f"glm_fac_2_logrates_{name}.h5", F, n)
    encoders = [("ic_enc", E, True)] * bool(n_ic) + [
        ("ci_enc", C, not s["do_causal_controller"])
    ] * bool(U)
    for name, units, both in encoders:
        for way in ("fwd", "rev")[: 1 + both]:
            shapes[f"{name}_{way}_{name}_t0_{way}"] = (1, units)
            affine(f"{name}_{way}_GRU_Gates_xh_2_ru", width + units, 2 * units)
            affine(f"{name}_{way}_GRU_Candidate_xrh_2_c", width + units, units)
    if n_ic:
        shapes["z_prior_g0_mean"] = shapes["z_prior_g0_logvar"] = (1, n_ic)
        affine("z_ic_enc_2_post_g0_mean", 2 * E, n_ic)
        affine("z_ic_enc_2_post_g0_logvar", 2 * E, n_ic)
        if n_ic != G:
            affine("gen_g0_2_gen_ic", n_ic, G)
    else:
        shapes["gen_g0"] = (1, G)
    if U:
        shapes["z_u_prior_ar1_logevars"] = shapes["z_u_prior_ar1_logatau"] = (1, U)
        shapes["con_c0"] = (1, K)
        fed = n_max if s["feedback_factors_or_rates"] == "rates" else F
        n_in = C * (1 if s["do_causal_controller"] else 2)
        n_in += fed if s["do_feed_factors_to_controller"] else 0
        shapes["con_GenGRU_Gates_x_2_ru_W"] = (n_in, 2 * K)
        shapes["con_GenGRU_Candidate_x_2_c_W"] = (n_in, K)
        affine("con_GenGRU_Gates_h_2_ru", K, 2 * K)
        affine("con_GenGRU_Candidate_rh_2_c", K, K)
        affine("con_con_to_post_co_mean", K, U)
        affine("con_con_to_post_co_logvar", K, U)
    n_in = U + (X if s["inject_ext_input_to_gen"] else 0)
    if n_in:
        shapes["gen_GenGRU_Gates_x_2_ru_W"] = (n_in, 2 * G)
        shapes["gen_GenGRU_Candidate_x_2_c_W"] = (n_in, G)
    affine("gen_GenGRU_Gates_h_2_ru", G, 2 * G)
    affine("gen_GenGRU_Candidate_rh_2_c", G, G)
    shapes["gen_gen_2_fac_W"] = (G, F)
    return shapes


def write_folder(
    path: Path, channels: dict[str, int], *, aligned: bool = False, n_bins: int = 11, **changes
) -> tuple[dict, dict[str, np.ndarray]]:
    """Write a run folder; return its settings and variables."""
    s = {**DEFAULTS, **changes}
    rng = np.random.default_rng(7)
    shapes = variable_shapes(s, channels, aligned)
    arrays = {
        f"LFADS_{name}:0": rng.normal(0, 0.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    for folder in ("lfadsInput", "lfadsOutput"):
        (path / folder).mkdir(parents=True)
    for name, n in channels.items():
        _write_input(path / "lfadsInput" / f"lfads_{name}.h5", s, n, aligned, n_bins, rng)
    with h5py.File(path / "lfadsOutput" / "model_params", "w") as file:
        for key, array in arrays.items():
            file[key] = array
            file[f"LFADS_{key.removesuffix(':0')}_Adam:0"] = np.zeros_like(array)
        file["LFADS_global_step:0"] = np.int64(30)
        file["LFADS_beta1_power:0"] = np.float32(0.1)
    stored = {k: str(v).lower() if isinstance(v, bool) else v for k, v in s.items()}
    stored["num_steps_for_gen_ic"] = s["num_steps_for_gen_ic"] or n_bins
    files = [f"{name}.h5" for name in channels]
    stored.update(
        kind="train", num_steps=n_bins, ndatasets=len(files), dataset_names=files,
        dataset_dims={f"{name}.h5": n for name, n in channels.items()}, data_dir="elsewhere",
    )  # fmt: skip
    (path / "lfadsOutput" / "hyperparameters-0.txt").write_text(json.dumps(stored))
    return s, arrays


def _write_input(path: Path, s: dict, n: int, aligned: bool, n_bins: int, rng) -> None:
    with h5py.File(path, "w") as file:
        for split, n_trials in (("train", 13), ("valid", 5)):
            shape = (n_trials, n_bins, n)
            gaussian = s["output_dist"] == "gaussian"
            file[f"{split}_data"] = rng.normal(size=shape) if gaussian else rng.poisson(0.7, shape)
            if s["ext_input_dim"]:
                file[f"{split}_ext_input"] = rng.normal(size=(*shape[:2], s["ext_input_dim"]))
        if aligned:
            file["alignment_matrix_cxf"] = rng.normal(size=(n, s["factors_dim"]))
            file["alignment_bias_c"] = rng.random(n)
