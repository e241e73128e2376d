import numpy as np
import pytest

from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.sweep import RunCollection, RunParams, RunSpec


def small_counts(n_trials=20, n_bins=40, n_channels=5, *, seed=0, **fields):
    rng = np.random.default_rng(seed)
    return Counts.from_bins(
        rng.poisson(0.3, (n_trials, n_bins, n_channels)),
        bin_ms=1.0,
        condition_ids=np.arange(n_trials) % 4,
        truth=np.full((n_trials, n_bins, n_channels), 0.3),
        metadata={"subject": "demo"},
        **fields,
    )


@pytest.fixture
def datasets(tmp_path):
    collection = DatasetCollection(tmp_path / "datasets", name="small")
    for i, n_channels in enumerate((5, 7, 6), 1):
        name = f"dataset{i:03d}.h5"
        write_counts(tmp_path / "datasets" / name, small_counts(n_channels=n_channels, seed=i))
        collection.add(name)
    return collection


@pytest.fixture
def collection(tmp_path, datasets):
    rc = RunCollection(tmp_path / "runs", "example", datasets)
    rc.add_params(RunParams(spike_bin_ms=4, batch_size=3, co_dim=0).sweep(factors_dim=[2, 4]))
    rc.add_run_spec(RunSpec("single_dataset001", datasets, ["dataset001"]))
    rc.add_run_spec(RunSpec("all", datasets, [0, 1, 2]))
    return rc
