"""The quick example in a real JupyterLab, by clicking alone."""

from __future__ import annotations

import contextlib

import pytest

from lfads_nb.sweep import RunCollection
from tests.browser.panels import count, restart_kernel, show, tab, type_into

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
