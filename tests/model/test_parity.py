"""Old weights give the outputs that TF1 gave, and those of the equations where TF1 left none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.special import gammaln

from lfads_nb.model import stages
from tests.model.numpy_lfads import NumpyLfads
from tests.model.tf1_folders import write_folder

TF1 = Path(__file__).parent / "parity"
CASES = ("single_no_controller", "single_controller")
PUSH_MEAN, AVERAGE = "posterior_push_mean", "posterior_sample_and_average"
COSTS = ("costs", "nll_bound_vaes", "nll_bound_iwaes")


def read(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {key: np.asarray(file[key]) for key in file}


def written(folder: Path, kind: str, dataset: str = "dataset001") -> dict[str, dict]:
    return {
        split: read(folder / f"model_runs_{dataset}.h5_{split}_{kind}")
        for split in ("train", "valid")
    }


@pytest.mark.parametrize("case", CASES)
def test_push_mean_of_old_weights_equals_that_of_tf1(case, tmp_path):
    stages.sample_folder(TF1 / case, PUSH_MEAN, output=tmp_path)
    ours, theirs = written(tmp_path, PUSH_MEAN), written(TF1 / case / "lfadsOutput", PUSH_MEAN)
    for split in ("train", "valid"):
        assert set(ours[split]) == set(theirs[split])
        for name, array in theirs[split].items():
            assert ours[split][name].dtype == np.float64
            assert ours[split][name].shape == array.shape
            if name not in COSTS:
                np.testing.assert_allclose(ours[split][name], array, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_sample_command_says_what_it_wrote(tmp_path):
    command = [sys.executable, "-m", "lfads_nb", "sample", str(TF1 / CASES[0])]
    done = subprocess.run(
        [*command, "--kind", PUSH_MEAN, "--output", str(tmp_path)],
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    named = [Path(line).name for line in done.stdout.splitlines()]
    assert sorted(named) == sorted(path.name for path in tmp_path.iterdir())
    assert len(named) == 2
    ours, theirs = written(tmp_path, PUSH_MEAN), written(TF1 / CASES[0] / "lfadsOutput", PUSH_MEAN)
    np.testing.assert_allclose(
        ours["valid"]["factors"], theirs["valid"]["factors"], rtol=0, atol=1e-5
    )


def test_push_mean_costs_are_each_trials_share_of_tf1s_batch_cost(tmp_path):
    # TF1 stored the mean over its batch of 10 trials, for a model without random inputs.
    stages.sample_folder(TF1 / CASES[0], PUSH_MEAN, output=tmp_path)
    ours = written(tmp_path, PUSH_MEAN)["valid"]
    theirs = written(TF1 / CASES[0] / "lfadsOutput", PUSH_MEAN)["valid"]
    for name in ("costs", "nll_bound_vaes"):
        assert ours[name][:10].mean() == pytest.approx(theirs[name][0], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_sample_averages_of_old_weights_equal_those_of_tf1_within_sampling_error(case, tmp_path):
    stages.sample_folder(TF1 / case, AVERAGE, 256, tmp_path)
    ours, theirs = written(tmp_path, AVERAGE), written(TF1 / case / "lfadsOutput", AVERAGE)
    for split in ("train", "valid"):
        assert set(ours[split]) == set(theirs[split])
        # Standard deviations of single samples are below these.
        for name, sd in (("output_dist_params", 1.0), ("factors", 0.3), ("gen_states", 0.4)):
            difference = ours[split][name] - theirs[split][name]
            assert np.abs(difference).max() < 5 * sd * np.sqrt(2 / 256)
            assert abs(difference.mean()) < 5e-3
        costs = ours[split]["costs"] - theirs[split]["costs"]
        # The cost of a single sample deviates by less than 3 nats.
        assert abs(costs.mean()) < 5 * 3 * np.sqrt(2 / (256 * costs.size))
        for name in ("nll_bound_vaes", "costs"):
            np.testing.assert_allclose(ours[split][name], theirs[split][name], atol=1.5)


SESSIONS = {"monday": 6, "tuesday": 9}
COMBINATIONS = {
    "stitched, external inputs to the encoders, causal": (
        SESSIONS, {"ext_input_dim": 2, "do_causal_controller": True},
    ),
    "stitched, aligned, external inputs to the generator": (
        SESSIONS, {"ext_input_dim": 3, "inject_ext_input_to_gen": True, "aligned": True},
    ),
    "gaussian, learned prior": (
        {"a": 8},
        {
            "output_dist": "gaussian", "co_dim": 0, "ic_prior_var_min": 0.01,
            "ic_prior_var_scale": 0.1, "ic_prior_var_max": 1.0,
        },
    ),
    "gaussian, stitched, controller": (SESSIONS, {"output_dist": "gaussian"}),
    "external inputs to a generator without controller": (
        {"a": 8},
        {
            "ext_input_dim": 2, "inject_ext_input_to_gen": True, "co_dim": 0,
            "num_steps_for_gen_ic": 4, "ic_post_var_min": 0.0,
        },
    ),
    "rates fed back, lag 2": (
        {"a": 8}, {"feedback_factors_or_rates": "rates", "controller_input_lag": 2},
    ),
    "as many factors as channels, rates fed back": (
        {"a": 4}, {"feedback_factors_or_rates": "rates", "controller_input_lag": 0},
    ),
    "one learned initial state, no feedback, one input": (
        {"a": 8}, {"ic_dim": 0, "do_feed_factors_to_controller": False, "co_dim": 1},
    ),
    "one aligned session, g0 used as it is, lag beyond the trial": (
        {"a": 8}, {"ic_dim": 7, "aligned": True, "controller_input_lag": 20},
    ),
    "states that reach the clip": ({"a": 8}, {"cell_clip_value": 0.3}),
}  # fmt: skip


@pytest.mark.usefixtures("op_by_op")
@pytest.mark.parametrize("name", COMBINATIONS)
def test_push_mean_equals_the_equations_in_numpy(name, tmp_path):
    channels, changes = COMBINATIONS[name]
    settings, arrays = write_folder(tmp_path / "run", channels, **changes)
    stages.sample_folder(tmp_path / "run", PUSH_MEAN, output=tmp_path / "out")
    model = NumpyLfads(settings, arrays)
    for dataset in channels:
        data = read(tmp_path / "run" / "lfadsInput" / f"lfads_{dataset}.h5")
        for split, ours in written(tmp_path / "out", PUSH_MEAN, dataset).items():
            counts = data[f"{split}_data"]
            expected = model.push_mean(dataset, counts, data.get(f"{split}_ext_input"))
            for key in set(expected) - {"co_logvars"}:
                np.testing.assert_allclose(ours[key], expected[key], rtol=1e-5, atol=1e-5)
            recon = -log_likelihood(counts, expected["output_dist_params"], settings)
            kl = model.kl_g0(expected) if settings["ic_dim"] else 0.0
            if settings["co_dim"]:
                kl = kl + model.kl_inputs_at_means(expected)
            half_risen = 0.5
            cost = recon + half_risen * kl + half_risen * model.l2()
            np.testing.assert_allclose(ours["nll_bound_vaes"], recon + kl, rtol=1e-4)
            np.testing.assert_allclose(ours["costs"], cost, rtol=1e-4)


def log_likelihood(x, params, settings):
    """Log probability of each trial in nats, with all constants."""
    if settings["output_dist"] == "poisson":
        log_p = x * np.log(params) - params - gammaln(x + 1)
    else:
        mean, var = np.split(params, 2, axis=-1)
        log_p = -0.5 * (np.log(2 * np.pi * var) + (x - mean) ** 2 / var)
    return log_p.sum(axis=(1, 2))
