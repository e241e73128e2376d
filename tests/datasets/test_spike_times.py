import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.datasets import Counts
from lfads_nb.errors import DataError, DataWarning

TIMES = st.lists(st.integers(0, 5000).map(lambda ms: ms / 1000), max_size=60)


def test_spikes_are_counted_around_each_event():
    counts = Counts.from_spike_times(
        [[0.95, 1.0, 1.019, 2.5], []], [1.0, 2.49], window_ms=(-50, 50), bin_ms=50, name="s"
    )
    assert counts.counts.tolist() == [[[1, 0], [2, 0]], [[0, 0], [1, 0]]]
    assert counts.time_ms.tolist() == [-50, 0]
    assert counts.name == "s"


@pytest.mark.filterwarnings("ignore::lfads_nb.errors.DataWarning")
@given(units=st.lists(TIMES, min_size=1, max_size=3), event=st.integers(0, 5000))
def test_counts_are_those_of_a_histogram(units, event):
    counts = Counts.from_spike_times(
        units, [event / 1000], window_ms=(-100, 200), bin_ms=20, allow_empty=True
    )
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
        ([[0.1]], [np.nan, np.nan], (0, 100), "events_s"),
        ([[0.1]], [1.0, np.inf], (0, 100), "events_s"),
        ([[0.1]], np.ones((2, 3)), (0, 100), r"events_s.*\(2, 3\)"),
        ([np.ones((2, 3))], [1.0], (0, 100), r"spike_times_s\[0\].*\(2, 3\)"),
        ([0.1, 0.2, 0.3], [1.0], (0, 100), r"spike_times_s.*pass \[times\]"),
        (np.array([0.1, 0.2, 0.3]), [1.0], (0, 100), r"spike_times_s.*pass \[times\]"),
        (0.1, [1.0], (0, 100), "spike_times_s.*each unit"),
        (np.ones((2, 2, 2)), [1.0], (0, 100), r"spike_times_s.*\(2, 2, 2\)"),
        ([[True, False]], [1.0], (0, 100), r"spike_times_s\[0\]"),
        ([[0.1]], [1.0], 500, r"window_ms.*is 500.*\(0, 500\)"),
        ([[0.1]], [1.0], (0, 100, 200), r"window_ms.*\(-250, 750\)"),
        ([[0.1]], [1.0], (0, np.inf), "window_ms"),
        ([["a"]], [1.0], (0, 100), r"spike_times_s\[0\]"),
        ([[0.1]], [1.0], (0, 105), "window_ms"),
        ([[0.1]], [1.0], (100, 0), "window_ms"),
    ],
)
def test_what_does_not_fit_is_named(units, events, window, names):
    with pytest.raises(DataError, match=names):
        Counts.from_spike_times(units, events, window_ms=window, bin_ms=10)


EVENTS = 2.0 + 3 * np.arange(40)
RNG = np.random.default_rng(0)
UNITS = [np.sort(RNG.uniform(0, 125, n)) for n in (900, 2500, 1700)]
SETTINGS = {"window_ms": (-100, 400), "bin_ms": 20}
EXPECTED = Counts.from_spike_times(UNITS, EVENTS, **SETTINGS).counts


def cell(units, shape):
    box = np.empty(len(units), dtype=object)
    box[:] = units
    return box.reshape(shape)


class WithUnit:
    """As quantities and Neo carry a unit."""

    units = "ms"

    def __init__(self, ms):
        self.ms = ms

    def rescale(self, unit):
        assert unit == "s"
        return type("Rescaled", (), {"magnitude": self.ms / 1000})()


@pytest.mark.parametrize(
    "units",
    [
        [t[:, None] for t in UNITS],
        [t[None] for t in UNITS],
        [t.tolist() for t in UNITS],
        cell(UNITS, (1, 3)),
        cell([t[:, None] for t in UNITS], (3, 1)),
        [cell([t[None]], (1, 1)) for t in UNITS],
        {"a": UNITS[0], "b": UNITS[1], "c": UNITS[2]},
        np.stack([np.pad(t, (0, 2500 - len(t)), constant_values=np.nan) for t in UNITS]),
        pd.DataFrame({i: pd.Series(t) for i, t in enumerate(UNITS)}),
        [WithUnit(t * 1000) for t in UNITS],
        [(t * 1e9).astype("timedelta64[ns]") for t in UNITS],
    ],
)
def test_spike_times_in_any_usual_form(units):
    counts = Counts.from_spike_times(units, EVENTS[:, None], **SETTINGS)
    np.testing.assert_array_equal(counts.counts, EXPECTED)
    assert counts.notes == ()


def test_a_unit_with_one_spike_may_be_a_number():
    counts = Counts.from_spike_times([2.0, UNITS[0]], EVENTS, **SETTINGS)
    assert counts.counts[:, :, 0].sum() == 1
    assert Counts.from_spike_times({"a": 2.0, "b": 5.0}, EVENTS[:2], **SETTINGS).counts.sum() == 2


@pytest.mark.parametrize("library", ["quantities", "neo", "pynapple"])
@pytest.mark.filterwarnings("ignore")
def test_units_of_libraries_are_used(library):
    loaded = pytest.importorskip(library)
    if library == "pynapple":
        units = loaded.TsGroup(
            {i: loaded.Ts(t * 1000, time_units="ms") for i, t in enumerate(UNITS)}
        )
        events = loaded.Ts(EVENTS)
    else:
        import quantities as pq

        events = EVENTS * 1000 * pq.ms
        units = [t * 1e6 * pq.us for t in UNITS]
        if library == "neo":
            units = [loaded.SpikeTrain(t, t_stop=125 * pq.s) for t in units]
            events = loaded.Event(events)
    counts = Counts.from_spike_times(units, events, **SETTINGS)
    np.testing.assert_array_equal(counts.counts, EXPECTED)


def test_events_of_aborted_trials_are_left_out_with_all_that_is_theirs_and_counted():
    events = EVENTS.copy()
    events[[3, 7]] = np.nan
    kept = np.delete(np.arange(40), [3, 7])
    counts = Counts.from_spike_times(
        UNITS,
        events,
        **SETTINGS,
        condition_ids=[f"c{i}" for i in range(40)],
        trial_columns={"rt": np.arange(40.0), "side": ["l", "r"] * 20},
        external_inputs=np.arange(40.0)[:, None, None] * np.ones((1, 25, 1)),
    )
    np.testing.assert_array_equal(counts.counts, EXPECTED[kept])
    assert counts.condition_ids.tolist() == [f"c{i}" for i in kept]
    assert counts.trial_columns["rt"].tolist() == kept.tolist()
    assert counts.trial_columns["side"].tolist() == ["lr"[i % 2] for i in kept]
    assert counts.external_inputs[:, 0, 0].tolist() == kept.tolist()
    assert counts.notes == ("2 of 40 trials have no event (NaN) and are left out",)
    with pytest.raises(DataError, match="condition_ids"):
        Counts.from_spike_times(UNITS, events, **SETTINGS, condition_ids=range(39))


@pytest.mark.parametrize(
    ("units", "events", "says"),
    [
        ([t * 1000 for t in UNITS], EVENTS, r"spike times look as if they were in ms"),
        ([t * 1e6 for t in UNITS], EVENTS, "spike times look as if they were in \u00b5s"),
        (UNITS, EVENTS * 1000 + 200, "events are in ms"),
        ([t % 2 + 600 for t in UNITS], EVENTS, "same clock"),
        ([t % 2 for t in UNITS], EVENTS + 700, "from_trial_spike_times"),
        ([np.rint(t * 30000) for t in UNITS], EVENTS, "whole numbers"),
        ([t * 1000 for t in UNITS], EVENTS * 1000, "busiest unit"),
    ],
)
def test_times_in_another_unit_or_clock_are_refused_with_the_cause(units, events, says):
    window_ms = (0, 500) if says == "from_trial_spike_times" else (0, 0.02)
    with pytest.raises(DataError, match=says):
        Counts.from_spike_times(units, events + 0.00001, window_ms=window_ms, bin_ms=0.01)


@pytest.mark.parametrize(
    ("units", "events", "says"),
    [
        ([[2e3]], 2e3 + 10 * np.arange(1000), "the mean rate is 0.002"),
        ([t * 1000 for t in UNITS], EVENTS, "look as if they were in ms"),
        ([np.rint(t * 1000) for t in UNITS], EVENTS * 1000, "whole numbers"),
        ([t / 1000 for t in UNITS], EVENTS / 1000, r"the mean rate is 3.35e\+03"),
        ([t[t < 60] for t in UNITS], EVENTS, r"20 of 40 trials have no spike; the last spike is"),
        ([t[t > 60] for t in UNITS], EVENTS, r"20 of 40 trials have no spike; the first spike is"),
        ([[], []], EVENTS, "no spike in any trial"),
    ],
)
def test_times_that_look_wrong_are_taken_with_a_warning(units, events, says):
    units = [np.append(t, 2.0) if says.startswith("look") else t for t in units]
    with pytest.warns(DataWarning, match=says):
        counts = Counts.from_spike_times(units, events, **SETTINGS)
    assert any(re.search(says, note) for note in counts.notes)


def test_spikes_outside_all_windows_may_be_meant():
    with pytest.warns(DataWarning):
        counts = Counts.from_spike_times([[500.0]], EVENTS, **SETTINGS, allow_empty=True)
    assert not counts.counts.any()


def test_times_relative_to_each_trial():
    trials = [[t - event for t in UNITS] for event in EVENTS]
    counts = Counts.from_trial_spike_times(trials, **SETTINGS, condition_ids=range(40))
    np.testing.assert_array_equal(counts.counts, EXPECTED)
    assert counts.time_ms[0] == -100
    with pytest.raises(DataError, match="has 2 units") as error:
        Counts.from_trial_spike_times([trials[0], trials[1][:2]], **SETTINGS)
    assert error.value.trial == 1
    for none in ([], [[]]):
        with pytest.raises(DataError, match="spike_times_s"):
            Counts.from_trial_spike_times(none, **SETTINGS)


@pytest.mark.parametrize("seed", range(5))
def test_slow_units_are_no_reason_to_warn(seed):
    rng = np.random.default_rng(seed)
    units = [rng.uniform(0, 125, n) for n in (30, 60)]
    assert Counts.from_spike_times(units, EVENTS, **SETTINGS).notes == ()


@pytest.mark.parametrize("seed", range(5))
def test_a_whole_recording_of_few_trials_is_no_reason_to_warn(seed):
    rng = np.random.default_rng(seed)
    units = [np.sort(rng.uniform(0, 3600, n)) for n in (9000, 20_000, 400)]
    events = np.sort(rng.uniform(5, 60, 8))
    assert Counts.from_spike_times(units, events, **SETTINGS).notes == ()
