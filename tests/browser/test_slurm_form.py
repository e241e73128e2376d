"""The launch form for SLURM as it is on screen, where there is an sbatch; none is called."""

import pytest

from tests.browser.panels import make_collection, show

expect = pytest.importorskip("playwright.sync_api").expect

LOGIN_NODE = """
from lfads_nb.widgets.panels import launch_options
launch_options.is_at_hand = lambda: True
"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_slurm_is_chosen_filled_in_and_told_what_it_would_not_take(lab, page, home, data, theme):
    change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    page.evaluate(change, theme)
    try:
        rc = make_collection(data, f"slurm_{theme[-5:].strip()}")
        show(lab, home, LOGIN_NODE + f"RunsPanel({str(rc.path)!r})")
        expect(page.get_by_label("Partition")).to_be_hidden()
        page.get_by_label("Run on").select_option("SLURM, as a job array")
        for label, text in (
            ("Partition", "gpu"), ("Account", "lab"), ("GPUs and the like", "gpu:1"),
            ("Cores", "4"), ("Memory", "16G"), ("Time of a job", "4:00:00"), ("Jobs at once", "8"),
        ):  # fmt: skip
            page.get_by_label(label, exact=True).fill(text)
        page.get_by_text("Launch options …").click()
        expect(page.get_by_label("train afresh what is done")).to_be_visible()
        expect(page.get_by_label("Retries after a failure")).to_be_hidden()
        page.get_by_label("Partition").scroll_into_view_if_needed()
        lab.screenshot(f"slurm_{theme[-5:].strip()}")
        page.get_by_label("Partition").fill("gpu; rm")
        page.get_by_role("button", name="Launch 2 runs").click()
        expect(page.get_by_text("partition cannot be 'gpu; rm'")).to_be_visible()
    finally:
        page.evaluate(change, "JupyterLab Light")
