"""How fluid the viewers are, in a real Chromium against a real JupyterLab.

    python -m benchmarks.viewers                                # all sizes, some minutes
    python -m benchmarks.viewers --sizes 200x100 1500x500

For each size (trials x bins, 100 neurons, 65 conditions) a run folder is made, and then:

- open: seconds in the kernel until `RatesViewer(pm)` is made, from a closed folder;
- first: seconds until its first picture is on screen, sending and drawing included;
- neuron, toggle, legend: processor time (ms) of the browser's main thread to show another neuron,
  one condition more or less, or all of them, beyond what JupyterLab needs at rest, and the whole
  wait (ms) until the picture is there, in which the kernel reads the file;
- pan: the same processor time per step of a drag (ms), and the slowest frame (ms).

Without a GPU, Chromium paints on its main thread; with one, less is left to that.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.unit_chunks import unit_chunks
from tests.browser.lab import Lab, running_lab

N_NEURONS, N_CONDITIONS, N_FACTORS = 100, 65, 8
SIZES = ("50x100", "200x100", "1500x100", "50x500", "200x500", "1500x500")

OPEN = """
import time
from lfads_nb.results.run_view import RunView
import lfads_nb.widgets.viewers
from lfads_nb.widgets.viewers import RatesViewer
began = time.perf_counter()
v = RatesViewer(RunView.of({folder!r}).posterior_means())
opened = time.perf_counter() - began
v
"""


@dataclass
class Stopwatch:
    """The browser's own account of its main thread."""

    lab: Lab

    def __post_init__(self) -> None:
        self.session = self.lab.page.context.new_cdp_session(self.lab.page)
        # Processor time of the thread: other processes do not count.
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.idle_share = 0.0

    def take_rest(self) -> None:
        """Find out what JupyterLab itself needs while nothing happens."""
        before, began = self.task_ms(), time.perf_counter()
        self.lab.page.wait_for_timeout(3000)
        self.idle_share = (self.task_ms() - before) / (1000 * (time.perf_counter() - began))

    def task_ms(self) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")


def make_run(folder: Path, n_trials: int, n_bins: int) -> RunFolder:
    """Write a run folder with smooth rates, as a finished run leaves it."""
    params = RunParams(spike_bin_ms=2, co_dim=0, factors_dim=N_FACTORS)
    run = RunFolder(folder / params.param_name / "single_dataset001")
    run.input.mkdir(parents=True)
    run.output.mkdir(parents=True)
    rng = np.random.default_rng(0)
    condition = np.arange(n_trials) % N_CONDITIONS
    turn = 2 * np.pi * np.linspace(0, 3, n_bins)[None, :, None]
    phase = 2 * np.pi * condition[:, None, None] / N_CONDITIONS
    jitter = rng.normal(0, 0.2, (n_trials, 1, N_FACTORS))
    factors = np.sin(turn * (1 + np.arange(N_FACTORS) / 4) + phase + jitter)
    readout = rng.normal(0, 0.4, (N_FACTORS, N_NEURONS))
    trials = np.arange(n_trials)
    inds = {"valid": trials[::5], "train": trials[trials % 5 != 0]}
    with h5py.File(run.input_file("dataset001"), "w") as file:
        for split, chosen in inds.items():
            rates = np.exp(factors[chosen] @ readout - 4)
            _put(file, f"{split}_data", rng.poisson(rates))
            _put(file, f"{split}_truth", rates)
            file[f"{split}_inds"] = chosen + 1.0
    for split, chosen in inds.items():
        path = run.posterior_means("dataset001", split)
        with h5py.File(path, "w") as file:
            noise = rng.normal(0, 0.1, (len(chosen), 1, N_NEURONS))
            rates = np.exp(factors[chosen] @ readout - 4 + noise).astype(np.float32)
            _put(file, "output_dist_params", rates.astype(np.float64))
            _put(file, "factors", factors[chosen])
    information = {
        "trainInds": inds["train"][:, None] + 1.0, "validInds": inds["valid"][:, None] + 1.0,
        "paramInputDataHash": params.data_hash, "seq_timeVector": np.arange(n_bins) * 2.0,
        "seq_binSizeMs": 2.0, "conditionId": condition[:, None] + 1.0,
    }  # fmt: skip
    scipy.io.savemat(run.input_info("dataset001"), information)
    record = {
        "schema": 1, "collection": folder.name, "spec": "single_dataset001", "name": "benchmark",
        "param_hash": params.param_hash, "data_hash": params.data_hash,
        "params": params.set_values(), "datasets": ["dataset001"], "package_version": "0.1.0",
    }  # fmt: skip
    run.run_json.write_text(json.dumps(record))
    return run


def _put(file: h5py.File, key: str, values: np.ndarray) -> None:
    file.create_dataset(key, data=values, **unit_chunks(values.shape, values.itemsize))


def measure(lab: Lab, run: RunFolder) -> dict[str, float]:
    """Open the run in the notebook and take all times."""
    watch = Stopwatch(lab)
    began = time.perf_counter()
    lab.show(OPEN.format(folder=str(run.path)), timeout_s=300)
    _wait_for_picture(lab, after=0)
    found = {"open s": lab.kernel_answers("opened"), "first s": time.perf_counter() - began}
    page = lab.page
    page.wait_for_timeout(1500)
    page.evaluate(WATCH)
    watch.take_rest()
    page.locator(".lfads-stage").first.click(position={"x": 300, "y": 3})
    found |= _repeated(lab, watch, "neuron", lambda: page.keyboard.press("ArrowRight"), 5)
    found["points"] = _dataset(lab, "points")
    # Found beforehand: a search for labels would count as the viewer's work.
    box = page.get_by_label("show all").bounding_box()
    assert box is not None
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    entry = page.locator(".lfads-legend [role=checkbox]").first.bounding_box()
    assert entry is not None
    one = (entry["x"] + 8, entry["y"] + entry["height"] / 2)
    found |= _repeated(lab, watch, "toggle", lambda: page.mouse.click(*one), 4)
    found |= _repeated(lab, watch, "legend", lambda: page.mouse.click(*place), 1)
    found["all points"] = _dataset(lab, "points")
    found |= _pan(lab, watch)
    return found


def _repeated(lab: Lab, watch: Stopwatch, name: str, act: object, n: int) -> dict[str, float]:
    busy, waits = [], []
    for _ in range(n):
        lab.page.evaluate("() => { window.askedAt = performance.now(); }")
        draws, tasks, began = _dataset(lab, "draws"), watch.task_ms(), time.perf_counter()
        act()  # type: ignore[operator]
        lab.page.wait_for_timeout(1000)
        while _dataset(lab, "draws") <= draws:
            lab.page.wait_for_timeout(1000)
        idle = watch.idle_share * 1000 * (time.perf_counter() - began)
        busy.append(watch.task_ms() - tasks - idle)
        waits.append(lab.page.evaluate("window.drawnAt - window.askedAt"))
    return {f"{name} busy": statistics.median(busy), f"{name} wait": statistics.median(waits)}


# Notes in the page itself when the layer was drawn last.
WATCH = """() => {
  const canvas = document.querySelector('.lfads-raster canvas');
  new MutationObserver(() => (window.drawnAt = performance.now()))
    .observe(canvas, { attributeFilter: ['data-draws'] });
}"""


def _pan(lab: Lab, watch: Stopwatch, n_steps: int = 30) -> dict[str, float]:
    page = lab.page
    page.get_by_role("button", name="drag to pan").first.click()
    lab.wait_until("v.plot.figure.interaction is not None")
    box = page.locator(".lfads-raster canvas").first.bounding_box()
    assert box is not None
    page.evaluate(
        """() => { window.frames_ms = []; let last = performance.now(); window.panning = true;
          const next = (now) => { window.frames_ms.push(now - last); last = now;
            if (window.panning) requestAnimationFrame(next); };
          requestAnimationFrame(next); }"""
    )
    x, y = box["x"] + 200, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    tasks = watch.task_ms()
    for step in range(n_steps):
        page.mouse.move(x + 8 * step, y)
    spent = watch.task_ms() - tasks
    page.mouse.up()
    frames = page.evaluate("() => { window.panning = false; return window.frames_ms; }")
    return {"pan busy": spent / n_steps, "pan slowest": max(frames)}


def _dataset(lab: Lab, name: str) -> int:
    # Not through a locator, whose search is slow enough to count.
    return int(
        lab.page.evaluate(
            "(name) => document.querySelector('.lfads-raster canvas').dataset[name] || 0", name
        )
    )


def _wait_for_picture(lab: Lab, *, after: int) -> None:
    lab.page.wait_for_function(
        "(n) => Number(document.querySelector('.lfads-raster canvas')?.dataset.draws || 0) > n",
        arg=after, polling=5, timeout=120_000,
    )  # fmt: skip


def table(rows: dict[str, dict[str, float]]) -> Iterator[str]:
    """Format the measurements, a line per size."""
    columns = list(next(iter(rows.values())))
    yield "trials x bins  " + "".join(f"{name:>13}" for name in columns)
    for size, found in rows.items():
        yield f"{size:15}" + "".join(f"{found[name]:13,.2f}" if name.endswith(" s")
                                     else f"{found[name]:13,.0f}" for name in columns)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="trials x bins, such as 200x500")
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = {}
        for size in parser.parse_args().sizes:
            n_trials, n_bins = (int(part) for part in size.split("x"))
            runs[size] = make_run(Path(folder) / size, n_trials, n_bins)
        home = Path(folder) / "lab"
        home.mkdir()
        with running_lab(home) as lab:
            for size, run in runs.items():
                rows[size] = measure(lab, run)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
