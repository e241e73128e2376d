"""Behavioural signals of an NWB file: SpatialSeries and TimeSeries in `processing["behavior"]`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lfads_nb.datasets.behavior import Signal, check_signal_name
from lfads_nb.datasets.continuous_signals import ContinuousSignal
from lfads_nb.errors import DataError

if TYPE_CHECKING:
    from pynwb import NWBFile

_MODULE = "behavior"


def behavior_names(file: NWBFile) -> tuple[str, ...]:
    """Name the signals that `read_behavior` can read."""
    return tuple(_series(file))


def read_behavior(
    file: NWBFile,
    wanted: Sequence[str] | Literal["all"],
    *,
    events_s: np.ndarray,
    time_ms: np.ndarray,
    bin_ms: float,
    dataset: str,
) -> dict[str, Signal]:
    """Bring signals to the bins of trials.

    Parameters
    ----------
    file : the open file.
    wanted : names of signals, or "all".
    events_s, time_ms, bin_ms : as for `ContinuousSignal.on_trials`.
    dataset : name for messages.

    Raises
    ------
    DataError
        There is no signal of that name, or nothing of it lies within the trials.
    """
    series = _series(file)
    names = list(series) if isinstance(wanted, str) and wanted == "all" else list(wanted)
    if isinstance(wanted, str) and wanted != "all":
        names = [wanted]
    if missing := [name for name in names if name not in series]:
        raise DataError(
            f"there is no signal {missing[0]!r} in processing/{_MODULE}; there are "
            f"{', '.join(map(repr, series)) or 'none'}.",
            dataset=dataset,
            field="behavior",
        )
    return {
        _plain_name(name): _continuous(name, series[name]).on_trials(
            events_s, time_ms, bin_ms, dataset=dataset
        )
        for name in names
    }


def _plain_name(name: str) -> str:
    return check_signal_name(name.replace("/", "_"))


def _series(file: NWBFile) -> dict[str, Any]:
    """Each series by its name, with its container's in front where two have the same."""
    if _MODULE not in file.processing:
        return {}
    found = list(_within(file.processing[_MODULE].data_interfaces.values(), ""))
    names = [series.name for _, series in found]
    return {
        series.name if names.count(series.name) == 1 else f"{container}{series.name}": series
        for container, series in found
    }


def _within(containers: Any, place: str) -> Iterator[tuple[str, Any]]:
    for container in containers:
        if hasattr(container, "data"):
            if np.dtype(getattr(container.data, "dtype", object)).kind in "biuf" and _has_clock(
                container
            ):
                yield place, container
        elif container.neurodata_type not in ("BehavioralEvents", "BehavioralEpochs"):
            for field in ("spatial_series", "time_series"):
                inside = getattr(container, field, None) or {}
                yield from _within(inside.values(), f"{container.name}/")


def _has_clock(series: Any) -> bool:
    return series.timestamps is not None or series.rate is not None


def _continuous(name: str, series: Any) -> ContinuousSignal:
    values = np.asarray(series.data[:], dtype=np.float64)
    values = values * float(series.conversion) + float(getattr(series, "offset", 0.0) or 0.0)
    values = values.reshape(len(values), -1)
    unit = str(series.unit)
    about: dict[str, Any] = {"unit": "" if unit == "unknown" else unit, "name": name}
    if series.timestamps is not None:
        return ContinuousSignal(values, np.asarray(series.timestamps[:], float), **about)
    return ContinuousSignal.at_rate(
        values, float(series.rate), start_s=float(series.starting_time or 0.0), **about
    )
