"""The quick example as one call: demo spikes, four settings, inputs prepared.

`lfads-nb demo` runs it to the end; `notebooks/quickstart.ipynb` shows the same walk step by step.
"""

from __future__ import annotations

from pathlib import Path

from lfads_nb.datasets import DatasetCollection, generate_demo_datasets
from lfads_nb.sweep import RunCollection, RunParams, RunSpec

FACTORS = (8, 6, 4, 2)
"""The first to be done has enough factors to show the butterfly in three dimensions."""

PUBLISHED = RunParams(
    spike_bin_ms=2, co_dim=0, batch_size=150, gen_dim=64, ic_enc_dim=64, learning_rate_stop=1e-3
)
"""The run manager's own example."""

QUICK = PUBLISHED.copy(
    spike_bin_ms=25, batch_size=64, learning_rate_init=0.03, max_epochs=50,
    kl_increase_steps=600, l2_increase_steps=600, num_samples_posterior=32,
)  # fmt: skip
"""The same in minutes on a laptop: coarser bins, smaller batches, larger steps, a cap on epochs."""


def make_demo(folder: str | Path, *, full: bool = False) -> RunCollection:
    """Make the demo's datasets and its collection of four runs, and prepare them.

    Parameters
    ----------
    folder : gets `datasets/` and `runs/`; what is there already is used again.
    full : the published settings (2 ms bins, no cap on the epochs) instead of the quick ones.
    """
    folder = Path(folder).expanduser()
    generate_demo_datasets(folder / "datasets", n_datasets=3)
    datasets = DatasetCollection(folder / "datasets", name="lorenz_example")
    dataset = datasets.add("dataset001.h5")
    collection = RunCollection(folder / "runs", "example" if full else "quick", datasets)
    collection.add_params((PUBLISHED if full else QUICK).sweep(factors_dim=FACTORS))
    collection.add_run_spec(RunSpec(dataset.single_run_name, datasets, [dataset]))
    collection.prepare()
    return collection
