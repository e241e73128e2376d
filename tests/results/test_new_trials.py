import numpy as np
import pytest

from lfads_nb.results.new_trials import as_fields
from lfads_nb.sweep import RunParams

PARAMS = RunParams(spike_bin_ms=20)


def test_rates_are_spikes_per_second():
    outputs = {"output_dist_params": np.full((2, 3, 4), 0.5), "factors": np.ones((2, 3, 1))}
    fields = as_fields(outputs, PARAMS)
    assert set(fields) == {"rates", "factors"}
    assert fields["rates"] == pytest.approx(np.full((2, 3, 4), 25.0))


def test_gaussian_outputs_keep_their_units_and_have_a_variance():
    means_and_variances = np.concatenate([np.full((1, 2, 3), 4.0), np.full((1, 2, 3), 9.0)], axis=2)
    fields = as_fields(
        {"output_dist_params": means_and_variances}, PARAMS.copy(output_dist="gaussian")
    )
    assert fields["rates"] == pytest.approx(np.full((1, 2, 3), 4.0))
    assert fields["output_variances"] == pytest.approx(np.full((1, 2, 3), 9.0))
