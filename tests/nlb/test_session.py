from __future__ import annotations

import functools
import json

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from lfads_nb.cli import program
from lfads_nb.datasets import DatasetCollection
from lfads_nb.datasets.readers import recognise_format
from lfads_nb.errors import DataError
from lfads_nb.nlb import evaluate, nlb_params, read_groups, read_nlb, score_run
from lfads_nb.nlb.run_scores import read_scores
from lfads_nb.sweep import RunCollection, RunSpec

TINY = {
    "factors_dim": 3, "gen_dim": 6, "ic_dim": 4, "ic_enc_dim": 5, "ci_enc_dim": 4, "con_dim": 4,
    "co_dim": 1, "device": "/cpu:0", "max_epochs": 2, "num_samples_posterior": 2,
}  # fmt: skip


def test_held_out_units_come_last_and_the_time_to_predict_at_the_end(nlb_file):
    counts = read_nlb(nlb_file("mc_maze"), "mc_maze")
    params = nlb_params(counts)
    assert counts.counts.shape == (24, 180, 11)
    assert (params.heldout_channels, params.forward_prediction_bins) == (3, 40)
    assert (params.spike_bin_ms, params.split, params.batch_size) == (5, "column", 14)
    assert params.kl_increase_steps == 80
    assert params.kl_ic_weight == pytest.approx(10**-4.5 * 180 * 11)


def test_the_sessions_counts_are_the_targets_counts(nlb_file):
    from lfads_nb.nlb import nlb_dataset
    from lfads_nb.nlb.recording import NlbRecording
    from lfads_nb.nlb.targets import make_targets

    counts = read_nlb(nlb_file("mc_maze"), "mc_maze", bin_ms=20)
    targets = make_targets(NlbRecording(nlb_file("mc_maze")), nlb_dataset("mc_maze"), 20)
    evaluated = counts.trial_columns["nlb_split"] == "val"
    assert counts.trial_columns["split"][evaluated].tolist() == ["test"] * 6
    np.testing.assert_array_equal(
        counts.counts[evaluated][:, :35, -3:], targets["eval_spikes_heldout"]
    )
    np.testing.assert_array_equal(
        counts.counts[evaluated][:, 35:, :-3], targets["eval_spikes_heldin_forward"]
    )


def test_the_sessions_behaviour_is_what_the_benchmark_decodes(nlb_file):
    from lfads_nb.nlb import nlb_dataset
    from lfads_nb.nlb.recording import NlbRecording
    from lfads_nb.nlb.targets import make_targets

    counts = read_nlb(nlb_file("mc_maze"), "mc_maze")
    targets = make_targets(NlbRecording(nlb_file("mc_maze")), nlb_dataset("mc_maze"), 5)
    velocity = counts.behavior["hand_vel"]
    assert (velocity.unit, velocity.dim_names) == ("m/s", ("x", "y"))
    evaluated = counts.trial_columns["nlb_split"] == "val"
    np.testing.assert_allclose(velocity.values[evaluated][:, :140], targets["eval_behavior"])
    assert not read_nlb(nlb_file("dmfc_rsg"), "dmfc_rsg").behavior


def test_every_fifth_training_trial_validates(nlb_file):
    split = read_nlb(nlb_file("mc_maze"), "mc_maze").trial_columns["split"]
    in_training = split[split != "test"]
    assert np.flatnonzero(in_training == "valid").tolist() == [0, 5, 10, 15]


@pytest.fixture(scope="module")
def server_file(nlb_file, tmp_path_factory):
    """The benchmark's own test trials: held-in units alone, all trials of the split `test`."""
    path = tmp_path_factory.mktemp("server") / "test.nwb"
    path.write_bytes(nlb_file("mc_maze", with_heldout=False, n_heldin=8, seed=1).read_bytes())
    with h5py.File(path, "r+") as file:
        del file["intervals/trials/split"]
        n = len(file["intervals/trials/id"])
        file["intervals/trials"].create_dataset(
            "split", data=["test"] * n, dtype=h5py.string_dtype()
        )
        file["units/id"][...] = [unit for unit in range(11) if unit % 3 != 2]
    return path


def test_the_servers_test_trials_join_with_what_is_kept_back_missing(nlb_file, server_file):
    counts = read_nlb(nlb_file("mc_maze"), "mc_maze", phase="test", test_path=server_file)
    assert counts.counts.shape == (48, 180, 11)
    assert np.isnan(counts.counts[24:, :, 8:]).all()
    assert np.isfinite(counts.counts[24:, :140, :8]).all()
    assert counts.trial_columns["split"][24:].tolist() == ["test"] * 24
    assert "test" not in counts.trial_columns["split"][:24]


def test_another_sessions_test_file_is_refused(nlb_file, server_file, tmp_path):
    path = tmp_path / "other.nwb"
    path.write_bytes(server_file.read_bytes())
    with h5py.File(path, "r+") as file:
        file["units/id"][...] = np.arange(100, 108)
    with pytest.raises(DataError, match="has other units"):
        read_nlb(nlb_file("mc_maze"), "mc_maze", phase="test", test_path=path)


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        ("mc_maze", "sub-Jenkins_ses-full.nwb", "mc_maze"),
        ("mc_maze", "sub-Jenkins_ses-large.nwb", "mc_maze_large"),
        ("mc_maze", "day.nwb", "mc_maze_small"),
        ("mc_rtt", "day.nwb", "mc_rtt"),
        ("area2_bump", "day.nwb", "area2_bump"),
        ("dmfc_rsg", "day.nwb", "dmfc_rsg"),
    ],
)
def test_a_file_of_the_benchmark_opens_by_itself(nlb_file, tmp_path, kind, name, key):
    path = tmp_path / name
    path.write_bytes(nlb_file(kind).read_bytes())
    datasets = DatasetCollection(tmp_path)
    counts = datasets.add(name).load_counts()
    assert recognise_format(path) == "nlb_nwb"
    assert counts.metadata["nlb_dataset"] == key
    assert nlb_params(counts).heldout_channels == 3


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"dataset": "mc_rtt2"}, "no dataset 'mc_rtt2'"),
        ({"dataset": "dmfc_rsg"}, "has no go_time in intervals/trials"),
        ({"dataset": "mc_maze", "bin_ms": 10}, "bins of 5 or 20 ms"),
        ({"dataset": "mc_maze", "phase": "test"}, "needs test_path"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(nlb_file, how, says):
    with pytest.raises(DataError, match=says):
        read_nlb(nlb_file("mc_maze"), **how)


def train_tiny(folder, loader, path):
    from lfads_nb.model import stages

    datasets = DatasetCollection(path.parent)
    datasets.add(path.name, loader=loader)
    params = nlb_params(datasets[0].load_counts(), **TINY)
    rc = RunCollection(folder, "nlb", datasets, params=[params])
    rc.add_run_spec(RunSpec("maze", datasets, [0]))
    rc.prepare()
    run = rc.runs[0]
    for stage in (stages.train, stages.export_weights, stages.sample_posterior):
        stage(run.folder, run.params, run.spec.dataset_names)
    return run


@pytest.fixture(scope="module")
def trained(nlb_file, tmp_path_factory):
    """A tiny run on a file of the benchmark's structure, trained and sampled."""
    loader = functools.partial(read_nlb, dataset="mc_maze")
    return train_tiny(tmp_path_factory.mktemp("runs"), loader, nlb_file("mc_maze"))


@pytest.mark.training
def test_rates_of_the_servers_trials_are_written_and_not_scored(nlb_file, server_file, tmp_path):
    loader = functools.partial(
        read_nlb, dataset="mc_maze", phase="test", test_path=str(server_file)
    )
    run = train_tiny(tmp_path, loader, nlb_file("mc_maze"))
    result = score_run(run, test_path=server_file)
    assert (result.scores, result.targets) == ([], None)
    arrays = read_groups(result.submission)["mc_maze"]
    assert arrays["eval_rates_heldout"].shape == (24, 140, 3)
    assert arrays["train_rates_heldin"].shape == (24, 140, 8)
    rates = run.posterior_means().rates * 0.005
    np.testing.assert_allclose(arrays["eval_rates_heldin"], rates[24:, :140, :8], rtol=1e-5)
    with pytest.raises(DataError, match="needs"):
        score_run(run)


@pytest.mark.training
def test_a_run_is_scored_end_to_end_at_5_and_20_ms(trained):
    result = score_run(trained)
    submission, targets = read_groups(result.submission), read_groups(result.targets)
    assert set(submission) == set(targets) == {"mc_maze", "mc_maze_20"}
    assert submission["mc_maze"]["train_rates_heldin"].shape == (18, 140, 8)
    assert submission["mc_maze_20"]["eval_rates_heldout_forward"].shape == (6, 10, 3)
    fine, coarse = (split[name] for split in result.scores for name in split)
    assert set(fine) == {"co-bps", "vel R2", "psth R2", "fp-bps"} == set(coarse)
    assert evaluate(targets, submission)[0]["mc_maze_split"] == pytest.approx(fine, abs=1e-4)
    assert read_scores(trained.folder.path) == pytest.approx(fine)


@pytest.mark.training
def test_20_ms_rates_are_sums_on_the_benchmarks_own_grid(trained, nlb_file):
    groups = read_groups(score_run(trained).submission)
    counts = trained.datasets[0].load_counts()
    evaluated = np.flatnonzero(counts.trial_columns["nlb_split"] == "val")
    coarse_first = read_nlb(nlb_file("mc_maze"), "mc_maze", bin_ms=20).trial_columns
    shift = 4 * coarse_first["nlb_first_bin"] - counts.trial_columns["nlb_first_bin"]
    assert set(shift) <= {0, 1, 2, 3}
    assert len(set(shift)) > 1
    rates = trained.posterior_means().rates * 0.005
    for place, trial in enumerate(evaluated):
        cut = rates[trial, shift[trial] : shift[trial] + 140, :8]
        expected = cut.reshape(35, 4, 8).sum(axis=1)
        np.testing.assert_allclose(
            groups["mc_maze_20"]["eval_rates_heldin"][place], expected, rtol=1e-5
        )


@pytest.mark.training
def test_the_command_prints_the_scores_and_says_what_is_wrong(trained, tmp_path):
    answer = CliRunner().invoke(program, ["nlb", str(trained.folder.path)])
    assert answer.exit_code == 0, answer.output
    assert "co-bps" in answer.output
    assert "submission.h5" in answer.output
    stored = json.loads((trained.folder.path / "nlb" / "scores.json").read_text())
    assert stored["schema"] == 1
    wrong = CliRunner().invoke(
        program, ["nlb", str(trained.folder.path), "--dataset", "mc_rtt", "--output", str(tmp_path)]
    )
    assert wrong.exit_code == 1
    assert not list(tmp_path.iterdir())
    nowhere = CliRunner().invoke(program, ["nlb", str(tmp_path)])
    assert nowhere.exit_code == 1
