"""Take the pictures of README and docs anew, from a run and a population that are trained for it.

    .venv/bin/python -m docs.take_pictures /tmp/pictures     # a quarter of an hour on two cores

Needs what the tests in a browser need (`pip install -e '.[test]'` and a Chromium). What is trained
stays in the folder, so that a second call takes pictures alone. They are put beside it, to be
looked at and then copied to docs/images.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from lfads_nb.datasets import DatasetCollection, generate_demo_datasets
from lfads_nb.demo import QUICK
from lfads_nb.results.report_files import write_html
from lfads_nb.sweep import Population, RunCollection, RunParams, RunSpec
from tests.browser.lab import Lab, running_lab

RUN = QUICK.copy(spike_bin_ms=10, factors_dim=8, max_epochs=200)
BASE = RUN.copy(
    batch_size=32, learning_rate_init=0.01, kl_increase_steps=200, l2_increase_steps=200
)
SPACE = Population(BASE, members=6, epochs=15, generations=10, patience=10)
WIDTH, HEIGHT = 1280, 1200


def lorenz(
    folder: Path, name: str, what: RunParams | Population, **recording: object
) -> RunCollection:
    """Return a collection with one setting, or one population, of one Lorenz recording."""
    generate_demo_datasets(folder / f"{name}_data", 1, **recording)
    datasets = DatasetCollection(folder / f"{name}_data", name="lorenz")
    dataset = datasets.add("dataset001.h5")
    collection = RunCollection(folder / "runs", name, datasets)
    add = collection.add_population if isinstance(what, Population) else collection.add_params
    add([what])
    collection.add_run_spec(RunSpec(dataset.single_run_name, datasets, [dataset]))
    collection.prepare()
    return collection


def open_bench(lab: Lab, collection: RunCollection) -> Locator:
    """Show the bench on a collection; return its tabs: the line above names a folder."""
    lab.show(f"import lfads_nb\nlfads_nb.app({str(collection.path)!r})")
    return lab.page.locator(".lfads-root > .widget-tab").first


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def take(page: Page, element: Locator, path: Path) -> None:
    page.mouse.move(5, 5)  # nothing is hovered over
    page.wait_for_timeout(1500)
    element.screenshot(path=path)


def take_bench(lab: Lab, run: RunCollection, population: RunCollection, place: Path) -> None:
    """Parameters with a sweep typed in, rates, the butterfly, and a population."""
    page = lab.page
    bench = open_bench(lab, run)
    tab(page, "Parameters")
    sweep = page.get_by_role("button", name="Sweep factors_dim")
    if sweep.get_attribute("aria-pressed") != "true":  # as it was left by an earlier call
        sweep.click()
    page.get_by_label("Values of factors_dim").fill("2, 4, 6, 8")
    expect(page.get_by_role("button", name="Add 4 settings")).to_be_visible()
    take(page, bench, place / "parameters.png")

    tab(page, "Results")
    expect(page.locator(".lfads-RatesViewer")).to_be_visible(timeout=60_000)
    take(page, bench, place / "rates_viewer.png")
    tab(page, "3-D")
    take(page, bench, place / "butterfly.png")

    open_bench(lab, population)
    tab(page, "Queue")
    page.get_by_role("grid", name="Populations").locator("tr[data-id]").first.click()
    view = page.locator(".lfads-PopulationViewer").first
    expect(view).to_be_visible(timeout=60_000)
    take(page, view, place / "autolfads.png")


def take_report(lab: Lab, run: RunCollection, place: Path) -> None:
    """Take the report's figures, from the curves to the example trials."""
    report = write_html(run.runs[0].folder.path, place / "report.html")
    page = lab.page.context.new_page()
    page.set_viewport_size({"width": 820, "height": 1080})
    page.goto(report.as_uri())
    page.get_by_role("heading", name="Training").first.evaluate("each => each.scrollIntoView()")
    page.wait_for_timeout(1500)
    page.screenshot(path=place / "report.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="gets what is trained, and the pictures")
    place = parser.parse_args().folder.expanduser().resolve()
    place.mkdir(parents=True, exist_ok=True)
    run = lorenz(place, "butterfly", RUN)
    population = lorenz(
        place, "autolfads", SPACE,
        n_conditions=20, trials_per_condition=(20, 20), channels=(30, 30),
    )  # fmt: skip
    for queue in [run.launch(), population.launch()]:
        queue.wait()
    with (
        tempfile.TemporaryDirectory() as served,
        running_lab(Path(served), width=WIDTH, height=HEIGHT) as lab,
    ):
        take_bench(lab, run, population, place)
        take_report(lab, run, place)


if __name__ == "__main__":
    main()
