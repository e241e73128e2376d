"""How well the rates of the Lorenz demo are inferred at full settings.

    python -m benchmarks.accuracy                         # an hour on two cores
    python -m benchmarks.accuracy --data demo --folder ~/accuracy

One session of 1,820 trials x 100 bins of 10 ms x 35 channels, 8 factors, generator 64, IC encoder
64 + 64, no controller, batches of 150, trained as a user's run is. `--data original` (the default)
draws spikes as the run manager's `generateDemoDatasets` does: each condition is centred and scaled
by itself, which makes rates higher and easier to tell apart than those of our mended demo
(`--data demo`). On such spikes the TensorFlow-1 program reached R2 0.958 (pooled) and 0.940 (mean
over channels) on validation trials.

A folder that holds a run already is gone on with, and judged when it is done.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.datasets.lorenz import STEP, DemoRecipe, make_demo_session
from lfads_nb.datasets.lorenz import _velocity as velocity
from lfads_nb.demo import PUBLISHED
from lfads_nb.queue.foreground import run_here
from lfads_nb.results.metrics import bits_per_spike, r2
from lfads_nb.sweep import Run, RunCollection, RunSpec

CONDITIONS, REPEATS, CHANNELS, MS = 65, 28, 35, 1000


def original_session(seed: int = 0) -> Counts:
    """Draw a session as the run manager's demo does, but with the Lorenz system's own dy/dt."""
    rng = np.random.default_rng(seed)
    state = rng.standard_normal((CONDITIONS, 3)) + np.array([0, 0, 25])
    latents = np.empty((CONDITIONS, MS, 3))
    for step in range(-500, MS):
        if step >= 0:
            latents[:, step] = state
        state = state + STEP * velocity(state)
    latents -= latents.mean(axis=1, keepdims=True)
    latents /= np.abs(latents).max(axis=1, keepdims=True)
    W = np.sort(rng.uniform(1, 2, (CHANNELS, 3)) * rng.choice([-1.0, 1.0], (CHANNELS, 3)), axis=0)
    rates = np.exp(latents @ W.T + np.log(5 / 1000))
    condition = np.repeat(np.arange(CONDITIONS), REPEATS)
    spikes = np.minimum(rng.poisson(rates[condition]), 1).astype(np.uint8)
    # What the spikes follow once they are cut to one per ms; rates reach 1,000 spikes/s.
    expected = -np.expm1(-rates).astype(np.float32)
    return Counts(
        counts=spikes,
        time_ms=np.arange(MS, dtype=float),
        condition_ids=condition + 1,
        truth=expected[condition],
        metadata={"subject": "lorenz"},
        name="lorenz",
        bin_ms=1.0,
    )


def make_run(folder: Path, data: str) -> Run:
    """Write the session and prepare its run, unless that was done before."""
    file = folder / "datasets" / "lorenz.h5"
    if not file.exists():
        counts = (
            original_session() if data == "original" else make_demo_session(DemoRecipe()).counts
        )
        write_counts(file, counts)
    datasets = DatasetCollection(folder / "datasets")
    session = datasets.add(file.name)
    collection = RunCollection(folder / "runs", "accuracy", datasets)
    collection.add_params(
        PUBLISHED.copy(spike_bin_ms=10, factors_dim=8, learning_rate_decay_factor=0.95)
    )
    collection.add_run_spec(RunSpec(session.single_run_name, datasets, [session]))
    collection.prepare()
    return collection.runs[0]


def judge(run: Run) -> None:
    """Print R2 and bits per spike of the validation trials, and those of the true rates."""
    pm = run.posterior_means()
    truth = np.asarray(pm.field("true_rates")[pm.valid_inds])
    rates = np.asarray(pm.rates[pm.valid_inds])
    counts = np.asarray(pm.counts[pm.valid_inds])
    agreement = r2(truth, rates)
    print(f"validation trials          {len(truth)}")
    print(f"R2, pooled                 {agreement.pooled:.3f}   (TensorFlow 1: 0.958)")
    print(f"R2, mean over channels     {agreement.mean_over_channels:.3f}   (TensorFlow 1: 0.940)")
    print(f"bits per spike, inferred   {bits_per_spike(counts, rates * pm.bin_ms / 1000):.3f}")
    print(f"bits per spike, truth      {bits_per_spike(counts, truth * pm.bin_ms / 1000):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=["original", "demo"], default="original")
    parser.add_argument("--folder", type=Path, help="where to work; kept (default: temporary)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run = make_run((options.folder or Path(temporary)).expanduser(), options.data)
        if not run.is_done:
            run_here(run.folder.path)
        judge(run)


if __name__ == "__main__":
    main()
