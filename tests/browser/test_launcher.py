"""The tile in JupyterLab's launcher, and the page behind it, as behind a hub's prefix."""

import os
import stat
from pathlib import Path

import psutil
import pytest

from lfads_nb.sweep import CollectionFolder
from tests.browser.lab import running_server

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser


def test_the_launchers_tile_opens_the_bench_behind_a_hubs_prefix(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    folder = tmp_path / "server"
    folder.mkdir()
    page = lab.page.context.new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    prefix = "--ServerApp.base_url=/user/ada/"
    with running_server(folder, options=[prefix]) as (url, token):
        assert url.endswith("/user/ada/")
        page.goto(f"{url}lab?token={token}", timeout=90_000)
        tile = page.locator(".jp-LauncherCard", has_text="LFADS bench").first
        expect(tile).to_be_visible(timeout=90_000)
        page.screenshot(path=tmp_path / "launcher.png")
        errors.clear()  # what JupyterLab complains of while it loads is its own
        with page.context.expect_page(timeout=120_000) as opened:
            tile.click()
        bench = opened.value
        bench.on("pageerror", lambda error: errors.append(str(error)))
        expect(bench.get_by_role("tab", name="Datasets", exact=True)).to_be_visible(timeout=60_000)
        assert "/user/ada/lfads-bench/" in bench.url
        # the kernel answers, not only the page's picture
        bench.get_by_label("In folder", exact=True).fill(str(tmp_path / "runs"))
        bench.get_by_label("Name", exact=True).first.fill("tile")
        bench.get_by_role("button", name="Make collection").click()
        expect(bench.get_by_text("saved in").first).to_be_visible()
        assert CollectionFolder(tmp_path / "runs" / "tile").json.is_file()
        bench.screenshot(path=tmp_path / "bench.png")
        tiles = _tiles()
        ports = [c for each in tiles for c in each.net_connections("inet") if c.status == "LISTEN"]
        assert not ports
        sockets = [Path(each.cmdline()[-2]) for each in tiles]
        assert all(stat.S_IMODE(os.stat(each).st_mode) == 0o600 for each in sockets)
        assert all(stat.S_IMODE(os.stat(each.parent).st_mode) == 0o700 for each in sockets)
        # who is nobody to the Jupyter server sees nothing of the bench
        page.context.clear_cookies()
        answer = page.goto(f"{url}lfads-bench/")
        assert not answer.ok or "login" in page.url
        bench.close()
    page.close()
    assert not psutil.wait_procs(tiles, timeout=90)[1]
    assert not errors


def _tiles() -> list[psutil.Process]:
    found = [
        each for each in psutil.Process().children(recursive=True)
        if any("lfads_nb.widgets.tile" in part for part in each.cmdline())
    ]  # fmt: skip
    assert found
    return found
