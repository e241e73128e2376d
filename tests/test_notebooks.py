"""The shipped notebooks: those that train nothing run from top to bottom."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from lfads_nb import RunCollection
from lfads_nb.shipped_files import shipped_folder

NOTEBOOKS = sorted(shipped_folder("notebooks").glob("*.ipynb"))


def execute(name, folder):
    notebook = nbformat.read(shipped_folder("notebooks") / f"{name}.ipynb", as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=120, resources=resources).execute()


def answers(notebook):
    """Return what the cells show as text, in their order."""
    return [
        output.get("data", {}).get("text/plain", "") or output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.processes
def test_the_tour_shows_every_panel(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    shown = "\n".join(answers(execute("tour", tmp_path)))
    for panel in ("DatasetsPanel", "ParametersPanel", "RunsPanel", "QueuePanel", "App"):
        assert f"{panel}(" in shown
    collection = RunCollection.load(tmp_path / "tour" / "runs" / "tour")
    assert [len(collection.params), len(collection.runs)] == [2, 2]


@pytest.mark.processes
def test_own_data_become_runs(tmp_path):
    shown = answers(execute("your_own_data", tmp_path))
    assert "'nothing stands out'" in shown
    assert "(4000, 12)" in shown
    collection = RunCollection.load(tmp_path / "my_runs" / "first")
    assert all(run.is_prepared for run in collection)
    assert len(collection.runs) == 2


@pytest.mark.processes
def test_sessions_are_aligned_in_the_notebook_of_stitching(tmp_path):
    notebook = nbformat.read(shipped_folder("notebooks") / "stitching.ipynb", as_version=4)
    train = next(i for i, cell in enumerate(notebook.cells) if cell.source == "## Train")
    notebook.cells = notebook.cells[:train]
    notebook.cells[1].source = 'folder = "s"\nmax_epochs = 1\ntrials_per_condition = (3, 4)'
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, resources=resources).execute()
    assert "image/png" in notebook.cells[-1].outputs[-1].data
    runs = RunCollection.load(tmp_path / "s" / "runs" / "stitching").runs
    assert [len(run.datasets) for run in runs] == [3, 1, 1, 1]
