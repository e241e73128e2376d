"""Files that hold a session as named arrays (MATLAB, `.npz`, plain HDF5): which array is what.

Each kind of file has its usual order of axes. It is kept unless the time vector or the condition
ids of the file contradict it and one other order alone fits; what was assumed becomes a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lfads_nb.datasets.axes import oriented
from lfads_nb.datasets.behavior import Signal
from lfads_nb.datasets.conditions import as_condition_ids, unique_conditions
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.info import DatasetInfo, described
from lfads_nb.datasets.labels import as_text
from lfads_nb.datasets.matdates import as_iso_date
from lfads_nb.errors import DataError

# What we call it: the names it goes by in files, the likeliest first.
NAMES = {
    "counts": ("counts", "spikes", "spike_counts", "spikeCounts", "binned_spikes"),
    "time_ms": ("time_ms", "timeVecMs", "timeMs"),
    "bin_ms": ("bin_ms", "binMs", "binWidthMs", "bin_width_ms"),
    "condition_ids": ("condition_ids", "conditionId", "conditionIds", "condition_id"),
    "truth": ("truth", "true_rates"),
    "external_inputs": ("external_inputs", "externalInputs"),
    "behavior": ("behavior",),
    "behavior_units": ("behaviorUnits", "behavior_units"),
    "subject": ("subject",),
    "datetime": ("datetime", "datenum", "date"),
    "save_tags": ("save_tags", "saveTags"),
    "comment": ("comment",),
}
_NARROWEST_MS = 0.2  # nobody bins spikes more finely, but 5 to 100 ms in s look so
METADATA = ("subject", "datetime", "save_tags", "comment")
TIME_FIRST = (0, 1, 2)
CHANNELS_FIRST = (0, 2, 1)


class Source(Protocol):
    """Named arrays of a file."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape of each array, without reading it."""

    def read(self, name: str) -> Any:
        """Value of one of them."""


def find_names(present: Any) -> dict[str, str]:
    """For each thing that we know: under which name it is present."""
    return {
        ours: found[0]
        for ours, theirs in NAMES.items()
        if (found := [name for name in theirs if name in present])
    }


@dataclass(frozen=True)
class SessionArrays:
    """A session as a file's named arrays.

    Parameters
    ----------
    path : the file.
    source : its arrays.
    found : our name -> the name in the file.
    usual : order of the axes in files of this kind, as arguments of `transpose`.
    default_bin_ms : bin width (ms) where neither a time vector nor a width is given; None refuses.
    signals : behaviour: name -> what reads it, and its unit.
    allow_missing : NaN in counts means "nothing recorded in this bin".
    """

    path: Path
    source: Source
    found: Mapping[str, str]
    usual: tuple[int, int, int]
    default_bin_ms: float | None = None
    signals: Mapping[str, tuple[Callable[[], Any], str]] = field(default_factory=dict)
    allow_missing: bool = False

    def get(self, ours: str) -> Any:
        """Value of a thing that we know, None where the file lacks it."""
        return self.source.read(self.found[ours]) if ours in self.found else None

    @cached_property
    def time(self) -> np.ndarray | None:
        """(time,) the time vector in ms, if there is one."""
        if (values := self.get("time_ms")) is None:
            return None
        try:
            return np.asarray(values, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError):
            raise self.error("must be numbers, the left edges of bins in ms.", "time_ms") from None

    @cached_property
    def bin_ms(self) -> float:
        """Bin width in ms as the file states it, else 0."""
        if (value := self.get("bin_ms")) is None:
            return 0.0
        try:
            (width,) = np.asarray(value, dtype=np.float64).reshape(-1).tolist()
        except (TypeError, ValueError):
            width = float("nan")
        if not 0 < width < np.inf:
            raise self.error("must be one number of ms, more than 0.", "bin_ms")
        return width

    @cached_property
    def condition_ids(self) -> np.ndarray | None:
        """(trials,) the condition ids, if there are any."""
        ids = self.get("condition_ids")
        return None if ids is None else as_condition_ids(ids, dataset=self.path.stem)

    @cached_property
    def order(self) -> tuple[tuple[int, int, int], str]:
        """Arguments of `transpose` that give trials x time x channels, and what was assumed."""
        shape = self.shape("counts")
        ids = self.condition_ids
        return oriented(
            shape,
            self.usual,
            None if self.time is None else self.time.size,
            None if ids is None or not len(ids) else len(ids),
            dataset=self.path.stem,
        )

    def shape(self, ours: str) -> tuple[int, ...]:
        """Shape in the file; counts need three axes."""
        shape = tuple(map(int, self.source.shapes[self.found[ours]]))
        if len(shape) == 2 and self._is_one_channel(shape):
            shape = (*shape, 1)
        if ours == "counts" and len(shape) != 3:
            axes = " x ".join(("trials", "time", "channels")[axis] for axis in self.usual)
            raise self.error(
                f"needs 3 dimensions ({axes}), but its shape is {shape}. Save it so, or pass a "
                "loader that turns the file into Counts.",
                "counts",
            )
        return shape

    def _is_one_channel(self, shape: tuple[int, ...]) -> bool:
        """Whether two axes are trials and time, which conditions and time vector must show."""
        if self.time is None or self.condition_ids is None:
            return False
        return (len(self.condition_ids), self.time.size) in (shape, shape[::-1])

    def times(self, n_bins: int) -> tuple[np.ndarray, str]:
        """Left edges of the bins in ms, and what was assumed about them."""
        if self.time is not None or self.bin_ms:
            time = self.time if self.time is not None else self.bin_ms * np.arange(n_bins)
            width = float(np.median(np.diff(time))) if len(time) > 1 else self.bin_ms
            said = f"bins of {width:g} ms: if the file's times are in s, they need a factor of 1000"
            return time, said if 0 < width < _NARROWEST_MS else ""
        if self.default_bin_ms is None:
            raise self.error(
                "is missing: save the left edges of the bins as time_ms, or the bin width as "
                "bin_ms.",
                "time_ms",
            )
        # The run manager counts from 1, too.
        note = f"no time vector and no bin_ms: bins of {self.default_bin_ms:g} ms assumed"
        return self.default_bin_ms * np.arange(1.0, n_bins + 1), note

    def error(self, message: str, ours: str) -> DataError:
        """An error about one of the arrays, under the name that it has in the file."""
        return DataError(message, dataset=self.path.stem, field=self.found.get(ours, ours))

    def metadata(self) -> dict[str, Any]:
        """Subject, date, tags, comment as plain values."""
        metadata = {ours: self.get(ours) for ours in METADATA if ours in self.found}
        for ours, value in metadata.items():
            if isinstance(value, bytes):
                metadata[ours] = as_text(value)
            elif isinstance(value, np.ndarray):
                flat = value.reshape(-1).tolist()
                metadata[ours] = flat[0] if len(flat) == 1 else flat
        if "datetime" in metadata:
            metadata["datetime"] = as_iso_date(metadata["datetime"])
        return metadata


def to_counts(arrays: SessionArrays) -> Counts:
    """Read a session."""
    order, assumed = arrays.order
    counts = _turned(arrays, "counts", order)
    time, about_time = arrays.times(counts.shape[1])
    return Counts(
        counts=counts,
        time_ms=time,
        condition_ids=arrays.condition_ids,
        truth=_turned(arrays, "truth", order),
        external_inputs=_turned(arrays, "external_inputs", order),
        behavior=_behavior(arrays, order),
        metadata=arrays.metadata(),
        name=arrays.path.stem,
        bin_ms=arrays.bin_ms or (arrays.default_bin_ms or 0.0 if len(time) == 1 else 0.0),
        allow_missing=arrays.allow_missing,
        notes=[note for note in (assumed, about_time) if note],
    )


def to_info(arrays: SessionArrays) -> DatasetInfo:
    """Describe a session without reading its spikes."""
    order, assumed = arrays.order
    n_trials, n_bins, n_channels = (arrays.shape("counts")[axis] for axis in order)
    time, about_time = arrays.times(n_bins)
    ids = arrays.condition_ids
    inputs = arrays.shape("external_inputs") if "external_inputs" in arrays.found else ()
    step = float(time[1] - time[0]) if len(time) > 1 else arrays.default_bin_ms or 1.0
    return DatasetInfo(
        n_trials=n_trials,
        n_channels=n_channels,
        n_bins=n_bins,
        bin_ms=arrays.bin_ms or step,
        n_conditions=0 if ids is None else len(unique_conditions(ids)),
        ext_input_dim=inputs[order[2]] if len(inputs) == 3 else 0,
        has_truth="truth" in arrays.found,
        behavior=tuple(arrays.signals),
        notes=tuple(note for note in (assumed, about_time) if note),
        **described(arrays.metadata()),
    )


def _behavior(arrays: SessionArrays, order: tuple[int, int, int]) -> dict[str, Signal]:
    found = {}
    for name, (read, unit) in arrays.signals.items():
        values = read()
        found[name] = Signal(np.transpose(values, order) if np.ndim(values) == 3 else values, unit)
    return found


def _turned(arrays: SessionArrays, ours: str, order: tuple[int, int, int]) -> Any:
    value = arrays.get(ours)
    if value is None:
        return None
    if np.ndim(value) == 2 and len(arrays.source.shapes[arrays.found["counts"]]) == 2:
        value = np.asarray(value)[:, :, None]
    if np.ndim(value) != 3:
        raise arrays.error(
            f"needs the three axes of counts, but its shape is {np.shape(value)}.", ours
        )
    return np.transpose(value, order)
