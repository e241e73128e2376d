"""What the queue itself costs.

    python -m benchmarks.queue                    # everything, a few minutes
    python -m benchmarks.queue --only launch idle
    python -m benchmarks.queue --only noop --runs 10000 --json queue.json

- gap: from a device's being free (the mark of the run before) to the next run's kernel process, and
  to its first cell;
- launch: queueing many runs at once, and what the launching process waits for it;
- refresh: reading the states of as many runs: at first, with nothing and with one run changed, and
  the whole table;
- idle: processor time of a queue that has nothing to do, in percent of a core, with its workers up,
  and with many paused runs;
- next: from the end of one real run to the first training step of the next, with its process
  started ahead (`launch(ahead=)`) and without;
- start: from the launch of one real run to its first training step, part by part;
- noop: many runs that do nothing, through the same code: time for each among the first and the last
  tenth, and the memory of all of the queue's processes at both times.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from lfads_nb.demo import make_demo
from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.notebook import default_template
from lfads_nb.queue.reading import StatusReader
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status
from lfads_nb.sweep import Run, RunCollection, RunFolder, RunParams, RunRecord

NOOP = "benchmarks.noop_runner"
# The code of the notebooks; what they took note of is read when they have ended.
NOTE = """
import json, psutil, time
from pathlib import Path
now = psutil.Process()
marks = {'first_cell': time.time(), 'kernel': now.create_time()}
marks['runner'] = now.parent().create_time()
from lfads_nb.queue.stage import run_stage
def nothing(run, params, datasets): pass
"""
KEEP = """
run_stage(run_dir, 'sampling', nothing)
run_stage(run_dir, 'exporting', nothing)
Path(run_dir, 'marks.json').write_text(json.dumps(marks))
"""
EMPTY = NOTE + "run_stage(run_dir, 'training', nothing)" + KEEP
ONE_STEP = (
    NOTE
    + """
from lfads_nb.model import stages
marks['imported'] = time.time()
read = stages.read_sessions
def read_sessions(*arguments):
    sessions = read(*arguments)
    marks['data'] = time.time()
    return sessions
def after_a_step():
    marks.setdefault('first_step', time.time())
    return True
def train(run, params, datasets):
    stages.train(run, params, datasets, should_stop=after_a_step)
stages.read_sessions = read_sessions
run_stage(run_dir, 'training', train)
"""
    + KEEP
)

REST_S = 45.0
"""How much longer than its few epochs each run of `next` lasts, as real ones do."""
NOTING = """
import json, time
from pathlib import Path
def noting(train):
    def noted(run, params, datasets, *, on_progress):
        marks = {}
        def after_a_step():
            if not marks:
                marks['first_step'] = time.time()
                Path(run_dir, 'marks.json').write_text(json.dumps(marks))
            return False
        done = train(run, params, datasets, on_progress=on_progress, should_stop=after_a_step)
        time.sleep({rest_s})
        return done
    return noted
"""


@contextmanager
def fresh_queue() -> Iterator[tuple[QueueHome, Path]]:
    """Yield a queue's folder of its own, and a folder for runs."""
    with tempfile.TemporaryDirectory(prefix="lfads-queue-") as name:
        home = QueueHome.find({"LFADS_NB_HOME": f"{name}/home"})
        try:
            yield home, Path(name) / "runs"
        finally:
            Queue([], home=home).stop_server(60)


def make_runs(root: Path, n: int) -> list[RunFolder]:
    """Make prepared run folders without data."""
    params, folders = RunParams(), []
    for index in range(n):
        folder = RunFolder(root / params.param_name / f"run{index:05d}")
        folder.input.mkdir(parents=True)
        RunRecord("benchmark", f"run{index:05d}", params, ("ds",)).save(folder)
        folders.append(folder)
    return folders


def write_template(path: Path, code: str) -> str:
    cells = [new_code_cell('run_dir = "."', metadata={"tags": ["parameters"]})]
    cells += [new_code_cell(code)]
    nbformat.write(new_notebook(cells=cells), path)
    return str(path)


def wait_until(condition: Callable[[], bool], *, every_s: float = 0.1) -> float:
    """Wait for something; return how long that took, in seconds."""
    began = time.perf_counter()
    while not condition():
        time.sleep(every_s)
    return time.perf_counter() - began


def all_ended(queue: Queue) -> bool:
    return not any(status.state.is_active for status in queue.states())


def family(home: QueueHome) -> list[psutil.Process]:
    server = home.server_process()
    if server is None:
        return []
    process = psutil.Process(server.pid)
    return [process, *process.children(recursive=True)]


# -------------------------------------------------------------------------------- what is measured


def measure_gap(n_runs: int = 8) -> dict[str, float]:
    """Let runs of an empty notebook follow each other on one device after the other."""
    with fresh_queue() as (home, root):
        folders = make_runs(root, n_runs)
        queue = Queue(folders, home=home)
        queue.launch(template=write_template(root / "empty.ipynb", EMPTY))
        wait_until(lambda: all_ended(queue))
        rows = []
        for folder in folders:
            marks = json.loads((folder.path / "marks.json").read_text())
            device = read_status(folder).device
            rows.append((marks["kernel"], marks["first_cell"], folder.done.stat().st_mtime, device))
    gaps, cells = [], []
    for device in {row[3] for row in rows}:
        here = sorted(row for row in rows if row[3] == device)
        gaps += [after[0] - before[2] for before, after in itertools.pairwise(here)]
        cells += [after[1] - before[2] for before, after in itertools.pairwise(here)]
    return {
        "to_kernel_s": statistics.median(gaps),
        "to_kernel_longest_s": max(gaps),
        "to_first_cell_s": statistics.median(cells),
    }


def measure_launch(n_runs: int = 1000) -> dict[str, float]:
    """Queue many runs into a queue that is paused, then cancel them."""
    with fresh_queue() as (home, root):
        few, many = make_runs(root / "few", 10), make_runs(root / "many", n_runs)
        Queue([], home=home).pause_all()
        seconds = {}
        for folders in (few, many):
            queue = Queue(folders, home=home)
            began = time.perf_counter()
            queue.launch(runner=NOOP)
            seconds[len(folders)] = time.perf_counter() - began
        began = time.perf_counter()
        queue.cancel()
        wait_until(lambda: all_ended(queue))
        cancelled = time.perf_counter() - began
    return {
        "runs": n_runs,
        "launch_s": seconds[n_runs],
        "per_run_ms": 1e3 * seconds[n_runs] / n_runs,
        "per_run_of_10_ms": 1e3 * seconds[10] / 10,
        "cancel_s": cancelled,
    }


def measure_refresh(n_runs: int = 1000) -> dict[str, float]:
    """Read the states of many runs again and again."""
    with fresh_queue() as (home, root):
        folders = make_runs(root, n_runs)
        for folder in folders:
            write_status(folder, RunStatus(RunState.QUEUED))
        reader = StatusReader(folders, home)
        names = [folder.path.name for folder in folders]
        queue = Queue(folders, names=names, home=home)
        result = {"runs": n_runs, "first_ms": milliseconds(reader.read)}
        result["unchanged_ms"] = min(milliseconds(reader.read) for _ in range(5))
        changed = []
        for index in range(5):
            write_status(folders[index], RunStatus(RunState.CANCELLED))
            before = reader.n_files_read
            changed.append(milliseconds(reader.read))
            assert reader.n_files_read == before + 1, "only the file that changed is read"
        result["one_changed_ms"] = statistics.median(changed)
        queue.status()
        result["table_ms"] = min(milliseconds(queue.status) for _ in range(5))
    return result


def milliseconds(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return 1e3 * (time.perf_counter() - began)


def measure_start() -> dict[str, float]:
    """Launch one run of the demo and stop it after its first training step."""
    with fresh_queue() as (home, root):
        run = make_demo(root).runs[-1]
        queue = Queue([run.folder], home=home)
        template = write_template(root / "one_step.ipynb", ONE_STEP)
        began = time.time()
        queue.launch(template=template)
        wait_until(lambda: all_ended(queue))
        if not run.is_done:
            raise SystemExit(queue.status()["reason"].iloc[0])
        marks = json.loads((run.folder.path / "marks.json").read_text())
    names = ("runner", "kernel", "first_cell", "imported", "data", "first_step")
    times = [began, *(marks[name] for name in names)]
    parts = ("server_and_workers", "notebook_client", "kernel", "imports", "data", "graph_and_step")
    lasted = [after - before for before, after in itertools.pairwise(times)]
    result = {f"{part}_s": seconds for part, seconds in zip(parts, lasted, strict=True)}
    return {**result, "all_s": times[-1] - began}


def measure_next(n_runs: int = 2) -> dict[str, float]:
    """Let real runs of a sweep follow each other on one device, with and without ahead.

    The first of each launch is left out: nothing could be started ahead of it.
    """
    result: dict[str, float] = {}
    for ahead in (False, True):
        with fresh_queue() as (home, root):
            runs = make_sweep(root, n_runs)
            queue = Queue([run.folder for run in runs], home=home)
            queue.launch(
                template=write_noting_template(root / "noting.ipynb"),
                max_tasks_simultaneously=1,
                ahead=ahead,
            )
            wait_until(lambda queue=queue: all_ended(queue))
            if not all(run.is_done for run in runs):
                raise SystemExit(next(r for r in queue.status()["reason"] if r))
            rows = []
            for run in runs:
                marks = json.loads((run.folder.path / "marks.json").read_text())
                rows.append((marks["first_step"], run.folder.done.stat().st_mtime))
        rows.sort()
        gaps = [after[0] - before[1] for before, after in itertools.pairwise(rows)]
        name = "ahead" if ahead else "before"
        result[f"{name}_median_s"] = statistics.median(gaps)
        result[f"{name}_fastest_s"], result[f"{name}_slowest_s"] = min(gaps), max(gaps)
        result[f"{name}_whole_sweep_s"] = rows[-1][1] - rows[0][1]
    return result


def make_sweep(root: Path, n_runs: int) -> list[Run]:
    """Make short runs of the demo's settings and data that differ in their learning rate."""
    demo = make_demo(root / "demo")
    base = demo.runs[-1].params.copy(max_epochs=3, num_samples_posterior=4)
    sweep = RunCollection(root / "sweep", "sweep", demo.dataset_collection)
    rates = [0.01 * 0.9**index for index in range(n_runs)]
    sweep.add_params(base.sweep(learning_rate_init=rates))
    sweep.add_run_spec(demo.run_specs[-1])
    sweep.prepare()
    return list(sweep.runs)


def write_noting_template(path: Path) -> str:
    """Write the template that runs have, which also notes when the first step was done."""
    notebook = nbformat.read(default_template(), as_version=4)
    for cell in notebook.cells:
        if "stages.train)" in cell.source:
            cell.source = cell.source.replace("stages.train)", "noting(stages.train))")
            cell.source = NOTING.replace("{rest_s}", str(REST_S)) + cell.source
    nbformat.write(notebook, path)
    return str(path)


def measure_idle(seconds: float = 20.0, n_runs: int = 1000) -> dict[str, float]:
    """Add up the processor time of the server and its workers while nothing happens."""
    with fresh_queue() as (home, root):
        queue = Queue(make_runs(root / "one", 1), home=home)
        queue.launch(runner=NOOP)
        wait_until(lambda: all_ended(queue))
        time.sleep(5.0)
        processes = family(home)
        result = {"processes": len(processes), "idle_percent": load_of(processes, seconds)}
        queue.pause_all()
        Queue(make_runs(root / "many", n_runs), home=home).launch(runner=NOOP)
        time.sleep(5.0)
        result["paused_runs"] = n_runs
        result["paused_percent"] = load_of(family(home), seconds)
        result["memory_mib"] = memory_mib(processes)
    return result


def load_of(processes: list[psutil.Process], seconds: float) -> float:
    before = cpu_seconds(processes)
    time.sleep(seconds)
    return 100 * (cpu_seconds(processes) - before) / seconds


def cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def memory_mib(processes: list[psutil.Process]) -> float:
    """Return the memory of processes, each shared page counted once."""
    total = 0
    for process in processes:
        with suppress(psutil.Error):  # a run's process that has just ended
            total += process.memory_full_info().pss
    return total / 2**20


def measure_noop(n_runs: int = 1000) -> dict[str, float]:
    """Take many runs that do nothing through the whole queue."""
    with fresh_queue() as (home, root):
        folders = make_runs(root, n_runs)
        queue = Queue(folders, home=home)
        began = time.time()
        queue.launch(runner=NOOP)
        tenth, memory = n_runs // 10, {}
        for n in (tenth, n_runs):
            wait_until(lambda n=n: count_done(folders, n), every_s=0.5)
            processes = family(home)
            memory[n] = (memory_mib(processes[:1]), memory_mib(processes))
        ends = sorted(folder.done.stat().st_mtime for folder in folders)
        states = [status.state for status in queue.states()]
    assert states.count(RunState.DONE) == n_runs, "every run ends done"
    return {
        "runs": n_runs,
        "all_s": ends[-1] - began,
        "first_tenth_ms": 1e3 * (ends[tenth - 1] - ends[0]) / (tenth - 1),
        "last_tenth_ms": 1e3 * (ends[-1] - ends[-tenth]) / (tenth - 1),
        "server_mib_early": memory[tenth][0],
        "server_mib_late": memory[n_runs][0],
        "all_mib_early": memory[tenth][1],
        "all_mib_late": memory[n_runs][1],
    }


def count_done(folders: list[RunFolder], n: int) -> bool:
    """Say whether the first n runs are done; they start in their order."""
    return os.path.exists(folders[n - 1].done) and all(f.done.exists() for f in folders[:n])


MEASURES: dict[str, Callable[..., dict[str, float]]] = {
    "gap": measure_gap,
    "launch": measure_launch,
    "refresh": measure_refresh,
    "idle": measure_idle,
    "next": measure_next,
    "start": measure_start,
    "noop": measure_noop,
}


def show(name: str, result: dict[str, float]) -> None:
    print(f"\n{name}")
    for what, value in result.items():
        number = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
        print(f"  {what.replace('_', ' '):24} {number:>12}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument("--runs", type=int, default=1000, help="runs that do nothing; 1000")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args()
    results = {}
    for name in options.only:
        arguments = {"n_runs": options.runs} if name == "noop" else {}
        results[name] = MEASURES[name](**arguments)
        show(name, results[name])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
