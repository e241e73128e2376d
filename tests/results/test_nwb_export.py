from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from lfads_nb.errors import CollectionError, DataError
from lfads_nb.results.nwb_export import write_nwb
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.sweep.provenance import write_provenance

pynwb = pytest.importorskip("pynwb")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
START = datetime(2024, 5, 6, tzinfo=timezone.utc)


def _open(run, **options):
    return PosteriorMeans.open(run.folder, run.params, run.datasets, **options)


def test_rates_are_on_the_session_s_clock(make_run, tmp_path):
    pm = _open(make_run(conditions="text"))
    # The first trial was recorded last.
    events = np.roll(np.arange(60) * 2.0 + 5, -1)
    path = write_nwb(pm, tmp_path / "out.nwb", session_start=START, event_times=events)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        rates, factors = (file.processing["lfads"][name] for name in ("rates", "factors"))
        assert rates.unit == "spikes/s"
        assert "controller_outputs" not in file.processing["lfads"].data_interfaces
        times = rates.timestamps[:]
        assert (np.diff(times) > 0).all()
        np.testing.assert_array_equal(factors.timestamps[:], times)
        trials = file.trials.to_dataframe()
        assert trials["lfads_trial"].tolist() == np.argsort(events).tolist()
        row = trials.iloc[3]
        assert row["start_time"] == events[row["lfads_trial"]] - 0.1
        within = (times > row["start_time"] - 1e-9) & (times < row["stop_time"] - 1e-9)
        np.testing.assert_array_equal(rates.data[:][within], pm.rates[row["lfads_trial"]])
        assert row["condition"] == pm.condition_ids[row["lfads_trial"]]
        assert row["split"] == pm.splits[row["lfads_trial"]]


def test_it_says_with_what_the_run_was_trained(make_run, tmp_path):
    run = make_run()
    made = {"versions": {"lfads_nb": "0.1.0"}, "device": "GPU 0", "inputs": {"a.h5": "12ab"}}
    write_provenance(run.folder, made)
    times = np.arange(60.0)
    path = write_nwb(_open(run), tmp_path / "out.nwb", session_start=START, event_times=times)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        notes = io.read().notes
    assert notes.splitlines() == [
        "Versions: lfads_nb 0.1.0", "Device: GPU 0", "SHA-256 of the inputs: a.h5 12ab",
    ]  # fmt: skip


def test_trials_without_outputs_are_left_out(make_run, tmp_path):
    pm = _open(make_run(rows=3))
    path = write_nwb(pm, tmp_path / "out.nwb", session_start=START, event_times=np.arange(60.0))
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        assert len(file.trials) == 6
        assert not np.isnan(file.processing["lfads"]["rates"].data[:]).any()


def test_what_cannot_be_written_is_refused(make_run, tmp_path):
    pm = _open(make_run())
    path, times = tmp_path / "out.nwb", np.arange(60.0)
    with pytest.raises(DataError, match="no trial column 'go'"):
        write_nwb(pm, path, session_start=START, event_times="go")
    with pytest.raises(DataError, match="one finite time"):
        write_nwb(pm, path, session_start=START, event_times=times[:5])
    with pytest.raises(DataError, match="offset from UTC"):
        write_nwb(pm, path, session_start=datetime(2024, 5, 6), event_times=times)
    with pytest.raises(DataError, match="no time axis"):
        write_nwb(pm, path, session_start=START, event_times=times, fields=["costs"])
    both = _open(make_run(datasets={"a": {}, "b": {}}, spec="all"))
    with pytest.raises(CollectionError, match="one session"):
        write_nwb(both, path, session_start=START, event_times=np.arange(120.0))
    assert not path.exists()


def test_behaviour_goes_along(make_run, tmp_path):
    run = make_run(behavior=True)
    pm = _open(run)
    path = write_nwb(pm, tmp_path / "out.nwb", session_start=START, event_times=np.arange(60) * 2.0)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        velocity = io.read().processing["behavior"]["hand_vel"]
        assert velocity.unit == "mm/s"
        np.testing.assert_allclose(
            velocity.data[:], run.session.behavior["hand_vel"].values.reshape(-1, 2)
        )
