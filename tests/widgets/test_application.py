import subprocess
import sys

import pytest

import lfads_nb
from lfads_nb.sweep import RunCollection
from lfads_nb.widgets.application import TABS, App, app
from lfads_nb.widgets.recent import recent_collections, recent_file


def test_the_app_is_one_name_away(collection):
    assert isinstance(lfads_nb.app(collection), App)


def test_tabs_are_built_when_they_are_first_shown(collection):
    made = app(collection)
    assert list(made.panels) == ["Datasets"]
    made.tabs.selected_index = TABS.index("Queue")
    assert list(made.panels) == ["Datasets", "Queue"]


def test_everything_is_found_again_after_a_restart(collection):
    made = app(collection.path)
    panel = made.show_tab("Parameters")
    panel.form.values = {"spike_bin_ms": "4", "factors_dim": "9"}
    again = app()  # the collection that was open last
    assert again.bench.collection.path == collection.path
    assert list(again.panels) == ["Parameters"]
    assert again.panels["Parameters"].form.values["factors_dim"] == "9"


def test_two_views_of_one_collection_agree(collection):
    first, second = app(collection.path), app(collection.path)
    first.bench.collection.clear_params()
    first.bench.changed()
    second.bench.tick()
    assert second.bench.collection.params == []


def test_a_new_collection_is_made_with_two_clicks(tmp_path):
    made = app(tmp_path / "work")
    assert made.bar.new.value
    made.bar.name.value = "mine"
    made.bar.make.click()
    assert (tmp_path / "work" / "runs" / "mine" / "collection.json").exists()
    assert made.bench.datasets.path == tmp_path / "work" / "datasets"
    assert not made.bar.new.value


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", 'a"b', "x" * 201])
def test_a_name_that_cannot_be_a_folder_is_refused_in_words(tmp_path, name):
    made = app(tmp_path / "work")
    made.bar.name.value = name
    made.bar.make.click()
    assert "lfads-error" in made.bar.notice.value
    assert made.bench.collection is None
    assert not made.bar.make.disabled


def test_a_collection_is_opened_from_the_list_of_recent_ones(collection, tmp_path):
    app(collection)
    made = app(tmp_path / "elsewhere")
    made.bar.open.value = True
    cells = {row["id"]: row["cells"] for row in made.bar.found.rows}[str(collection.path)]
    assert (cells["name"], cells["runs"], cells["done"]) == ("example", 0, 0)
    made.bar.found.selected = [str(collection.path)]  # one click
    assert made.bench.collection.path == collection.path
    assert not made.bar.open.value


def test_a_folder_without_a_collection_is_said_in_words(tmp_path):
    made = app(tmp_path / "work")
    made.bar.open.value = True
    made.bar.path.value = str(tmp_path)
    made.bar.load.click()
    assert "not the folder of a run collection" in made.bar.notice.value


def test_a_damaged_last_collection_does_not_stop_the_app(collection):
    app(collection)
    collection.folder.json.write_text("{")
    made = app()
    assert "cannot be read" in made.notice.value
    assert made.bench.collection is None


def test_the_code_of_what_was_clicked(collection):
    made = app(collection)
    made.bar.code.value = True
    assert "rc.launch()" in made.bar.script.code
    collection.comment = "changed"
    collection.clear_params()
    made.bench.changed()
    assert "sweep" not in made.bar.script.code


def test_a_setting_goes_back_into_the_form(collection):
    made = app(collection)
    runs = made.show_tab("Runs")
    runs.settings.table.selected = [collection.params[1].param_hash]
    runs.settings.edit.click()
    assert TABS[made.tabs.selected_index] == "Parameters"
    assert made.panels["Parameters"].settings == [collection.params[1]]


def test_another_collection_brings_its_own_draft(collection, tmp_path):
    made = app(collection)
    made.show_tab("Parameters").form.values = {"factors_dim": "9"}
    other = RunCollection(tmp_path / "runs", "other", collection.dataset_collection)
    other.save()
    made.bench.open(other.path)
    assert made.panels["Parameters"].form.values == {}
    made.bench.open(collection.path)
    assert made.panels["Parameters"].form.values == {"factors_dim": "9"}


def test_results_say_why_there_is_nothing(collection):
    panel = app(collection).show_tab("Results")
    assert "No run is done yet" in panel._words.value


def test_only_collections_that_are_there_are_offered(collection, tmp_path):
    app(collection)
    recent_file().write_text(f'["{tmp_path}/gone", "{collection.path}", 3]')
    assert recent_collections() == [collection.path]
    recent_file().write_text("spam")
    assert recent_collections() == []


def test_the_app_takes_no_tensorflow_along():
    code = (
        "import sys, lfads_nb\n"
        "made = lfads_nb.app()\n"
        "[made.show_tab(name) for name in ('Parameters', 'Runs', 'Queue', 'Results')]\n"
        "assert not {'tensorflow', 'keras', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_what_was_typed_before_there_was_a_collection_is_kept(tmp_path):
    made = app(tmp_path / "work")
    made.show_tab("Parameters").form.values = {"factors_dim": "9"}
    made.bar.make.click()
    assert made.panels["Parameters"].form.values == {"factors_dim": "9"}
