"""What a member's turn costs beyond its training: a process that stays warm, and one per turn.

    python -m benchmarks.turns                       # some minutes
    python -m benchmarks.turns --members 20 --generations 3 --json turns.json

Members of the Lorenz demo's size (1,500 training trials x 100 bins x 35 channels, batch 150) take
turns of a few epochs; after each generation half of them copy another one. Overhead is all of a
turn's time, seen from whoever asks for it, beyond epochs of the usual length. Cold turns have a
process of their own each, as the start of a run has.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import psutil

from benchmarks.step_cases import CASES
from lfads_nb.cores import usable_cores
from lfads_nb.queue.devices import run_environment
from lfads_nb.queue.warm import WarmProcesses
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.turns import TurnRequest, TurnResult

HERE = Path(__file__).parents[1]
BATCHES = 10


def make_members(folder: Path, n: int, case_name: str) -> list[RunFolder]:
    """Write run folders that share one file of spikes."""
    case = CASES[case_name]
    counts = case.counts()
    data = RunFolder(folder / "data").input_file("one")
    data.parent.mkdir(parents=True)
    with h5py.File(data, "w") as file:
        file["train_data"] = np.concatenate([counts] * BATCHES)
        file["valid_data"] = np.concatenate([counts] * 2)
    members = [RunFolder(folder / f"member_{i:02}") for i in range(n)]
    for member in members:
        member.input.mkdir(parents=True)
        member.input_file("one").symlink_to(data)
        RunRecord("benchmark", "one", case.params, ("one",)).save(member)
    return members


def request(
    members: list[RunFolder], i: int, generation: int, epochs: int, rng: np.random.Generator
) -> TurnRequest:
    copies = generation > 0 and i % 2 == 1
    return TurnRequest(
        folder=members[i].path,
        generation=generation,
        settings={
            "learning_rate_init": float(rng.uniform(1e-3, 5e-3)),
            "keep_prob": float(rng.uniform(0.4, 1.0)),
            "coordinated_dropout_rate": float(rng.uniform(0.1, 0.7)),
            "kl_ic_weight": float(rng.uniform(0.1, 1.0)),
            "l2_gen_scale": float(rng.uniform(1.0, 500.0)),
        },
        first_epoch=generation * epochs,
        epochs=epochs,
        copy_from=members[i - 1].path if copies else None,
        seed=i,
    )


def timed(processes: WarmProcesses, asked: TurnRequest) -> dict[str, float]:
    """Have one turn taken."""
    began = time.perf_counter()
    asked.save()
    run = processes.start(
        "benchmarks.turn_process",
        [str(asked.folder)],
        python=sys.executable,
        environment={},
        own={**run_environment(None, threads=usable_cores()), "PYTHONPATH": str(HERE)},
        marks={},
        log=asked.folder / "log",
    )
    code = run.wait()
    seconds = time.perf_counter() - began
    result = TurnResult.of(asked)
    if result is None:
        raise SystemExit(f"a turn ended with code {code}")
    training = result.seconds - result.overhead_seconds
    size = psutil.Process(run.pid).memory_info().rss / 2**20
    return {"seconds": seconds, "overhead": seconds - training, "memory_mib": size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=list(CASES), default="100_bins")
    parser.add_argument("--members", type=int, default=6)
    parser.add_argument("--generations", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="in a turn")
    parser.add_argument("--cold", type=int, default=2, help="turns in a process of their own")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args()

    rng, processes = np.random.default_rng(0), WarmProcesses()
    cold, warm = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        members = make_members(folder, options.members + options.cold, options.case)
        for i in range(options.cold):
            asked = request(members, options.members + i, 0, options.epochs, rng)
            cold.append(timed(processes, asked))
            processes.end_idle()
        for generation in range(options.generations):
            for i in range(options.members):
                asked = request(members, i, generation, options.epochs, rng)
                warm.append(timed(processes, asked))
        processes.end_idle()
    rest = warm[1:]
    overheads = [turn["overhead"] for turn in rest]
    result = {
        "cold_overhead_s": statistics.median(t["overhead"] for t in [*cold, warm[0]]),
        "warm_overhead_s": statistics.median(overheads),
        "warm_overhead_max_s": max(overheads),
        "epoch_s": statistics.median((t["seconds"] - t["overhead"]) / options.epochs for t in rest),
        "memory_first_mib": warm[0]["memory_mib"],
        "memory_last_mib": warm[-1]["memory_mib"],
        "turns": len(warm),
    }
    print(
        f"{options.case}: a turn in a new process {result['cold_overhead_s']:.1f} s of overhead; "
        f"in a warm one {result['warm_overhead_s']:.2f} s (at most "
        f"{result['warm_overhead_max_s']:.2f} s), beside {result['epoch_s']:.2f} s an epoch\n"
        f"memory of the warm process {result['memory_first_mib']:.0f} MiB after its first turn, "
        f"{result['memory_last_mib']:.0f} MiB after {result['turns']}"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
