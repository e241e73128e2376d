"""The live preview in a browser."""

from __future__ import annotations

import pytest

from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.live_preview import write_preview
from tests.widgets.test_live_preview import preview

expect = pytest.importorskip("playwright.sync_api").expect


def test_the_first_preview_of_a_run_on_screen_names_its_rows(lab, page, tmp_path):
    lab.show(
        "from pathlib import Path\nfrom lfads_nb.sweep.folders import RunFolder\n"
        "from lfads_nb.widgets.live_preview import LivePreviewBox\nbox = LivePreviewBox(); box"
    )
    write_preview(RunFolder(tmp_path), preview())
    lab.kernel_answers(f"box.show(RunFolder(Path({str(tmp_path)!r}))) is None")
    for name in ("counts", "rates now", "true rates"):
        expect(page.locator(".bqplot .axis text").filter(has_text=name).first).to_be_visible()
