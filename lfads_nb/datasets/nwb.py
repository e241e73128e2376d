"""Neurodata Without Borders: units and trials of an NWB file to counts (extra `lfads_nb[nwb]`).

An NWB file keeps spike times and a table of trials; which event is time zero, which window and
which bins make a trial is for the user to say. As a dataset's loader:

    load = functools.partial(
        read_nwb, align_to="go_cue_time", window_ms=(-200, 800), condition_column="target"
    )
    dc.add("session.nwb", loader=load)

Other tables of intervals (epochs, stimulus presentations) can stand for the trials, and columns
with several values per row are there as `name[0]`, `name[1]`, ...
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import h5py
import numpy as np

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.labels import as_labels, as_text
from lfads_nb.datasets.nwb_behavior import read_behavior
from lfads_nb.datasets.reading import reading
from lfads_nb.datasets.spike_times import bin_spike_times
from lfads_nb.errors import DataError
from lfads_nb.hdf5_reading import open_hdf5

if TYPE_CHECKING:
    from pynwb import NWBFile

_log = logging.getLogger(__name__)

_MOST_VALUES = 16  # of a row, that become columns

# Of the units table: read for themselves, or too much for a column.
_NO_COLUMNS = ("spike_times", "obs_intervals", "spike_amplitudes", "waveforms", "waveform_mean")

Selection = Mapping[str, Any] | Sequence[int] | Sequence[bool] | None


def read_nwb(
    path: str | os.PathLike[str],
    *,
    table: str = "trials",
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
    table : another table of intervals that has the trials, such as "epochs" or
        "gratings_presentations".
    align_to : column of the trials table with the time of the event (s); trials in which it is
        NaN are left out. Of a column with several values per row: `touches[0]`.
    window_ms : start and end of a trial in ms around the event; the end is not included.
    bin_ms : bin width in ms; the window must be a whole number of bins.
    condition_column : column of the trials table that becomes the condition ids.
    units, trials : which ones: indices, a mask, or columns with the value or values to keep, such
        as `{"quality": "good"}`. All when not given.
    behavior : names of signals in `processing["behavior"]` (SpatialSeries, TimeSeries, in their
        containers or not) that are brought to the bins, or "all".

    Returns
    -------
    counts : with the columns of the trials table as trial columns, and `nwb_trial`, the row there.
        Each further column `..._time` comes as `..._time_ms` too, in ms from the event.
        Trials that are not within the units' observation intervals are left out.

    Raises
    ------
    DataError
        When pynwb is not installed, or a table, column, unit or trial is missing.
    """
    path = Path(path).expanduser()
    with reading(path), _open(path) as io:
        file = _read(io, path)
        columns = _trial_columns(file, table, path)
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
            behavior=signals,
            condition_ids=_conditions(kept_columns, condition_column, path),
            trial_columns={
                **kept_columns,
                **_from_event(kept_columns, event[kept], align_to),
                "nwb_trial": kept,
            },
            metadata=metadata,
            name=path.stem,
        )


def nwb_needs(path: Path) -> DataError:
    """Say what an NWB file holds and what `read_nwb` needs to know about it."""
    with open_hdf5(path) as file:
        version = as_label(file.attrs.get("nwb_version", file.get("nwb_version", [""])))
        if version.startswith(("NWB-1", "1.")):
            return _too_old(path, version)
        n_units = len(file["units/id"]) if "units/id" in file else 0
        tables = {
            name: [key for key in group if key != "id" and not key.endswith("_index")]
            for name, group in file.get("intervals", {}).items()
            if isinstance(group, h5py.Group)
        }
    held = "; ".join(f"table {name} with {', '.join(keys)}" for name, keys in tables.items())
    if not n_units or not held:
        lacks = " and no ".join(["units"] * (not n_units) + ["table of trials"] * (not held))
        return DataError(
            f"{path.name} is an NWB file with no {lacks}: get them from elsewhere by a loader, a "
            "function from the path to Counts.from_spike_times(...).",
            dataset=path.stem,
        )
    table = "" if "trials" in tables else f'table="{next(iter(tables))}", '
    return DataError(
        f"{path.name} is an NWB file with {n_units} units and {held}: say which event and "
        f"window make a trial, with loader=functools.partial(read_nwb, {table}align_to=..., "
        "window_ms=(..., ...), bin_ms=...)"
        + (", or cut the whole recording into windows with chop_recording." if table else "."),
        dataset=path.stem,
    )


def as_label(value: Any) -> str:
    """Text of an HDF5 attribute or data set that may hold text in any form."""
    value = value[()] if isinstance(value, h5py.Dataset) else value
    while isinstance(value, np.ndarray | list):
        value = value[0] if len(value) else ""
    return as_text(value) if isinstance(value, bytes) else str(value)


def _too_old(path: Path, version: str) -> DataError:
    return DataError(
        f"{path.name} is in the old format {version}, which pynwb cannot read: convert it to NWB "
        "2, or write a loader with h5py and Counts.from_spike_times.",
        dataset=path.stem,
    )


def _open(path: Path) -> Any:
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise DataError(
            "reading NWB files needs pynwb: pip install 'lfads_nb[nwb]'.", dataset=path.stem
        ) from error
    if not h5py.is_hdf5(path):
        raise DataError(
            f"{path.name} is no HDF5 file, as NWB files are, or its beginning is lost.",
            dataset=path.stem,
        )
    with open_hdf5(path) as file:
        version = as_label(file.attrs.get("nwb_version", file.get("nwb_version", [""])))
    if version.startswith(("NWB-1", "1.")):
        raise _too_old(path, version)
    with warnings.catch_warnings():
        # About cached specifications of other versions than pynwb's own, and missing extensions.
        warnings.simplefilter("ignore")
        return NWBHDF5IO(str(path), "r", load_namespaces=True)


def _read(io: Any, path: Path) -> NWBFile:
    try:
        return io.read()
    except Exception as error:
        if missing := re.search(r"'([\w-]+)' not a namespace", str(error)):
            extension = missing.group(1)
            raise DataError(
                f"{path.name} uses the NWB extension {extension}, which is neither in the file nor "
                f"installed: pip install {extension}, and import it in your loader before.",
                dataset=path.stem,
            ) from error
        raise


def _trial_columns(file: NWBFile, table: str, path: Path) -> dict[str, np.ndarray]:
    tables = dict(file.intervals or {})
    for name in ("trials", "epochs", "invalid_times"):
        if getattr(file, name) is not None:
            tables[name] = getattr(file, name)
    if table not in tables:
        others = ", ".join(
            f"{name} ({', '.join(tables[name].colnames)})" for name in sorted(tables)
        )
        raise DataError(
            f"has no table of {table}."
            + (f" Other tables of intervals (table=...): {others}." if others else "")
            + " Trials from elsewhere: a loader with Counts.from_spike_times.",
            dataset=path.stem,
        )
    return _plain_columns(tables[table])


def _unit_columns(file: NWBFile, path: Path) -> dict[str, np.ndarray]:
    if file.units is None or "spike_times" not in file.units.colnames:
        raise DataError("has no table of units with spike times.", dataset=path.stem)
    return {"id": np.asarray(file.units.id[:]), **_plain_columns(file.units)}


def _plain_columns(table: Any) -> dict[str, np.ndarray]:
    """Columns with one number or text per row; several values become `name[0]`, `name[1]`, ..."""
    columns = {}
    for name in table.colnames:
        if name in _NO_COLUMNS or hasattr(getattr(table[name], "target", table[name]), "table"):
            continue
        values = _read_column(table[name])
        if values is not None and values.ndim == 1:
            columns[name] = values
        elif values is not None:
            for i in range(min(values.shape[1], _MOST_VALUES)):
                columns[f"{name}[{i}]"] = values[:, i]
    return columns


def _read_column(column: Any) -> np.ndarray | None:
    """(rows,) or (rows, values) of numbers or text; None for references and the like."""
    rows = [np.asarray(row) for row in column[:]]
    if any(row.dtype.kind not in "biufUSO" or row.ndim > 1 for row in rows):
        return None
    items = [row.reshape(-1).tolist() for row in rows]
    texts = [isinstance(item, str | bytes) for row in items for item in row]
    if any(texts) and not all(texts):
        return None
    if not any(texts) and any(row.dtype.kind not in "biuf" for row in rows if row.size):
        return None
    if all(row.ndim == 0 for row in rows):
        return as_labels([row.tolist() for row in rows], field="", dataset=None, column=True)
    widest = min(max(map(len, items), default=0), _MOST_VALUES)
    if not widest:
        return None
    padded = [[*row[:widest], *[None] * (widest - len(row))] for row in items]
    each = zip(*padded, strict=True)
    return np.column_stack(
        [as_labels(list(values), field="", dataset=None, column=True) for values in each]
    )


def _event_times(columns: Mapping[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    if name not in columns or columns[name].dtype.kind not in "iuf":
        numeric = [key for key, values in columns.items() if values.dtype.kind in "iuf"]
        raise DataError(
            f"the table of trials has no column of times {name!r}; numeric columns are "
            f"{', '.join(map(repr, numeric))}.",
            dataset=path.stem,
            field="align_to",
        )
    return columns[name].astype(np.float64)


def _from_event(
    columns: Mapping[str, np.ndarray], event: np.ndarray, align_to: str
) -> dict[str, np.ndarray]:
    """Return the columns of times (s) as ms from each trial's event, by names that end with ms."""
    return {
        f"{name}_ms": 1000 * (values.astype(np.float64) - event)
        for name, values in columns.items()
        if name.endswith("_time") and values.dtype.kind in "iuf" and name != align_to
        and f"{name}_ms" not in columns
    }  # fmt: skip


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
            f"the table of trials has no column {name!r}; it has {', '.join(map(repr, columns))}.",
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
