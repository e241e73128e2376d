"""AutoLFADS by clicks alone: from a dataset to the winner's rates."""

from __future__ import annotations

import time

import pytest

from lfads_nb.datasets import DatasetCollection, write_counts
from lfads_nb.queue.status import RunState
from lfads_nb.sweep import RunCollection
from tests.browser.panels import tab
from tests.widgets.conftest import small_counts

expect = pytest.importorskip("playwright.sync_api").expect

WIDTH = {"width": 1280, "height": 900}
MEMBERS, GENERATIONS = 4, 2


@pytest.fixture
def collection(lab):
    folder = lab.folder / "autolfads"
    write_counts(folder / "datasets" / "day.h5", small_counts(40, 40, 8, seed=1))
    datasets = DatasetCollection(folder / "datasets")
    datasets.add("day.h5")
    rc = RunCollection(folder / "runs", "found", datasets)
    rc.save()
    return rc


def type_number(page, label, value):
    box = page.get_by_label(label, exact=True).first
    box.fill(str(value))
    box.press("Tab")


@pytest.mark.training
@pytest.mark.timeout(600)
def test_four_members_find_a_setting_and_the_winner_is_a_run_like_any_other(
    lab, page, home, collection
):
    page.set_viewport_size(WIDTH)
    page.set_default_timeout(60_000)
    lab.show(
        f"import os\nos.environ['LFADS_NB_HOME'] = {str(home)!r}\nimport lfads_nb\n"
        f"lfads_nb.app({str(collection.path)!r})"
    )
    tab(page, "Parameters")
    page.get_by_role("button", name="AutoLFADS: find the setting").click()
    page.get_by_role("button", name="Start from the data").click()
    expect(page.get_by_text("32 training trials").first).to_be_visible()
    for label, value in (
        ("members", MEMBERS), ("epochs a generation", 1), ("generations at most", GENERATIONS),
        ("patience", GENERATIONS),
    ):  # fmt: skip
        type_number(page, label, value)
    line = page.get_by_text(f"{MEMBERS} members x up to {GENERATIONS} generations of 1 epochs")
    expect(line).to_be_visible()
    page.get_by_role("button", name="Add AutoLFADS to the collection").click()
    expect(page.get_by_text("launch it in Runs")).to_be_visible()

    tab(page, "Runs")
    page.get_by_role("button", name="One for each dataset").click()
    page.get_by_role("button", name="Launch 1 population").click()

    expect(page.get_by_role("tab", name="Queue", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    (population,) = RunCollection.load(collection.path).population_runs
    deadline = time.monotonic() + 480
    while not population.status().state.is_ended and time.monotonic() < deadline:
        page.wait_for_timeout(500)
    assert population.status().state is RunState.DONE, population.status().reason
    history = population.history()
    assert len(history) == GENERATIONS
    assert len(history[0].turns) == MEMBERS
    populations = page.get_by_role("grid", name="Populations")
    expect(populations.get_by_text("✓ done")).to_be_visible()
    expect(page.get_by_text(f"generation {GENERATIONS} of at most {GENERATIONS}")).to_be_visible()
    page.get_by_role("button", name="paths of a parameter").click()
    expect(page.get_by_text("A jump is a copy from another member.")).to_be_visible()

    tab(page, "Results")
    expect(page.locator(".lfads-RatesViewer")).to_be_visible(timeout=60_000)
    winner = population.winner
    assert winner is not None
    assert winner.posterior_means().rates.shape == (40, 8, 8)
