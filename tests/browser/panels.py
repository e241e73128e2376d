"""The panels in the lab's notebook: what tests of all of them show and do."""

from __future__ import annotations

from lfads_nb.datasets import DatasetCollection
from lfads_nb.sweep import RunCollection, RunParams, RunSpec

START = """
import os
os.environ["LFADS_NB_HOME"] = {home!r}
import lfads_nb
from lfads_nb.widgets.panels import *
"""


def show(lab, home, code):
    return lab.show(START.format(home=str(home)) + code)


def make_collection(data, name, n_settings=2):
    datasets = DatasetCollection(data)
    datasets.add_all("*.h5")
    rc = RunCollection(data.parent / "runs", name, datasets)
    rc.add_params(
        RunParams(spike_bin_ms=4, batch_size=8, co_dim=0).sweep(
            factors_dim=list(range(2, 2 + n_settings))
        )
    )
    rc.add_run_spec(RunSpec("single_dataset001", datasets, ["dataset001"]))
    rc.save()
    return rc


def type_into(page, field, text):
    """Find a parameter by its name and type its value."""
    page.get_by_label("Find a parameter").fill(field)
    box = page.locator(f"[data-field={field}]").get_by_role("textbox").first
    box.fill(text)
    page.get_by_label("Find a parameter").fill("")


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def count(page):
    return page.locator(".lfads-count:visible").first


def drag(page, locator, dx, dy):
    """Drag something by its middle, by so many pixels."""
    box = locator.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=8)
    page.mouse.up()


def restart_kernel(lab):
    lab.page.evaluate(
        """async () => {
          const session = window.lfadsPanel.sessionContext;
          await session.restartKernel();
          await session.session.kernel.info;
        }"""
    )
