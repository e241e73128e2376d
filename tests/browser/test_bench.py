"""The bench as a whole in a real JupyterLab: all panels side by side, and what holds for each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lfads_nb.datasets import DatasetCollection
from lfads_nb.queue.status import RunState, RunStatus, write_status
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from tests.browser.panels import make_collection, restart_kernel, show, tab

expect = pytest.importorskip("playwright.sync_api").expect


def test_a_restarted_kernel_leaves_no_ghost(lab, page, home, data):
    rc = make_collection(data, "ghost")
    show(lab, home, f"lfads_nb.app({str(rc.path)!r})")
    tab(page, "Runs")
    expect(page.locator("tr[data-id]:visible").first).to_be_visible()
    restart_kernel(lab)
    said = page.get_by_text("The kernel was restarted: run this cell again")
    expect(said).to_be_visible()
    assert said.count() == 1
    # nothing that looks alive can be clicked, and there is no broken icon at every widget
    assert page.locator(".lfads-root > :not(.lfads-lost)").evaluate_all(
        "all => all.every((each) => each.inert)"
    )
    icons = page.locator(".lfads-root .jupyter-widgets-disconnected").evaluate_all(
        "all => all.filter((e) => getComputedStyle(e, '::before').display !== 'none').length"
    )
    assert icons == 0
    page.keyboard.press("Tab")
    lab.screenshot("restarted")
    show(lab, home, f"lfads_nb.app({str(rc.path)!r})")
    expect(said).to_have_count(0)
    expect(page.locator("tr[data-id]:visible").first).to_be_visible()


def test_from_a_notebook_the_bench_opens_in_a_tab_of_its_own(lab, page, home, data):
    show(lab, home, "lfads_nb.app()")
    link = page.get_by_role("link", name="Own tab")
    expect(link).to_have_attribute("href", "/lfads-bench/")
    expect(link).to_have_attribute("target", "_blank")


def test_keys_are_listed_by_a_question_mark_and_lead_to_the_tabs(lab, page, home, data):
    other = make_collection(data, "entered")
    show(lab, home, f"lfads_nb.app({str(make_collection(data, 'keys').path)!r})")
    # Enter in a text box does what the blue button beside it does
    page.get_by_role("button", name="Open …").click()
    page.get_by_label("Folder", exact=True).first.fill(str(other.path))
    page.get_by_label("Folder", exact=True).first.press("Enter")
    expect(page.get_by_text(f"saved in {other.path}").first).to_be_visible()
    page.get_by_role("tab", name="Datasets", exact=True).focus()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("select all rows that are shown")
    page.keyboard.press("3")  # it covers the page
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    page.keyboard.press("4")
    expect(page.get_by_role("grid", name="Runs", exact=True)).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Filter rows of Runs", exact=True)).to_be_focused()
    page.keyboard.type("2?")  # typed, and no key of the bench
    expect(page.get_by_label("Filter rows of Runs", exact=True)).to_have_value("2?")
    assert (
        page.get_by_role("tab", name="Queue", exact=True).get_attribute("aria-selected") == "true"
    )


def test_names_with_markup_do_no_harm(lab, page, home, data):
    odd = "<img src=x onerror='window.hacked=1'>".replace("<", "‹").replace(">", "›") + " it's & ü"
    datasets = DatasetCollection(data)
    datasets.add("dataset001.h5", name=odd)
    collection = RunCollection(data.parent / "runs", "odd & named", datasets)
    collection.add_params(RunParams(name="<script>window.hacked=1</script>", spike_bin_ms=4))
    collection.add_run_spec(RunSpec("one & <b>".replace("<", "(").replace(">", ")"), datasets, [0]))
    collection.save()
    run = collection.runs[0]
    run.folder.path.mkdir(parents=True)
    reason = "<img src=x onerror='window.hacked=1'>"
    write_status(run.folder, RunStatus(RunState.FAILED, reason=reason, detail=reason))
    run.folder.log.write_text(reason)
    show(lab, home, f"a = lfads_nb.app({str(collection.path)!r}); a")
    expect(page.get_by_text(odd, exact=True).first).to_be_visible()
    for name in ("Parameters", "Runs", "Queue"):
        tab(page, name)
    page.get_by_role("grid", name="Runs").locator("tr[data-id]").click()
    expect(page.get_by_text("Failed: <img").first).to_be_visible()
    page.get_by_role("button", name="Show me the code").click()
    expect(page.get_by_label("The script")).to_contain_text("<script>")
    assert page.evaluate("window.hacked") is None


def test_two_views_show_the_same(lab, page, home, data):
    path = str(make_collection(data, "twice").path)
    show(
        lab, home,
        "from ipywidgets import VBox\n"
        f"one, two = lfads_nb.app({path!r}), lfads_nb.app({path!r})\n"
        "one.bench.start(); two.bench.start()\n"
        "one.show_tab('Runs'); two.show_tab('Runs')\n"
        "VBox([one, two])",
    )  # fmt: skip
    page.get_by_role("button", name="One of all, stitched").first.click()
    specs = page.get_by_role("grid", name="Run specs")
    expect(specs.nth(0).locator("tr[data-id=all]")).to_be_visible()
    expect(specs.nth(1).locator("tr[data-id=all]")).to_be_visible(timeout=20_000)


AXE = """async () => {
  const found = await axe.run(".lfads-root", { resultTypes: ["violations"] });
  return found.violations.filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.help}: ${each.nodes.map((node) => node.html.slice(0, 200)).join(", ")}`);
}"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_no_serious_fault_in_the_panels(lab, page, home, data, theme):
    axe = pytest.importorskip("axe_playwright_python")
    change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    page.evaluate(change, theme)
    try:
        rc = make_collection(data, f"axe_{theme[-5:].strip()}")
        show(lab, home, f"made = lfads_nb.app({str(rc.path)!r})\nmade")
        page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())
        for name in ("Datasets", "Parameters", "Runs", "Queue"):
            tab(page, name)
            expect(page.locator("tr[data-id]:visible, .lf-field:visible").first).to_be_visible()
            if name == "Queue":
                page.locator("tr[data-id]:visible").first.click()
                expect(page.get_by_label("Tags").last).to_be_visible()
            assert page.evaluate(AXE) == [], name
    finally:
        page.evaluate(change, "JupyterLab Light")


def test_everything_has_a_name_for_screen_readers(lab, page, home, data):
    show(lab, home, f"a = lfads_nb.app({str(make_collection(data, 'named').path)!r}); a")
    for name in ("Datasets", "Parameters", "Runs", "Queue"):
        tab(page, name)
        page.wait_for_timeout(300)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('.lfads-root :is(input, select, button)')]
              .filter((e) => e.offsetParent && !e.textContent.trim() && !e.title
                && !e.getAttribute('aria-label') && !(e.labels && e.labels.length))
              .map((e) => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == [], json.dumps(nameless, indent=1)
