"""The Datasets panel in a browser."""

from __future__ import annotations

import pytest

from tests.browser.panels import make_collection, show

expect = pytest.importorskip("playwright.sync_api").expect


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
