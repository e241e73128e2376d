"""The browser that all browser tests of a session share."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import pytest

from lfads_nb.datasets import write_counts
from lfads_nb.queue import Queue
from tests.widgets.conftest import small_counts

HAS_PLAYWRIGHT = importlib.util.find_spec("playwright") is not None
IS_REQUIRED = os.environ.get("LFADS_NB_REQUIRE_BROWSER") == "1"

if HAS_PLAYWRIGHT:
    from tests.browser.lab import Lab, find_chromium, running_lab


@pytest.fixture(scope="session")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    missing = None
    if not HAS_PLAYWRIGHT:
        missing = "playwright is not installed: pip install 'lfads-nb[test]'"
    elif find_chromium() is None:
        missing = "there is no Chromium: install one, or name it in LFADS_NB_CHROMIUM"
    if missing and IS_REQUIRED:
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(_lab: Lab) -> Iterator[Lab]:
    """A notebook in a real JupyterLab; the test fails if the browser complained of anything."""
    _lab.clear_away()
    _lab.errors.clear()
    yield _lab
    assert not _lab.errors, "the browser complained: " + "; ".join(_lab.errors)


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
    lab.page.set_viewport_size({"width": 1280, "height": 900})
    yield lab.page
    lab.page.set_viewport_size(before)
