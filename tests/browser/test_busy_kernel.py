"""What was typed while the kernel was busy is there when the click that came after it is."""

from __future__ import annotations

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

FORM = """
import time, ipywidgets as w
from lfads_nb.widgets.frame import Frame
from lfads_nb.widgets.theme import text_box
box, busy, go = text_box("Partition"), w.Button(description="busy"), w.Button(description="go")
slow = w.Text(description="Letters")
busy.on_click(lambda _: time.sleep(3))
seen = []
go.on_click(lambda _: seen.append((box.value, slow.value)))
panel = w.VBox([Frame(), box, slow, busy, go])
panel.add_class('lfads-panel'); panel
"""


@pytest.mark.parametrize("by_key", [False, True])
def test_a_click_comes_after_everything_that_was_typed_before_it(lab, page, by_key):
    lab.show(FORM)
    page.get_by_role("button", name="busy", exact=True).click()
    box, letters = page.get_by_label("Partition"), page.get_by_label("Letters")
    for text in ("g", "gpu"):
        box.fill(text)
        box.press("Tab")
    letters.press_sequentially("abc")  # each letter is a change of its own
    go = page.get_by_role("button", name="go", exact=True)
    if by_key:
        go.press("Enter")
    else:
        go.click()
    lab.wait_until("seen")
    assert lab.kernel_answers("seen") == [["gpu", "abc"]]
