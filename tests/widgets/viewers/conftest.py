"""Runs to look at, made without any training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

from lfads_nb.results import PosteriorMeans
from lfads_nb.sweep.params import RunParams
from tests.results.conftest import FakeRun, fit_log_text, make_run  # noqa: F401

with warnings.catch_warnings():
    # bqplot's scales use a form of traitlets that is to go; they say so once, when imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import bqplot  # noqa: F401

PARAMS = RunParams(
    spike_bin_ms=10, co_dim=2, factors_dim=4, gen_dim=8, ic_dim=6, kl_increase_steps=50,
    l2_increase_steps=50,
)  # fmt: skip


def write_weights(run: FakeRun) -> None:
    """Write the weights that viewers look at."""
    rng = np.random.default_rng(3)
    params = run.params
    with h5py.File(run.folder.model_params, "w") as file:
        file["LFADS_z_u_prior_ar1_logevars:0"] = np.log(np.full((1, params.co_dim), 0.1))
        file["LFADS_z_u_prior_ar1_logatau:0"] = np.log(np.full((1, params.co_dim), 10.0))
        recurrence = rng.normal(size=(params.gen_dim, params.gen_dim))
        file["LFADS_gen_GenGRU_Candidate_rh_2_c_W:0"] = recurrence
        for name, session in run.sessions.items():
            readout = rng.normal(size=(params.factors_dim, session.counts.shape[-1]))
            file[f"LFADS_glm_fac_2_logrates_{name}.h5_W:0"] = readout


@pytest.fixture
def open_run(make_run: Callable[..., FakeRun]) -> Callable[..., Any]:  # noqa: F811
    """Make a run and open it: returns the run and its posterior means."""

    def make(params: RunParams = PARAMS, **options: Any) -> tuple[FakeRun, PosteriorMeans]:
        run = make_run(params, posterior_sd=True, **options)
        write_weights(run)
        return run, PosteriorMeans.open(run.folder, run.params, run.datasets)

    return make
