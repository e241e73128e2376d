from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from lfads_nb.errors import DiskFullError, RunFolderError
from lfads_nb.results.export import export_collection, export_results, write_posterior_means
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.trained_params import TrainedParams
from lfads_nb.sweep.params import RunParams

ORIGINAL = Path(__file__).parents[1] / "model" / "parity" / "single_controller"


@pytest.fixture
def exported(make_run):
    run = make_run(RunParams(spike_bin_ms=10, co_dim=2, factors_dim=3, gen_dim=12))
    shutil.copy(ORIGINAL / "lfadsOutput" / "model_params", run.folder.model_params)
    return run, export_results(run.folder)


def test_files_and_places_are_the_run_manager_s(exported):
    run, paths = exported
    folder = run.folder.path / "export"
    assert paths == [folder / "modelTrainedParams.h5", folder / "posteriorMeans_dataset001.h5"]


def test_posterior_means_are_units_by_time_by_trials(exported):
    run, (_, path) = exported
    pm = PosteriorMeans.open(run.folder, run.params, run.datasets)
    with h5py.File(path) as file:
        assert file["rates"].shape == (9, 20, 60)
        np.testing.assert_array_equal(file["rates"][:, 3, 7], pm.rates[7, 3])
        np.testing.assert_array_equal(file["controller_outputs"][:], pm.controller_outputs.T)
        np.testing.assert_array_equal(file["generator_ics"][:], pm.generator_ics.T)
        np.testing.assert_array_equal(file["costs"][:, 0], pm.costs)
        np.testing.assert_array_equal(file["rawCounts"][:], run.session.raw_counts.T)
        assert file["validInds"][:3, 0].tolist() == [1, 6, 11]
        assert file["trainInds"].shape == (48, 1)
        np.testing.assert_array_equal(file["time"][:, 0], pm.time_ms)
        assert file["conditionIds"][:5, 0].tolist() == [0, 1, 2, 3, 0]
        assert file["datasetIndexByTrial"][0, 0] == 1
        scalars = {name: file[name][0, 0] for name in ("T", "nTrials", "nNeurons", "binWidthMs")}
        assert scalars == {"T": 20, "nTrials": 60, "nNeurons": 9, "binWidthMs": 10}
        assert file["isValid"].dtype == np.uint8
        assert file["scaleFactorCountsToRates"][0, 0] == 100


def test_weights_are_inputs_by_outputs_with_groups_by_session(exported):
    run, (path, _) = exported
    weights = TrainedParams.open(run.folder)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["gen_to_factors_W"], weights.gen_to_factors_W)
        np.testing.assert_array_equal(
            file["factors_to_logrates_W/dataset001"], weights.factors_to_logrates_W["dataset001"]
        )
        assert file["factors_to_logrates_W_concatenated"].shape == (4, 9)
        assert file["dataset_idx_concatenated"][:, 0].tolist() == [1] * 9
        assert [name.decode() for name in file["dataset_names"]] == ["dataset001"]
        assert "g0_to_gen_ic_W" not in file


def test_text_conditions_are_written_as_text(make_run):
    run = make_run(conditions="text")
    shutil.copy(ORIGINAL / "lfadsOutput" / "model_params", run.folder.model_params)
    with h5py.File(export_results(run.folder)[1]) as file:
        assert file["conditionIds"].asstr()[1, 0] == "reach <1>"


def test_settings_of_a_collection_do_not_overwrite_each_other(make_run, tmp_path):
    runs = [make_run(RunParams(factors_dim=f, co_dim=0, spike_bin_ms=10)) for f in (3, 4)]
    for run in runs:
        shutil.copy(ORIGINAL / "lfadsOutput" / "model_params", run.folder.model_params)
    written = export_collection([run.folder for run in runs], tmp_path / "out")
    assert len({path for paths in written.values() for path in paths}) == 4
    for run in runs:
        folder = tmp_path / "out" / f"single_dataset001__{run.params.param_name}"
        with h5py.File(folder / "posteriorMeans_dataset001.h5") as file:
            assert file["factors"].shape[0] == run.params.factors_dim


def test_a_run_without_weights_says_so_and_writes_nothing(make_run):
    run = make_run()
    with pytest.raises(RunFolderError, match="model_params is missing"):
        export_results(run.folder)
    assert not run.folder.export.exists()


def test_behaviour_is_exported_by_its_name(make_run, tmp_path):
    run = make_run(behavior=True)
    pm = PosteriorMeans.open(run.folder, run.params, run.datasets)
    with h5py.File(write_posterior_means(pm, tmp_path / "pm.h5")) as file:
        stored = file["behavior/hand_vel"]
        np.testing.assert_array_equal(stored[:], run.session.behavior["hand_vel"].values.T)
        assert (stored.attrs["unit"], list(stored.attrs["dims"])) == ("mm/s", ["x", "y"])


def test_an_export_on_a_full_disk_is_a_sentence_and_leaves_no_half_file(
    make_run, small_disk, leave_free
):
    run = make_run()
    leave_free(small_disk, 4)
    means = PosteriorMeans.open(run.folder, run.params, run.datasets)
    with pytest.raises(DiskFullError, match="no room"):
        write_posterior_means(means, small_disk / "means.h5")
    left = [path for path in small_disk.rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["filler"]
