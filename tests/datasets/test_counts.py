import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lfads_nb.datasets import Counts, peek_info, read_counts, write_counts
from lfads_nb.errors import DataError


def spikes(shape=(5, 10, 3), dtype=np.uint8):
    return np.random.default_rng(0).poisson(1, shape).astype(dtype)


def broken(at, value, shape=(5, 10, 3)):
    counts = spikes(shape, float)
    counts[at] = value
    return counts


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64, np.uint64])
def test_whole_numbers_of_any_type_become_small_unsigned(dtype):
    counts = spikes(dtype=dtype)
    kept = Counts.from_bins(counts, 2.0).counts
    assert kept.dtype == np.uint8
    np.testing.assert_array_equal(kept, counts)


def test_small_unsigned_counts_are_not_copied():
    counts = spikes(dtype=np.uint16)
    assert np.shares_memory(Counts.from_bins(counts, 1.0).counts, counts)


def test_large_counts_keep_their_values():
    counts = spikes(dtype=np.int64)
    counts[2, 3, 1] = 70_000
    assert Counts.from_bins(counts, 1.0).counts[2, 3, 1] == 70_000


def test_arrays_are_read_only():
    counts = Counts.from_bins(spikes(), 1.0)
    with pytest.raises(ValueError, match="read-only"):
        counts.counts[0] = 1


@pytest.mark.parametrize(
    ("counts", "message", "trial"),
    [
        (broken((3, 4, 2), np.nan), "time bin 4, channel 2 is NaN", 3),
        (broken((3, 4, 2), np.inf), "is infinite", 3),
        (broken((2, 0, 0), -1), "is negative", 2),
        (broken((4, 9, 1), 0.5), r"not a whole number \(0.5\)", 4),
        (broken((1, 1, 1), 1e12), "absurdly large", 1),
        (spikes().astype(str), "not numbers", None),
        (spikes()[0], r"3 dimensions \(trials x time x channels\)", None),
        (np.zeros((0, 5, 2)), "is empty", None),
        ([[["a"]]], "not numbers", None),
    ],
)
def test_bad_counts_are_refused_with_place_and_remedy(counts, message, trial):
    with pytest.raises(DataError, match=message) as error:
        Counts(counts, np.arange(10.0), name="day1")
    assert (error.value.dataset, error.value.field) == ("day1", "counts")
    assert error.value.trial == trial


@pytest.mark.parametrize("dtype", [np.uint64, np.int64, np.float32, "missing"])
def test_absurd_counts_are_refused_whatever_their_type(dtype):
    is_missing = dtype == "missing"
    counts = spikes().astype(float if is_missing else dtype)
    counts[1, 1, 1] = 2**62
    if is_missing:
        counts[0, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"trial 1.*absurdly large"):
        Counts(counts, np.arange(10.0), name="day1", allow_missing=is_missing)


def test_the_message_of_a_bad_value_says_what_to_do():
    with pytest.raises(DataError, match="allow_missing=True") as error:
        Counts.from_bins(broken((3, 4, 2), np.nan), 1.0, name="day1")
    assert "dataset 'day1', field 'counts', trial 3" in str(error.value)


def test_missing_bins_are_allowed_where_they_are_meant():
    counts = Counts.from_bins(broken((3, 4), np.nan), 1.0, allow_missing=True)
    assert counts.has_missing
    assert np.isnan(counts.counts).sum() == 3
    expected = np.nanmean(broken((3, 4), np.nan)) * 1000
    assert counts.mean_rate_hz == pytest.approx(expected)
    with pytest.raises(DataError, match="not a whole number"):
        Counts.from_bins(broken((3, 4), [np.nan, 0.5, 1]), 1.0, allow_missing=True)
    with pytest.raises(DataError, match="infinite"):
        Counts.from_bins(broken((3, 4), [np.nan, np.inf, 1]), 1.0, allow_missing=True)


def test_all_bins_missing_have_no_rate():
    counts = Counts.from_bins(np.full((2, 3, 4), np.nan), 1.0, allow_missing=True)
    assert np.isnan(counts.mean_rate_hz)


def test_without_missing_bins_nothing_changes():
    counts = Counts.from_bins(spikes(dtype=float), 1.0, allow_missing=True)
    assert counts.counts.dtype == np.uint8
    assert not counts.has_missing


def test_continuous_signals_may_be_any_finite_floats():
    signal = np.random.default_rng(0).standard_normal((5, 10, 3))
    np.testing.assert_array_equal(Counts.from_bins(signal, 1.0, continuous=True).counts, signal)
    signal[1, 2, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        Counts.from_bins(signal, 1.0, continuous=True)


@pytest.mark.parametrize(
    ("time_ms", "message"),
    [
        (np.arange(9.0), "one entry for each of the 10 time bins"),
        ([0, 1, 2, 3, np.nan, 5, 6, 7, 8, 9], "NaN or infinite at bin 4"),
        (np.arange(10.0)[::-1], "increase in even steps"),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 11], "from 8 to 11 at bin 8"),
    ],
)
def test_bad_time_vectors_are_refused(time_ms, message):
    with pytest.raises(DataError, match=message) as error:
        Counts(spikes(), time_ms, name="day1")
    assert error.value.field == "time_ms"


def test_bin_width_follows_from_times_that_were_kept_in_seconds():
    time_ms = (np.arange(10) / 1000 + 0.1) * 1000
    assert Counts(spikes(), time_ms).bin_ms == 1.0
    assert Counts(spikes(), time_ms[:, None]).time_ms.shape == (10,)


def test_a_single_bin_needs_its_width():
    with pytest.raises(DataError, match="pass bin_ms"):
        Counts(spikes((5, 1, 3)), [0.0])
    assert Counts(spikes((5, 1, 3)), [0.0], bin_ms=20).bin_ms == 20


def test_bin_width_must_agree_with_the_time_vector():
    with pytest.raises(DataError, match="steps are 1 ms"):
        Counts(spikes(), np.arange(10.0), bin_ms=5)


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"condition_ids": [1] * 4}, "condition_ids", "each of the 5 trials, but has 4"),
        ({"truth": np.ones((5, 10, 4))}, "truth", r"shape of counts, \(5, 10, 3\)"),
        ({"truth": broken((1, 2, 0), np.nan)}, "truth", "NaN"),
        ({"external_inputs": np.ones((5, 9, 2))}, "external_inputs", "10 time bins"),
        ({"external_inputs": np.ones((4, 10, 2))}, "external_inputs", "5 trials"),
        ({"external_inputs": np.ones((5, 10))}, "external_inputs", "trials x time x dims"),
        ({"external_inputs": broken((2, 3, 0), np.inf)}, "external_inputs", "input 0 is infinite"),
        ({"external_inputs": spikes().astype(str)}, "external_inputs", "not numbers"),
        ({"trial_columns": {"rt": [1, 2]}}, "trial_columns['rt']", "5 trials"),
        ({"trial_columns": {"rt": np.ones((5, 2))}}, "trial_columns['rt']", "one number or text"),
        ({"metadata": {"probe": object()}}, "metadata.probe", "is a object"),
    ],
)
def test_what_goes_along_must_fit(fields, field, message):
    with pytest.raises(DataError, match=message) as error:
        Counts.from_bins(spikes(), 1.0, name="day1", **fields)
    assert error.value.field == field


def test_metadata_become_plain_values():
    import datetime

    counts = Counts.from_bins(
        spikes(),
        1.0,
        metadata={
            "datetime": datetime.datetime(2024, 5, 6, 7),
            "n": np.int64(3),
            "tags": np.array([1, 2]),
            "rig": {"gain": np.float32(0.5)},
        },
    )
    assert counts.metadata == {
        "datetime": "2024-05-06T07:00:00",
        "n": 3,
        "tags": [1, 2],
        "rig": {"gain": 0.5},
    }
    assert type(counts.metadata["n"]) is int


def test_trial_columns_of_objects_become_text():
    column = np.array(["a", None, "b", 3, np.nan], dtype=object)
    counts = Counts.from_bins(spikes(), 1.0, trial_columns={"label": column})
    assert counts.trial_columns["label"].tolist() == ["a", "", "b", "3", ""]


@given(
    npst.arrays(np.uint8, npst.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12)),
    st.integers(1, 12),
)
def test_rebinning_sums_and_keeps_left_edges(counts, ratio):
    original = Counts.from_bins(counts, 2.0, start_ms=-100.0, truth=counts / 2)
    if counts.shape[1] < ratio:
        with pytest.raises(DataError, match="less than one bin"):
            original.rebin(2.0 * ratio)
        return
    wide = original.rebin(2.0 * ratio)
    n_bins = counts.shape[1] // ratio
    kept = counts[:, : n_bins * ratio].astype(int)
    expected = np.add.reduceat(kept, np.arange(0, n_bins * ratio, ratio), axis=1)
    np.testing.assert_array_equal(wide.counts, expected)
    np.testing.assert_allclose(wide.truth, expected / 2)
    np.testing.assert_allclose(wide.time_ms, -100 + 2 * ratio * np.arange(n_bins))
    assert wide.bin_ms == 2.0 * ratio


def test_rebinning_sums_external_inputs_too(make_counts):
    counts = make_counts()
    expected = counts.external_inputs.reshape(12, 5, 4, 2).sum(axis=2)
    np.testing.assert_allclose(counts.rebin(4).external_inputs, expected)


def test_a_bin_with_a_missing_part_is_missing():
    counts = Counts.from_bins(broken((0, 3, 1), np.nan), 1.0, allow_missing=True).rebin(5)
    assert np.isnan(counts.counts[0, 0, 1])
    assert np.isnan(counts.counts).sum() == 1


@pytest.mark.parametrize("bin_ms", [1.5, 0.5, 0, -2])
def test_other_bin_widths_are_refused(make_counts, bin_ms):
    with pytest.raises(DataError, match="whole multiple of 1 ms"):
        make_counts().rebin(bin_ms)


def test_rebinning_to_one_bin_keeps_the_width(make_counts):
    counts = make_counts().rebin(20)
    assert (counts.n_bins, counts.bin_ms) == (1, 20)


def test_select_trials(make_counts):
    counts = make_counts()
    for which in ([0, 5, 2], np.array([0, 5, -10])):
        chosen = counts.select_trials(which)
        np.testing.assert_array_equal(chosen.counts, counts.counts[[0, 5, 2]])
        np.testing.assert_array_equal(chosen.condition_ids, counts.condition_ids[[0, 5, 2]])
        assert chosen.trial_columns["reaction_ms"].tolist() == [100, 105, 102]
    mask = counts.condition_ids == 1
    assert counts.select_trials(mask).conditions.tolist() == [1]
    assert counts.select_trials(slice(0, 4)).n_trials == 4


@pytest.mark.parametrize("which", [[12], [], [True, False], [0.5], "all", np.zeros(12, bool)])
def test_impossible_selections_are_refused(make_counts, which):
    with pytest.raises(DataError):
        make_counts().select_trials(which)


def test_condition_averages_need_conditions(make_counts):
    counts = make_counts()
    expected = counts.counts[counts.condition_ids == 2].mean(axis=0)
    np.testing.assert_allclose(counts.condition_averages()[2], expected)
    with pytest.raises(DataError, match="join_conditions"):
        make_counts(condition_ids=None).condition_averages()


def test_numbers_about_counts(make_counts):
    counts = make_counts(name="day1")
    assert (counts.n_trials, counts.n_bins, counts.n_channels) == (12, 20, 4)
    assert counts.ext_input_dim == 2
    assert counts.mean_rate_hz == pytest.approx(counts.counts.mean() * 1000)
    assert repr(counts) == (
        "Counts 'day1': 12 trials x 20 bins of 1 ms x 4 channels, 3 conditions, truth, "
        "2 external inputs"
    )


def test_counts_survive_being_sent_to_another_process(make_counts, assert_same):
    counts = make_counts()
    assert_same(pickle.loads(pickle.dumps(counts)), counts)


@pytest.mark.parametrize(
    ("shape", "n_time", "ids", "looks_like"),
    [
        ((5, 3, 10), 10, None, r"trials x channels x time: counts.transpose\(0, 2, 1\)"),
        ((10, 3, 5), 10, range(5), r"time x channels x trials: counts.transpose\(2, 0, 1\)"),
        ((3, 10, 5), 10, range(5), r"channels x time x trials: counts.transpose\(2, 1, 0\)"),
    ],
)
def test_arrays_in_another_order_of_axes_say_which_axis_fits(shape, n_time, ids, looks_like):
    with pytest.raises(DataError, match=looks_like):
        Counts(spikes(shape), np.arange(n_time), condition_ids=None if ids is None else list(ids))


def test_a_masked_array_keeps_its_mask():
    masked = np.ma.array(spikes(), mask=np.zeros((5, 10, 3), bool))
    assert Counts.from_bins(masked, 1.0, name="a").counts.dtype == np.uint8
    masked[2, 4:] = np.ma.masked
    counts = Counts.from_bins(masked, 1.0, name="a")
    np.testing.assert_array_equal(np.isnan(counts.counts), np.ma.getmaskarray(masked))
    np.testing.assert_array_equal(counts.counts[:2], spikes()[:2])
    assert counts.allow_missing
    assert counts.notes == ("12 % of the bins are masked and taken as missing",)
    for field in ("external_inputs", "truth"):
        with pytest.raises(DataError, match="is NaN") as error:
            Counts.from_bins(spikes(), 1.0, **{field: masked})
        assert error.value.trial == 2
    with pytest.raises(DataError, match="time_ms"):
        Counts(spikes(), np.ma.masked_equal(np.arange(10), 3))


def test_counts_off_a_whole_number_by_rounding_are_rounded():
    off = spikes().astype(float) + 1e-9 * np.random.default_rng(0).uniform(-1, 1, (5, 10, 3))
    np.testing.assert_array_equal(Counts.from_bins(off, 1.0).counts, spikes())
    off[0, 0, 0] = np.nan
    counts = Counts.from_bins(off, 1.0, allow_missing=True).counts
    np.testing.assert_array_equal(counts[1:], spikes()[1:])
    with pytest.raises(DataError, match="not a whole number"):
        Counts.from_bins(spikes() + 1e-3, 1.0)


RAGGED = [spikes((n, 3)) for n in (10, 8, 12)]


def test_trials_of_unequal_length_are_offered_a_length_or_missing_bins():
    for make in (lambda: Counts.from_bins(RAGGED, 10.0), lambda: Counts(RAGGED, np.arange(10))):
        with pytest.raises(DataError, match=r"8 to 12 bins.*length_ms=.*pad_missing") as error:
            make()
        assert "inhomogeneous" not in str(error.value)
    with pytest.raises(DataError, match=r"100.*1 of 3 trials.*at most 80") as error:
        Counts.from_bins(RAGGED, 10.0, length_ms=100)
    assert error.value.trial == 1
    cut = Counts.from_bins(RAGGED, 10.0, length_ms=80, external_inputs=[t[:, :1] for t in RAGGED])
    assert cut.counts.shape == (3, 8, 3)
    assert cut.external_inputs.shape == (3, 8, 1)
    np.testing.assert_array_equal(cut.counts[2], RAGGED[2][:8])
    padded = Counts.from_bins(RAGGED, 10.0, pad_missing=True)
    assert np.isnan(padded.counts).all(axis=2).sum(axis=1).tolist() == [2, 4, 0]
    assert Counts.from_bins(spikes(), 10.0, length_ms=50).counts.shape == (5, 5, 3)


@pytest.mark.parametrize(
    "trials",
    [[spikes((4, 3)), spikes((4, 2))], [spikes((4, 3)), [1, 2]], [[1], [1, 2]], [], "spikes", None],
)
@pytest.mark.parametrize("settings", [{}, {"pad_missing": True}, {"length_ms": 20}])
def test_lists_that_are_no_trials_are_refused_in_our_words(trials, settings):
    with pytest.raises(DataError):
        Counts.from_bins(trials, 10.0, **settings)


def test_notes_stay_with_the_counts(tmp_path):
    counts = Counts.from_bins(spikes(), 1.0, notes=["axes assumed"], name="a")
    write_counts(tmp_path / "a.h5", counts)
    assert read_counts(tmp_path / "a.h5").notes == ("axes assumed",)
    assert peek_info(tmp_path / "a.h5").notes == ("axes assumed",)
    assert counts.rebin(2.0).select_trials([0, 1]).notes == ("axes assumed",)


@pytest.mark.parametrize("bin_ms", ["1", None, 0, -1, float("nan"), float("inf")])
def test_a_bin_width_that_is_none_is_refused(bin_ms):
    with pytest.raises(DataError, match="bin_ms"):
        Counts.from_bins(spikes(), bin_ms)
