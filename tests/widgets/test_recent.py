"""Which collection is opened: ours, one below a folder, one of the Matlab run manager."""

from __future__ import annotations

import os

import pytest

from lfads_nb.datasets import DatasetCollection
from lfads_nb.errors import RunFolderError
from lfads_nb.sweep import RunCollection
from lfads_nb.widgets.application import app
from lfads_nb.widgets.panels.collection_bar import CollectionBar
from lfads_nb.widgets.recent import collections_below, found_collections, open_any, remember


def make(folder, name):
    rc = RunCollection(folder, name, DatasetCollection(folder.parent / "datasets"))
    rc.save()
    return rc


def test_a_folder_above_opens_the_only_collection_below_it(tmp_path):
    rc = make(tmp_path / "demo" / "runs", "quick")
    assert open_any(tmp_path / "demo").path == rc.path
    assert open_any(tmp_path / "demo" / "runs").path == rc.path
    assert app(tmp_path).bench.path == rc.path


def test_several_are_listed_and_the_app_opens_the_latest(tmp_path):
    make(tmp_path / "runs", "first")
    latest = make(tmp_path / "runs", "second")
    with pytest.raises(RunFolderError, match=r"several collections: open one of .*first"):
        open_any(tmp_path)
    assert set(collections_below(tmp_path)) == {tmp_path / "runs" / n for n in ("first", "second")}
    assert app(tmp_path).bench.path == latest.path


def test_the_app_finds_a_collection_below_the_folder_it_is_started_in(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    rc = make(tmp_path / "work" / "runs", "quick")
    monkeypatch.chdir(tmp_path / "work")
    assert app().bench.path == rc.path


def test_a_folder_without_any_says_so(tmp_path):
    with pytest.raises(RunFolderError, match="is not the folder of a run collection"):
        open_any(tmp_path)
    with pytest.raises(RunFolderError):
        open_any(tmp_path / "missing")


def test_what_is_found_is_listed_with_its_runs_the_latest_first(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    lately = make(tmp_path / "elsewhere" / "runs", "lately")
    below = make(tmp_path / "runs", "below")
    for name, is_done in (("one", True), ("two", False)):
        run = below.path / "param_abc" / name
        run.mkdir(parents=True)
        (run / "run.json").write_text("{}")
        if is_done:
            (run / "lfads.done").touch()
            (run / "lfadsOutput").mkdir()
            (run / "lfadsOutput" / "model_params").touch()
            (run / "lfadsOutput" / "model_runs_a.h5_train_x").touch()
    remember(lately.path)
    os.utime(lately.path / "collection.json", (1, 1))
    found = found_collections(tmp_path / "runs", tmp_path / "missing", below.path)
    assert [(each.path, each.n_runs, each.n_done, each.n_lost) for each in found] == [
        (below.path, 2, 1, 0), (lately.path, 0, 0, 0),
    ]  # fmt: skip


def test_runs_whose_outputs_were_deleted_are_said_in_the_list(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    below = make(tmp_path / "runs", "below")
    for name in ("one", "two"):
        run = below.path / "param_abc" / name
        (run / "lfadsOutput").mkdir(parents=True)
        for file in ("run.json", "lfads.done", "lfadsOutput/model_params"):
            (run / file).write_text("{}")
    (run / "lfadsOutput" / "model_runs_a.h5_train_x").touch()
    (found,) = found_collections(tmp_path / "runs")
    assert (found.n_done, found.n_lost) == (2, 1)
    bar = CollectionBar()
    bar.root.value = str(tmp_path / "runs")
    bar.open.value = True
    done = bar.found.rows[0]["cells"]["done"]
    assert (done["text"], done["sub"], done["tone"]) == ("2", "1 without outputs", "warn")
