"""Which collection is opened: ours, one below a folder, one of the Matlab run manager."""

from __future__ import annotations

import pytest

from lfads_nb.datasets import DatasetCollection
from lfads_nb.errors import RunFolderError
from lfads_nb.sweep import RunCollection
from lfads_nb.widgets.application import app
from lfads_nb.widgets.recent import collections_below, open_any


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
