"""Inferred rates, factors and inputs as an NWB file (extra `lfads_nb[nwb]`).

The file holds a trials table and, in the processing module `lfads`, one time series per array over
all trials, on the session's clock; behaviour is in the module `behavior`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.errors import CollectionError, DataError, LfadsError
from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.results.output_fields import FIELDS
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.sweep.provenance import read_provenance

if TYPE_CHECKING:
    from pynwb import NWBFile

_FIELDS = ("rates", "factors", "controller_outputs")


def write_nwb(
    pm: PosteriorMeans,
    path: str | Path,
    *,
    session_start: datetime,
    event_times: np.ndarray | Sequence[float] | str,
    fields: Sequence[str] = _FIELDS,
    description: str = "Firing rates and latent dynamics inferred by LFADS",
) -> Path:
    """Write one session's outputs as an NWB file of their own.

    Parameters
    ----------
    pm : of a single session.
    path : the `.nwb` file to write.
    session_start : date and time, with its offset from UTC, at which the session's clock began.
    event_times : (trials,) when, in s on that clock, the time 0 of each trial was; or the name of
        a trial column that says so, such as the event that `read_nwb` aligned the trials to.
    fields : arrays with a time axis; those that the run did not store are left out.
    description : of the session.

    Raises
    ------
    DataError
        An event time is missing, the start has no offset, or a field has no time axis.
    CollectionError
        `pm` joins several sessions.
    LfadsError
        pynwb is not installed.
    """
    try:
        from pynwb import NWBHDF5IO, NWBFile
    except ImportError as error:
        raise LfadsError("this needs pynwb: pip install 'lfads-nb[nwb]'") from error
    if len(pm.datasets) > 1:
        raise CollectionError("an NWB file holds one session: write each of pm.sessions")
    if session_start.tzinfo is None:
        raise DataError("needs an offset from UTC, such as datetime(..., tzinfo=timezone.utc)",
                        field="session_start")  # fmt: skip
    events = _event_times(pm, event_times)
    # Time series run forward; trials may have been put in another order than they were recorded.
    trials = np.argsort(events, kind="stable")
    trials = trials[pm.field("factors").present[trials]]
    file = NWBFile(
        session_description=description,
        identifier=str(uuid.uuid4()),
        session_start_time=session_start,
        source_script="lfads_nb",
        source_script_file_name="lfads_nb.results.nwb_export",
        keywords=["LFADS", pm.params.param_name, pm.kind],
        notes=_making(pm),
    )
    _add_trials(file, pm, events, trials)
    _add_series(file, pm, events, trials, fields)
    path = Path(path)
    with writing_hdf5(path) as hdf5, NWBHDF5IO(file=hdf5, mode="w") as io:
        io.write(file)
    return path


def _making(pm: PosteriorMeans) -> str | None:
    """Return with what the run was trained, a line for each fact; None where it is not known."""
    facts = read_provenance(pm.run_folder)
    return "\n".join(f"{name}: {text}" for name, text in facts.items()) or None


def _event_times(pm: PosteriorMeans, given: Any) -> np.ndarray:
    if isinstance(given, str):
        columns = {} if pm.info is None else pm.info.trial_columns
        if given not in columns:
            there = ", ".join(columns) or "none"
            raise DataError(f"there is no trial column {given!r}; there are: {there}",
                            dataset=pm.datasets[0], field="event_times")  # fmt: skip
        given = columns[given]
    events = np.asarray(given, dtype=float)
    if events.shape != (pm.n_trials,) or not np.isfinite(events).all():
        raise DataError(
            f"needs one finite time (s) for each of the {pm.n_trials} trials",
            dataset=pm.datasets[0],
            field="event_times",
        )
    return events


def _add_trials(file: NWBFile, pm: PosteriorMeans, events: np.ndarray, trials: np.ndarray) -> None:
    start, stop = pm.time_ms[0] / 1000, (pm.time_ms[-1] + pm.bin_ms) / 1000
    file.add_trial_column("lfads_trial", "0-based trial in the run's data")
    file.add_trial_column("split", "what the model used the trial for: train, valid or test")
    if pm.condition_ids is not None:
        file.add_trial_column("condition", "condition id")
    for trial in trials:
        columns = {"lfads_trial": int(trial), "split": str(pm.splits[trial])}
        if pm.condition_ids is not None:
            columns["condition"] = pm.condition_ids[trial].item()
        file.add_trial(start_time=events[trial] + start, stop_time=events[trial] + stop, **columns)


def _add_series(
    file: NWBFile, pm: PosteriorMeans, events: np.ndarray, trials: np.ndarray, fields: Sequence[str]
) -> None:
    from pynwb import H5DataIO, TimeSeries

    module = file.create_processing_module("lfads", f"outputs of LFADS, {pm.kind}")
    timestamps: Any = (events[trials, None] + pm.time_ms / 1000).ravel()

    def add(to: Any, name: str, what: str, values: np.ndarray, unit: str) -> None:
        nonlocal timestamps
        series = TimeSeries(
            name=name,
            description=f"{what} Timestamps are the left edges of bins of {pm.bin_ms:g} ms; trials "
            "follow each other with gaps.",
            data=H5DataIO(values.reshape(-1, values.shape[-1]), compression="gzip"),
            unit=unit or "a.u.",
            timestamps=timestamps,
        )
        to.add(series)
        # The others point to the first one's timestamps.
        timestamps = series if not isinstance(timestamps, TimeSeries) else timestamps

    for name in fields:
        if "time_ms" not in FIELDS[name].axes:
            raise DataError("has no time axis", field=name)
        if not pm.has(name):
            continue
        unit = pm.rate_unit if FIELDS[name].per_second else FIELDS[name].unit
        add(module, name, FIELDS[name].description, pm.field(name)[trials], unit)
    if pm.behavior:
        about = "behaviour in the bins that LFADS saw"
        behavior = file.create_processing_module("behavior", about)
        for name, signal in pm.behavior.items():
            add(behavior, name, "Mean of each bin.", signal.values[trials], signal.unit)
