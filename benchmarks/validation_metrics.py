"""What the figures of validation trials cost beside an epoch: R2 of true rates and of behaviour.

    python -m benchmarks.validation_metrics

1,500 trials x 100 bins x 100 channels, batches of 150, with a truth and a 2-D behaviour. Epochs and
figures take turns in one process; the share is that of an epoch when they are worked out every
ten epochs, as `select_by` does by itself.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from lfads_nb.datasets.behavior import Signal, write_signals
from lfads_nb.model.inputs import describe, read_sessions
from lfads_nb.model.training_setup import set_up
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import EPOCHS_BETWEEN_METRICS, RunParams

TRIALS, BINS, CHANNELS = 1_500, 100, 100


def write_run(folder: Path) -> RunFolder:
    """Write the inputs of a run: rates of slow waves, a truth, and a hand that follows them."""
    rng = np.random.default_rng(0)
    run = RunFolder(folder)
    run.input.mkdir(parents=True)
    phase = rng.uniform(0, 2 * np.pi, (TRIALS, 1, 1))
    rates = np.exp(-2 + 0.7 * np.sin(phase + np.arange(BINS)[:, None] / 9 + np.arange(CHANNELS)))
    hand = rates @ rng.normal(size=(CHANNELS, 2))
    valid = np.arange(0, TRIALS, 5)
    train = np.setdiff1d(np.arange(TRIALS), valid)
    with h5py.File(run.input_file("made_up"), "w") as file:
        for split, trials in (("train", train), ("valid", valid)):
            file[f"{split}_data"] = rng.poisson(rates[trials])
            file[f"{split}_truth"] = rates[trials]
            file[f"{split}_inds"] = trials + 1.0
        write_signals(file.create_group("behavior"), {"hand": Signal(hand, unit="mm/s")})
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    params = RunParams(
        co_dim=0, gen_dim=64, ic_enc_dim=64, factors_dim=8, batch_size=150, device="/cpu:0",
        metrics_every=EPOCHS_BETWEEN_METRICS,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        run = write_run(Path(folder) / "run")
        sessions = read_sessions(run, params, ["made_up"])
        training = set_up(run, describe(params, sessions), sessions)
        assert training.metrics is not None
        epochs, figures = [], []
        for turn in range(options.turns + 1):
            began = time.perf_counter()
            training.model.fit(
                training.sources[0].of(training.batches),
                validation_data=training.sources[1].of(training.validation),
                epochs=1,
                shuffle=False,
                verbose=0,
            )
            between = time.perf_counter()
            training.metrics.figures()
            if turn:  # the first turn compiles
                epochs.append(between - began)
                figures.append(time.perf_counter() - between)
            else:
                print(f"the first time, with compiling: {time.perf_counter() - between:.1f} s")
    epoch, figure = np.median(epochs), np.median(figures)
    share = figure / EPOCHS_BETWEEN_METRICS / epoch
    print(
        f"epoch {1e3 * epoch:.0f} ms, figures {1e3 * figure:.0f} ms; every "
        f"{EPOCHS_BETWEEN_METRICS} epochs that is {share:.1%} of an epoch"
    )


if __name__ == "__main__":
    main()
