"""The bench outside JupyterLab: in Notebook 7, and as a page of its own."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from lfads_nb.datasets import write_counts
from tests.widgets.conftest import small_counts

expect = pytest.importorskip("playwright.sync_api").expect
from tests.browser.lab import die_with_parent, running_server, stop  # noqa: E402

CODE = "import lfads_nb\nlfads_nb.app({folder!r})"


@pytest.fixture
def bench_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    folder = tmp_path / "bench"
    write_counts(folder / "datasets" / "dataset001.h5", small_counts(40, 40, 6, seed=1))
    return folder


@pytest.fixture
def page(lab):
    """A second page of the browser that the other tests use, with its complaints."""
    page = lab.page.context.new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    page.close()


@contextlib.contextmanager
def own_page(folder: Path, log: Path) -> Iterator[str]:
    """Serve the bench as `lfads-nb app` does, and give the address that it prints."""
    command = [sys.executable, "-c", "from lfads_nb.cli import program; program()"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "app", str(folder), "--no-browser"], stdout=output, stderr=output,
            env={**os.environ, "COLUMNS": "40"}, start_new_session=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        try:
            end = time.monotonic() + 60
            while not (found := re.search(r"http://127\S+", log.read_text())):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            yield found.group()
        finally:
            stop(process)


def set_up_by_clicking(page):
    """Make a collection with a dataset, two settings and a run spec, as far as launching."""
    page.get_by_label("Name", exact=True).first.fill("elsewhere")
    page.get_by_role("button", name="Make collection").click()
    files = page.get_by_role("grid", name="Files in the folder")
    files.get_by_label("Select dataset001.h5").check()
    page.get_by_role("button", name="Add 1 ticked file").click()
    page.get_by_role("tab", name="Parameters", exact=True).click()
    page.get_by_label("Sweep factors_dim").click()
    page.get_by_label("Values of factors_dim").fill("2, 3")
    page.get_by_role("button", name="Add 2 settings").click()
    page.get_by_role("tab", name="Runs", exact=True).click()
    page.get_by_role("button", name="One for each dataset").click()
    expect(page.locator(".lfads-count:visible").first).to_contain_text(
        "2 settings × 1 run spec = 2 runs"
    )


def test_notebook_7(page, bench_folder, tmp_path):
    server = tmp_path / "server"
    server.mkdir()
    cell = nbformat.v4.new_code_cell(CODE.format(folder=str(bench_folder)))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, server / "bench.ipynb")
    with running_server(server, "notebook") as (url, token):
        page.goto(f"{url}notebooks/bench.ipynb?token={token}", timeout=90_000)
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context", timeout=60_000)
        page.evaluate(
            """async () => {
              const panel = window.jupyterapp.shell.currentWidget;
              await panel.context.ready;
              await panel.sessionContext.ready;
            }"""
        )
        page.errors.clear()  # what Notebook complains of while it loads is its own
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        expect(page.get_by_role("tab", name="Datasets", exact=True)).to_be_visible(timeout=90_000)
        set_up_by_clicking(page)
        page.screenshot(path=tmp_path / "notebook7.png")
    assert not page.errors


def test_a_page_of_its_own(page, bench_folder, tmp_path):
    with own_page(bench_folder, tmp_path / "log") as url:
        page.goto(url, timeout=90_000)
        expect(page.get_by_role("tab", name="Datasets", exact=True)).to_be_visible(timeout=90_000)
        set_up_by_clicking(page)
        page.screenshot(path=tmp_path / "voila.png")
        # without its token it shows nothing
        page.context.clear_cookies()
        answer = page.goto(url.partition("?")[0])
        assert not answer.ok or "token" in page.url or "login" in page.url
    assert not page.errors
