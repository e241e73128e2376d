"""An NWB file of the benchmark, read strictly: what it relies on is checked and named.

The benchmark's files have a trials table with a column `split`, a units table with a column
`heldout`, spike times and observation intervals, and behaviour sampled every millisecond. They are
plain HDF5, so no further package is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from scipy.signal import convolve, decimate
from scipy.signal.windows import gaussian

from lfads_nb.errors import DataError
from lfads_nb.hdf5_reading import open_hdf5

_TRIALS, _UNITS = "intervals/trials", "units"
SPLITS = ("train", "val", "test")
_FILTER_LENGTH = 500


@dataclass(frozen=True)
class Unit:
    """A unit's spikes and when it was observed, in whole milliseconds of the recording."""

    spikes_ms: np.ndarray
    observed_ms: np.ndarray


class NlbRecording:
    """One file of the benchmark.

    Parameters
    ----------
    path : the NWB file.

    Raises
    ------
    DataError
        It cannot be read, or lacks what the benchmark's files have.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        with self._open() as file:
            self.trials: Mapping[str, np.ndarray] = _plain_columns(self._group(file, _TRIALS))
            units = self._group(file, _UNITS)
            self._need(self.trials, _TRIALS, "start_time", "stop_time", "split")
            self._need(units, _UNITS, "id", "spike_times", "spike_times_index", "obs_intervals")
            self.unit_ids = units["id"][()]
            heldout = units["heldout"][()] if "heldout" in units else np.zeros(len(self.unit_ids))
            self.heldout = np.asarray(heldout).astype(bool)
            self._units = tuple(_units(units))
        unknown = sorted({str(s) for s in self.trials["split"]} - {*SPLITS, "none"})
        if unknown:
            raise self._error(f"calls splits {unknown}; the benchmark's are {list(SPLITS)}")

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def n_ms(self) -> int:
        """How long the recording is: the last observed millisecond, or the last trial's end."""
        ends = [unit.observed_ms[-1, 1] for unit in self._units if len(unit.observed_ms)]
        return int(max([*ends, np.rint(np.nanmax(self.trials["stop_time"]) * 1000)]))

    def units(self, order: np.ndarray) -> Iterator[Unit]:
        """Give the units with these numbers, one by one."""
        return (self._units[int(number)] for number in order)

    def column(self, name: str) -> np.ndarray:
        """Return a column of the trials table.

        Raises
        ------
        DataError
            There is none of that name.
        """
        self._need(self.trials, _TRIALS, name)
        return self.trials[name]

    def has_signal(self, name: str) -> bool:
        """Whether the file has a behavioural signal; the benchmark's test files keep it back."""
        with self._open() as file:
            return _find_series(file, name) is not None

    def unit_of(self, name: str) -> str:
        """Return a signal's unit as the file says it; empty if it does not."""
        with self._open() as file:
            found = _find_series(file, name)
            return "" if found is None else str(found["data"].attrs.get("unit", ""))

    def signal(self, name: str) -> np.ndarray:
        """Return a behavioural signal on the recording's milliseconds: (ms, dimensions), or NaN.

        Raises
        ------
        DataError
            It is not there, or is not sampled once a millisecond.
        """
        with self._open() as file:
            found = _find_series(file, name)
            if found is None:
                raise self._error(f"has no signal {name!r} in processing/behavior")
            values = np.asarray(found["data"][()], float) * float(
                found["data"].attrs.get("conversion", 1.0)
            )
            times = _times_of(found, len(values))
        index = np.rint(times * 1000).astype(int)
        if np.any(np.abs(times * 1000 - index) > 1e-3) or np.any(np.diff(index) < 1):
            raise self._error(f"has {name!r} sampled off the milliseconds of the spikes")
        kept = (index >= 0) & (index < self.n_ms)
        signal = np.full((self.n_ms, values.shape[1] if values.ndim > 1 else 1), np.nan)
        signal[index[kept]] = values.reshape(len(values), -1)[kept]
        return signal

    def _open(self) -> h5py.File:
        if not self.path.is_file():
            raise DataError(f"there is no file {self.path}.", dataset=self.name)
        try:
            return open_hdf5(self.path, check_sizes=True)
        except OSError as error:
            raise self._error(f"cannot be read as NWB (HDF5): {error}") from error

    def _group(self, file: h5py.File, name: str) -> h5py.Group:
        group = file.get(name)
        if not isinstance(group, h5py.Group):
            raise self._error(f"has no {name}")
        return group

    def _need(self, columns: object, where: str, *names: str) -> None:
        missing = [name for name in names if name not in columns]  # type: ignore[operator]
        if missing:
            raise self._error(f"has no {', '.join(missing)} in {where}")

    def _error(self, what: str) -> DataError:
        return DataError(
            f"{self.path.name} {what}; it is not a file of the Neural Latents Benchmark. Other "
            "NWB files open with lfads_nb.read_nwb.",
            dataset=self.name,
        )


def _plain_columns(table: h5py.Group) -> dict[str, np.ndarray]:
    """Columns with one number or text per row; ragged ones and references are left out."""
    columns = {}
    n = len(table["id"]) if "id" in table else 0
    for name, column in table.items():
        ragged = f"{name}_index" in table or name.endswith("_index")
        if isinstance(column, h5py.Dataset) and column.shape == (n,) and not ragged:
            text = h5py.check_string_dtype(column.dtype) is not None
            if text or column.dtype.kind in "biuf":
                columns[name] = column.asstr()[()].astype(str) if text else column[()]
    return columns


def _units(table: h5py.Group) -> Iterator[Unit]:
    times, ends = table["spike_times"][()], table["spike_times_index"][()]
    intervals = np.asarray(table["obs_intervals"][()], float).reshape(-1, 2)
    interval_ends = table["obs_intervals_index"][()]
    for first, last, first_interval, last_interval in zip(
        [0, *ends[:-1]], ends, [0, *interval_ends[:-1]], interval_ends, strict=True
    ):
        seen = intervals[int(first_interval) : int(last_interval)]
        # rounding first, as a spike at 0.0030000001 s is in the fourth millisecond
        spikes = np.floor(np.round(times[int(first) : int(last)] * 1000, 6)).astype(np.int64)
        starts = np.ceil(np.round(seen[:, 0] * 1000, 6)).astype(np.int64)
        stops = np.floor(np.round(seen[:, 1] * 1000, 6)).astype(np.int64)
        yield Unit(spikes, np.stack([starts, stops], axis=1))


def _find_series(file: h5py.File, name: str) -> h5py.Group | None:
    """A time series in processing/behavior, directly or one container deeper."""
    behavior = file.get("processing/behavior")
    if not isinstance(behavior, h5py.Group):
        return None
    for group in (behavior, *(g for g in behavior.values() if isinstance(g, h5py.Group))):
        if name in group and isinstance(group[name], h5py.Group) and "data" in group[name]:
            return group[name]
    return None


def _times_of(series: h5py.Group, n: int) -> np.ndarray:
    if "timestamps" in series:
        return np.asarray(series["timestamps"][()], float)
    start = series["starting_time"]
    return float(start[()]) + np.arange(n) / float(start.attrs["rate"])


# ---- bins of the whole recording ---------------------------------------------------------------


@dataclass(frozen=True)
class Bins:
    """The recording's bins: as the benchmark does, all trials lie on one grid from time zero."""

    bin_ms: int
    n_ms: int

    @property
    def n(self) -> int:
        return -(-self.n_ms // self.bin_ms)

    def first(self, times_s: np.ndarray, offset_ms: float) -> np.ndarray:
        """Return the first bin that begins at or after these times; -1 where a time is NaN."""
        known = np.isfinite(times_s)
        nanoseconds = np.rint(np.where(known, times_s, 0) * 1e9).astype(np.int64)
        nanoseconds += round(offset_ms * 1e6)
        return np.where(known, -(-nanoseconds // (self.bin_ms * 1_000_000)), -1)

    def counts(self, unit: Unit) -> np.ndarray:
        """Return a unit's spikes per bin (bins,), NaN where a bin's start was not observed."""
        inside = unit.spikes_ms[(unit.spikes_ms >= 0) & (unit.spikes_ms < self.n_ms)]
        counts = np.bincount(inside // self.bin_ms, minlength=self.n).astype(float)
        counts[~self.observed(unit)] = np.nan
        return counts

    def observed(self, unit: Unit) -> np.ndarray:
        return _inside(unit.observed_ms, self.n_ms)[:: self.bin_ms]

    def smoothed(self, unit: Unit, sd_ms: float) -> np.ndarray:
        """Return a unit's spikes per bin, smoothed at 1 ms by a Gaussian within what was observed.

        The kernel has int(6 sd) points, three s.d. to either side, and adds up to one.
        """
        kernel = gaussian(int(6 * sd_ms), sd_ms)
        kernel /= kernel.sum()
        spikes = np.bincount(
            unit.spikes_ms[(unit.spikes_ms >= 0) & (unit.spikes_ms < self.n_ms)],
            minlength=self.n_ms,
        ).astype(float)
        smooth = np.full(self.n_ms, np.nan)
        for first, last in _runs(_inside(unit.observed_ms, self.n_ms)):
            smooth[first:last] = np.maximum(convolve(spikes[first:last], kernel, "same"), 0)
        padded = np.zeros(self.n * self.bin_ms)
        padded[: self.n_ms] = np.nan_to_num(smooth)
        binned = padded.reshape(self.n, self.bin_ms).sum(axis=1)
        binned[np.isnan(smooth[:: self.bin_ms])] = np.nan
        return binned

    def signal(self, values: np.ndarray) -> np.ndarray:
        """Return a signal of (ms, dimensions) at the bins, low-passed first as the benchmark does.

        scipy's FIR `decimate` of 500 points after filling gaps by interpolation; NaN where the
        bin's first millisecond has no value.
        """
        if self.bin_ms == 1:
            return values
        missing = np.isnan(values[:: self.bin_ms])
        filled = np.stack([_interpolated(column) for column in values.T], axis=1)
        coarse = decimate(filled, self.bin_ms, axis=0, n=_FILTER_LENGTH, ftype="fir")
        coarse[missing] = np.nan
        return coarse

    def windows(self, values: np.ndarray, first: np.ndarray, n_bins: int) -> np.ndarray:
        """Cut (bins, ...) into (trials, n_bins, ...); NaN beyond the recording's ends."""
        index = first[:, None] + np.arange(n_bins)
        outside = (index < 0) | (index >= len(values))
        cut = values[np.where(outside, 0, index)]
        cut[outside] = np.nan
        return cut


def over_units(
    recording: NlbRecording, order: np.ndarray, of_unit: Callable[[Unit], np.ndarray]
) -> np.ndarray:
    """Put what `of_unit` returns for each unit side by side, the units last."""
    return np.stack([of_unit(unit) for unit in recording.units(order)], axis=-1)


def _inside(intervals: np.ndarray, n: int) -> np.ndarray:
    inside = np.zeros(n, dtype=bool)
    for start, stop in intervals:
        inside[max(start, 0) : max(stop, 0)] = True
    return inside


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and last + 1 of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _interpolated(column: np.ndarray) -> np.ndarray:
    known = np.isfinite(column)
    if known.all() or not known.any():
        return np.nan_to_num(column)
    where = np.arange(len(column))
    return np.interp(where, where[known], column[known])
