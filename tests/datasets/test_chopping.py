import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfads_nb.datasets import (
    ChopLayout,
    Counts,
    chop_recording,
    merge_chops,
    read_counts,
    write_counts,
)
from lfads_nb.errors import DataError


@settings(deadline=None)
@given(st.data())
def test_chopping_and_merging_gives_the_recording_back(data):
    n_time = data.draw(st.integers(1, 200))
    window = data.draw(st.integers(1, n_time))
    overlap = data.draw(st.integers(0, window - 1))
    recording = np.random.default_rng(0).poisson(3, (n_time, 3))
    counts = chop_recording(recording, bin_ms=5, window_ms=5.0 * window, overlap_ms=5.0 * overlap)
    assert counts.n_bins == window
    np.testing.assert_allclose(merge_chops(counts.counts, counts), recording, atol=1e-9)


@pytest.mark.parametrize("overlap", [0, 3, 5, 7, 9])
def test_windows_start_every_window_less_overlap(overlap):
    counts = chop_recording(np.arange(40)[:, None], bin_ms=1, window_ms=10, overlap_ms=overlap)
    starts = counts.trial_columns["chop_start_ms"]
    assert (np.diff(starts[:-1]) == 10 - overlap).all()
    assert starts[-1] == 30
    np.testing.assert_array_equal(counts.counts[:, 0, 0], starts)


def test_weights_fall_towards_the_ends_also_beyond_half_a_window():
    # windows say 1 everywhere but at their ends, where they are wrong
    for overlap in (2, 5, 8):
        counts = chop_recording(np.ones((60, 1)), bin_ms=1, window_ms=10, overlap_ms=overlap)
        values = np.ones((counts.n_trials, 10, 1))
        values[:, [0, -1]] = 2
        inside = slice(1, -1)
        merged = merge_chops(values, counts)[inside, 0]
        plain = merge_chops(values, counts, smooth_power=0)[inside, 0]
        assert merged.mean() < plain.mean()
        assert (merged >= 1).all()


def test_merging_is_smooth_where_windows_disagree():
    counts = chop_recording(np.ones((30, 1)), bin_ms=1, window_ms=20, overlap_ms=10)
    values = np.zeros((2, 20, 1))
    values[1] = 1
    merged = merge_chops(values, counts)[:, 0]
    assert (np.diff(merged) >= 0).all()
    assert np.diff(merged).max() < 0.3
    assert merged[0] == 0
    assert merged[-1] == 1


def test_rebinned_windows_merge_at_the_wider_bins():
    recording = np.random.default_rng(1).poisson(1, (1003, 4))
    counts = chop_recording(recording, bin_ms=1, window_ms=200, overlap_ms=50, model_bin_ms=10)
    merged = merge_chops(counts.rebin(10).counts, counts)
    np.testing.assert_allclose(merged, recording[:1000].reshape(100, 10, 4).sum(axis=1), atol=1e-9)


def test_windows_that_do_not_start_on_wider_bins_cannot_be_merged_there():
    counts = chop_recording(np.ones((1003, 1), int), bin_ms=1, window_ms=200, overlap_ms=50)
    with pytest.raises(DataError, match="model_bin_ms"):
        merge_chops(counts.rebin(10).counts, counts)


def test_the_layout_survives_a_file_and_a_choice_of_trials(tmp_path):
    recording = np.random.default_rng(1).poisson(1, (100, 2))
    counts = chop_recording(recording, bin_ms=1, window_ms=30, overlap_ms=10, name="day1")
    again = read_counts(write_counts(tmp_path / "a.h5", counts))
    assert ChopLayout.of(again) == ChopLayout.of(counts)
    some = again.select_trials([2, 0])
    merged = merge_chops(some.counts, some)
    np.testing.assert_allclose(merged[:30], recording[:30])
    np.testing.assert_allclose(merged[40:70], recording[40:70])
    assert np.isnan(merged[30:40]).all()
    assert np.isnan(merged[70:]).all()


def test_windows_without_a_result_have_no_weight():
    counts = chop_recording(np.ones((40, 1), int), bin_ms=1, window_ms=20, overlap_ms=10)
    values = np.ones((3, 20, 1))
    values[1] = np.nan
    np.testing.assert_allclose(merge_chops(values, counts), 1)


def test_external_inputs_are_cut_alike():
    inputs = np.arange(50.0)[:, None]
    counts = chop_recording(
        np.ones((50, 2), int), bin_ms=2, window_ms=20, overlap_ms=4, external_inputs=inputs
    )
    np.testing.assert_allclose(merge_chops(counts.external_inputs, counts), inputs)


def test_gaps_and_signals():
    recording = np.random.default_rng(0).standard_normal((50, 2))
    recording[10:20] = np.nan
    counts = chop_recording(
        recording, bin_ms=1, window_ms=25, continuous=True, allow_missing=True, metadata={"rig": 1}
    )
    assert counts.has_missing
    assert counts.metadata["rig"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overlap_ms": 20}, "less than window_ms"),
        ({"overlap_ms": -1}, "at least 0"),
        ({"window_ms": 200}, "less than one window"),
        ({"window_ms": 10.5}, "whole number of bins"),
        ({"model_bin_ms": 1.5}, "whole multiple"),
        ({"external_inputs": np.ones((3, 1))}, "3 time bins, but the recording has 50"),
        ({"external_inputs": np.ones(50)}, "2 dimensions"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(changes, message):
    arguments = {"bin_ms": 1, "window_ms": 20, "overlap_ms": 5, **changes}
    with pytest.raises(DataError, match=message):
        chop_recording(np.ones((50, 2), int), **arguments)


def test_merging_what_was_not_chopped_is_refused():
    counts = Counts.from_bins(np.ones((3, 10, 2)), 1.0)
    with pytest.raises(DataError, match="not made by chop_recording"):
        merge_chops(counts.counts, counts)
    chopped = chop_recording(np.ones((50, 2), int), bin_ms=1, window_ms=10)
    with pytest.raises(DataError, match="5 windows"):
        merge_chops(np.ones((4, 10, 2)), chopped)


def test_no_window_spans_a_gap_and_what_was_inferred_merges_around_it():
    recording = np.random.default_rng(0).poisson(1.0, (100, 3)).astype(float)
    recording[40:43] = np.nan
    recording[60] = np.nan
    counts = chop_recording(
        recording, bin_ms=1, window_ms=20, overlap_ms=5, skip_gaps=True, allow_missing=True
    )
    starts = counts.trial_columns["chop_start_ms"]
    # between 43 and 60 there are 17 bins, less than a window
    assert starts.tolist() == [0, 15, 20, 61, 76, 80]
    assert not np.isnan(counts.counts).any()
    merged = merge_chops(counts.counts, counts)
    expected = recording.copy()
    expected[40:61] = np.nan
    np.testing.assert_allclose(merged, expected)


def test_gaps_lie_on_the_models_bins():
    recording = np.ones((60, 2))
    recording[21] = np.nan
    counts = chop_recording(
        recording, bin_ms=1, window_ms=20, model_bin_ms=5, skip_gaps=True, allow_missing=True
    )
    assert counts.trial_columns["chop_start_ms"].tolist() == [0, 25, 40]


def test_a_recording_of_short_stretches_says_how_long_the_longest_is():
    recording = np.ones((60, 2))
    recording[::15] = np.nan
    with pytest.raises(DataError, match="14 bins between gaps, less than one window of 20"):
        chop_recording(recording, bin_ms=1, window_ms=20, skip_gaps=True, allow_missing=True)
