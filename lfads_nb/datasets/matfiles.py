"""MATLAB files (v5, v7, v7.3) as the run manager's demo and its users' exports write them.

Understood are the demo's variables (`spikes`, `timeMs`, `conditionId`, `true_rates`, `datetime`,
`subject`) and the fields of the struct that the run manager's `generateCountsForDataset` returns
(`counts`, `timeVecMs`, `conditionId`, `truth`, `externalInputs`), at the top level or inside one
struct. Arrays are trials x channels x time there and are turned to trials x time x channels here.
Behaviour is a struct `behavior` with one field per signal, trials x dims x time like the rest (or
one such array), its units the same fields of a struct `behaviorUnits`.
MATLAB objects (`datetime`, `string`, `categorical`, `table`) have no documented format and cannot
be read: a date is then left out, condition ids are refused with the remedy.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from lfads_nb.datasets.behavior import Signal
from lfads_nb.datasets.conditions import as_condition_ids, unique_conditions
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.info import DatasetInfo, described
from lfads_nb.datasets.matvariables import OBJECTS, Variables, open_mat
from lfads_nb.errors import DataError

_log = logging.getLogger(__name__)

# What we call it: the names it goes by in files, the likeliest first.
NAMES = {
    "counts": ("counts", "spikes"),
    "time_ms": ("timeVecMs", "timeMs", "time_ms"),
    "condition_ids": ("conditionId", "conditionIds", "condition_ids"),
    "truth": ("truth", "true_rates"),
    "external_inputs": ("externalInputs", "external_inputs"),
    "behavior": ("behavior",),
    "behavior_units": ("behaviorUnits", "behavior_units"),
    "subject": ("subject",),
    "datetime": ("datetime", "datenum", "date"),
    "save_tags": ("saveTags", "save_tags"),
    "comment": ("comment",),
}
_METADATA = ("subject", "datetime", "save_tags", "comment")


def read_mat(path: Path) -> Counts:
    """Read counts from a MATLAB file of any version since 5.

    The true rates of a file are taken as expected spikes per bin, as they stand.
    """
    with open_mat(path, holding=NAMES["counts"]) as variables:
        found = _find(variables, path)

        def get(ours: str) -> Any:
            return variables.read(found[ours]) if ours in found else None

        counts, truth, inputs = (
            _time_before_channels(get(ours), ours, path.stem)
            for ours in ("counts", "truth", "external_inputs")
        )
        return Counts(
            counts=counts,
            time_ms=_time(get("time_ms"), counts.shape[1]),
            condition_ids=get("condition_ids"),
            truth=truth,
            external_inputs=inputs,
            behavior=_behavior(get("behavior"), get("behavior_units"), path.stem),
            metadata=_metadata(variables, found),
            name=path.stem,
        )


def peek_mat(path: Path) -> DatasetInfo:
    """Describe a MATLAB file without reading its spikes."""
    with open_mat(path, holding=NAMES["counts"]) as variables:
        found = _find(variables, path)
        shape = variables.shapes[found["counts"]]
        if len(shape) != 3:
            raise _wrong_shape("counts", shape, path.stem)
        time = _time(
            variables.read(found["time_ms"]) if "time_ms" in found else None, n_bins=shape[2]
        )
        ids = variables.read(found["condition_ids"]) if "condition_ids" in found else []
        inputs = variables.shapes[found["external_inputs"]] if "external_inputs" in found else ()
        behavior = variables.read(found["behavior"]) if "behavior" in found else {}
        return DatasetInfo(
            n_trials=shape[0],
            n_channels=shape[1],
            n_bins=shape[2],
            bin_ms=float(np.diff(time[:2])[0]) if len(time) > 1 else 1.0,
            n_conditions=len(unique_conditions(as_condition_ids(ids, dataset=path.stem))),
            ext_input_dim=inputs[1] if len(inputs) == 3 else 0,
            has_truth="truth" in found,
            behavior=tuple(behavior) if isinstance(behavior, Mapping) else ("behavior",),
            **described(_metadata(variables, found)),
        )


def _find(variables: Variables, path: Path) -> dict[str, str]:
    """For each thing that we know: under which name the file has it."""
    found = {}
    for ours, theirs in NAMES.items():
        present = [name for name in theirs if name in variables.classes]
        readable = [name for name in present if variables.classes[name] not in OBJECTS]
        if readable:
            found[ours] = readable[0]
        elif present and ours not in _METADATA:
            raise DataError(
                "is a MATLAB object, which only MATLAB can read. Save it as plain numbers "
                "(double) or as a cell array of characters (cellstr).",
                dataset=path.stem,
                field=present[0],
            )
        elif present:
            _log.info("%s: %s is a MATLAB object and cannot be read", path.name, present[0])
    if "counts" not in found:
        raise DataError(
            f"{path.name} has no variable counts or spikes, only "
            f"{', '.join(sorted(variables.classes)) or 'none'}. Rename it in the file, or pass a "
            "loader that turns the file into Counts.",
            dataset=path.stem,
            field="counts",
        )
    return found


def _time_before_channels(array: Any, field: str, dataset: str) -> Any:
    if array is None:
        return None
    if getattr(array, "ndim", 0) != 3:
        raise _wrong_shape(field, np.shape(array), dataset)
    return array.transpose(0, 2, 1)


def _behavior(found: Any, units: Any, dataset: str) -> dict[str, Signal]:
    if found is None:
        return {}
    fields = found if isinstance(found, Mapping) else {"behavior": found}
    units = units if isinstance(units, Mapping) else {}
    return {
        name: Signal(
            _time_before_channels(values, f"behavior.{name}", dataset), str(units.get(name, ""))
        )
        for name, values in fields.items()
    }


def _wrong_shape(field: str, shape: tuple[int, ...], dataset: str) -> DataError:
    return DataError(
        f"needs trials x channels x time in a MATLAB file, but its shape is {shape}.",
        dataset=dataset,
        field=field,
    )


def _time(values: Any, n_bins: int) -> np.ndarray:
    """The time vector (ms); 1, 2, ... where the file has none, as in the run manager."""
    if values is None:
        return np.arange(1.0, n_bins + 1)
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _metadata(variables: Variables, found: Mapping[str, str]) -> dict[str, Any]:
    metadata = {ours: variables.read(found[ours]) for ours in _METADATA if ours in found}
    for ours, value in metadata.items():
        if isinstance(value, np.ndarray):
            flat = value.reshape(-1).tolist()
            metadata[ours] = flat[0] if len(flat) == 1 else flat
    if "datetime" in metadata:
        metadata["datetime"] = as_iso_date(metadata["datetime"])
    return metadata


def as_iso_date(value: Any) -> str:
    """Turn a MATLAB date number or date text into ISO text; text of another form stays as it is."""
    if isinstance(value, int | float) and 500_000 < value < 1_000_000:
        # Day 1 of MATLAB is in year 0, day 1 of Python in year 1, a leap year later.
        day = datetime.fromordinal(int(value)) + timedelta(days=value % 1 - 366)
        return day.isoformat(timespec="seconds")
    text = str(value).strip()
    if re.fullmatch(r"\d{1,2}-[A-Za-z]{3}-\d{4}( \d{2}:\d{2}:\d{2})?", text):
        form = "%d-%b-%Y %H:%M:%S" if ":" in text else "%d-%b-%Y"
        return datetime.strptime(text, form).isoformat()
    return text
