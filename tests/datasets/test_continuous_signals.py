import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.datasets import ContinuousSignal, Counts, Signal
from lfads_nb.errors import DataError

EVENTS = np.array([1.0, 2.5, 4.0])
TIME = np.arange(-100.0, 200, 20)


def on_trials(signal, events=EVENTS):
    return signal.on_trials(events, TIME, 20.0, dataset="day1").values


@given(st.floats(20, 2000), st.floats(0, 0.013))
def test_a_ramp_comes_back_at_the_bins_centres_whatever_the_sampling(rate, start):
    n = int(6 * rate)
    signal = ContinuousSignal.at_rate(start + np.arange(n) / rate, rate, start_s=start)
    centres = EVENTS[:, None] + (TIME + 10) / 1000
    # a bin's samples lie within it, so their mean is at most half a bin off its centre
    assert np.abs(on_trials(signal)[..., 0] - centres).max() <= 0.0101


def test_fast_samples_are_averaged_and_missing_ones_left_out():
    values = np.arange(6000.0)
    values[1005] = np.nan
    found = on_trials(ContinuousSignal.at_rate(values, 1000.0, unit="mm"))[0, 5, 0]
    assert found == pytest.approx((sum(range(1000, 1020)) - 1005) / 19)


def test_a_gap_is_not_bridged():
    times = np.r_[np.arange(0, 2.4, 0.05), np.arange(2.6, 6, 0.05)]
    found = on_trials(ContinuousSignal(np.sin(times), times))
    unknown = np.isnan(found[..., 0])
    assert unknown[1].any()
    assert not unknown[[0, 2]].any()
    assert np.isnan(on_trials(ContinuousSignal(np.sin(times), times), EVENTS + 3.0)[2]).all()


def test_spike_times_and_behaviour_of_the_whole_session():
    rng = np.random.default_rng(0)
    events = np.array([1.0, np.nan, 4.0])
    on_trial = np.arange(3.0)[:, None, None] + np.zeros((1, 15, 1))
    frame = pd.DataFrame({"x": np.arange(6000.0), "y": 0.0}, index=np.arange(6000) / 1000)
    counts = Counts.from_spike_times(
        [np.sort(rng.uniform(0, 6, 400))], events, window_ms=(-100, 200), bin_ms=20,
        behavior={"hand": frame, "given": Signal(on_trial, "mm")},
    )  # fmt: skip
    assert counts.behavior["given"].values[:, 0, 0].tolist() == [0, 2]
    assert counts.behavior["hand"].dims == ("x", "y")
    np.testing.assert_allclose(counts.behavior["hand"].values[:, 5, 0], [1009.5, 4009.5])


class TsdFrame:
    """What is used of pynapple's object of that name."""

    time_support = None

    def __init__(self, t, d, columns):
        self.t, self.values, self.columns = t, d, columns


def test_pynapple_frames():
    times = np.arange(600) / 100
    frame = TsdFrame(times, np.column_stack([times, -times]), ["x", "y"])
    found = ContinuousSignal.of(frame, "hand_vel")
    assert found.dims == ["x", "y"]
    np.testing.assert_allclose(on_trials(found)[..., 1], -on_trials(found)[..., 0])
    assert ContinuousSignal.of(np.zeros((3, 4)), "x") is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: on_trials(ContinuousSignal.at_rate(np.ones(9), 10, start_s=900)), "900 to 900.8"),
        (lambda: ContinuousSignal(np.ones(3), [1, 2]), "3 samples, but 2 times"),
        (lambda: ContinuousSignal(np.ones(3), [1, 3, 2]), "sample 2 is not later"),
        (lambda: ContinuousSignal([], []), "no samples"),
        (lambda: ContinuousSignal(np.ones((2, 2, 2)), [1, 2]), "samples x dims"),
        (lambda: ContinuousSignal.at_rate([1, 2], 0), "more than 0 Hz"),
    ],
)
def test_another_clock_and_other_mistakes_are_named(make, message):
    with pytest.raises(DataError, match=message):
        make()
