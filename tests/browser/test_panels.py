"""The panels in a real JupyterLab: set up, launched and watched by clicking alone."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import pytest

from lfads_nb.datasets import DatasetCollection, write_counts
from lfads_nb.queue import Queue
from lfads_nb.queue.status import RunState, RunStatus, local_now, write_status
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from tests.widgets.conftest import small_counts

expect = pytest.importorskip("playwright.sync_api").expect

START = """
import os
os.environ["LFADS_NB_HOME"] = {home!r}
import lfads_nb
from lfads_nb.widgets.panels import *
"""
WIDTH = {"width": 1280, "height": 900}


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    monkeypatch.setenv("LFADS_NB_HOME", str(folder))
    yield folder
    Queue([]).stop_server()


@pytest.fixture
def data(lab):
    """Three small sessions inside the folder that the server shows."""
    folder = lab.folder / "bench" / "datasets"
    for i in range(1, 4):
        path = folder / f"dataset{i:03d}.h5"
        if not path.exists():
            write_counts(path, small_counts(40, 40, 6 + i, seed=i))
    (folder / "notes.txt").write_text("no spikes")
    return folder


@pytest.fixture
def page(lab):
    before = lab.page.viewport_size
    lab.page.set_viewport_size(WIDTH)
    yield lab.page
    lab.page.set_viewport_size(before)


def show(lab, home, code):
    return lab.show(START.format(home=str(home)) + code)


def make_collection(data, name, n_settings=2):
    datasets = DatasetCollection(data)
    datasets.add_all("*.h5")
    rc = RunCollection(data.parent / "runs", name, datasets)
    rc.add_params(
        RunParams(spike_bin_ms=4, batch_size=8, co_dim=0).sweep(
            factors_dim=list(range(2, 2 + n_settings))
        )
    )
    rc.add_run_spec(RunSpec("single_dataset001", datasets, ["dataset001"]))
    rc.save()
    return rc


def type_into(page, field, text):
    """Find a parameter by its name and type its value."""
    page.get_by_label("Find a parameter").fill(field)
    box = page.locator(f"[data-field={field}]").get_by_role("textbox").first
    box.fill(text)
    page.get_by_label("Find a parameter").fill("")


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def count(page):
    return page.locator(".lfads-count:visible").first


# ------------------------------------------------------------------------- the whole walk


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


def restart_kernel(lab):
    lab.page.evaluate(
        """async () => {
          const session = window.lfadsPanel.sessionContext;
          await session.restartKernel();
          await session.session.kernel.info;
        }"""
    )


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


# ------------------------------------------------------------------- each panel's validation


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


def test_datasets_say_what_is_wrong_with_a_file(lab, page, home, data):
    show(lab, home, f"DatasetsPanel({str(make_collection(data, 'files').path)!r})")
    files = page.get_by_role("grid", name="Files in the folder")
    expect(files.locator("tr", has_text="notes.txt")).to_contain_text("none of the known formats")
    page.get_by_label("Loader").fill("nowhere:load")
    files.get_by_label("Select notes.txt").check()
    page.get_by_role("button", name="Add 1 ticked file").click()
    expect(page.get_by_role("alert")).to_contain_text("nowhere")
    page.get_by_role("grid", name="Datasets of the collection").get_by_label(
        "Select dataset001"
    ).check()
    page.get_by_role("button", name="Remove selected").click()
    expect(page.get_by_role("alert")).to_contain_text("run spec 'single_dataset001'")


def test_parameters_are_checked_beside_the_field_while_typing(lab, page, home, data):
    show(lab, home, f"ParametersPanel({str(make_collection(data, 'checked').path)!r})")
    field = page.locator("[data-field=spike_bin_ms]")
    field.get_by_role("textbox").fill("2.5")
    expect(field.locator(".lf-problem")).to_contain_text("dataset001")
    expect(field.get_by_role("textbox")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("button", name="Nothing new to add")).to_be_disabled()
    field.get_by_role("textbox").fill("4")
    expect(field.locator(".lf-problem")).to_have_count(0)
    expect(page.get_by_role("button", name="Add 1 setting")).to_be_enabled()
    field.get_by_role("button", name="Reset spike_bin_ms to its default").click()
    expect(field.get_by_role("textbox")).to_have_value("2")
    # folded away, found by a word of its description, and shown for good once it is changed
    folded = page.locator("[data-field=learning_rate_decay_factor]")
    expect(folded).to_be_hidden()
    page.get_by_label("Find a parameter").fill("worse than all of the last")
    expect(folded).to_be_visible()
    type_into(page, "learning_rate_decay_factor", "2")
    expect(folded.locator(".lf-problem")).to_contain_text("below 1")


def test_a_late_answer_of_the_kernel_does_not_take_away_what_is_being_typed(lab, page, home, data):
    path = str(make_collection(data, "late").path)
    show(lab, home, f"panel = ParametersPanel({path!r})\npanel")
    page.get_by_label("Find a parameter").fill("gen_dim")
    page.get_by_label("Sweep gen_dim").click()
    page.get_by_label("How to sweep gen_dim").select_option("range")
    high = page.get_by_label("Highest value of gen_dim")
    page.get_by_label("Lowest value of gen_dim").fill("16")
    high.fill("12")
    lab.wait_until("panel.form.sweeps.get('gen_dim', {}).get('high') == '12'")
    # the state of some edits ago, as an answer that was under way all the while brings it
    late = "dict(values={}, sweeps={}, edit=panel.form.edit - 3)"
    lab.kernel_answers(f"panel.form.comm.send(dict(method='update', state={late}))")
    page.wait_for_timeout(300)
    high.press("End")
    high.type("8")
    lab.wait_until("panel.form.sweeps.get('gen_dim', {}).get('high') == '128'")
    assert lab.kernel_answers("panel.form.sweeps['gen_dim']['low']") == "16"
    # what the kernel fills in on purpose replaces it
    page.get_by_role("button", name="Reset all", exact=True).click()
    expect(high).to_have_count(0)
    lab.wait_until("panel.form.sweeps == {}")


def test_a_sweep_is_counted_while_it_is_typed(lab, page, home, data):
    show(lab, home, f"ParametersPanel({str(make_collection(data, 'counted').path)!r})")
    type_into(page, "spike_bin_ms", "4")
    page.get_by_label("Sweep factors_dim").click()
    page.get_by_label("Values of factors_dim").fill("2, 4, 8")
    page.get_by_label("Sweep gen_dim").click()
    page.get_by_label("How to sweep gen_dim").select_option("range")
    page.get_by_label("Lowest value of gen_dim").fill("10")
    page.get_by_label("Highest value of gen_dim").fill("40")
    page.get_by_label("Number of values of gen_dim").fill("4")
    expect(count(page)).to_have_text("12 settings")
    expect(page.get_by_role("button", name="Add 12 settings")).to_be_enabled()
    page.get_by_label("Values of factors_dim").fill("2, four")
    expect(page.locator("[data-field=factors_dim] .lf-problem")).to_contain_text("whole number")
    expect(count(page)).to_have_text("Cannot be added yet")


def test_runs_list_every_reason_why_launch_is_off(lab, page, home, data):
    collection = make_collection(data, "blocked")
    collection.clear_all()
    collection.save()
    show(lab, home, f"RunsPanel({str(collection.path)!r})")
    expect(page.get_by_text("there are no run specs")).to_be_visible()
    expect(page.get_by_text("there are no settings")).to_be_visible()
    expect(page.get_by_role("button", name="Launch", exact=True)).to_be_disabled()
    # another window adds what is missing
    collection.add_params(RunParams(spike_bin_ms=2.5, co_dim=0))
    collection.add_run_spec(
        RunSpec("all", collection.dataset_collection, ["dataset001", "dataset002"])
    )
    collection.save()
    expect(page.get_by_text("spike_bin_ms: ").first).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Launch 1 run")).to_be_disabled()


# --------------------------------------------------------------------------- many, and odd


def fake_runs(collection):
    """Let hundreds of runs be in all states, without training any."""
    states = [RunState.DONE, RunState.TRAINING, RunState.QUEUED, RunState.FAILED]
    now = local_now().isoformat()
    for i, run in enumerate(collection.runs):
        run.folder.path.mkdir(parents=True)
        state = states[i % 4]
        progress = {"epoch": i, "fraction": 0.5, "total_valid": 300 + math.sin(i)}
        write_status(
            run.folder,
            RunStatus(
                state, progress={} if state is RunState.QUEUED else progress,
                reason="out of memory" if state is RunState.FAILED else "",
                times={"started": now}, host="another machine", device="GPU 0",
            ),
        )  # fmt: skip


def test_five_hundred_runs_stay_usable(lab, page, home, data):
    collection = make_collection(data, "many", n_settings=500)
    fake_runs(collection)
    show(lab, home, f"queue = QueuePanel({str(collection.path)!r}); queue")
    table = page.get_by_role("grid", name="Runs")
    rows = table.locator("tr[data-id]")
    expect(rows).to_have_count(500)
    expect(count(page)).to_contain_text("125 done")

    # one run changes: its cell does, and no row is made anew
    run = collection.runs[1]
    page.evaluate("id => { document.querySelector(`tr[data-id='${id}']`).kept = 1 }", run.name)
    write_status(run.folder, RunStatus(RunState.DONE))
    row = page.locator(f"tr[data-id='{run.name}']")
    expect(row).to_contain_text("done", timeout=20_000)
    assert row.evaluate("row => row.kept") == 1

    # filter, sort, select
    page.get_by_label("Filter by State").select_option("failed")
    expect(rows.filter(visible=True)).to_have_count(125)
    page.get_by_label("Filter rows of Runs").fill(collection.runs[3].params.param_hash)
    expect(rows.filter(visible=True)).to_have_count(1)
    page.get_by_label("Filter rows of Runs").fill("")
    table.get_by_role("button", name="Epoch").click()
    table.get_by_role("button", name="Epoch").click()
    expect(table.get_by_role("columnheader", name="Epoch")).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(rows.filter(visible=True).first).to_contain_text("499")
    page.get_by_role("checkbox", name="Select all shown rows").check()
    expect(page.get_by_text("125 runs selected")).to_be_visible()
    expect(page.get_by_role("button", name="Retry", exact=True)).to_be_enabled()
    lab.screenshot("queue_500")


def test_the_keyboard_reaches_rows_and_buttons(lab, page, home, data):
    collection = make_collection(data, "keys", n_settings=4)
    show(lab, home, f"queue = QueuePanel({str(collection.path)!r}); queue")
    rows = page.get_by_role("grid", name="Runs").locator("tr[data-id]")
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    page.keyboard.press("Control+a")
    expect(page.get_by_text("4 runs selected")).to_be_visible()
    # JupyterLab's own shortcuts (here: delete the cell, edit it) stay away
    for key in ("d", "d", "x", "Enter"):
        page.keyboard.press(key)
    expect(rows).to_have_count(4)
    assert page.evaluate("window.lfadsPanel.content.mode") == "command"


def test_keys_are_listed_by_a_question_mark_and_lead_to_the_tabs(lab, page, home, data):
    show(lab, home, f"lfads_nb.app({str(make_collection(data, 'keys').path)!r})")
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
                expect(page.get_by_label("Tags")).to_be_visible()
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


# From now on what the kernel sends comes half a second to three seconds late, and out of order.
LATE = """
import random, threading
session = get_ipython().kernel.session
if not hasattr(session, "at_once"):
    session.at_once, dice = session.send, random.Random(7)
    def late(stream, kind, *rest, **keys):
        if kind != "comm_msg" or not session.is_late:
            return session.at_once(stream, kind, *rest, **keys)
        threading.Timer(dice.uniform(0.5, 3), session.at_once, (stream, kind, *rest), keys).start()
    session.send = late
session.is_late = True
"""

# Change everything that can be changed, each by what a user does to it; then compare.
CHANGE = """(leave) => {
  const shown = [...document.querySelectorAll('.lfads-root :is(input, select, textarea)')].filter(
    (e) => e.offsetParent && !e.disabled && !e.readOnly && !['file', 'range'].includes(e.type)
      && !e.closest('table')
      && !leave.includes(e.getAttribute('aria-label') || e.labels?.[0]?.textContent));
  const tell = (e, ...kinds) =>
    kinds.forEach((k) => e.dispatchEvent(new Event(k, {bubbles: true})));
  window.lateChanges = [];
  for (const e of shown) {
    if (!e.isConnected || !e.offsetParent || e.disabled) continue; // another one put it away
    if (e.type === 'checkbox') e.click();
    else if (e.tagName === 'SELECT') {
      const options = [...e.options].filter((o) => !o.disabled && !o.selected);
      if (!options.length) continue;
      if (e.multiple) options[0].selected = true;
      else e.value = options[0].value;
      tell(e, 'input', 'change');
    } else {
      const number = e.type === 'number' || /^-?[\\d.]+$/.test(e.value || e.placeholder);
      const text = number ? '17' : 'x17';
      e.focus();
      const proto = e.tagName === 'TEXTAREA' ? HTMLTextAreaElement : HTMLInputElement;
      for (let n = 1; n <= text.length; n++) {
        Object.getOwnPropertyDescriptor(proto.prototype, 'value').set.call(e, text.slice(0, n));
        tell(e, 'input', 'keyup');
      }
      tell(e, 'change');
    }
    const is = () => e.type === 'checkbox' ? e.checked
      : e.multiple ? [...e.selectedOptions].map((o) => o.text).join() : e.value;
    window.lateChanges.push({e, is, made: is()});
  }
  return window.lateChanges.length;
}"""

LOST = """() => window.lateChanges.filter(({e, is, made}) => !e.isConnected || is() !== made)
  .map(({e, is, made}) => `${e.getAttribute('aria-label') || e.labels?.[0]?.textContent}: `
    + (e.isConnected ? `${made} became ${is()}` : 'gone'))"""


def test_nothing_that_was_typed_is_lost_to_late_answers(lab, page, home, data):
    show(lab, home, f"a = lfads_nb.app({str(make_collection(data, 'slow').path)!r}); a")
    lost = {}
    try:
        for name, least in (("Datasets", 1), ("Parameters", 12), ("Runs", 1), ("Queue", 1)):
            tab(page, name)
            shown = ".lf-field:visible" if name == "Parameters" else "tr[data-id]:visible"
            expect(page.locator(shown).first).to_be_visible()
            page.wait_for_timeout(1000)
            lab.kernel_answers(f"exec({LATE!r})")
            # Filters hide what is to be changed, so they come by themselves in other tests.
            changed = page.evaluate(CHANGE, ["Find a parameter", "changed only"])
            assert changed >= least, name
            page.wait_for_timeout(5000)
            lost[name] = page.evaluate(LOST)
            lab.kernel_answers("setattr(session, 'is_late', False)")
            page.wait_for_timeout(3500)
            lost[f"{name}, later"] = page.evaluate(LOST)
    finally:
        lab.kernel_answers("setattr(get_ipython().kernel.session, 'is_late', False)")
    # What comes after the end of its widget is nothing that a kernel in order would send.
    lab.errors[:] = [each for each in lab.errors if "Could not process update msg" not in each]
    assert not any(lost.values()), json.dumps(lost, indent=1)
