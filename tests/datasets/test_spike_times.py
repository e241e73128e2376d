import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.datasets import Counts
from lfads_nb.errors import DataError

TIMES = st.lists(st.integers(0, 5000).map(lambda ms: ms / 1000), max_size=60)


def test_spikes_are_counted_around_each_event():
    counts = Counts.from_spike_times(
        [[0.95, 1.0, 1.019, 2.5], []], [1.0, 2.49], window_ms=(-50, 50), bin_ms=50, name="s"
    )
    assert counts.counts.tolist() == [[[1, 0], [2, 0]], [[0, 0], [1, 0]]]
    assert counts.time_ms.tolist() == [-50, 0]
    assert counts.name == "s"


@given(units=st.lists(TIMES, min_size=1, max_size=3), event=st.integers(0, 5000))
def test_counts_are_those_of_a_histogram(units, event):
    counts = Counts.from_spike_times(units, [event / 1000], window_ms=(-100, 200), bin_ms=20)
    edges = np.arange(event - 100, event + 201, 20) - 0.5
    for unit, times in enumerate(units):
        ms = np.round(np.array(times, dtype=float) * 1000)
        expected = np.histogram(ms[ms < event + 200], edges)[0]
        assert counts.counts[0, :, unit].tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("units", "events", "window", "names"),
    [
        ([], [1.0], (0, 100), "spike_times_s"),
        ([[0.1], [np.nan]], [1.0], (0, 100), r"spike_times_s\[1\]"),
        ([[0.1]], [1.0, np.nan], (0, 100), "events_s"),
        ([["a"]], [1.0], (0, 100), r"spike_times_s\[0\]"),
        ([[0.1]], [1.0], (0, 105), "window_ms"),
        ([[0.1]], [1.0], (100, 0), "window_ms"),
    ],
)
def test_what_does_not_fit_is_named(units, events, window, names):
    with pytest.raises(DataError, match=names):
        Counts.from_spike_times(units, events, window_ms=window, bin_ms=10)
