"""Run folders as a finished run leaves them, made without any training."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from lfads_nb.datasets.behavior import Signal, write_signals
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams


@dataclass(frozen=True)
class FakeSession:
    """What a fake run's session is made of; arrays are trials x bins x units, in trial order."""

    name: str
    counts: np.ndarray
    raw_counts: np.ndarray
    truth: np.ndarray
    outputs: dict[str, np.ndarray]
    inds: dict[str, np.ndarray]
    condition_ids: np.ndarray | None
    behavior: dict[str, Signal] = field(default_factory=dict)
    columns: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class FakeRun:
    """A run folder and all that was written into it."""

    folder: RunFolder
    params: RunParams
    sessions: dict[str, FakeSession] = field(default_factory=dict)

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(self.sessions)

    @property
    def session(self) -> FakeSession:
        return next(iter(self.sessions.values()))


def _split(n_trials: int, test: bool) -> dict[str, np.ndarray]:
    trials = np.arange(n_trials)
    inds = {"valid": trials[::5], "train": trials[trials % 5 != 0]}
    if test:
        inds["test"], inds["train"] = inds["train"][::4], np.delete(inds["train"], np.s_[::4])
    return inds


def _latents(rng: np.random.Generator, conditions: np.ndarray, n_bins: int, n_factors: int) -> Any:
    """Rotations from a start that depends on the condition: (trials, bins, factors)."""
    time = np.linspace(0, 1, n_bins)[:, None]
    turn = 2 * np.pi * (1 + np.arange(n_factors)) / 3
    phase = 2 * np.pi * conditions / max(conditions.max() + 1, 1)
    phase = phase + rng.normal(0, 0.15, len(conditions))
    return np.sin(turn * time + phase[:, None, None] + np.arange(n_factors) * 0.7)


def fake_session(
    name: str,
    params: RunParams,
    *,
    n_trials: int = 60,
    n_bins: int = 20,
    n_neurons: int = 9,
    n_conditions: int = 4,
    test: bool = False,
    conditions: str | None = "numbers",
    condition_names: Sequence[str] = (),
    posterior_sd: bool = False,
    seed: int = 0,
    ratio: int = 2,
    behavior: bool = False,
    columns: dict[str, np.ndarray] | None = None,
) -> FakeSession:
    rng = np.random.default_rng(seed)
    condition = np.arange(n_trials) % n_conditions
    factors = _latents(rng, condition, n_bins, params.factors_dim)
    readout = rng.normal(0, 0.6, (params.factors_dim, n_neurons))
    truth = np.exp(factors @ readout + np.log(0.015 * params.spike_bin_ms))
    fine = np.repeat(truth / ratio, ratio, axis=1)
    raw_counts = rng.poisson(fine)
    counts = raw_counts.reshape(n_trials, n_bins, ratio, n_neurons).sum(axis=2)
    inferred = truth * np.exp(rng.normal(0, 0.1, truth.shape))
    outputs = {
        "factors": factors + rng.normal(0, 0.03, factors.shape),
        "gen_states": rng.normal(size=(n_trials, n_bins, params.gen_dim)),
        "gen_ics": rng.normal(size=(n_trials, params.gen_dim)),
        "output_dist_params": inferred,
        "post_g0_mean": rng.normal(size=(n_trials, params.ic_dim)),
        "post_g0_logvar": np.full((n_trials, params.ic_dim), -3.0),
        "prior_g0_mean": np.zeros((n_trials, params.ic_dim)),
        "prior_g0_logvar": np.full((n_trials, params.ic_dim), np.log(0.1)),
        "costs": rng.normal(200, 5, n_trials),
        "nll_bound_vaes": rng.normal(190, 5, n_trials),
        "nll_bound_iwaes": rng.normal(185, 5, n_trials),
        "train_steps": np.full(n_trials, 600.0),
    }
    if params.co_dim:
        outputs["controller_outputs"] = rng.normal(size=(n_trials, n_bins, params.co_dim))
    if params.output_dist == "gaussian":
        variances = np.full(inferred.shape, 0.25)
        outputs["output_dist_params"] = np.concatenate([inferred, variances], axis=-1)
    if posterior_sd:
        outputs["output_dist_params_sd"] = 0.1 * inferred
        outputs["factors_sd"] = np.full(factors.shape, 0.03)
    ids: Any = condition if conditions == "numbers" else None
    if conditions == "text":
        ids = np.array([f"reach <{c}>" for c in condition])
    if condition_names:
        ids = np.array(condition_names)[condition]
    moved = factors[..., :2] + rng.normal(0, 0.1, (n_trials, n_bins, 2)) if behavior else None
    signals = {} if moved is None else {"hand_vel": Signal(moved, "mm/s", ("x", "y"))}
    return FakeSession(
        name, counts, raw_counts, truth, outputs, _split(n_trials, test), ids, signals,
        columns or {},
    )  # fmt: skip


def _write_inputs(run: RunFolder, session: FakeSession, params: RunParams, info: bool) -> None:
    run.input.mkdir(parents=True, exist_ok=True)
    with h5py.File(run.input_file(session.name), "w") as file:
        for split, trials in session.inds.items():
            file[f"{split}_data"] = session.counts[trials].astype(np.int64)
            file[f"{split}_truth"] = session.truth[trials]
            file[f"{split}_inds"] = (trials + 1).astype(float)
        file["conversion_factor"] = 0.5
        if session.behavior:
            write_signals(file.create_group("behavior"), session.behavior)
    if not info:
        return
    raw_bin = params.spike_bin_ms / 2
    content = {
        "trainInds": (session.inds["train"] + 1).astype(float)[:, None],
        "validInds": (session.inds["valid"] + 1).astype(np.uint16)[:, None],
        "paramInputDataHash": params.data_hash,
        "seq_timeVector": -100 + np.arange(session.raw_counts.shape[1]) * raw_bin,
        "seq_binSizeMs": raw_bin,
        "counts": session.raw_counts.transpose(2, 1, 0).astype(float),
    }
    if "test" in session.inds:
        content["testInds"] = (session.inds["test"] + 1).astype(float)[:, None]
    if session.condition_ids is not None:
        ids = session.condition_ids
        content["conditionId"] = (ids.astype(object) if ids.dtype.kind == "U" else ids)[:, None]
    if session.columns:
        content["trialColumnNames"] = np.array(list(session.columns), dtype=object)
        stored = np.empty(len(session.columns), dtype=object)
        stored[:] = [values[:, None] for values in session.columns.values()]
        content["trialColumns"] = stored
    scipy.io.savemat(run.input_info(session.name), content)


def _write_outputs(run: RunFolder, session: FakeSession, kind: Any, rows: int | None) -> None:
    run.output.mkdir(parents=True, exist_ok=True)
    for split, trials in session.inds.items():
        with h5py.File(run.posterior_means(session.name, split, kind), "w") as file:
            for key, values in session.outputs.items():
                file.create_dataset(key, data=values[trials][:rows], compression="gzip")


def _fit_log_text(n_epochs: int = 30, *, ramp: int = 10, steps: int = 5, start: int = 0) -> str:
    lines = []
    for epoch in range(n_epochs):
        step, weight = start + (epoch + 1) * steps, min(1, (start / steps + epoch + 1) / ramp)
        recon, kl = 200 + 80 * np.exp(-epoch / 8), 10 + 300 * np.exp(-epoch / 2)
        over = 0.02 * max(epoch - 20, 0) ** 2
        lines.append(
            f"epoch,{epoch}, step,{step}, "
            f"total,{recon + weight * kl:.2f},{recon + 4 + over + weight * kl:.2f}, "
            f"      recon,{recon:.2f},{recon + 4 + over:.2f}, kl,{kl:.2f},{kl - 1:.2f}, "
            f"l2,{20 / (epoch + 1):.5f},       klweight,{weight:.2f}, l2weight,{weight:.2f}"
        )
    return "\n".join(lines) + "\n"


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., FakeRun]:
    """Make a run folder; the options say what is odd about it."""

    def make(
        params: RunParams | None = None,
        *,
        datasets: dict[str, dict[str, Any]] | None = None,
        kinds: tuple[str, ...] = ("posterior_sample_and_average",),
        info: bool = True,
        rows: int | None = None,
        log: str | None = None,
        spec: str = "single_dataset001",
        **session_options: Any,
    ) -> FakeRun:
        params = params or RunParams(
            spike_bin_ms=10, co_dim=0, factors_dim=3, gen_dim=12, ic_dim=6, kl_increase_steps=50,
            l2_increase_steps=50,
        )  # fmt: skip
        run = RunFolder(tmp_path / "example" / params.param_name / spec)
        sessions = {
            name: fake_session(name, params, **{**session_options, **options})
            for name, options in (datasets or {"dataset001": {}}).items()
        }
        for session in sessions.values():
            _write_inputs(run, session, params, info)
            for kind in kinds:
                _write_outputs(run, session, kind, rows)
        run.output.mkdir(parents=True, exist_ok=True)
        run.fit_log.write_text(_fit_log_text() if log is None else log)
        record = {
            "schema": 1, "collection": "example", "spec": spec,
            "name": f"{spec}__{params.param_name}", "param_hash": params.param_hash,
            "data_hash": params.data_hash, "params": params.set_values(),
            "datasets": list(sessions), "package_version": "0.1.0",
        }  # fmt: skip
        run.run_json.write_text(json.dumps(record))
        return FakeRun(run, params, sessions)

    return make


@pytest.fixture
def fit_log_text() -> Callable[..., str]:
    """Write a log of so many epochs."""
    return _fit_log_text
