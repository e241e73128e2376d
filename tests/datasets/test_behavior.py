import h5py
import numpy as np
import pytest

from lfads_nb.datasets import (
    ContinuousSignal,
    Counts,
    Signal,
    chop_recording,
    peek_info,
    read_counts,
    read_lfads_input,
    write_counts,
)
from lfads_nb.datasets.behavior import average_bins, join_signals
from lfads_nb.errors import DataError
from tests.datasets.matlab_files import write_mat5, write_mat73


def velocity(n_trials=12, n_bins=20, seed=1):
    return np.random.default_rng(seed).standard_normal((n_trials, n_bins, 2)).astype(np.float32)


def test_signals_go_along_with_the_trials(make_counts):
    values = velocity()
    values[3, 4:7] = np.nan
    counts = make_counts(
        behavior={"hand_vel": Signal(values, "mm/s", ("x", "y")), "eye": values[..., 0]}
    )
    assert counts.behavior["hand_vel"].unit == "mm/s"
    assert counts.behavior["hand_vel"].dim_names == ("x", "y")
    assert counts.behavior["eye"].values.shape == (12, 20, 1)
    chosen = counts.select_trials([5, 3])
    np.testing.assert_array_equal(chosen.behavior["hand_vel"].values, values[[5, 3]])
    assert "behaviour hand_vel, eye" in repr(counts)
    with pytest.raises(ValueError, match="read-only"):
        counts.behavior["eye"].values[0] = 0


def test_wider_bins_are_averages_of_what_is_known():
    values = np.array([1.0, 3, np.nan, 5, np.nan, np.nan, 7])[None, :, None]
    wide = average_bins({"speed": Signal(values)}, 2)["speed"].values
    np.testing.assert_array_equal(wide[0, :, 0], [2, 5, np.nan])


def test_counts_are_summed_and_behaviour_is_averaged(make_counts):
    values = velocity()
    counts = make_counts(behavior={"hand_vel": values}).rebin(4)
    expected = values.reshape(12, 5, 4, 2).mean(axis=2)
    np.testing.assert_allclose(counts.behavior["hand_vel"].values, expected, rtol=1e-5)


def test_files_of_ours_keep_signals(tmp_path, make_counts, assert_same):
    values = velocity()
    values[0] = np.nan
    counts = make_counts(behavior={"hand vel": Signal(values, "mm/s", ("x", "y"))}, name="day1")
    path = write_counts(tmp_path / "day1.h5", counts)
    again = read_counts(path)
    assert_same(again, counts)
    np.testing.assert_array_equal(again.behavior["hand vel"].values, values)
    assert again.behavior["hand vel"].unit == "mm/s"
    assert again.behavior["hand vel"].dims == ("x", "y")
    assert peek_info(path).behavior == ("hand vel",)


def test_files_from_before_behaviour_still_open(tmp_path, make_counts):
    path = write_counts(tmp_path / "old.h5", make_counts())
    with h5py.File(path) as file:
        assert "behavior" not in file  # nothing new where there is none: the file is as before
    assert read_counts(path).behavior == {}
    assert peek_info(path).behavior == ()


def test_npz_fields(tmp_path, make_counts):
    counts, values = make_counts(), velocity()
    path = tmp_path / "day1.npz"
    np.savez(
        path, counts=counts.counts, bin_ms=1.0, behavior_hand_vel=values,
        behavior_hand_vel_unit="mm/s", behavior_eye=values[..., :1],
    )  # fmt: skip
    read = read_counts(path)
    np.testing.assert_array_equal(read.behavior["hand_vel"].values, values)
    assert {name: s.unit for name, s in read.behavior.items()} == {"hand_vel": "mm/s", "eye": ""}
    assert peek_info(path).behavior == ("hand_vel", "eye")


@pytest.mark.parametrize("write", [write_mat5, write_mat73])
def test_mat_struct(tmp_path, write, make_counts):
    counts, values = make_counts(), velocity()
    path = tmp_path / "day1.mat"
    variables = {
        "counts": counts.counts.transpose(0, 2, 1).astype(float),
        "timeVecMs": counts.time_ms[:, None],
        "behavior": {"hand_vel": values.transpose(0, 2, 1).astype(float)},
        "behaviorUnits": {"hand_vel": "mm/s"},
    }
    write(path, variables)
    read = read_counts(path)
    np.testing.assert_allclose(read.behavior["hand_vel"].values, values)
    assert read.behavior["hand_vel"].unit == "mm/s"
    assert peek_info(path).behavior == ("hand_vel",)


def test_lfads_torch_s_behaviour_covers_the_bins_that_its_encoders_see(tmp_path):
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "nlb.h5", "w") as file:
        for part, inds in (("train", [0, 2, 3]), ("valid", [1])):
            file[f"{part}_encod_data"] = rng.poisson(1, (len(inds), 6, 3))
            file[f"{part}_recon_data"] = rng.poisson(1, (len(inds), 8, 4))
            file[f"{part}_inds"] = inds
            file[f"{part}_behavior"] = np.array(inds, float)[:, None, None] + np.zeros((1, 6, 2))
    behavior = read_lfads_input(tmp_path / "nlb.h5", bin_ms=5).behavior["behavior"].values
    np.testing.assert_array_equal(behavior[:, 0, 0], [0, 1, 2, 3])
    assert np.isnan(behavior[:, 6:]).all()


def test_recordings_are_cut_with_their_behaviour():
    rng = np.random.default_rng(0)
    recording, position = rng.poisson(0.2, (100, 3)), np.arange(100.0)[:, None]
    counts = chop_recording(
        recording, bin_ms=10, window_ms=200, overlap_ms=40,
        behavior={
            "here": Signal(position, "mm"),
            "there": ContinuousSignal.at_rate(np.arange(1000), 1000.0, unit="mm"),
        },
    )  # fmt: skip
    starts = counts.trial_columns["chop_start_ms"] / 10
    np.testing.assert_array_equal(counts.behavior["here"].values[:, 0, 0], starts)
    np.testing.assert_allclose(counts.behavior["there"].values[:, 0, 0], starts * 10 + 4.5)
    with pytest.raises(DataError, match="has 99 time bins, but the recording has 100"):
        chop_recording(recording, bin_ms=10, window_ms=200, behavior={"here": position[1:]})


def test_trials_of_unequal_length_are_cut_with_their_behaviour():
    lengths = (5, 7, 6)
    counts = Counts.from_bins(
        [np.ones((n, 2), int) for n in lengths],
        bin_ms=10,
        pad_missing=True,
        behavior={"v": Signal([np.full((n, 1), n) for n in lengths], "mm/s")},
    )
    known = ~np.isnan(counts.behavior["v"].values[..., 0])
    assert known.sum(axis=1).tolist() == list(lengths)
    assert counts.behavior["v"].unit == "mm/s"


def test_sessions_join_where_signals_are_alike():
    one = {"v": Signal(np.ones((2, 3, 2)), "mm/s"), "eye": Signal(np.ones((2, 3, 1)))}
    two = {"v": Signal(np.zeros((4, 3, 2)), "mm/s"), "eye": Signal(np.ones((4, 3, 1)), "deg")}
    joined = join_signals([one, two])
    assert list(joined) == ["v"]
    assert joined["v"].values.shape == (6, 3, 2)


@pytest.mark.parametrize(
    ("behavior", "message"),
    [
        ({"v": np.zeros((12, 19, 2))}, r"behavior\['v'\].*12 trials and 20 time bins.*12, 19, 2"),
        ({"v": np.zeros((11, 20, 2))}, r"its shape is \(11, 20, 2\)"),
        ({"v": np.full((12, 20, 2), np.nan)}, "NaN in every bin of every trial"),
        ({"v": np.full((12, 20, 2), np.inf)}, "trial 0.*dim 0 is infinite"),
        ({"v": Signal(np.zeros((12, 20, 2)), dims=("x",))}, "2 dimensions, but 1 names"),
        ({"v": np.zeros((12, 20, 0))}, "no dimension"),
        ({"v": np.full((12, 20), "fast")}, "not numbers"),
        ({"a/b": np.zeros((12, 20))}, "without a slash"),
        ({" ": np.zeros((12, 20))}, "printable"),
        (np.zeros((12, 20, 2)), "give signals by name"),
    ],
)
def test_what_does_not_fit_is_named(make_counts, behavior, message):
    with pytest.raises(DataError, match=message):
        make_counts(behavior=behavior)


def test_a_signal_of_which_nothing_is_left_goes_with_a_note(make_counts, tmp_path):
    values = velocity()
    values[6:] = np.nan
    counts = make_counts(behavior={"v": values}).select_trials([8, 9])
    assert counts.behavior == {}
    assert "'v' is not known in any of the chosen trials" in counts.notes[-1]
    assert read_counts(write_counts(tmp_path / "x.h5", counts)).behavior == {}
