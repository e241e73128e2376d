"""The Queue panel in a browser: many runs, and the keyboard."""

from __future__ import annotations

import math

import pytest

from lfads_nb.queue.status import RunState, RunStatus, local_now, write_status
from tests.browser.panels import count, make_collection, show

expect = pytest.importorskip("playwright.sync_api").expect


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
