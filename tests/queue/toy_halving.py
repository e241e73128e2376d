"""A training that takes no time: its cost is told by a file, and it goes on from its fit log."""

import json
import time

import h5py

from lfads_nb.model.fit_log import EpochFigures, append_line
from lfads_nb.sweep.progress import TrainSummary
from tests.queue.tiny_runs import leave_checkpoint, make_run_folder, note

PARAMS = {"batch_size": 10, "kl_increase_steps": 20, "l2_increase_steps": 20}
"""Of 100 training trials: penalties rise for two epochs."""

TRAINING = "from tests.queue.toy_halving import train\nrun_stage(run_dir, 'training', train)\n"


def make_sweep(root, costs, *, epochs=12, pause_s=0.0):
    """Make runs on the same data, each of its own cost."""
    root.mkdir(parents=True, exist_ok=True)
    data = root / "data.h5"
    with h5py.File(data, "w") as file:
        file["train_data"] = [[[0] * 2] * 3] * 100
    folders = []
    for i, cost in enumerate(costs):
        folder = make_run_folder(root, seed=i, **PARAMS)
        folder.input_file("ds").symlink_to(data)
        behaviour = {"cost": cost, "epochs": epochs, "pause_s": pause_s}
        (folder.path / "behaviour.json").write_text(json.dumps(behaviour))
        folders.append(folder)
    return folders


def train(run, params, datasets, *, judge=None):
    behaviour = json.loads((run.path / "behaviour.json").read_text())
    run.output.mkdir(exist_ok=True)
    done = len(run.fit_log.read_text().splitlines()) if run.fit_log.exists() else 0
    reason = judge(done) if judge and done else ""
    while not reason:
        if done == behaviour["epochs"]:
            reason = "all epochs done"
            break
        cost = (behaviour["cost"], behaviour["cost"])
        append_line(run.fit_log, EpochFigures(done, done, cost, cost, (0, 0), 0, 1, 1, 0.01))
        note(run, f"epoch {done}")
        done += 1
        time.sleep(behaviour["pause_s"])
        if judge and done < behaviour["epochs"]:
            reason = judge(done)
    leave_checkpoint(run)
    return TrainSummary(done, done, reason, done - 1, behaviour["cost"], 0.0, 1)
