import nbformat
import pytest

from lfads_nb.queue.status import RunState, RunStatus, write_status
from lfads_nb.sweep.live_preview import write_preview
from lfads_nb.widgets.panels.run_details import RunDetails
from tests.widgets.panels.test_queue import write_log
from tests.widgets.test_live_preview import preview


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


def test_what_a_run_had_before_its_rerun_failed_is_back_by_one_click(run):
    assert shown(run, RunState.FAILED).bring_back.layout.display == "none"
    run.folder.output.rename(run.folder.earlier_output)
    write_status(run.folder, RunStatus(RunState.FAILED, reason="training failed: MemoryError"))
    assert shown(run, RunState.TRAINING).bring_back.layout.display == "none"
    details = shown(run, RunState.FAILED)
    assert details.bring_back.layout.display == ""
    details.bring_back.click()
    details._task.join(60)
    assert "done again" in details._task.notice.value
    assert run.is_done
    assert run.folder.fit_log.exists()
    assert details.bring_back.layout.display == "none"
    assert "in place again" in details._facts.value


def test_a_report_that_cannot_be_saved_says_why(run):
    details = shown(run, RunState.DONE)
    details._save.click()
    details._task.join(60)
    assert "run.ipynb is missing" in details._task.notice.value
    assert not details._save.disabled


def test_a_run_is_seen_at_work_while_it_trains_and_not_after(run):
    write_preview(run.folder, preview())
    details = shown(run, RunState.TRAINING)
    assert details.preview.layout.display == ""
    assert "after 7 epochs" in details.preview._words.value
    details.show(run, RunStatus(RunState.DONE))
    assert details.preview.layout.display == "none"
    details.show(None, None)
    assert details.preview.layout.display == "none"
