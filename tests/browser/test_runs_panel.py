"""The Runs panel in a browser."""

from __future__ import annotations

import pytest

from lfads_nb.sweep import RunParams, RunSpec
from tests.browser.panels import make_collection, show

expect = pytest.importorskip("playwright.sync_api").expect


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
