import datetime
import sys
from functools import partial

import h5py
import numpy as np
import pytest

from lfads_nb.datasets import Dataset, DatasetCollection, read_counts, read_nwb
from lfads_nb.errors import DataError

pynwb = pytest.importorskip("pynwb")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

GO = np.array([1.5, 4.0, np.nan, 7.25, 9.9])
SPIKES = [
    np.array([1.5, 1.5005, 1.6, 4.0999, 7.25 - 0.05, 8.0]),
    np.array([]),
    np.sort(np.random.default_rng(0).uniform(0, 10, 500)),
]


@pytest.fixture
def file(tmp_path):
    nwb = pynwb.NWBFile(
        session_description="reaching",
        identifier="x",
        session_start_time=datetime.datetime(2024, 5, 6, 7, tzinfo=datetime.timezone.utc),
        subject=pynwb.file.Subject(subject_id="Ada", species="Macaca mulatta"),
    )
    nwb.add_trial_column("go_time", "time of the go cue (s)")
    nwb.add_trial_column("target", "which")
    nwb.add_trial_column("speed", "condition number")
    nwb.add_trial_column("touches", "ragged", index=True)
    for i, go in enumerate(GO):
        nwb.add_trial(
            start_time=2.0 * i,
            stop_time=2.0 * i + 2,
            go_time=go,
            target=["left", "right"][i % 2],
            speed=i % 3,
            touches=[0.1] * i,
        )
    nwb.add_unit_column("quality", "sorting")
    for times, quality in zip(SPIKES, ("good", "mua", "good"), strict=True):
        nwb.add_unit(spike_times=times, obs_intervals=[[0.0, 10.0]], quality=quality)
    module = nwb.create_processing_module("behavior", "what the hand did")
    position = pynwb.behavior.Position()
    position.create_spatial_series(
        name="hand", data=np.column_stack([np.arange(1000.0), np.zeros(1000)]), unit="meters",
        reference_frame="screen", rate=100.0, starting_time=0.0, conversion=0.01,
    )  # fmt: skip
    module.add(position)
    module.add(pynwb.TimeSeries(name="speed", data=np.arange(500.0), unit="m/s",
                                timestamps=np.arange(500) / 50))  # fmt: skip
    with pynwb.NWBHDF5IO(str(tmp_path / "day1.nwb"), "w") as io:
        io.write(nwb)
    return tmp_path / "day1.nwb"


def test_spikes_are_binned_around_the_event(file):
    counts = read_nwb(file, align_to="go_time", window_ms=(-100, 200), bin_ms=50)
    # the third trial has no event, the last one's window ends after the recording
    assert counts.trial_columns["nwb_trial"].tolist() == [0, 1, 3]
    assert counts.time_ms.tolist() == [-100, -50, 0, 50, 100, 150]
    assert counts.counts.shape == (3, 6, 3)
    assert counts.counts[0, :, 0].tolist() == [0, 0, 2, 0, 1, 0]
    assert counts.counts[1, :, 0].tolist() == [0, 0, 0, 1, 0, 0]
    assert counts.counts[2, :, 0].tolist() == [0, 1, 0, 0, 0, 0]
    assert not counts.counts[:, :, 1].any()
    for trial, go in enumerate(GO[[0, 1, 3]]):
        edges = go + np.arange(-0.1, 0.2001, 0.05)
        np.testing.assert_array_equal(counts.counts[trial, :, 2], np.histogram(SPIKES[2], edges)[0])


def test_what_goes_along(file):
    counts = read_nwb(
        file, align_to="go_time", window_ms=(0, 100), bin_ms=10, condition_column="target"
    )
    assert counts.condition_ids.tolist() == ["left", "right", "right", "left"]
    assert counts.trial_columns["speed"].tolist() == [0, 1, 0, 1]
    assert "touches" not in counts.trial_columns
    assert counts.metadata["subject"] == "Ada"
    assert counts.metadata["datetime"].startswith("2024-05-06T07:00")
    assert counts.metadata["comment"] == "reaching"
    assert counts.name == "day1"


@pytest.mark.parametrize(
    ("units", "n_channels"),
    [({"quality": "good"}, 2), ([2], 1), ([True, False, False], 1), ({"id": [0, 1]}, 2)],
)
def test_chosen_units(file, units, n_channels):
    counts = read_nwb(file, align_to="go_time", window_ms=(0, 100), bin_ms=10, units=units)
    assert counts.n_channels == n_channels


def test_chosen_trials(file):
    counts = read_nwb(file, window_ms=(0, 1000), bin_ms=100, trials={"target": ["left"]})
    assert counts.trial_columns["nwb_trial"].tolist() == [0, 2, 4]


def test_windows_of_trials_may_overlap(file):
    counts = read_nwb(file, window_ms=(0, 4000), bin_ms=1000)
    np.testing.assert_array_equal(counts.counts[0, 2:], counts.counts[1, :2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"align_to": "cue"}, "no column of times 'cue'; numeric columns are 'start_time'"),
        ({"align_to": "target"}, "no column of times 'target'"),
        ({"condition_column": "angle"}, "no column 'angle'"),
        ({"bin_ms": 30}, "not a whole number of bins"),
        ({"window_ms": (100, 0)}, "not a whole number of bins"),
        ({"units": {"quality": "bad"}}, "no units are selected"),
        ({"units": {"depth": 1}}, "units table has no column 'depth'"),
        ({"units": [7]}, "there are 3 units"),
        ({"trials": []}, "no trials are selected"),
        ({"window_ms": (-60000, 0)}, "none of 5 trials"),
    ],
)
def test_settings_that_do_not_fit_are_refused(file, settings, message):
    with pytest.raises(DataError, match=message):
        read_nwb(file, **{"window_ms": (0, 100), "bin_ms": 10, **settings})


def test_a_file_without_tables(tmp_path):
    nwb = pynwb.NWBFile("x", "y", datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone.utc))
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "w") as io:
        io.write(nwb)
    with pytest.raises(DataError, match="no table of trials"):
        read_nwb(tmp_path / "a.nwb")
    with pytest.raises(DataError, match="No such file"):
        read_nwb(tmp_path / "b.nwb")


def test_what_is_suggested_for_a_file_with_epochs_and_no_trials_opens_it(tmp_path):
    nwb = pynwb.NWBFile("x", "y", datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone.utc))
    for i in range(4):
        nwb.add_epoch(start_time=2.0 * i, stop_time=2.0 * i + 1, tags=["run"])
    nwb.add_unit(spike_times=np.sort(np.random.default_rng(0).uniform(0, 9, 400)))
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "w") as io:
        io.write(nwb)
    with pytest.raises(DataError) as error:
        read_counts(tmp_path / "a.nwb")
    assert 'partial(read_nwb, table="epochs", align_to=..., window_ms=' in str(error.value)
    assert "chop_recording" in str(error.value)
    counts = read_nwb(
        tmp_path / "a.nwb", table="epochs", align_to="start_time", window_ms=(0, 500), bin_ms=20
    )
    assert counts.counts.shape == (4, 25, 1)


def test_without_pynwb_the_message_says_what_to_install(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(DataError, match=r"lfads_nb\[nwb\]"):
        read_nwb(file)


def test_as_the_loader_of_a_dataset_that_is_kept_in_a_file(file):
    load = partial(read_nwb, align_to="go_time", window_ms=[0, 100], bin_ms=10)
    collection = DatasetCollection(file.parent)
    Dataset(collection, file.name, loader=load)
    (again,) = DatasetCollection.from_json(collection.to_json())
    assert again.load_counts().n_trials == 4
    assert again.info.subject == "Ada"


def test_behaviour_is_brought_to_the_bins(file):
    window = {"align_to": "go_time", "window_ms": (-100, 200), "bin_ms": 50}
    counts = read_nwb(file, **window, behavior=["hand", "speed"])
    hand = counts.behavior["hand"]
    assert (hand.unit, hand.n_dims) == ("meters", 2)
    # 100 Hz, conversion 0.01: the value is the time in s; the bin's five samples are averaged
    np.testing.assert_allclose(hand.values[:, 2, 0], GO[[0, 1, 3]] + 0.02, atol=1e-5)
    assert counts.behavior["speed"].unit == "m/s"
    assert list(read_nwb(file, **window, behavior="all").behavior) == ["hand", "speed"]
    assert read_nwb(file, **window).behavior == {}
    with pytest.raises(DataError, match=r"no signal 'eye' in processing/behavior.*'hand', 'speed'"):
        read_nwb(file, **window, behavior="eye")


@pytest.fixture
def tables(tmp_path):
    """Trials with columns of several values, and other tables of intervals."""
    nwb = pynwb.NWBFile("d", "x", datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone.utc))
    nwb.add_trial_column("touches", "ragged times", index=True)
    nwb.add_trial_column("position", "where: 2-D")
    nwb.add_trial_column("words", "ragged text", index=True)
    for i in range(4):
        nwb.add_trial(
            start_time=2.0 * i, stop_time=2.0 * i + 1, position=[i, 2.0 * i],
            touches=[2 * i + 0.1] * i, words=["a"] * (i % 2),
        )  # fmt: skip
    gratings = pynwb.epoch.TimeIntervals(name="gratings_presentations", description="stimuli")
    gratings.add_column("orientation", "degrees")
    for i in range(6):
        gratings.add_row(start_time=1.0 * i, stop_time=i + 0.5, orientation=45.0 * (i % 3))
    nwb.add_time_intervals(gratings)
    nwb.add_epoch(0.0, 3.0, ["warm"])
    nwb.add_epoch(3.0, 8.0, ["go", "late"])
    nwb.add_acquisition(pynwb.TimeSeries(name="signal", data=[1.0, 2], unit="V", rate=1.0))
    for unit in range(2):
        nwb.add_unit(spike_times=np.sort(np.random.default_rng(unit).uniform(0, 9, 300)))
    with pynwb.NWBHDF5IO(str(tmp_path / "day2.nwb"), "w") as io:
        io.write(nwb)
    return tmp_path / "day2.nwb"


WINDOW = {"window_ms": (0, 400), "bin_ms": 20}


def test_columns_of_several_values_are_listed_and_usable(tables):
    counts = read_nwb(tables, align_to="touches[0]", condition_column="words[0]", **WINDOW)
    columns = counts.trial_columns
    np.testing.assert_array_equal(columns["touches[1]"], [np.nan, 4.1, 6.1])
    assert columns["position[1]"].tolist() == [2, 4, 6]
    assert counts.condition_ids.tolist() == ["a", "", "a"]
    assert counts.notes == ("3 of 4 trials are used",)
    times = read_nwb(tables, trials=[1, 2, 3], **WINDOW).time_ms
    np.testing.assert_array_equal(counts.time_ms, times)


def test_other_tables_of_intervals_are_listed_and_usable(tables):
    counts = read_nwb(
        tables, table="gratings_presentations", condition_column="orientation", **WINDOW
    )
    assert counts.condition_ids.tolist() == [0, 45, 90, 0, 45, 90]
    epochs = read_nwb(tables, table="epochs", condition_column="tags[1]", **WINDOW)
    assert epochs.condition_ids.tolist() == ["", "late"]
    with pytest.raises(DataError, match=r"epochs \(start_time.*gratings_presentations \(st"):
        read_nwb(tables, table="sweeps")
    with pytest.raises(
        DataError, match=r"table gratings_presentations with orientation, start_time"
    ):
        read_counts(tables)


def test_a_missing_extension_is_named(tables):
    with h5py.File(tables, "r+") as file:
        file["acquisition/signal"].attrs["namespace"] = "ndx-lab"
        file["acquisition/signal"].attrs["neurodata_type"] = "LabSeries"
    with pytest.raises(DataError, match=r"^day2\.nwb uses the NWB extension ndx-lab.*pip install"):
        read_nwb(tables, **WINDOW)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_truncated_files_are_named(tables, share):
    whole = tables.read_bytes()
    tables.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"^day2\.nwb is (truncated|no HDF5 file|empty)"):
        read_nwb(tables, **WINDOW)


def test_other_times_come_in_ms_from_the_event_too(file):
    counts = read_nwb(file, align_to="go_time", window_ms=(-100, 200), bin_ms=50)
    kept = counts.trial_columns["nwb_trial"]
    expected = 1000 * (2.0 * kept - GO[kept])
    np.testing.assert_allclose(counts.trial_columns["start_time_ms"], expected)
    assert "go_time_ms" not in counts.trial_columns
