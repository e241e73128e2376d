import threading

import numpy as np
import pytest

from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.datasets.scanning import look_at
from lfads_nb.sweep import RunCollection
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.panels.datasets import DatasetsPanel
from tests.widgets.conftest import small_counts


def load_text(path):
    values = np.loadtxt(path, dtype=int)
    return Counts.from_bins(values.reshape(4, 5, 1), bin_ms=2.0)


@pytest.fixture
def panel(tmp_path, data_folder):
    bench = Bench()
    bench.create(tmp_path / "runs", "example", data_folder)
    return DatasetsPanel(bench)


def wait(panel):
    """Wait for what is read beside the form; on a slow machine that may be everything."""
    panel._look_task.join(60)
    panel._info_task.join(60)


def tick(panel, *names):
    panel.files.selected = [key for key in panel._found if key.endswith(names)]


def test_files_of_the_folder_are_listed_with_their_format(panel, data_folder):
    (data_folder / "notes.txt").write_text("not spikes")
    panel.look.click()
    wait(panel)
    cells = {row["cells"]["file"]: row["cells"] for row in panel.files.rows}
    assert cells["dataset001.h5"]["format"] == "lfads_nb HDF5"
    assert cells["notes.txt"]["format"] == "unknown"
    assert "none of the known formats" in cells["notes.txt"]["note"]


@pytest.fixture
def no_patience(monkeypatch):
    monkeypatch.setattr("lfads_nb.widgets.panels.datasets._PATIENCE_S", -1.0)


@pytest.mark.usefixtures("no_patience")
def test_a_folder_of_very_many_files_is_shown_at_once_and_read_beside_the_form(
    collection, monkeypatch
):
    go, looked_at = threading.Event(), []

    def look(file):
        go.wait(60)
        looked_at.append(file.name)
        return look_at(file)

    monkeypatch.setattr("lfads_nb.widgets.panels.file_looks.look_at", look)
    folder = collection.dataset_collection.path
    (folder / "notes.txt").write_text("not spikes")
    collection.dataset_collection["dataset001"]._info = None
    panel = DatasetsPanel(collection)
    names = ["dataset001.h5", "dataset002.h5", "dataset003.h5", "notes.txt"]
    assert [row["cells"]["file"] for row in panel.files.rows] == names
    assert {row["cells"]["format"] for row in panel.files.rows} == {"not read yet"}
    assert len(panel.table.rows) == 3
    go.set()
    wait(panel)
    formats = [row["cells"]["format"] for row in panel.files.rows]
    assert formats == ["lfads_nb HDF5"] * 3 + ["unknown"]
    assert all(row["cells"]["trials"]["sort"] == 20 for row in panel.table.rows)
    # Shown again, nothing is opened that has not changed.
    assert sorted(looked_at) == names
    (folder / "notes.txt").write_bytes((folder / "dataset001.h5").read_bytes())
    panel.refresh()
    wait(panel)
    assert sorted(looked_at) == [*names, "notes.txt"]
    assert panel.files.rows[3]["cells"]["format"] == "lfads_nb HDF5"


@pytest.mark.usefixtures("no_patience")
def test_looking_at_very_many_files_can_be_stopped_and_begun_again(collection, monkeypatch):
    go, begun = threading.Event(), threading.Event()

    def look(file):
        begun.set()
        go.wait(60)
        return look_at(file)

    monkeypatch.setattr("lfads_nb.widgets.panels.file_looks.look_at", look)
    panel = DatasetsPanel(collection)
    begun.wait(60)
    panel._look_task._cancel.click()
    go.set()
    wait(panel)
    formats = [row["cells"]["format"] for row in panel.files.rows]
    assert formats == ["lfads_nb HDF5", "not read yet", "not read yet"]
    panel.look.click()
    wait(panel)
    assert {row["cells"]["format"] for row in panel.files.rows} == {"lfads_nb HDF5"}


def test_ticked_files_become_datasets_and_are_saved(panel):
    tick(panel, "1.h5", "3.h5")
    assert panel.add.description == "Add 2 ticked files"
    panel.add.click()
    assert panel.bench.datasets.names == ["dataset001", "dataset003"]
    saved = RunCollection.load(panel.bench.collection.path)
    assert saved.dataset_collection.names == ["dataset001", "dataset003"]
    wait(panel)
    assert [row["cells"]["trials"]["text"] for row in panel.table.rows] == ["20", "20"]


def test_rates_come_when_the_spikes_have_been_read(panel):
    tick(panel, "1.h5")
    panel.add.click()
    wait(panel)
    rate = panel.table.rows[0]["cells"]["rate"]["sort"]
    assert rate == pytest.approx(panel.bench.datasets["dataset001"].load_counts().mean_rate_hz)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(panel, data_folder):
    tick(panel, "1.h5", "2.h5")
    panel.add.click()
    (data_folder / "dataset001.h5").write_text("broken")
    panel.refresh()
    wait(panel)
    states = {row["id"]: row["cells"]["state"] for row in panel.table.rows}
    assert states["dataset001"]["tone"] == "bad"
    assert states["dataset002"]["text"] == "ready"


def test_a_format_of_ones_own_needs_a_loader(panel, data_folder):
    np.savetxt(data_folder / "own.txt", np.arange(20), fmt="%d")
    panel.look.click()
    panel.loader.value = f"{__name__}:load_text"
    tick(panel, "own.txt")
    panel.add.click()
    assert panel.bench.datasets["own"].info.bin_ms == 2.0


def test_a_wrong_loader_is_said_in_words(panel):
    panel.loader.value = "nowhere:nothing"
    tick(panel, "1.h5")
    panel.add.click()
    assert "nowhere" in panel.notice.value
    assert panel.bench.datasets.names == []


def test_a_dataset_of_a_run_spec_is_not_removed(collection):
    panel = DatasetsPanel(collection)
    panel.table.selected = ["dataset001"]
    panel.remove.click()
    assert "single_dataset001" in panel.notice.value
    collection.clear_run_specs()
    panel.table.selected = ["dataset001"]
    panel.remove.click()
    assert collection.dataset_collection.names == ["dataset002", "dataset003"]


def test_another_file_of_the_same_name_replaces_nothing(panel, tmp_path):
    tick(panel, "1.h5")
    panel.add.click()
    write_counts(tmp_path / "elsewhere" / "dataset001.h5", small_counts())
    panel.folder.value = str(tmp_path / "elsewhere")
    tick(panel, "1.h5")
    panel.add.click()
    assert "would replace" in panel.notice.value


def test_demo_data_are_made_and_ticked(panel, tmp_path, monkeypatch):
    made = []

    def fake(folder, n, *, kind):
        made.append((n, kind))
        paths = [folder / f"dataset{i:03d}.h5" for i in range(1, n + 1)]
        for path in paths:
            write_counts(path, small_counts())
        return paths

    monkeypatch.setattr("lfads_nb.widgets.panels.datasets.generate_demo_datasets", fake)
    panel.folder.value = str(tmp_path / "new")
    panel.n_demo.value = 2
    panel.demo_kind.value = "reaching"
    panel.demo.click()
    panel.task.join(20)
    assert made == [(1, "reaching"), (2, "reaching")]
    assert len(panel.files.selected) == 2
    assert not panel.demo.disabled


def test_a_click_on_a_dataset_looks_into_it(collection):
    panel = DatasetsPanel(collection)
    panel.table.selected = ["dataset002"]
    panel.preview.join(60)
    assert "7 channels" in panel.preview._words.value
    assert len(panel.preview._figures._rates.x) == 7
    counts = collection.dataset_collection["dataset002"].load_counts().counts
    panel.preview._trial.value = 3
    assert len(panel.preview._figures._spikes.x) == np.count_nonzero(counts[3])


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "it's", 'ünïcödé "quoted"', "x" * 170]
)
def test_odd_names_do_no_harm(tmp_path, name):
    datasets = DatasetCollection(tmp_path)
    write_counts(tmp_path / "a.h5", small_counts())
    safe = name.replace("<", "(").replace(">", ")").replace('"', "'").replace("/", "_")
    datasets.add("a.h5", name=safe)
    panel = DatasetsPanel(datasets)
    assert panel.table.rows[0]["cells"]["name"] == safe
    panel.table.selected = [safe]
    panel.preview.join(60)
    assert panel.preview._body.children


def test_without_a_collection_it_says_what_to_do_first():
    panel = DatasetsPanel()
    assert "Open or make a collection first" in panel.notice.value


def test_what_was_assumed_and_what_is_odd_are_shown(tmp_path):
    spikes = np.random.default_rng(0).poisson(0.5, (40, 20, 5))
    spikes[7] = 0
    np.savez(tmp_path / "a.npz", counts=spikes, bin_ms=10)
    datasets = DatasetCollection(tmp_path)
    datasets.add("a.npz")
    panel = DatasetsPanel(datasets)
    wait(panel)
    state = panel.table.rows[0]["cells"]["state"]
    assert state["tone"] == "warn"
    assert "40 x 20 x 5 taken as trials x time x channels" in state["text"]
    panel.table.selected = ["a"]
    panel.preview.join(60)
    words = panel.preview._words.value
    assert "taken as trials x time x channels" in words
    assert "1 of 40 trials without any spike: 7" in words
    figures = panel.preview._figures
    assert len(figures._trials.x) == 40
    assert figures._trials.y[7] == 0
    assert len(figures._fano.y) == 5
    assert np.all(np.isfinite(figures._trend.y))
