"""Folders as the run manager left them, opened without a change."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from lfads_nb.errors import CollectionError, ParamsError, RunFolderError
from lfads_nb.results.compare import compare
from lfads_nb.results.matlab import OldCollection, open_collection
from lfads_nb.results.matlab.settings_files import read_summary
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_collection import RunCollection
from lfads_nb.widgets.bench import Bench

ORIGINAL = Path(__file__).parents[1] / "model" / "parity" / "single_controller"
# The setting of the published example: param_YOs74u, data_4MaTKO.
EXAMPLE = RunParams(
    spike_bin_ms=2, co_dim=0, batch_size=150, gen_dim=64, ic_enc_dim=64, learning_rate_stop=1e-3,
    factors_dim=8,
)  # fmt: skip
STITCHED = EXAMPLE.copy(use_alignment_matrix=True)


def command_line(params: RunParams, n_datasets: int = 1) -> str:
    """Write flags as the run manager does: six decimals, ramps times the number of datasets."""
    flags = []
    for name, info in params.param_info().items():
        value = getattr(params, name)
        if not info.legacy.startswith("c_") or info.group == "debug":
            continue
        if name in ("kl_increase_steps", "l2_increase_steps", "kl_start_step", "l2_start_step"):
            value *= n_datasets
        text = f"{value:f}" if info.matlab_type == "double" else str(value)
        text = str(value).lower() if info.kind == "bool" else text
        text = str(2**32 - 1) if value is None else text
        flags.append(f"--{info.legacy[2:]}={text}")
    return " ".join(flags)


def write_script(run: RunFolder, params: RunParams, n_datasets: int = 1) -> None:
    run.train_script.write_text(
        "#!/bin/bash\n\npath_to_run_lfads=$(which run_lfads.py)\n"
        '( DISPLAY=:7 python "$path_to_run_lfads" --data_dir=/home/someone/lfadsInput '
        "--data_filename_stem=lfads --lfads_save_dir=/home/someone "
        f"{command_line(params, n_datasets)}"
        " && python run_lfads.py --lfads_save_dir=/home/someone --batch_size=512 "
        "--kind=posterior_sample_and_average ) 2>&1 | tee lfads.out\n"
    )


@pytest.fixture
def old(make_run):
    """Turn a fake run into one of the run manager's, its data shared through relative links."""

    def make(params=EXAMPLE, *, layout="new", script=True, folder_hash=None, **options):
        run = make_run(params, **{"n_bins": 10, **options})
        run.folder.run_json.unlink()
        path = run.folder.path
        if folder_hash:
            path = path.rename(_made(path.parent.parent / f"param_{folder_hash}") / path.name)
        folder = RunFolder(path)
        data = path.parent.parent / params.data_name
        data = data / path.name if layout == "new" else data
        data.mkdir(parents=True, exist_ok=True)
        for entry in list(folder.input.iterdir()):
            shutil.move(entry, data / entry.name)
            entry.symlink_to(os.path.relpath(data / entry.name, folder.input))
        if script:
            write_script(folder, params, len(run.datasets))
        return folder, run

    return make


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _contents(folder: Path) -> dict:
    paths = sorted(folder.rglob("*"))
    return {p: os.readlink(p) if p.is_symlink() else p.is_file() and p.read_bytes() for p in paths}


def test_a_run_opens_with_its_parameters_proven_by_the_hash(old):
    folder, fake = old()
    collection = folder.path.parent.parent
    before = _contents(collection)
    rc = RunCollection.from_matlab(collection)
    run = rc.find_runs("single_dataset001", "param_YOs74u")
    assert run.recovery.is_proven
    assert run.params.set_values() == EXAMPLE.set_values()
    assert run.params.data_hash == "4MaTKO"
    pm = run.posterior_means()
    np.testing.assert_allclose(pm.rates, fake.session.outputs["output_dist_params"] * 500)
    np.testing.assert_array_equal(pm.condition_ids, fake.session.condition_ids)
    assert run.fit_log().n_epochs == 30
    assert run.is_done
    assert rc.posterior_means().keys() == {"single_dataset001__param_YOs74u"}
    assert np.isfinite(compare(rc.runs)["r2_truth"].iloc[0])
    assert "single_dataset001" in repr(rc)
    assert _contents(collection) == before


def test_ramps_of_a_stitched_run_are_divided_again(old):
    folder, _ = old(STITCHED, datasets={"a": {}, "b": {"n_neurons": 5}}, spec="all")
    _add_alignment(folder, ["a", "b"])
    run = open_collection(folder.path.parent.parent).runs[0]
    assert run.params.param_hash == "Qr2PeG"
    assert run.recovery.is_proven
    assert run.params.kl_increase_steps == 900
    assert run.params.use_alignment_matrix
    assert run.spec.dataset_names == ("a", "b")


def _add_alignment(folder: RunFolder, names: list[str]) -> None:
    import h5py

    for name in names:
        with h5py.File(folder.input_file(name), "a") as file:
            file["alignment_matrix_cxf"] = np.ones((file["train_data"].shape[2], 8))


def test_what_no_file_tells_is_found_by_the_hash(old):
    unusual = EXAMPLE.copy(
        spike_bin_ms=5, train_to_test_ratio=9, alignment_approach="ridgeRegressGlobalPCs",
        allow_gpu_growth=False,
    )  # fmt: skip
    folder, _ = old(unusual, info=False)
    run = open_collection(folder.path.parent.parent).runs[0]
    # The fake trials were split 4 to 1, whatever the setting says: only the hash can tell.
    assert not run.recovery.is_proven
    other = unusual.copy(train_to_test_ratio=4)
    folder, _ = old(other, info=False)
    run = open_collection(folder.path.parent.parent).find_runs("single_dataset001", other)
    assert run.recovery.is_proven
    assert run.params.spike_bin_ms == 5
    assert run.recovery.sources["spike_bin_ms"] == "the folder's hash"
    assert run.params.alignment_approach == "ridgeRegressGlobalPCs"


def test_older_data_folders_have_no_level_for_the_run_spec(old):
    folder, fake = old(layout="old")
    pm = open_collection(folder.path.parent.parent).runs[0].posterior_means()
    np.testing.assert_array_equal(pm.counts, fake.session.counts)


def test_runs_directly_in_the_collection_are_found(old, tmp_path):
    folder, fake = old()
    collection = tmp_path / "ancient"
    collection.mkdir()
    shutil.copytree(folder.path, collection / "myRun", symlinks=False)
    rc = open_collection(collection)
    assert rc.runs[0].folder.path == collection / "myRun"
    np.testing.assert_allclose(
        rc.runs[0].posterior_means().rates, fake.session.outputs["output_dist_params"] * 500
    )


def test_broken_links_are_followed_by_name(old):
    folder, fake = old()
    collection = folder.path.parent.parent
    for link in folder.input.iterdir():
        target = os.readlink(link)
        link.unlink()
        link.symlink_to("/gone/" + target.replace("../", ""))
    pm = open_collection(collection).runs[0].posterior_means()
    np.testing.assert_array_equal(pm.counts, fake.session.counts)


def test_a_folder_without_links_finds_its_data_by_the_hash(old):
    folder, fake = old()
    shutil.rmtree(folder.input)
    run = open_collection(folder.path.parent.parent).runs[0]
    assert run.recovery.is_proven
    np.testing.assert_array_equal(run.posterior_means().counts, fake.session.counts)


def test_parameters_come_from_hyperparameters_without_a_script(old):
    folder, _ = old(script=False)
    info = EXAMPLE.param_info()
    stored = {
        i.legacy[2:]: str(v).lower() if isinstance(v, bool) else v
        for name, i in info.items()
        for v in [getattr(EXAMPLE, name)]
        if i.legacy.startswith("c_") and name != "allow_gpu_growth" and i.group != "debug"
    }
    stored |= {"num_steps_for_gen_ic": 10, "num_steps": 10, "kind": "train"}
    stored["dataset_names"] = ["dataset001.h5"]
    folder.hyperparameters(0).write_text(json.dumps(stored))
    folder.hyperparameters(600).write_text(json.dumps({**stored, "kind": "x", "batch_size": 512}))
    run = open_collection(folder.path.parent.parent).runs[0]
    assert run.recovery.is_proven
    assert run.params.batch_size == 150
    assert run.params.num_steps_for_gen_ic is None
    assert run.recovery.sources["gen_dim"] == "hyperparameters-0.txt"


SUMMARY = """/somewhere/example
  2 datasets
    [ 1] dataset001
    [ 2] other: with colon

  1 run specs
    [ 1] single_dataset001

  {header}LorenzExperiment.RunParams
      Diff: c_co_dim=0

      spikeBinMs: {bin_ms}
      trainToTestRatio: 4
      useAlignmentMatrix: false
      useSingleDatasetAlignmentMatrix: false
      alignmentApproach: regressGlobalPCs
      c_factors_dim: 8
      c_batch_size: 150
      c_learning_rate_stop: 0.001
      c_mine: 3
"""


def test_summary_tells_of_parameters_that_no_command_line_has(old):
    params = EXAMPLE.copy(spike_bin_ms=10)
    folder, _ = old(params, info=False, folder_hash="abc-_1")
    collection = folder.path.parent.parent
    summary = collection / "summary.txt"
    summary.write_text(SUMMARY.format(header="[1 param_abc-_1] ", bin_ms=10))
    run = open_collection(collection).runs[0]
    assert not run.recovery.is_proven
    assert run.params.spike_bin_ms == 10
    assert run.params.param_name == "param_abc-_1"
    assert run.folder == folder
    assert run.recovery.sources["spike_bin_ms"] == "summary.txt"
    assert any("c_mine=3" in note for note in run.recovery.notes)
    assert any("do not give the folder's hash abc-_1" in note for note in run.recovery.notes)
    assert run.posterior_means().bin_ms == 10
    summary.write_text(SUMMARY.format(header="", bin_ms=20) + SUMMARY.format(header="", bin_ms=30))
    # Two settings of the summary fit this run: which one is its own is not guessed.
    run = open_collection(collection).runs[0]
    assert "spike_bin_ms" not in run.recovery.sources
    with pytest.raises(RunFolderError, match=r"from_matlab\(path, spike_bin_ms=...\)"):
        run.posterior_means()
    told = open_collection(collection, spike_bin_ms=20).runs[0]
    assert told.posterior_means().bin_ms == 20
    assert told.recovery.sources["spike_bin_ms"] == "told by you"


def test_summary_blocks_are_told_apart_with_and_without_header(tmp_path):
    path = tmp_path / "summary.txt"
    path.write_text(SUMMARY.format(header="[1 param_Z1-4Ne] ", bin_ms=2) * 2)
    blocks = read_summary(path)
    assert [block.param_hash for block in blocks] == ["Z1-4Ne", "Z1-4Ne"]
    assert blocks[0].recorded.values["learning_rate_stop"] == 1e-3
    assert read_summary(tmp_path / "none") == []


def test_values_that_six_decimals_lost_are_said(old):
    folder, _ = old(EXAMPLE.copy(learning_rate_stop=1e-7))
    run = open_collection(folder.path.parent.parent).runs[0]
    assert not run.recovery.is_proven
    assert "learning_rate_stop" in run.recovery.not_recorded
    assert any("'0.000000' does not tell" in note for note in run.recovery.notes)
    table = open_collection(folder.path.parent.parent).recovery_table()
    assert not table["proven"].iloc[0]


def test_combinations_that_are_refused_today_open_all_the_same(old):
    folder, _ = old()
    text = folder.train_script.read_text()
    folder.train_script.write_text(text.replace("corr_scale=0.000000", "corr_scale=1.000000"))
    run = open_collection(folder.path.parent.parent).runs[0]
    assert run.params.co_mean_corr_scale == 1
    assert any("would be refused today" in note for note in run.recovery.notes)
    assert run.posterior_means().n_trials == 60


def test_partial_outputs_and_unfinished_runs(old):
    folder, _ = old(kinds=("posterior_push_mean",), rows=3)
    rc = open_collection(folder.path.parent.parent)
    assert np.isnan(rc.runs[0].posterior_means().rates).any()
    for path in folder.output.glob("model_runs_*"):
        path.unlink()
    run = open_collection(folder.path.parent.parent).runs[0]
    assert not run.is_done
    assert run.status().state.value == "interrupted"
    folder.fit_log.unlink()
    assert run.status().state.value == "prepared"


def test_specs_and_settings_need_not_form_a_grid(old):
    old()
    old(EXAMPLE.copy(factors_dim=4), spec="another")
    folder, _ = old(EXAMPLE.copy(factors_dim=4))
    rc = open_collection(folder.path.parent.parent)
    assert rc.n_runs == 3
    assert len(rc.find_runs("single_dataset001")) == 2
    assert len(rc.find_runs(params="UEvXAB")) == 2
    with pytest.raises(CollectionError, match="has no run of 'another' with param_YOs74u"):
        rc.find_runs("another", "YOs74u")
    rc.filter_params(["UEvXAB"])
    assert rc.n_runs == 2


def test_nothing_that_would_change_the_folder_is_possible(old):
    folder, _ = old()
    rc = open_collection(folder.path.parent.parent)
    run = rc.runs[0]
    for change in (
        rc.save, rc.prepare, rc.launch, rc.delete_outputs, run.prepare, run.launch,
        run.delete_outputs, run.export, rc.export, lambda: rc.add_params(EXAMPLE),
        lambda: rc.add_run_spec(run.spec),
    ):  # fmt: skip
        with pytest.raises(CollectionError, match="only looked at"):
            change()


def test_the_spikes_come_back_as_a_dataset(old):
    folder, fake = old()
    dataset = open_collection(folder.path.parent.parent).dataset_collection["dataset001"]
    counts = dataset.load_counts()
    np.testing.assert_array_equal(counts.counts, fake.session.raw_counts)
    assert counts.bin_ms == 1
    assert open_collection(folder.path.parent.parent, spike_bin_ms=2).n_runs == 1


def test_without_raw_spikes_the_binned_ones_come_back(old):
    import scipy.io

    folder, fake = old()
    path = folder.input_info("dataset001").resolve()
    content = scipy.io.loadmat(path)
    kept = {k: v for k, v in content.items() if k != "counts" and not k.startswith("__")}
    scipy.io.savemat(path, kept)
    dataset = open_collection(folder.path.parent.parent).dataset_collection["dataset001"]
    counts = dataset.load_counts()
    np.testing.assert_array_equal(counts.counts, fake.session.counts)
    assert counts.bin_ms == 2


def test_a_folder_of_the_original_opens(tmp_path):
    folder = tmp_path / "old" / "param_abcdef" / "single_dataset001"
    shutil.copytree(ORIGINAL, folder)
    run = open_collection(tmp_path / "old").runs[0]
    assert run.params.gen_dim == 12
    assert run.params.kl_increase_steps == 60
    assert not run.recovery.is_proven
    with pytest.raises(RunFolderError, match="bin width"):
        run.posterior_means()
    run = open_collection(tmp_path / "old", spike_bin_ms=10).runs[0]
    assert run.posterior_means().rates.mean() == pytest.approx(85.28, abs=0.01)
    assert run.trained_params().gen_to_factors_W.shape == (12, 4)


def test_trials_are_known_without_a_hash_of_their_preparation(old, caplog):
    folder, fake = old()
    path = folder.input_info("dataset001")
    content = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("_")}
    del content["paramInputDataHash"]
    scipy.io.savemat(path, content)
    run = open_collection(folder.path.parent.parent).runs[0]
    ids = run.posterior_means().condition_ids
    np.testing.assert_array_equal(ids, fake.session.condition_ids)
    assert "other data parameters" not in caplog.text


def test_folders_that_hold_no_run_are_refused(tmp_path):
    with pytest.raises(RunFolderError, match="is no folder"):
        open_collection(tmp_path / "none")
    with pytest.raises(RunFolderError, match="holds no run"):
        open_collection(tmp_path)
    (tmp_path / "param_abcdef" / "x" / "lfadsOutput").mkdir(parents=True)
    with pytest.raises(RunFolderError, match="name no dataset"):
        open_collection(tmp_path)
    with pytest.raises(ParamsError, match="unknown hyperparameter"):
        open_collection(tmp_path, spikeBin=3)


def test_the_benchs_open_takes_such_a_folder_and_never_writes_to_it(old):
    folder, _ = old()
    collection = folder.path.parent.parent
    before = _contents(collection)
    bench = Bench()
    bench.open(collection)
    assert isinstance(bench.collection, OldCollection)
    bench.keep_draft("parameters", {"values": {}})
    with pytest.raises(CollectionError):
        bench.changed()
    assert _contents(collection) == before
