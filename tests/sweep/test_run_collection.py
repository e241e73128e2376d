import json
import logging
import shutil

import numpy as np
import pytest

from lfads_nb.datasets import DatasetCollection
from lfads_nb.errors import CollectionError, RunFolderError
from lfads_nb.sweep import Run, RunCollection, RunParams, RunRecord, RunSpec


class OwnRun(Run):
    """Importable, so that a collection that uses it can be opened again."""


def test_runs_are_specs_times_settings_with_specs_fastest(collection):
    assert [(run.spec.name, run.params.factors_dim) for run in collection.runs] == [
        ("single_dataset001", 2), ("all", 2), ("single_dataset001", 4), ("all", 4),
    ]  # fmt: skip


def test_finding_runs(collection):
    params = collection.params[1]
    run = collection.find_runs("single_dataset001", params.param_name)
    assert isinstance(run, Run)
    for spec in (0, -2, "single_dataset001", collection.run_specs[0]):
        for wanted in (1, params, params.param_hash, params.param_name):
            assert collection.find_run(spec, wanted) is run
    assert collection.find_runs("all") == [collection.runs[1], collection.runs[3]]
    assert collection.find_runs(["all"], [0, 1]) == [collection.runs[1], collection.runs[3]]
    assert len(collection.find_runs()) == 4


@pytest.mark.parametrize(("spec", "params"), [("none", 0), (0, "param_nope"), (7, 0), (0, 9)])
def test_what_is_not_there_is_said_with_what_is(collection, spec, params):
    with pytest.raises(CollectionError, match=r"it has .*(single_dataset001|param_)"):
        collection.find_runs(spec, params)


def test_equal_settings_and_equal_names_replace(collection, datasets, caplog):
    before = collection.runs
    with caplog.at_level(logging.WARNING):
        collection.add_params(collection.params[0].copy(name="again"))
        collection.add_run_spec(RunSpec("all", datasets, [0, 1]))
    assert collection.n_runs == 4
    assert caplog.text.count("replaces") == 2
    assert collection.params[0].name == "again"
    assert len(collection.find_run("all", 0).datasets) == 2
    assert collection.runs[2] is before[2]


def test_clearing_and_filtering_touch_nothing_on_disk(collection):
    collection.prepare()
    run_json = collection.runs[0].folder.run_json
    collection.filter_params(lambda p: p.factors_dim == 4)
    collection.filter_run_specs([True, False])
    assert collection.n_runs == 1
    collection.filter_run_specs(["single_dataset001"])
    collection.clear_params()
    assert collection.n_runs == 0
    collection.clear_all()
    assert run_json.exists()
    with pytest.raises(CollectionError, match="no settings"):
        collection.prepare()


def test_a_spec_of_another_collection_is_refused(collection, datasets):
    other = datasets.copy()
    with pytest.raises(CollectionError, match="another dataset collection"):
        collection.add_run_spec(RunSpec("single", other, [0]))


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "x" * 201, "a\nb", " a", "a:b"])
def test_names_that_cannot_be_folders_are_refused(datasets, tmp_path, name):
    with pytest.raises(CollectionError):
        RunCollection(tmp_path, name, datasets)
    with pytest.raises(CollectionError):
        RunSpec(name, datasets, [0])


def test_a_spec_needs_datasets(datasets):
    with pytest.raises(CollectionError, match="no datasets"):
        RunSpec("none", datasets, [])
    assert len(RunSpec("once", datasets, [0, "dataset001"]).datasets) == 1
    assert RunSpec("mask", datasets, np.array([True, False, True])).dataset_names == (
        "dataset001",
        "dataset003",
    )
    with pytest.raises(CollectionError):
        RunSpec("mask", datasets, [True])


def test_loading_gives_the_same_collection_back(collection, datasets):
    collection.comment = "a <note>"
    collection.runs[0].comment = "the good one"
    collection.add_run_spec(RunSpec("own", datasets, [1], run_class=OwnRun))
    collection.prepare()
    again = RunCollection.load(collection.path)
    assert repr(again) == repr(collection)
    assert [run.name for run in again] == [run.name for run in collection]
    assert again.runs[0].comment == "the good one"
    assert type(again.find_run("own", 0)) is OwnRun
    assert [p.set_values() for p in again.params] == [p.set_values() for p in collection.params]
    assert again.find_run("all", 0).is_prepared


def test_a_copied_collection_has_its_own_datasets(collection, tmp_path):
    collection.save()
    copy = tmp_path / "for a colleague"
    for name in ("runs", "datasets"):
        shutil.copytree(tmp_path / name, copy / name)
    again = RunCollection.load(copy / "runs" / "example")
    assert again.dataset_collection.path == copy / "datasets"
    # copied alone, it keeps those that it had
    shutil.copytree(tmp_path / "runs", tmp_path / "alone" / "runs")
    assert (
        RunCollection.load(tmp_path / "alone" / "runs" / "example").dataset_collection.path
        == collection.dataset_collection.path
    )
    # beside a folder of the same name that holds other data, too
    (tmp_path / "alone" / "datasets").mkdir()
    (tmp_path / "alone" / "datasets" / "other.h5").touch()
    assert (
        RunCollection.load(tmp_path / "alone" / "runs" / "example").dataset_collection.path
        == collection.dataset_collection.path
    )


def test_a_collection_moved_with_its_datasets_opens(collection, tmp_path):
    collection.prepare()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(tmp_path / "runs", moved / "runs")
    shutil.move(tmp_path / "datasets", moved / "datasets")
    again = RunCollection.load(moved / "runs" / "example")
    assert again.dataset_collection.find(["dataset002"])[0].load_counts().n_channels == 7
    assert all(run.is_prepared for run in again)


def test_runs_saved_by_an_earlier_script_are_found_again(collection, caplog):
    collection.prepare()
    collection.filter_params([0])
    collection.save()
    with caplog.at_level(logging.INFO):
        assert RunCollection.load(collection.path).n_runs == 2
    assert "2 more runs" in caplog.text
    assert RunCollection.load(collection.path, all_runs=True).n_runs == 4


def test_a_folder_that_is_no_collection_is_named(tmp_path, collection):
    with pytest.raises(RunFolderError, match="not the folder of a run collection"):
        RunCollection.load(tmp_path)
    collection.save()
    content = json.loads(collection.folder.json.read_text())
    collection.folder.json.write_text(json.dumps({**content, "schema": 99}))
    with pytest.raises(RunFolderError, match="schema 99"):
        RunCollection.load(collection.path)
    collection.folder.json.write_text("{")
    with pytest.raises(RunFolderError, match="cannot be read"):
        RunCollection.load(collection.path)


def test_it_prints_what_is_in_it(collection, datasets):
    text = repr(collection)
    for part in ("4 runs", "small", "param_", "data_", "factors_dim=2", "single_dataset001"):
        assert part in text
    collection.add_params(RunParams(name="<script>"))
    assert "<script>" not in collection._repr_html_()


def test_summary_holds_every_value(collection):
    collection.comment = "100 % sure %d"
    collection.save()
    text = collection.folder.summary.read_text()
    assert "100 % sure %d" in text
    assert "learning_rate_decay_factor: 0.98" in text
    assert str(collection.dataset_collection.path) in text


def test_deleting_outputs_needs_a_confirmation(collection):
    collection.prepare()
    run = collection.runs[0]
    run.folder.output.mkdir()
    run.folder.fit_log.write_text("x")
    run.folder.done.touch()
    with pytest.raises(CollectionError, match="confirmed=True"):
        collection.delete_outputs()
    collection.delete_outputs(confirmed=True)
    assert not run.folder.output.exists()
    assert not run.is_done
    assert run.is_prepared


def test_a_run_record_survives_its_file(collection):
    run = collection.runs[1]
    run.prepare()
    record = RunRecord.load(run.folder)
    assert record == run.record
    assert record.name == run.name


def test_datasets_of_a_collection_need_not_be_there_to_open_it(collection, tmp_path):
    collection.prepare()
    shutil.rmtree(tmp_path / "datasets")
    again = RunCollection.load(collection.path)
    assert again.runs[0].is_prepared
    assert isinstance(again.dataset_collection, DatasetCollection)
