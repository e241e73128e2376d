"""Tiny run folders and networks for tests."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from lfads_nb.model.architecture import Architecture, architecture_of
from lfads_nb.model.inputs import Session, Trials
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams

SMALL = {
    "factors_dim": 3, "gen_dim": 5, "ic_dim": 4, "ic_enc_dim": 4, "ci_enc_dim": 3, "con_dim": 4,
    "co_dim": 0, "batch_size": 8, "device": "/cpu:0", "max_epochs": 2, "kl_increase_steps": 4,
    "l2_increase_steps": 4, "num_samples_posterior": 4,
}  # fmt: skip


def small_params(**changes) -> RunParams:
    return RunParams(**{**SMALL, **changes})


def small_architecture(
    *, sessions=("one",), channels=(6,), n_bins=7, aligned=False, **changes
) -> Architecture:
    return architecture_of(small_params(**changes), sessions, channels, n_bins, aligned=aligned)


def trials(n_trials: int, n_bins: int, n_channels: int, *, seed=0, n_external=0) -> Trials:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.8, (n_trials, n_bins, n_channels))
    return Trials(counts, rng.normal(size=(n_trials, n_bins, n_external)).astype(np.float32))


def session(name="one", *, n_train=20, n_valid=6, n_bins=7, n_channels=6, **more) -> Session:
    splits = {
        "train": trials(n_train, n_bins, n_channels, seed=1),
        "valid": trials(n_valid, n_bins, n_channels, seed=2),
    }
    return Session(name, splits, **more)


def write_inputs(
    path: Path, name="one", *, n_train=20, n_valid=6, n_test=0, n_bins=7, n_channels=6, **arrays
) -> RunFolder:
    """Write one dataset of a run folder; rates follow a slow wave that differs between trials."""
    run = RunFolder(path)
    run.input.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(n_channels)
    sizes = {"train": n_train, "valid": n_valid, "test": n_test}
    with h5py.File(run.input_file(name), "w") as file:
        for split, n in sizes.items():
            if n:
                phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
                wave = np.sin(phase + np.arange(n_bins)[:, None] / 2 + np.arange(n_channels))
                file[f"{split}_data"] = rng.poisson(np.exp(0.7 * wave))
        for key, array in arrays.items():
            if key in file:
                del file[key]
            file[key] = array
    return run
