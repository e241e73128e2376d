import os

import ipywidgets as w
import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.sweep import RunCollection, RunParams
from lfads_nb.widgets.bench import IDLE_S, QUICK_S, Bench
from lfads_nb.widgets.panel import Panel


def test_a_change_is_saved_at_once_and_told(bench, collection):
    told = []
    bench.on_change(lambda: told.append(True))
    collection.add_params(RunParams(factors_dim=9))
    bench.changed()
    assert told == [True]
    assert len(RunCollection.load(collection.path).params) == 3


def test_a_change_by_another_window_is_found(bench, collection):
    other = RunCollection.load(collection.path)
    other.add_params(RunParams(factors_dim=9, co_dim=0))
    other.save()
    os.utime(other.folder.json, ns=(1, 1))
    assert bench.reload_if_changed()
    assert len(bench.collection.params) == 3
    assert not bench.reload_if_changed()


def test_nothing_is_swapped_under_work_that_goes_on(bench, collection):
    os.utime(collection.folder.json, ns=(1, 1))
    bench.busy = True
    assert not bench.reload_if_changed()
    assert bench.collection is collection
    bench.busy = False
    assert bench.reload_if_changed()


def test_half_set_up_things_survive_a_restart(bench, collection):
    bench.keep_draft("parameters", {"values": {"co_dim": "3"}})
    assert Bench.of(collection.path).draft("parameters") == {"values": {"co_dim": "3"}}


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_damaged_draft_is_no_draft(bench, collection, content):
    (collection.path / ".bench.json").write_text(content)
    assert bench.draft("parameters") is None


def test_a_new_collection_lies_where_it_was_asked_for(tmp_path):
    bench = Bench()
    bench.create(tmp_path / "root", "mine", tmp_path / "data")
    assert (tmp_path / "root" / "mine" / "collection.json").exists()
    assert bench.datasets.path == tmp_path / "data"


def test_no_collection_is_made_over_another(bench, collection, tmp_path):
    with pytest.raises(RunFolderError, match="already"):
        bench.create(collection.root, collection.name, tmp_path)


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be made"):
        Bench().create(tmp_path / "file", "mine", tmp_path)


def test_ticks_come_quickly_only_while_something_goes_on(bench):
    assert bench.tick() == IDLE_S
    bench.on_tick(lambda: True)
    assert bench.tick() == QUICK_S


def test_an_empty_collection_is_a_collection(tmp_path):
    bench = Bench()
    bench.create(tmp_path, "empty", tmp_path)
    assert bench.datasets is not None
    assert bench.params_class is RunParams


def test_a_message_ends_with_an_action_in_another_panel(bench):
    first, second = Panel(bench), Panel(bench)
    first.fill(first.notice)
    go = w.Button()
    second.on_click(go, lambda: second.notice.say("info", "done here"))
    second.fill(go, second.notice)
    first.notice.say("success", "2 runs queued.")
    go.click()
    assert first.notice.value == ""
    assert "done here" in second.notice.value
