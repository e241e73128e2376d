"""Our own file of spike counts (HDF5): the layout, its writer and its reader.

    /                  attributes: format "lfads_nb.counts", schema 1, name, bin_ms, continuous,
                       allow_missing, metadata (JSON text), n_conditions, mean_rate_hz,
                       notes (JSON list, only if there are any)
    /counts            (trials, time, channels), smallest unsigned integers, gzip
    /time_ms           (time,) left edges of the bins in ms
    /condition_ids     (trials,) numbers or UTF-8 text                            optional
    /truth             (distinct, time, channels) expected spikes per bin         optional
    /truth_row         (trials,) which row of truth holds for each trial            with truth
    /external_inputs   (trials, time, inputs)                                     optional
    /trial_columns/0.. (trials,) each with its attribute "name"                   optional
    /behavior/0..      (trials, time, dims) each with attributes "name", "unit", "dims" optional
    /extra/...         anything else that belongs to the data set, not read back  optional

Truth is the same in all trials of a condition in most synthetic data, so each distinct trial is
stored once. Files are written beside their name and moved into place, never half-written.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lfads_nb.datasets.behavior import read_signals, signal_names, write_signals
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.hdf5_checks import check_readable
from lfads_nb.datasets.info import DatasetInfo, described
from lfads_nb.errors import DataError
from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.hdf5_reading import open_hdf5

FORMAT = "lfads_nb.counts"
SCHEMA = 1
_CHUNK_BYTES = 1 << 20


def write_counts(
    path: str | os.PathLike[str], counts: Counts, *, extra: Mapping[str, Any] | None = None
) -> Path:
    """Write counts to an HDF5 file in our own layout.

    Parameters
    ----------
    path : file to write; its folder is made, an older file is replaced in one step.
    counts : what to write.
    extra : further arrays to keep in the file's group `extra`.

    Returns
    -------
    path : the file.
    """
    path = Path(path).expanduser()
    with writing_hdf5(path) as file:
        _write_attributes(file, counts)
        _write_array(file, "counts", counts.counts)
        file["time_ms"] = counts.time_ms
        if counts.condition_ids is not None:
            _write_column(file, "condition_ids", counts.condition_ids)
        if counts.truth is not None:
            distinct, row = _distinct_trials(counts.truth)
            _write_array(file, "truth", counts.truth[distinct])
            file["truth_row"] = row
        if counts.external_inputs is not None:
            _write_array(file, "external_inputs", counts.external_inputs)
        for number, (name, column) in enumerate(counts.trial_columns.items()):
            _write_column(file, f"trial_columns/{number}", column)
            file[f"trial_columns/{number}"].attrs["name"] = name
        if counts.behavior:
            write_signals(file.create_group("behavior"), counts.behavior)
        for name, array in (extra or {}).items():
            file[f"extra/{name}"] = array
    return path


def read_layout(path: Path) -> Counts:
    """Read counts from a file in our own layout."""
    with open_hdf5(path) as file:
        _check_schema(file, path)
        rows = _optional(file, "truth_row")
        return Counts(
            counts=_column(file["counts"]),
            time_ms=_column(file["time_ms"]),
            condition_ids=_optional(file, "condition_ids"),
            truth=None if rows is None else _column(file["truth"])[rows],
            external_inputs=_optional(file, "external_inputs"),
            behavior=read_signals(file.get("behavior")),
            trial_columns=_read_columns(file),
            metadata=json.loads(file.attrs["metadata"]),
            name=path.stem,
            bin_ms=float(file.attrs["bin_ms"]),
            continuous=bool(file.attrs["continuous"]),
            allow_missing=bool(file.attrs["allow_missing"]),
            notes=_notes(file),
        )


def peek_layout(path: Path) -> DatasetInfo:
    """Describe a file in our own layout without reading its spikes."""
    with open_hdf5(path) as file:
        _check_schema(file, path)
        n_trials, n_bins, n_channels = file["counts"].shape
        inputs = file.get("external_inputs")
        rate = file.attrs.get("mean_rate_hz")
        return DatasetInfo(
            n_trials=n_trials,
            n_channels=n_channels,
            n_bins=n_bins,
            bin_ms=float(file.attrs["bin_ms"]),
            n_conditions=int(file.attrs["n_conditions"]),
            mean_rate_hz=None if rate is None else float(rate),
            ext_input_dim=0 if inputs is None else inputs.shape[2],
            has_truth="truth" in file,
            behavior=signal_names(file.get("behavior")),
            notes=_notes(file),
            **described(json.loads(file.attrs["metadata"])),
        )


def read_metadata(path: Path) -> dict[str, Any]:
    """Read only the metadata of a file in our own layout."""
    with open_hdf5(path) as file:
        _check_schema(file, path)
        return json.loads(file.attrs["metadata"])


def is_layout(file: h5py.File) -> bool:
    """Whether an open HDF5 file claims to be in our own layout."""
    return file.attrs.get("format") == FORMAT


def _check_schema(file: h5py.File, path: Path) -> None:
    schema = file.attrs.get("schema")
    if not is_layout(file) or schema != SCHEMA:
        raise DataError(
            f"{path} has layout {file.attrs.get('format')!r} schema {schema}, but this version of "
            f"lfads_nb reads {FORMAT!r} schema {SCHEMA}. Update lfads_nb, or write the file again.",
            dataset=path.stem,
        )


def _write_attributes(file: h5py.File, counts: Counts) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["schema"] = SCHEMA
    file.attrs["name"] = counts.name or ""
    file.attrs["bin_ms"] = counts.bin_ms
    file.attrs["continuous"] = counts.continuous
    file.attrs["allow_missing"] = counts.allow_missing
    file.attrs["metadata"] = json.dumps(dict(counts.metadata))
    file.attrs["n_conditions"] = len(counts.conditions)
    if counts.notes:
        file.attrs["notes"] = json.dumps(counts.notes)
    if not counts.continuous:
        file.attrs["mean_rate_hz"] = counts.mean_rate_hz


def _notes(file: h5py.File) -> tuple[str, ...]:
    return tuple(map(str, json.loads(file.attrs.get("notes", "[]"))))


def _write_array(file: h5py.File, name: str, array: np.ndarray) -> None:
    bytes_per_trial = max(1, array[0].nbytes)
    trials = int(np.clip(_CHUNK_BYTES // bytes_per_trial, 1, len(array)))
    file.create_dataset(
        name,
        data=array,
        chunks=(trials, *array.shape[1:]),
        compression="gzip",
        compression_opts=1,
        shuffle=array.itemsize > 1,
    )


def _write_column(file: h5py.File, name: str, column: np.ndarray) -> None:
    if column.dtype.kind == "U":
        file.create_dataset(name, data=column.astype(object), dtype=h5py.string_dtype())
    else:
        file[name] = column


def _optional(file: h5py.File, name: str) -> np.ndarray | None:
    return _column(file[name]) if name in file else None


def _column(item: h5py.Dataset) -> np.ndarray:
    check_readable(item)
    return item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]


def _read_columns(file: h5py.File) -> dict[str, np.ndarray]:
    group = file.get("trial_columns", {})
    order = sorted(group, key=int)
    return {group[key].attrs["name"]: _column(group[key]) for key in order}


def _distinct_trials(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First trial of each distinct content, and for every trial which of these it equals."""
    first: dict[bytes, int] = {}
    row = np.empty(len(array), dtype=np.int64)
    for trial, values in enumerate(array):
        key = hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16).digest()
        row[trial] = first.setdefault(key, trial)
    distinct, row = np.unique(row, return_inverse=True)
    return distinct, row
