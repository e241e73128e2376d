import os
import warnings

import numpy as np
import pytest

from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from lfads_nb.widgets.bench import Bench

# bqplot's own import warns, which would be an error inside the test that meets it first
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import bqplot  # noqa: F401


def small_counts(n_trials=20, n_bins=40, n_channels=5, *, seed=0, **fields):
    rng = np.random.default_rng(seed)
    return Counts.from_bins(
        rng.poisson(0.3, (n_trials, n_bins, n_channels)),
        bin_ms=1.0,
        condition_ids=np.arange(n_trials) % 4,
        metadata={"subject": "demo"},
        **fields,
    )


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    assert "HOME" in os.environ


@pytest.fixture
def data_folder(tmp_path):
    folder = tmp_path / "datasets"
    for i, n_channels in enumerate((5, 7, 6), 1):
        counts = small_counts(n_channels=n_channels, seed=i)
        write_counts(folder / f"dataset{i:03d}.h5", counts)
    return folder


@pytest.fixture
def collection(tmp_path, data_folder):
    datasets = DatasetCollection(data_folder, name="small")
    datasets.add_all("*.h5")
    rc = RunCollection(tmp_path / "runs", "example", datasets)
    rc.add_params(RunParams(spike_bin_ms=4, batch_size=3, co_dim=0).sweep(factors_dim=[2, 4]))
    rc.add_run_spec(RunSpec("single_dataset001", datasets, ["dataset001"]))
    rc.add_run_spec(RunSpec("all", datasets, [0, 1, 2]))
    rc.save()
    return rc


@pytest.fixture
def bench(collection):
    return Bench(collection)
