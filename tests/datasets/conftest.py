import numpy as np
import pytest

from lfads_nb.datasets import Counts


@pytest.fixture
def make_counts():
    """Counts with everything on them, small."""

    def make(n_trials=12, n_bins=20, n_channels=4, *, seed=0, **fields):
        rng = np.random.default_rng(seed)
        shape = (n_trials, n_bins, n_channels)
        ids = np.arange(n_trials) % 3
        defaults = {
            "condition_ids": ids,
            "truth": np.linspace(0.1, 0.3, 3)[ids][:, None, None] * np.ones(shape),
            "external_inputs": rng.standard_normal((n_trials, n_bins, 2)),
            "trial_columns": {"reaction_ms": 100.0 + np.arange(n_trials)},
            "metadata": {"subject": "Ada", "datetime": "2024-05-06T07:08:09", "save_tags": [1, 2]},
        }
        return Counts.from_bins(rng.poisson(0.4, shape), 1.0, **{**defaults, **fields})

    return make


@pytest.fixture
def assert_same():
    """Compare two `Counts` in all that they hold."""

    def compare(one, other, *, ignore=()):
        arrays = ("counts", "time_ms", "condition_ids", "truth", "external_inputs")
        for name in (name for name in arrays if name not in ignore):
            a, b = getattr(one, name), getattr(other, name)
            assert (a is None) == (b is None), name
            if a is not None:
                np.testing.assert_array_equal(a, b, err_msg=name)
        assert one.bin_ms == other.bin_ms
        if "trial_columns" not in ignore:
            assert list(one.trial_columns) == list(other.trial_columns)
            for key, column in one.trial_columns.items():
                np.testing.assert_array_equal(column, other.trial_columns[key])
        if "metadata" not in ignore:
            assert one.metadata == other.metadata
        assert (one.continuous, one.allow_missing) == (other.continuous, other.allow_missing)

    return compare
