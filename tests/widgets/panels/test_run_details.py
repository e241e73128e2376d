import nbformat
import pytest

from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.widgets.panels.run_details import RunDetails
from tests.widgets.panels.test_queue import write_log


@pytest.fixture
def run(collection):
    run = collection.runs[0]
    write_log(run, 3)
    return run


def shown(run, state):
    details = RunDetails()
    details.show(run, RunStatus(state))
    return details


def links(details):
    return [link["text"].partition(":")[0] for link in details._links.links]


def test_the_report_of_a_done_run_is_saved_by_one_click(run):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# The report")])
    nbformat.write(notebook, run.folder.notebook)
    details = shown(run, RunState.DONE)
    details._save.click()
    details._task.join(60)
    assert "Saved" in details._task.notice.value
    assert "The report" in (run.folder.path / f"{run.name}.html").read_text()
    endings = sorted(path.suffix for path in (run.folder.path / "figures").iterdir())
    assert endings == [".png", ".svg"]
    details.show(run, RunStatus(RunState.DONE))
    assert "As a page" in links(details)
    assert not details._save.disabled


def test_only_a_done_run_has_a_report_to_save(run):
    assert shown(run, RunState.TRAINING)._save.layout.display == "none"
    assert shown(run, RunState.DONE)._save.layout.display == ""


def test_a_report_that_cannot_be_saved_says_why(run):
    details = shown(run, RunState.DONE)
    details._save.click()
    details._task.join(60)
    assert "run.ipynb is missing" in details._task.notice.value
    assert not details._save.disabled
