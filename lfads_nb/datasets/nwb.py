"""Neurodata Without Borders: units and trials of an NWB file to counts (extra `lfads_nb[nwb]`).

An NWB file keeps spike times and a table of trials; which event is time zero, which window and
which bins make a trial is for the user to say. As a dataset's loader:

    load = functools.partial(
        read_nwb, align_to="go_cue_time", window_ms=(-200, 800), condition_column="target"
    )
    dc.add("session.nwb", loader=load)
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.nwb_behavior import read_behavior
from lfads_nb.datasets.spike_times import bin_spike_times
from lfads_nb.errors import DataError

if TYPE_CHECKING:
    from pynwb import NWBFile

_log = logging.getLogger(__name__)

Selection = Mapping[str, Any] | Sequence[int] | Sequence[bool] | None


def read_nwb(
    path: str | os.PathLike[str],
    *,
    align_to: str = "start_time",
    window_ms: tuple[float, float] = (0.0, 1000.0),
    bin_ms: float = 1.0,
    condition_column: str | None = None,
    units: Selection = None,
    trials: Selection = None,
    behavior: Sequence[str] | Literal["all"] = (),
) -> Counts:
    """Bin the spikes of an NWB file around an event in each trial.

    Parameters
    ----------
    path : NWB file with a units table and a trials table.
    align_to : column of the trials table with the time of the event (s); trials in which it is
        NaN are left out.
    window_ms : start and end of a trial in ms around the event; the end is not included.
    bin_ms : bin width in ms; the window must be a whole number of bins.
    condition_column : column of the trials table that becomes the condition ids.
    units, trials : which ones: indices, a mask, or columns with the value or values to keep, such
        as `{"quality": "good"}`. All when not given.

    behavior : names of signals in `processing["behavior"]` (SpatialSeries, TimeSeries, in their
        containers or not) that are brought to the bins, or "all".

    Returns
    -------
    counts : with all single-valued columns of the trials table as trial columns, and `nwb_trial`,
        the row there. Trials that are not within the units' observation intervals are left out.

    Raises
    ------
    DataError
        When pynwb is not installed, or a table, column, unit or trial is missing.
    """
    path = Path(path).expanduser()
    with _open(path) as io:
        file = io.read()
        columns = _trial_columns(file, path)
        event = _event_times(columns, align_to, path)
        chosen_units = _selected(units, _unit_columns(file, path), "units", path)
        chosen = _selected(trials, columns, "trials", path)
        chosen = chosen[np.isfinite(event[chosen])]
        starts = event + window_ms[0] / 1000
        ends = event + window_ms[1] / 1000
        observed = _observed(file, chosen_units, starts, ends)
        kept = chosen[observed[chosen]]
        notes = _left_out(path, len(event), len(chosen), len(kept))
        binned = bin_spike_times(
            [file.units["spike_times"][int(unit)] for unit in chosen_units],
            event[kept],
            window_ms,
            bin_ms,
            dataset=path.stem,
        )
        signals = read_behavior(
            file,
            behavior,
            events_s=event[kept],
            time_ms=float(window_ms[0]) + bin_ms * np.arange(binned.counts.shape[1]),
            bin_ms=bin_ms,
            dataset=path.stem,
        )
        metadata = _metadata(file)
    kept_columns = {name: values[kept] for name, values in columns.items()}
    return Counts.from_bins(
        binned.counts,
        bin_ms,
        start_ms=float(window_ms[0]),
        notes=[*notes, *binned.notes, *binned.doubts],
        condition_ids=_conditions(kept_columns, condition_column, path),
        behavior=signals,
        trial_columns={**kept_columns, "nwb_trial": kept},
        metadata=metadata,
        name=path.stem,
    )


def _open(path: Path) -> Any:
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise DataError(
            "reading NWB files needs pynwb: pip install 'lfads_nb[nwb]'.", dataset=path.stem
        ) from error
    if not path.exists():
        raise DataError(f"there is no file {path}.", dataset=path.stem)
    return NWBHDF5IO(str(path), "r", load_namespaces=True)


def _trial_columns(file: NWBFile, path: Path) -> dict[str, np.ndarray]:
    if file.trials is None:
        raise DataError("has no table of trials.", dataset=path.stem)
    return _plain_columns(file.trials)


def _unit_columns(file: NWBFile, path: Path) -> dict[str, np.ndarray]:
    if file.units is None or "spike_times" not in file.units.colnames:
        raise DataError("has no table of units with spike times.", dataset=path.stem)
    return {"id": np.asarray(file.units.id[:]), **_plain_columns(file.units)}


def _plain_columns(table: Any) -> dict[str, np.ndarray]:
    """Columns with one number or text per row; ragged ones and references are left out."""
    columns = {}
    for name in table.colnames:
        column = table[name]
        if hasattr(column, "target"):  # an index into a ragged column
            continue
        values = np.asarray(column[:])
        texts = values.dtype.kind == "O" and all(isinstance(v, str | bytes) for v in values)
        if values.ndim == 1 and (texts or values.dtype.kind in "biufUS"):
            columns[name] = values.astype(np.str_) if texts else values
    return columns


def _event_times(columns: Mapping[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    if name not in columns or columns[name].dtype.kind not in "iuf":
        numeric = [key for key, values in columns.items() if values.dtype.kind in "iuf"]
        raise DataError(
            f"the trials table has no column of times {name!r}; numeric columns are "
            f"{', '.join(map(repr, numeric))}.",
            dataset=path.stem,
            field="align_to",
        )
    return columns[name].astype(np.float64)


def _selected(
    which: Selection, columns: Mapping[str, np.ndarray], what: str, path: Path
) -> np.ndarray:
    n_rows = len(next(iter(columns.values())))
    keep = np.ones(n_rows, dtype=bool)
    if isinstance(which, Mapping):
        for name, wanted in which.items():
            if name not in columns:
                raise DataError(
                    f"the {what} table has no column {name!r}; it has "
                    f"{', '.join(map(repr, columns))}.",
                    dataset=path.stem,
                    field=what,
                )
            keep &= np.isin(columns[name], np.atleast_1d(wanted))
        chosen = np.flatnonzero(keep)
    elif which is None:
        chosen = np.arange(n_rows)
    else:
        try:
            chosen = np.arange(n_rows)[np.asarray(which, dtype=None if len(which) else int)]
        except IndexError as error:
            raise DataError(
                f"there are {n_rows} {what}: {error}", dataset=path.stem, field=what
            ) from error
    if not len(chosen):
        raise DataError(f"no {what} are selected.", dataset=path.stem, field=what)
    return chosen


def _observed(file: NWBFile, units: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Which trials lie within an observation interval of every unit that has any."""
    observed = np.ones(len(starts), dtype=bool)
    if "obs_intervals" not in file.units.colnames:
        return observed
    for unit in units:
        intervals = np.asarray(file.units["obs_intervals"][int(unit)]).reshape(-1, 2)
        if len(intervals):
            inside = (intervals[:, :1] <= starts + 1e-9) & (ends - 1e-9 <= intervals[:, 1:])
            observed &= inside.any(axis=0)
    return observed


def _left_out(path: Path, n_all: int, n_with_event: int, n_kept: int) -> list[str]:
    if not n_kept:
        raise DataError(
            f"none of {n_all} trials has the event and lies within the units' observation "
            "intervals. Try another event or a shorter window.",
            dataset=path.stem,
        )
    if n_kept == n_all:
        return []
    outside = n_with_event - n_kept
    why = f"; {outside} lie outside the observation intervals" if outside else ""
    note = f"{n_kept} of {n_all} trials are used{why}"
    _log.info("%s: %s", path.name, note)
    return [note]


def _conditions(
    columns: Mapping[str, np.ndarray], name: str | None, path: Path
) -> np.ndarray | None:
    if name is None:
        return None
    if name not in columns:
        raise DataError(
            f"the trials table has no column {name!r}; it has {', '.join(map(repr, columns))}.",
            dataset=path.stem,
            field="condition_column",
        )
    return columns[name]


def _metadata(file: NWBFile) -> dict[str, Any]:
    subject = file.subject.subject_id if file.subject is not None else None
    return {
        "subject": subject or "",
        "datetime": file.session_start_time.isoformat(),
        "comment": file.session_description or "",
    }
