import pytest

from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.queue.estimates import seconds_per_epoch
from lfads_nb.sweep import RunParams

LORENZ = DatasetInfo(n_trials=1820, n_channels=35, n_bins=100, bin_ms=1)
REACHES = DatasetInfo(n_trials=140, n_channels=45, n_bins=26, bin_ms=20)


@pytest.mark.parametrize(
    ("params", "info", "cores", "measured_s"),
    [
        (RunParams(spike_bin_ms=1, batch_size=150, gen_dim=64, ic_enc_dim=64, co_dim=0),
         LORENZ, 2, 0.52),
        (RunParams(spike_bin_ms=1, batch_size=150), LORENZ, 2, 2.9),
        (RunParams(spike_bin_ms=20, batch_size=28, gen_dim=48, factors_dim=12, co_dim=2,
                   con_dim=48, ci_enc_dim=48, ic_enc_dim=48), REACHES, 1, 0.17),
    ],
)  # fmt: skip
def test_an_epochs_time_is_right_to_a_factor_of_two(params, info, cores, measured_s):
    assert 0.5 < seconds_per_epoch(params, [info], cores) / measured_s < 2


def test_sessions_add_up():
    one = seconds_per_epoch(RunParams(spike_bin_ms=1), [LORENZ], 2)
    two = seconds_per_epoch(RunParams(spike_bin_ms=1), [LORENZ, LORENZ], 2)
    assert two == pytest.approx(2 * one, rel=0.05)
