"""The quick example in a real JupyterLab, by clicking alone."""

from __future__ import annotations

import contextlib

import pytest

from lfads_nb.datasets import DatasetCollection
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from tests.browser.panels import count, restart_kernel, show, tab, type_into
from tests.queue.tiny_runs import wait_for

expect = pytest.importorskip("playwright.sync_api").expect


def reload_page(lab):
    """Save the notebook and load the page anew; the kernel goes on."""
    name = lab.page.evaluate(
        """async () => {
          // the save command would ask for a name first
          await window.lfadsPanel.context.save();
          return window.lfadsPanel.context.path;
        }"""
    )
    lab.page.reload(wait_until="domcontentloaded")
    lab.page.wait_for_function("window.jupyterapp?.restored", timeout=90_000)
    lab.page.evaluate(
        """async (path) => {
          const app = window.jupyterapp;
          await app.restored;
          app.shell.collapseLeft();
          const panel = await app.commands.execute('docmanager:open', {path});
          await panel.context.ready;
          await panel.sessionContext.ready;
          window.lfadsPanel = panel;
        }""",
        name,
    )


def reload_until_shown(lab, locator, *, times=3):
    """Load the page anew; again if JupyterLab, which gives a kernel 4 s to answer, gave up."""
    for _ in range(times):
        reload_page(lab)
        with contextlib.suppress(AssertionError):
            expect(locator).to_be_visible(timeout=30_000)
            return


@pytest.mark.training
@pytest.mark.timeout(600)
def test_the_quick_example_by_clicking_through_a_reload_and_a_restart(lab, page, home, data):
    page.set_default_timeout(90_000)
    app = f"lfads_nb.app({str(data.parent)!r})"
    show(lab, home, app)

    # a collection, its datasets
    page.get_by_label("Name", exact=True).first.fill("clicked")
    page.get_by_role("button", name="Make collection").click()
    files = page.get_by_role("grid", name="Files in the folder")
    files.get_by_label("Select dataset001.h5").check()
    files.get_by_label("Select dataset002.h5").check()
    page.get_by_role("button", name="Add 2 ticked files").click()
    datasets = page.get_by_role("grid", name="Datasets of the collection")
    expect(datasets.locator("tr[data-id]")).to_have_count(2)
    datasets.locator("tr[data-id=dataset001]").click()
    expect(page.get_by_text("Preview of dataset001")).to_be_visible(timeout=60_000)

    # a sweep of factors
    tab(page, "Parameters")
    for field, text in (
        ("spike_bin_ms", "4"), ("batch_size", "8"), ("co_dim", "0"), ("gen_dim", "6"),
        ("ic_enc_dim", "6"), ("ic_dim", "6"), ("max_epochs", "40"), ("num_samples_posterior", "2"),
    ):  # fmt: skip
        type_into(page, field, text)
    page.get_by_label("Sweep factors_dim").click()
    page.get_by_label("Values of factors_dim").fill("2, 3")
    page.get_by_role("button", name="Add 2 settings").click()
    expect(page.get_by_text("2 settings added")).to_be_visible()

    # runs
    tab(page, "Runs")
    page.get_by_role("button", name="One for each dataset").click()
    page.get_by_role("grid", name="Run specs").locator("tr[data-id=single_dataset001]").click()
    expect(count(page)).to_contain_text("2 settings × 1 run spec = 2 runs")
    page.get_by_role("button", name="Launch 2 runs").click()

    # the queue comes to the front and shows them at work
    expect(page.get_by_role("button", name="TensorBoard")).to_be_visible()
    expect(count(page)).to_contain_text("training", timeout=90_000)
    lab.screenshot("queue_training")

    # the page is loaded anew: the live kernel shows the same
    reload_until_shown(lab, count(page))
    expect(count(page)).to_contain_text("runs:", timeout=60_000)
    expect(page.get_by_role("grid", name="Runs").locator("tr[data-id]")).to_have_count(4)

    # the kernel restarts: its cell is run again, without saying which collection
    restart_kernel(lab)
    show(lab, home, "lfads_nb.app()")
    expect(page.get_by_role("button", name="TensorBoard")).to_be_visible(timeout=60_000)
    expect(count(page)).to_contain_text("2 done", timeout=240_000)

    # the report opens in this JupyterLab
    done = page.get_by_role("grid", name="Runs").locator("tr[data-id]", has_text="done").first
    done.click()
    expect(page.locator(".lfads-curves .line, .lfads-curves path.line").first).to_be_attached()
    page.get_by_role("link", name="Open the report").click()
    page.wait_for_function(
        "window.jupyterapp.shell.currentWidget?.context?.path?.endsWith('run.ipynb')"
    )
    has_changes = page.evaluate(
        """async () => {
          const report = window.jupyterapp.shell.currentWidget;
          await report.context.ready;
          await report.sessionContext.ready;
          return report.context.model.dirty;
        }"""
    )
    assert not has_changes, "JupyterLab would ask whether to save a report that was only read"
    lab.clear_away()

    # and its rates
    tab(page, "Results")
    expect(page.locator(".lfads-viewers")).to_be_visible(timeout=60_000)
    saved = RunCollection.load(data.parent / "runs" / "clicked")
    assert [p.factors_dim for p in saved.params] == [2, 3]
    assert sum(run.is_done for run in saved.runs) == 2
    lab.errors.clear()  # a page that is left in the middle may complain


@pytest.mark.training
@pytest.mark.timeout(1200)
def test_more_epochs_and_what_a_run_had_before_come_by_clicks(lab, page, home, data):
    datasets = DatasetCollection(data)
    datasets.add("dataset001.h5")
    rc = RunCollection(data.parent / "runs", "more", datasets)
    rc.add_params(
        RunParams(
            spike_bin_ms=4, batch_size=8, co_dim=0, factors_dim=2, gen_dim=6, ic_enc_dim=6,
            ic_dim=6, max_epochs=3, num_samples_posterior=2,
        )
    )  # fmt: skip
    rc.add_run_spec(RunSpec("single_dataset001", datasets, ["dataset001"]))
    queue = rc.launch()
    (run,) = rc.runs
    wait_for(lambda: run.folder.done.exists(), timeout=400)

    def n_epochs():
        return len(run.folder.fit_log.read_text().splitlines())

    assert n_epochs() == 3

    # go on with more epochs
    show(lab, home, f"lfads_nb.app({str(rc.path)!r})")
    page.set_default_timeout(90_000)
    tab(page, "Runs")
    launch = page.get_by_role("button", name="Launch", exact=True)
    expect(launch).to_be_disabled()
    expect(page.get_by_text("more epochs, or go on").first).to_be_visible()
    page.get_by_text("Launch options …").click()
    more = page.get_by_label("More epochs for what is done")
    more.fill("2")
    more.press("Enter")
    lab.screenshot("more_epochs")
    page.get_by_role("button", name="Launch 1 run").click()
    wait_for(lambda: run.folder.retraining_json.exists() or n_epochs() == 5, timeout=120)
    wait_for(lambda: run.folder.done.exists() and n_epochs() == 5, timeout=400)
    expect(count(page)).to_contain_text("1 done", timeout=60_000)
    report = run.folder.notebook.read_bytes()
    trained = run.folder.fit_log.read_bytes()

    # train it afresh, which fails; what was there before is brought back
    inputs = run.folder.input_file("dataset001").resolve()
    whole = inputs.read_bytes()
    inputs.write_bytes(whole[:700])
    tab(page, "Runs")
    more.fill("0")
    more.press("Enter")
    page.get_by_text("train afresh what is done").click()
    page.get_by_role("button", name="Launch 1 run").click()
    wait_for(lambda: read_status(run.folder).state is RunState.FAILED, timeout=400)
    row = page.get_by_role("grid", name="Runs").locator("tr[data-id]").first
    expect(row).to_contain_text("failed", timeout=60_000)
    row.click()
    expect(
        page.get_by_text("what it had made before is in lfadsOutput_before").first
    ).to_be_visible()
    lab.screenshot("bring_back")
    page.get_by_role("button", name="Bring back what it had before").click()
    expect(page.get_by_text("It is done again, with what it had made before.")).to_be_visible()
    expect(row).to_contain_text("done", timeout=60_000)
    assert run.folder.done.exists()
    assert run.folder.fit_log.read_bytes() == trained
    assert run.folder.notebook.read_bytes() == report
    assert not run.folder.earlier_output.exists()
    inputs.write_bytes(whole)
    assert run.posterior_means().rates.shape[0] == 40
    assert queue.states()[0].state is RunState.DONE
