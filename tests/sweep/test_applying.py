"""A trained run applied to other data: files in a run's layout."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from lfads_nb.cli import program
from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.errors import CollectionError, ParamsError
from lfads_nb.results.run_view import RunView
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from lfads_nb.sweep.applying import fitting_sessions, merged_recording

pytestmark = pytest.mark.training

PARAMS = RunParams(
    spike_bin_ms=2, factors_dim=3, gen_dim=5, ic_dim=4, ic_enc_dim=4, ci_enc_dim=3, con_dim=4,
    co_dim=1, batch_size=8, device="/cpu:0", max_epochs=1, num_samples_posterior=3,
    posterior_mean_kind="posterior_push_mean", use_alignment_matrix=False,
)  # fmt: skip


def counts(n_trials=20, n_bins=20, n_channels=6, seed=0, **fields):
    rng = np.random.default_rng(seed)
    return Counts.from_bins(rng.poisson(0.5, (n_trials, n_bins, n_channels)), 1.0, **fields)


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A run of two sessions of 6 and 7 channels, trained for an epoch."""
    from lfads_nb.model import stages

    folder = tmp_path_factory.mktemp("applying")
    datasets = DatasetCollection(folder / "datasets")
    for name, n_channels in (("one", 6), ("two", 7)):
        write_counts(
            folder / "datasets" / f"{name}.h5",
            counts(n_channels=n_channels, condition_ids=np.arange(20) % 2),
        )
        datasets.add(f"{name}.h5")
    rc = RunCollection(folder / "runs", "applied", datasets, params=[PARAMS])
    rc.add_run_spec(RunSpec("both", datasets, [0, 1]))
    rc.prepare()
    run = rc.runs[0]
    for stage in (stages.train, stages.export_weights, stages.sample_posterior):
        stage(run.folder, run.params, run.spec.dataset_names)
    return rc


@pytest.fixture
def run(collection):
    return collection.runs[0]


def test_the_training_data_applied_give_the_stored_outputs_in_the_same_order(run, tmp_path):
    applied = run.apply(run.datasets[1], folder=tmp_path / "again")
    stored, again = run.posterior_means("two"), applied.posterior_means()
    for field in ("rates", "factors", "controller_outputs", "generator_states", "post_g0_mean"):
        np.testing.assert_allclose(again.field(field)[:], stored.field(field)[:], atol=1e-5)
    assert set(again.splits) == {"test"}
    np.testing.assert_array_equal(again.condition_ids, stored.condition_ids)
    np.testing.assert_array_equal(again.time_ms, stored.time_ms)


def test_what_is_written_is_a_folder_like_a_runs(run):
    applied = run.apply(counts(5, n_bins=40, seed=3, name="new day"))
    assert applied.folder.path == run.folder.path / "applied" / "new day"
    view = RunView.of(applied.folder.path)
    assert view.datasets == ("new day",)
    pm = view.posterior_means()
    assert pm.rates.shape == (5, 20, 6)
    np.testing.assert_allclose(pm.counts, counts(5, n_bins=40, seed=3).rebin(2).counts)
    content = json.loads((applied.folder.path / "applied.json").read_text())
    assert content == {
        "schema": 1, "run": "../..", "session": "one", "kind": "posterior_push_mean",
        "n_samples": 3,
    }  # fmt: skip


def test_another_result_replaces_the_old_one_whole(run, tmp_path):
    run.apply(counts(5), folder=tmp_path, kind="posterior_sample_and_average", name="x")
    run.apply(counts(4), folder=tmp_path, name="x")
    assert RunView.of(tmp_path).posterior_means().rates.shape[0] == 4
    assert len(list((tmp_path / "lfadsOutput").glob("model_runs_*"))) == 1


def test_a_recording_is_cut_inferred_and_merged_around_its_gap(run, tmp_path):
    recording = counts(1, n_bins=200, name="day").counts.astype(float)
    recording[0, 90:100] = np.nan
    applied = run.apply(
        Counts.from_bins(recording, 1.0, allow_missing=True, name="day"), folder=tmp_path
    )
    pm = applied.posterior_means()
    assert pm.rates.shape[1:] == (10, 6)
    merged = merged_recording(pm.rates, pm)
    assert merged.shape == (100, 6)
    gap = np.isnan(merged).all(axis=1)
    assert np.flatnonzero(gap).tolist() == list(range(45, 50))


@pytest.mark.parametrize("place", ["another run", "collection", "folder of papers"])
def test_results_for_other_data_never_overwrite_what_is_in_a_folder(run, tmp_path, place):
    folder = tmp_path / place
    folder.mkdir()
    names = {"another run": "run.json", "collection": "collection.json"}
    kept = folder / names.get(place, "paper.tex")
    kept.write_text("precious")
    with pytest.raises(CollectionError, match="choose a new folder"):
        run.apply(counts(), folder=folder, name="x", session="one")
    assert [path.name for path in folder.iterdir()] == [kept.name]
    assert kept.read_text() == "precious"


def test_data_that_do_not_fit_say_what_would(run, tmp_path):
    with pytest.raises(ParamsError, match=r"5 channels.*one \(6\), two \(7\)"):
        run.apply(counts(n_channels=5), folder=tmp_path / "new")
    with pytest.raises(CollectionError, match="own folder"):
        run.apply(counts(), folder=run.folder.path, name="x")
    with pytest.raises(CollectionError, match="cannot name a dataset"):
        run.apply(counts(), name="../x", folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert fitting_sessions(run, 7) == ["two"]
    assert fitting_sessions(run, 5) == []


def test_infer_in_a_terminal(run, tmp_path):
    write_counts(tmp_path / "more.h5", counts(3, n_channels=7))
    answer = CliRunner().invoke(
        program,
        ["infer", str(run.folder.path), str(tmp_path / "more.h5"), "--out", str(tmp_path / "o")],
    )
    assert answer.exit_code == 0, answer.output
    assert RunView.of(tmp_path / "o").posterior_means().rates.shape == (3, 10, 7)
    wrong = CliRunner().invoke(
        program, ["infer", str(run.folder.path), str(tmp_path / "more.h5"), "--session", "three"]
    )
    assert wrong.exit_code == 1


def test_prior_samples_are_what_the_model_makes_up_without_data(run):
    samples = run.prior_samples(7)
    assert samples["rates"].shape == (7, 10, 6)
    assert samples["rates_two"].shape == (7, 10, 7)
    assert samples["controller_outputs"].shape == (7, 10, 1)
    # The read-out of the factors is the first session's.
    imputed = run.trained_params().impute_rates(samples["factors"], 2)[..., :6]
    np.testing.assert_allclose(samples["rates"], imputed, rtol=1e-4)
    np.testing.assert_array_equal(run.prior_samples(7)["rates"], samples["rates"])
    told = CliRunner().invoke(program, ["prior", str(run.folder.path), "--samples", "3"])
    assert told.exit_code == 0, told.output
    assert "rates_two (3, 10, 7)" in told.output
    assert run.folder.prior_samples.is_file()
