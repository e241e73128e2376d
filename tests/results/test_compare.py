from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from lfads_nb.results import metrics
from lfads_nb.results.compare import compare
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.sweep.params import RunParams
from lfads_nb.vocabulary import FIGURES

PARAMS = RunParams(spike_bin_ms=10, co_dim=0, factors_dim=3, gen_dim=12, name="first")


def test_a_row_for_each_run_with_what_was_set_differently(make_run):
    runs = [make_run(PARAMS), make_run(PARAMS.copy(factors_dim=5, gen_dim=8, name="second"))]
    frame = compare([run.folder for run in runs])
    assert list(frame.index) == [f"single_dataset001__{run.params.param_name}" for run in runs]
    assert frame["factors_dim"].tolist() == [3, 5]
    assert frame["gen_dim"].tolist() == [12, 8]
    # A label and what is the same in both are not what was set differently.
    assert "name" not in frame
    assert "co_dim" not in frame
    assert frame["best_total_valid"].tolist() == [217.7, 217.7]
    assert frame["best_epoch"].tolist() == [28, 28]
    for run in runs:
        pm = PosteriorMeans.open(run.folder, run.params, run.datasets)
        valid = pm.valid_inds
        row = frame.loc[f"single_dataset001__{run.params.param_name}"]
        assert row["r2_truth"] == metrics.r2(pm.true_rates[valid], pm.rates[valid]).pooled
        assert row["bits_per_spike"] == metrics.bits_per_spike(
            pm.counts[valid], pm.rates[valid] / 100
        )
        assert 0 < row["r2_psth"] < 1


def test_unfinished_runs_have_what_there_is(make_run):
    run = make_run(PARAMS, kinds=())
    bare = make_run(PARAMS.copy(factors_dim=4), kinds=())
    bare.folder.fit_log.unlink()
    bare.folder.status_json.write_text(json.dumps({"schema": 1, "state": "queued"}))
    frame = compare([run.folder, bare.folder])
    assert frame["state"].tolist() == ["prepared", "queued"]
    assert frame["epochs"].tolist() == [30, 0]
    assert frame["best_total_valid"].isna().tolist() == [False, True]
    assert frame["r2_truth"].isna().all()
    assert (frame["problem"] == "").all()


def test_a_broken_run_says_why_and_spares_the_others(make_run):
    good, bad = make_run(PARAMS), make_run(PARAMS.copy(factors_dim=4))
    path = bad.folder.posterior_means("dataset001", "train")
    path.write_bytes(path.read_bytes()[:100])
    frame = compare([good.folder, bad.folder])
    assert frame["problem"].iloc[0] == ""
    assert "cannot be read as HDF5" in frame["problem"].iloc[1]
    assert np.isfinite(frame["r2_truth"].iloc[0])
    assert frame["best_total_valid"].tolist() == [217.7, 217.7]


def test_sessions_of_a_stitched_run_are_averaged(make_run):
    run = make_run(PARAMS, datasets={"a": {"n_neurons": 4}, "b": {"n_neurons": 7, "seed": 1}})
    each = []
    for name in "ab":
        pm = PosteriorMeans.open(run.folder, run.params, run.datasets, dataset=name)
        each.append(metrics.r2(pm.true_rates[pm.valid_inds], pm.rates[pm.valid_inds]).pooled)
    assert compare([run.folder])["r2_truth"].iloc[0] == pytest.approx(np.mean(each))


def test_the_state_of_a_run_is_what_it_says_itself(make_run):
    run = make_run(PARAMS)
    live = SimpleNamespace(
        name="mine",
        folder=run.folder,
        params=run.params,
        spec=SimpleNamespace(dataset_names=run.datasets),
        status=lambda: SimpleNamespace(state=SimpleNamespace(value="interrupted")),
    )
    frame = compare([live], with_rates=False)
    assert frame.loc["mine", "state"] == "interrupted"
    assert "r2_truth" not in frame


def test_nothing_to_compare_is_an_empty_table():
    assert compare([]).empty


def test_every_column_that_is_measured_is_declared(make_run):
    run = make_run(PARAMS)
    known = {"spec", "setting", "state", "problem", "verdict", "verdict_level", "verdict_text"}
    assert set(compare([run.folder]).columns) - known <= set(FIGURES)


def test_scores_of_the_benchmark_and_of_test_trials_have_their_own_columns(make_run):
    run = make_run(PARAMS)
    folder = run.folder.path / "nlb"
    folder.mkdir()
    scores = [{"mc_maze_scaling_split": {"[100] co-bps": 0.2, "[100] vel R2": 0.8}}]
    (folder / "scores.json").write_text(json.dumps({"schema": 1, "scores": scores}))
    row = compare([run.folder]).iloc[0]
    assert (row["nlb_co_bps"], row["nlb_vel_r2"]) == (0.2, 0.8)
    assert np.isnan(row["nlb_tp_corr"])
    assert "test_bits_per_spike" in row
    (folder / "scores.json").write_text('{"scores": [[1]]}')
    assert np.isnan(compare([run.folder]).iloc[0]["nlb_co_bps"])
