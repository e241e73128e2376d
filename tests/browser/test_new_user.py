"""A new user's way from JupyterLab's launcher to a picture that turns, counted in clicks."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.io import savemat

from lfads_nb.queue import Queue
from lfads_nb.sweep import RunCollection
from tests.browser.lab import running_server
from tests.browser.panels import drag

if TYPE_CHECKING:
    from playwright.sync_api import Page

log = logging.getLogger(__name__)
expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.browser, pytest.mark.training, pytest.mark.timeout(900)]

# What a hand does, as the browser itself sees it; letters typed count apart.
COUNT = """
if (!window.hand) { // every test of the browser adds this once more
  window.hand = {clicks: 0, keys: 0};
  addEventListener('pointerdown', (e) => { window.hand.clicks += e.isTrusted; }, true);
  addEventListener('keydown', (e) => { window.hand.keys += e.isTrusted; }, true);
}
"""
CLICKS_OF_A_MENU = 2  # a menu of the system's own is outside the page


@dataclass
class Way:
    """A user on the way: `bench` is the page, `passed` says after how many seconds came what."""

    folder: Path
    bench: Page
    clicks: int = 0
    began: float = field(default_factory=time.monotonic)
    passed: dict[str, float] = field(default_factory=dict)

    def click(self, role, name, **options):
        self.bench.get_by_role(role, name=name, **options).first.click()

    def choose(self, label, option):
        self.bench.get_by_label(label).first.select_option(option)
        self.clicks += CLICKS_OF_A_MENU

    def note(self, what):
        self.passed[what] = time.monotonic() - self.began

    def counted(self):
        hand = self.bench.evaluate("window.hand")
        assert hand["keys"] == 0, "something had to be typed"
        return self.clicks + hand["clicks"]

    def to_the_turning_picture(self):
        """From a queue that is done to the trajectories in three dimensions, turned by hand."""
        self.click("tab", "Results", exact=True)
        self.click("tab", "3-D", exact=True)
        space = self.bench.locator(".lfads-space canvas").first
        expect(space).to_have_attribute("data-draws", re.compile(r"[1-9]"), timeout=60_000)
        self.note("picture")
        clicks, before = self.counted(), space.screenshot()
        drag(self.bench, space, 80, 15)
        expect(space).to_have_attribute("data-moving", "false")
        assert space.screenshot() != before
        assert int(space.get_attribute("data-points")) > 100
        return clicks


@pytest.fixture
def way(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    server = tmp_path / "server"
    server.mkdir()
    page = lab.page.context.new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    with running_server(server) as (url, token):
        page.goto(f"{url}lab?token={token}", timeout=90_000)
        tile = page.locator(".jp-LauncherCard", has_text="LFADS bench").first
        expect(tile).to_be_visible(timeout=90_000)
        page.context.add_init_script(COUNT)
        began = time.monotonic()
        with page.context.expect_page(timeout=120_000) as opened:
            tile.click()
        bench = opened.value
        bench.set_default_timeout(60_000)
        expect(bench.get_by_role("tab", name="Datasets", exact=True)).to_be_visible(timeout=60_000)
        way = Way(tmp_path / "lfads_nb", bench, clicks=1, began=began)
        way.note("bench")
        yield way
        Queue([]).stop_server()
        bench.close()
    page.close()


def queue_is_done(way, n):
    counted = way.bench.locator(".lfads-count:visible").first
    expect(counted).to_contain_text("training", timeout=120_000)
    way.note("training")
    expect(counted).to_contain_text(f"{n} done", timeout=600_000)
    way.note("done")


def test_from_the_tile_to_the_turning_butterfly_in_at_most_eight_clicks(way):
    way.click("button", "Quick example")
    way.bench.get_by_text("Ready: look at the tabs").wait_for(timeout=120_000)
    way.click("tab", "Runs", exact=True)
    # One of the four settings is enough here, and one click more than to launch them all.
    way.bench.get_by_role("grid", name="Settings").locator("tr[data-id]").first.click()
    way.click("button", re.compile(r"^Launch 1 run$"))
    queue_is_done(way, 1)
    clicks = way.to_the_turning_picture()
    assert clicks <= 8
    log.info("%d clicks; seconds: %s", clicks, way.passed)


def test_from_the_tile_to_ones_own_recording_in_at_most_fifteen_clicks(way):
    """A MATLAB file of trials x neurons x time, as the run manager's, in the datasets' folder."""
    rng = np.random.default_rng(0)
    turn = 2 * np.pi * (np.arange(100) / 100 + rng.random((60, 1)))
    gains = rng.normal(size=(2, 12))
    rates = 0.2 * np.exp(np.stack([np.cos(turn), np.sin(turn)], -1) @ gains * 0.8)
    (way.folder / "datasets").mkdir(parents=True)
    spikes = rng.poisson(rates).transpose(0, 2, 1)
    savemat(way.folder / "datasets" / "mine.mat", {"spikes": spikes, "bin_ms": 5.0})
    way.click("button", "Make collection")
    way.click("tab", "Datasets", exact=True)
    way.bench.get_by_label("Select mine.mat").check()
    way.click("button", "Add 1 ticked file")
    way.click("tab", "Parameters", exact=True)
    way.choose("Start from", "the quick Lorenz demo (minutes)")
    way.click("button", re.compile("^Add 1 setting"))
    way.click("tab", "Runs", exact=True)
    way.click("button", "One for each dataset")
    way.click("button", re.compile(r"^Launch 1 run$"))
    queue_is_done(way, 1)
    clicks = way.to_the_turning_picture()
    assert clicks <= 15
    (saved,) = (way.folder / "runs").iterdir()
    (run,) = RunCollection.load(saved).runs
    assert run.posterior_means().rates.shape[::2] == (60, 12)
    log.info("%d clicks; seconds: %s", clicks, way.passed)
