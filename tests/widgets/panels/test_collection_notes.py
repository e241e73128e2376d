"""Notes on a whole collection: kept in its folder, found in the list of collections."""

from __future__ import annotations

from lfads_nb.datasets import DatasetCollection
from lfads_nb.sweep import RunCollection
from lfads_nb.sweep.run_notes import RunNotes
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.panels.collection_bar import CollectionBar


def test_a_collections_notes_are_kept_and_listed_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    first, second = (
        RunCollection(tmp_path / "runs", name, DatasetCollection(tmp_path / "data"))
        for name in ("first", "second")
    )
    first.save()
    second.save()
    bench = Bench(first)
    bar = CollectionBar(bench, folder=tmp_path / "runs")
    assert bar._notes_box.layout.display == "none"
    bar.noted.value = True
    assert bar._notes_box.layout.display == ""
    bar.notes.star.value, bar.notes.tags.value = True, "paper, monkey J"
    bar.notes.note.value = "<b>for figure 3</b>"
    assert RunNotes.read(first.path) == RunNotes(True, ("paper", "monkey J"), "<b>for figure 3</b>")
    bench.show(second)
    assert bar.notes.note.value == ""
    bar.open.value = True
    cells = {row["id"]: row["cells"]["notes"] for row in bar.found.rows}
    assert "#paper" in cells[str(first.path)]["text"]
    assert cells[str(second.path)] is None
