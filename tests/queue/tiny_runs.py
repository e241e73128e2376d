"""Tiny runs: real folders and real processes, notebooks that end within a second."""

import base64
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import psutil

from lfads_nb.queue.processes import RUN_MARK, new_attempt, run_marks
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_record import RunRecord

EMPTY_HDF5 = zlib.decompress(
    base64.b64decode(
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KFJhR+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrsvno9oyCkQ08XB0DQHQElM8BpU8woaqDpcMAKtkLAKSkKIg="
    )
)
QUICK_STAGE = """
from lfads_nb.queue.stage import run_stage
from tests.queue.tiny_runs import leave_checkpoint, leave_means, leave_weights, note
"""
STAGE_CELLS = {
    "training": "def train(run, params, datasets): note(run, 'trained'); leave_checkpoint(run)\n"
    "run_stage(run_dir, 'training', train)",
    "sampling": "run_stage(run_dir, 'sampling', leave_means)",
    "exporting": "run_stage(run_dir, 'exporting', leave_weights)",
}


def note(run, text):
    with open(run.path / "trained.txt", "a") as file:
        file.write(text + "\n")


def leave_checkpoint(run):
    run.output.mkdir(exist_ok=True)
    (run.output / "lfads_vae-1.weights.h5").write_bytes(EMPTY_HDF5)


def leave_means(run, params, datasets):
    run.output.mkdir(exist_ok=True)
    for name in datasets:
        for split in ("train", "valid"):
            run.posterior_means(name, split, params.posterior_mean_kind).write_bytes(EMPTY_HDF5)


def leave_weights(run, params, datasets):
    run.output.mkdir(exist_ok=True)
    run.model_params.write_bytes(EMPTY_HDF5)


def leave_outputs(folder):
    """Leave what a run that is done has."""
    record = RunRecord.load(folder)
    leave_checkpoint(folder)
    leave_means(folder, record.params, record.datasets)
    leave_weights(folder, record.params, record.datasets)


def make_run_folder(root, name="single", **params):
    """A prepared run of no data."""
    params = RunParams(**params)
    folder = RunFolder(Path(root).resolve() / params.param_name / name)
    folder.input.mkdir(parents=True)
    RunRecord("tiny", name, params, ("ds",)).save(folder)
    return folder


def write_template(path, **stages):
    """A template whose stages do nothing, or the code that is given for them."""
    import nbformat  # here, as every kernel of a tiny run imports this module
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    cells = [new_markdown_cell("# {{title}}")]
    cells.append(new_code_cell('run_dir = "."', metadata={"tags": ["parameters"]}))
    cells.append(new_code_cell(QUICK_STAGE))
    cells += [new_code_cell(code) for code in {**STAGE_CELLS, **stages}.values()]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def start_runner(folder, template, *options, runner="lfads_nb.queue.runner", begin=None):
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **run_marks(folder.path, new_attempt()),
    }
    return subprocess.Popen(
        [
            sys.executable, "-m", runner, str(folder.path),
            "--template", str(template), "--device", "cpu", "--threads", "1", *options,
        ],
        env=environment, start_new_session=True, preexec_fn=begin,
    )  # fmt: skip


def wait_for(condition, timeout=90.0, every=0.05):
    """Wait until a condition gives something; return it."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"waited {timeout} s in vain")


def marked_processes(folder):
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARK) == str(folder.path):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
