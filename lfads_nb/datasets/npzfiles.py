"""NumPy `.npz` files of spike counts.

Arrays: `counts` (trials x time x channels) and `time_ms` (or `bin_ms`), optionally `condition_ids`,
`truth`, `external_inputs`, and texts `subject`, `datetime`, `comment`; behaviour as
`behavior_<name>` (trials x time x dims), its unit as a text `behavior_<name>_unit`. The run
manager's spellings (`spikes`, `timeMs`, `conditionId`, ...) are understood too, but the axes stay
as said here.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lfads_nb.datasets.behavior import Signal
from lfads_nb.datasets.conditions import as_condition_ids, unique_conditions
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.info import DatasetInfo, described
from lfads_nb.datasets.labels import as_text
from lfads_nb.datasets.matfiles import NAMES, as_iso_date
from lfads_nb.errors import DataError

_BEHAVIOR = "behavior_"
_METADATA = ("subject", "datetime", "save_tags", "comment")


def read_npz(path: Path) -> Counts:
    """Read counts from an `.npz` file; arrays of Python objects (pickles) are refused."""
    with np.load(path, allow_pickle=False) as file:
        found = _find(file.files, path)

        def get(ours: str) -> Any:
            return _read(file, found[ours], path) if ours in found else None

        counts = get("counts")
        _hint_at_order(counts.shape, get("time_ms"), path)
        return Counts(
            counts=counts,
            time_ms=_time(get("time_ms"), get("bin_ms"), counts.shape, path),
            condition_ids=get("condition_ids"),
            truth=get("truth"),
            external_inputs=get("external_inputs"),
            behavior={
                name: Signal(_read(file, key, path), unit)
                for name, (key, unit) in _behavior(file, path).items()
            },
            metadata=_metadata(file, found, path),
            name=path.stem,
            bin_ms=0.0 if (bin_ms := get("bin_ms")) is None else float(bin_ms),
        )


def peek_npz(path: Path) -> DatasetInfo:
    """Describe an `.npz` file without reading its spikes."""
    with np.load(path, allow_pickle=False) as file:
        found = _find(file.files, path)

        def get(ours: str) -> Any:
            return _read(file, found[ours], path) if ours in found else None

        shape = _shape(path, found["counts"])
        _hint_at_order(shape, get("time_ms"), path)
        time = _time(get("time_ms"), get("bin_ms"), shape, path)
        inputs = _shape(path, found["external_inputs"]) if "external_inputs" in found else ()
        ids = [] if (ids := get("condition_ids")) is None else ids
        return DatasetInfo(
            n_trials=shape[0],
            n_channels=shape[2],
            n_bins=shape[1],
            bin_ms=float(time[1] - time[0]) if len(time) > 1 else float(get("bin_ms") or 1.0),
            n_conditions=len(unique_conditions(as_condition_ids(ids, dataset=path.stem))),
            ext_input_dim=inputs[2] if len(inputs) == 3 else 0,
            has_truth="truth" in found,
            behavior=tuple(_behavior(file, path)),
            **described(_metadata(file, found, path)),
        )


def _find(names: list[str], path: Path) -> dict[str, str]:
    known = {ours: (ours, *theirs) for ours, theirs in NAMES.items()} | {"bin_ms": ("bin_ms",)}
    found = {
        ours: present[0]
        for ours, candidates in known.items()
        if (present := [name for name in candidates if name in names])
    }
    if "counts" not in found:
        raise DataError(
            f"{path.name} has no array counts or spikes, only {', '.join(sorted(names)) or 'none'}."
            " Rename it, or pass a loader that turns the file into Counts.",
            dataset=path.stem,
            field="counts",
        )
    return found


def _read(file: Mapping[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    try:
        return file[name]
    except ValueError as error:
        raise DataError(
            f"cannot be read ({error}). Save numbers, or text as a plain string array.",
            dataset=path.stem,
            field=name,
        ) from error


def _behavior(file: Any, path: Path) -> dict[str, tuple[str, str]]:
    """For each behavioural signal: the name of its array, and its unit."""
    keys = [key for key in file.files if key == "behavior" or key.startswith(_BEHAVIOR)]
    units = {
        key
        for key in keys
        if key.endswith("_unit")
        and key.removesuffix("_unit") in keys
        and _read(file, key, path).dtype.kind in "US"
    }
    return {
        key.removeprefix(_BEHAVIOR): (
            key,
            _text(_read(file, unit, path).item()) if (unit := f"{key}_unit") in units else "",
        )
        for key in keys
        if key not in units
    }


def _text(value: Any) -> str:
    return as_text(value) if isinstance(value, bytes) else str(value)


def _shape(path: Path, name: str) -> tuple[int, ...]:
    """Shape of an array from its header alone."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape = read(member)[0]
    if name in NAMES["counts"] and len(shape) != 3:
        raise DataError(
            f"needs 3 dimensions (trials x time x channels), but its shape is {shape}.",
            dataset=path.stem,
            field="counts",
        )
    return shape


def _hint_at_order(shape: tuple[int, ...], time: np.ndarray | None, path: Path) -> None:
    if time is None or len(shape) != 3:
        return
    if time.size != shape[1] and time.size == shape[2]:
        raise DataError(
            f"has shape {shape}, which looks like trials x channels x time. Save it as trials x "
            "time x channels: counts.transpose(0, 2, 1).",
            dataset=path.stem,
            field="counts",
        )


def _time(
    time: np.ndarray | None, bin_ms: np.ndarray | None, shape: tuple[int, ...], path: Path
) -> np.ndarray:
    if time is not None:
        return time.reshape(-1)
    if bin_ms is None or len(shape) != 3:
        raise DataError(
            "is missing: save the left edges of the bins as time_ms, or the bin width as bin_ms.",
            dataset=path.stem,
            field="time_ms",
        )
    return float(bin_ms) * np.arange(shape[1])


def _metadata(file: Mapping[str, np.ndarray], found: Mapping[str, str], path: Path) -> dict:
    values = {ours: _read(file, found[ours], path).tolist() for ours in _METADATA if ours in found}
    if "datetime" in values:
        values["datetime"] = as_iso_date(values["datetime"])
    return values
