import os

import h5py
import numpy as np
import pytest

from lfads_nb.datasets import (
    Counts,
    DatasetCollection,
    DatasetInfo,
    Signal,
    read_lfads_input,
    write_counts,
)
from lfads_nb.datasets.behavior import read_signals
from lfads_nb.errors import DataError, ParamsError
from lfads_nb.sweep import Run, RunCollection, RunParams, RunSpec, check_params
from lfads_nb.sweep.input_files import read_input_info
from tests.sweep.conftest import small_counts


def prepared(collection, spec, params=0):
    run = collection.find_run(spec, params)
    run.prepare()
    return run


def test_input_files_hold_every_trial_once_in_the_run_managers_format(collection):
    run = prepared(collection, "single_dataset001")
    raw = run.datasets[0].load_counts()
    with h5py.File(run.folder.input_file("dataset001")) as file:
        inds = {part: file[f"{part}_inds"][:] for part in ("train", "valid")}
        assert file["train_data"].dtype == np.int64
        assert inds["valid"].tolist() == [1, 6, 11, 16]
        data = np.empty((20, 10, 5))
        for part, trials in inds.items():
            data[trials.astype(int) - 1] = file[f"{part}_data"][:]
        assert file["conversion_factor"][:] == pytest.approx([0.25])
        np.testing.assert_allclose(file["train_truth"][:], 4 * 0.3)
    np.testing.assert_array_equal(data, raw.counts.reshape(20, 10, 4, 5).sum(axis=2))


def test_input_info_comes_back(collection):
    run = prepared(collection, "all")
    raw = run.datasets[1].load_counts()
    info = read_input_info(run.folder.input_info("dataset002"))
    assert info.data_hash == run.params.data_hash
    np.testing.assert_array_equal(info.valid_inds, [0, 5, 10, 15])
    np.testing.assert_array_equal(info.condition_ids, raw.condition_ids)
    np.testing.assert_array_equal(info.raw_counts, raw.counts)
    np.testing.assert_allclose(info.time_ms(4), np.arange(10) * 4.0)
    np.testing.assert_allclose(info.time_ms(15), [0, 15])  # 10 of the 40 ms fill no bin
    assert info.n_trials == 20


def test_conditions_as_text_and_further_columns_come_back(tmp_path):
    counts = Counts.from_bins(
        np.ones((6, 8, 2), int),
        bin_ms=1.0,
        condition_ids=["left", "right", "", "left", "right", "left"],
        trial_columns={"angle": np.arange(6) * 60.0, "block": list("aabbcc")},
    )
    write_counts(tmp_path / "text.h5", counts)
    datasets = DatasetCollection(tmp_path)
    datasets.add("text.h5")
    rc = RunCollection(tmp_path, "rc", datasets, params=[RunParams(batch_size=1, spike_bin_ms=1)])
    rc.add_run_spec(RunSpec("s", datasets, [0]))
    rc.prepare()
    info = rc.runs[0].input_info()
    assert info.condition_ids.tolist() == counts.condition_ids.tolist()
    np.testing.assert_array_equal(info.trial_columns["angle"], np.arange(6) * 60.0)
    assert info.trial_columns["block"].tolist() == list("aabbcc")


def test_links_are_relative_and_shared_by_settings_with_the_same_data(collection):
    collection.add_params(collection.params[0].copy(gen_dim=7))
    collection.prepare()
    first, same_data = collection.find_run("all", 0), collection.find_run("all", 2)
    assert first.data_folder == same_data.data_folder
    assert first.folder.path != same_data.folder.path
    link = first.folder.input_file("dataset003")
    assert os.readlink(link) == f"../../../{first.params.data_name}/all/lfads_dataset003.h5"
    assert link.resolve() == same_data.folder.input_file("dataset003").resolve()


def test_only_what_is_missing_is_made(collection):
    run = prepared(collection, "all")
    files = {d: run.folder.input_file(d).resolve() for d in run.spec.dataset_names}
    before = {d: path.stat().st_mtime_ns for d, path in files.items()}
    assert run.prepare() is False
    files["dataset002"].unlink()
    assert run.prepare() is True
    with h5py.File(files["dataset002"]) as file:
        assert file["train_data"].shape[2] == 7
    after = {d: path.stat().st_mtime_ns for d, path in files.items()}
    assert before["dataset001"] == after["dataset001"]
    assert before["dataset002"] != after["dataset002"]


def test_regenerating_reads_changed_data(collection):
    run = prepared(collection, "single_dataset001")
    write_counts(run.datasets[0].path, small_counts(seed=99))
    assert run.prepare() is False
    assert run.prepare(regenerate=True) is True
    info = run.input_info()
    np.testing.assert_array_equal(info.raw_counts, small_counts(seed=99).counts)


def test_alignment_matrices_are_written_for_stitched_runs_only(collection):
    collection.add_params(collection.params[0].copy(use_alignment_matrix=True))
    collection.prepare()
    stitched, single = collection.find_run("all", 2), collection.find_run("single_dataset001", 2)
    with h5py.File(stitched.folder.input_file("dataset002")) as file:
        assert file["alignment_matrix_cxf"].shape == (7, 2)
        assert file["alignment_bias_c"].shape == (7,)
    with h5py.File(single.folder.input_file("dataset001")) as file:
        assert "alignment_matrix_cxf" not in file


def test_a_test_split_and_a_stratified_one(collection):
    collection.add_params(
        collection.params[0].copy(split="stratified", split_seed=3, test_fraction=0.2)
    )
    run = prepared(collection, "single_dataset001", 2)
    info = run.input_info()
    assert len(info.test_inds) == 4
    everyone = np.concatenate([info.train_inds, info.valid_inds, info.test_inds])
    assert sorted(everyone) == list(range(20))
    with h5py.File(run.folder.input_file("dataset001")) as file:
        assert file["test_data"].shape == (4, 10, 5)


class HalfTheTrials(Run):
    @classmethod
    def generate_counts(cls, dataset):
        return dataset.load_counts().select_trials(np.arange(10))

    def extra_inputs(self, dataset):
        return {"own_array": np.arange(3.0)}


def test_a_users_own_run_changes_what_is_trained_on(collection, datasets):
    collection.add_run_spec(RunSpec("half", datasets, [0], run_class=HalfTheTrials))
    run = prepared(collection, "half")
    with h5py.File(run.folder.input_file("dataset001")) as file:
        assert len(file["train_data"]) + len(file["valid_data"]) == 10
        assert file["own_array"][:].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"spike_bin_ms": 2.5}, "spike_bin_ms"),
        ({"ext_input_dim": 2}, "ext_input_dim"),
        ({"heldout_channels": 5}, "heldout_channels"),
        ({"forward_prediction_bins": 10}, "forward_prediction_bins"),
        ({"train_to_test_ratio": 20}, "train_to_test_ratio"),
    ],
)
def test_what_would_crash_later_is_refused_now(collection, changes, field):
    collection.add_params(collection.params[0].copy(**changes))
    run = collection.find_run("single_dataset001", 2)
    with pytest.raises(ParamsError, match=field):
        run.prepare()
    assert not run.folder.path.exists()


def test_rates_cannot_be_fed_back_over_sessions(collection):
    collection.add_params(RunParams(spike_bin_ms=4, feedback_factors_or_rates="rates"))
    with pytest.raises(ParamsError, match="one session only"):
        collection.find_run("all", 2).prepare()
    collection.find_run("single_dataset001", 2).prepare()


def test_sessions_of_different_length_cannot_be_stitched(tmp_path):
    datasets = DatasetCollection(tmp_path)
    for name, n_bins in (("a", 40), ("b", 44)):
        write_counts(tmp_path / f"{name}.h5", small_counts(n_bins=n_bins))
        datasets.add(f"{name}.h5")
    infos = [(d.name, d.info) for d in datasets]
    messages = [p.message for p in check_params(RunParams(spike_bin_ms=4), infos)]
    assert any("a: 10, b: 11" in message for message in messages)
    wider = check_params(RunParams(spike_bin_ms=10, batch_size=2), infos)
    assert not [problem for problem in wider if problem.severity == "error"]


def test_a_small_validation_set_is_said_before_training():
    from lfads_nb.datasets import DatasetInfo

    info = DatasetInfo(n_trials=750, n_channels=5, n_bins=10, bin_ms=10)
    (problem,) = check_params(RunParams(batch_size=150, spike_bin_ms=10), [("d", info)])
    assert (problem.field, problem.severity) == ("batch_size", "warning")


def test_analog_data_need_another_output(tmp_path):
    counts = Counts.from_bins(
        np.random.default_rng(0).normal(size=(10, 8, 2)), 1.0, continuous=True
    )
    write_counts(tmp_path / "lfp.h5", counts)
    datasets = DatasetCollection(tmp_path)
    datasets.add("lfp.h5")
    params = RunParams(spike_bin_ms=1, batch_size=1)
    rc = RunCollection(tmp_path, "rc", datasets)
    rc.add_run_spec(RunSpec("s", datasets, [0]))
    rc.add_params([params, params.copy(output_dist="gaussian")])
    with pytest.raises(DataError, match="not spike counts"):
        rc.runs[0].prepare()
    rc.runs[1].prepare()
    with h5py.File(rc.runs[1].folder.input_file("lfp")) as file:
        assert file["train_data"].dtype == np.float64


def test_stratifying_needs_conditions(tmp_path):
    write_counts(tmp_path / "d.h5", Counts.from_bins(np.ones((10, 8, 2), int), 1.0))
    datasets = DatasetCollection(tmp_path)
    datasets.add("d.h5")
    rc = RunCollection(
        tmp_path, "rc", datasets, params=[RunParams(spike_bin_ms=1, split="stratified")]
    )
    rc.add_run_spec(RunSpec("s", datasets, [0]))
    with pytest.raises(DataError, match="condition ids"):
        rc.runs[0].prepare()


def test_a_split_of_the_datas_own_is_kept(tmp_path):
    parts = np.array(["train", "val", "test", "train", "test"] * 4)
    for name, columns in (("with", {"split": parts}), ("without", {})):
        write_counts(tmp_path / f"{name}.h5", small_counts(trial_columns=columns))
    datasets = DatasetCollection(tmp_path)
    datasets.add("with.h5")
    datasets.add("without.h5")
    rc = RunCollection(
        tmp_path, "rc", datasets, params=[RunParams(spike_bin_ms=1, split="column", batch_size=3)]
    )
    rc.add_run_spec(RunSpec("s", datasets, [0]))
    rc.add_run_spec(RunSpec("t", datasets, [1]))
    rc.runs[0].prepare()
    info = rc.runs[0].input_info()
    assert info.valid_inds.tolist() == [1, 6, 11, 16]
    assert info.test_inds.tolist() == np.flatnonzero(parts == "test").tolist()
    with pytest.raises(DataError, match=r"'without'.*needs a trial column 'split'"):
        rc.runs[1].prepare()


def test_the_run_script_starts_the_run_wherever_it_was_moved(collection):
    run = prepared(collection, "single_dataset001")
    script = run.folder.train_script
    assert os.access(script, os.X_OK)
    assert "lfads_nb run" in script.read_text()
    assert str(run.folder.path) not in script.read_text()


def test_behaviour_is_kept_beside_the_spikes_in_their_bins(tmp_path):
    values = np.arange(6 * 8 * 2, dtype=float).reshape(6, 8, 2)
    counts = Counts.from_bins(
        np.ones((6, 8, 2), int), 1.0, behavior={"hand_vel": Signal(values, "mm/s", ("x", "y"))}
    )
    write_counts(tmp_path / "moving.h5", counts)
    datasets = DatasetCollection(tmp_path)
    datasets.add("moving.h5")
    rc = RunCollection(tmp_path, "rc", datasets, params=[RunParams(batch_size=1, spike_bin_ms=2)])
    rc.add_run_spec(RunSpec("s", datasets, [0]))
    rc.prepare()
    path = rc.runs[0].folder.input_file("moving")
    with h5py.File(path) as file:
        signal = read_signals(file["behavior"])["hand_vel"]
    np.testing.assert_array_equal(signal.values, values.reshape(6, 4, 2, 2).mean(axis=2))
    assert (signal.unit, signal.dims) == ("mm/s", ("x", "y"))
    again = read_lfads_input(path, bin_ms=2).behavior["hand_vel"]
    np.testing.assert_array_equal(again.values, signal.values)


@pytest.mark.parametrize("known", [False, True])
def test_data_without_any_spike_are_refused_at_launch_unless_meant(tmp_path, known):
    silent = Counts.from_bins(np.zeros((20, 40, 3), int), 1.0)
    write_counts(tmp_path / "ms.h5", silent)
    if not known:  # as of files that do not keep the rate apart
        with h5py.File(tmp_path / "ms.h5", "r+") as file:
            del file.attrs["mean_rate_hz"]
    datasets = DatasetCollection(tmp_path)
    datasets.add("ms.h5")
    params = [RunParams(batch_size=2), RunParams(batch_size=2, allow_no_spikes=True)]
    rc = RunCollection(tmp_path, "rc", datasets, params=params)
    rc.add_run_spec(RunSpec("s", datasets, [0]))
    refused, meant = rc.find_runs("s")
    with pytest.raises((DataError, ParamsError), match=r"ms has no spike.*allow_no_spikes=True"):
        refused.prepare()
    assert not refused.is_prepared
    meant.prepare()
    assert meant.is_prepared
    with pytest.raises((DataError, ParamsError), match="no spike"):
        refused.prepare()  # the other's files are not its own


@pytest.mark.parametrize(("rate", "n"), [(0.005, 1), (0.5, 0), (999, 0), (2000, 1), (None, 0)])
def test_rates_that_no_recording_has_are_a_warning(rate, n):
    info = DatasetInfo(n_trials=100, n_channels=5, n_bins=100, bin_ms=2.0, mean_rate_hz=rate)
    found = [p for p in check_params(RunParams(batch_size=5), [("a", info)]) if "rate" in p.message]
    assert [problem.severity for problem in found] == ["warning"] * n
