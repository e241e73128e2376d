"""Behaviour as it is recorded, one long signal with its own times, and how it gets onto trials.

Samples are averaged within each bin of the spikes; a bin without any, as the signal is slower than
the bins, takes the line between its neighbours, unless these lie far apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lfads_nb.datasets.behavior import Signal
from lfads_nb.datasets.times import as_seconds
from lfads_nb.datasets.trial_lists import as_array
from lfads_nb.errors import DataError

_WIDEST_GAP = 2.5  # usual distances between samples; beyond, samples were lost
_EDGE_S = 1e-9  # a sample at 0.2999999999 s is in the bin that begins at 0.3 s


@dataclass(frozen=True, eq=False, repr=False)
class ContinuousSignal:
    """A signal of the whole session.

    Parameters
    ----------
    values : (samples, dims), or (samples,) for one dimension; NaN where it is not known.
    times_s : (samples,) in s on the clock of the spikes, increasing.
    unit : such as "mm/s".
    dims : a name for each dimension.
    name : for messages.

    Raises
    ------
    DataError
        Values and times differ in number, or times do not increase.
    """

    values: np.ndarray
    times_s: np.ndarray
    unit: str = ""
    dims: Sequence[str] = ()
    name: str = "signal"

    def __post_init__(self) -> None:
        field = f"behavior[{self.name!r}]"
        values = as_array(self.values, field=field, dataset=None)
        values = values[:, None] if values.ndim == 1 else values
        times = as_seconds(self.times_s, field=field, dataset=None)
        if values.dtype.kind not in "biuf" or values.ndim != 2:
            raise DataError(
                f"needs samples x dims of numbers, but has shape {values.shape} of {values.dtype}.",
                field=field,
            )
        if len(values) != len(times):
            raise DataError(
                f"has {len(values)} samples, but {len(times)} times for them.", field=field
            )
        if not len(times) or np.any(np.diff(times) <= 0):
            where = int(np.argmax(np.diff(times) <= 0)) if len(times) else 0
            raise DataError(
                f"needs times that increase; sample {where + 1} is not later than the one before."
                if len(times)
                else "has no samples.",
                field=field,
            )
        values = values.astype(np.float64)
        object.__setattr__(self, "values", np.where(np.isinf(values), np.nan, values))
        object.__setattr__(self, "times_s", times)

    @classmethod
    def at_rate(
        cls, values: Any, rate_hz: float, *, start_s: float = 0.0, **about: Any
    ) -> ContinuousSignal:
        """Make a signal that is sampled evenly.

        Parameters
        ----------
        values : (samples, dims).
        rate_hz : samples per second.
        start_s : time of the first sample in s.
        about : unit, dims, name.
        """
        if not rate_hz > 0:
            raise DataError(f"is {rate_hz}; it must be more than 0 Hz.", field="rate_hz")
        return cls(values, start_s + np.arange(len(values)) / rate_hz, **about)

    @classmethod
    def of(cls, given: Any, name: str) -> ContinuousSignal | None:
        """Read a pynapple `Tsd`, `TsdFrame`, or a pandas object indexed by s; None for others."""
        if isinstance(given, cls):
            return given
        if hasattr(given, "time_support") and hasattr(given, "values") and hasattr(given, "t"):
            times = np.asarray(given.t, dtype=float)  # pynapple keeps seconds
        elif hasattr(given, "iloc") and hasattr(given, "to_numpy"):
            times = np.asarray(given.index, dtype=float)
        else:
            return None
        columns = [c for c in getattr(given, "columns", ()) if isinstance(c, str)]
        values = np.asarray(given.values, dtype=float)
        dims = columns if values.ndim == 2 and len(columns) == values.shape[1] else ()
        return cls(values, times, dims=dims, name=name)

    def on_trials(
        self, events_s: np.ndarray, time_ms: np.ndarray, bin_ms: float, *, dataset: str | None
    ) -> Signal:
        """Cut the signal into trials and bring it to their bins.

        Parameters
        ----------
        events_s : (trials,) when, in s, the time 0 of each trial was.
        time_ms : (bins,) left edges of the bins in ms around it.
        bin_ms : their width.
        dataset : name for messages.

        Raises
        ------
        DataError
            No trial has any of it: its clock is another one.
        """
        left = events_s[:, None] + time_ms / 1000
        values = self._averaged(left - _EDGE_S, left + bin_ms / 1000 - _EDGE_S)
        between = self._between(left + bin_ms / 2000)
        values = np.where(np.isnan(values), between, values)
        if np.isnan(values).all():
            raise DataError(
                f"has nothing in any trial: it runs from {self.times_s[0]:g} to "
                f"{self.times_s[-1]:g} s, the trials from {left.min():g} to "
                f"{left.max() + bin_ms / 1000:g} s. Give its times in s on the spikes' clock.",
                dataset=dataset,
                field=f"behavior[{self.name!r}]",
            )
        return Signal(values.astype(np.float32), self.unit, tuple(self.dims))

    def _averaged(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Mean of the known samples in each bin: (trials, bins, dims), NaN where there is none."""
        known = ~np.isnan(self.values)
        first, last = np.searchsorted(self.times_s, left), np.searchsorted(self.times_s, right)
        centre = np.nanmean(self.values, axis=0, where=known) if known.any(axis=0).all() else 0.0
        zeros = np.zeros((1, self.values.shape[1]))
        summed = np.concatenate([zeros, np.cumsum(np.where(known, self.values - centre, 0), 0)])
        number = np.concatenate([zeros, np.cumsum(known, axis=0)])
        total, n = summed[last] - summed[first], number[last] - number[first]
        return np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0) + centre

    def _between(self, at: np.ndarray) -> np.ndarray:
        """Value on the line between the samples around each time; NaN across a gap."""
        if len(self.times_s) < 2:
            return np.full((*at.shape, self.values.shape[1]), np.nan)
        after = np.clip(np.searchsorted(self.times_s, at), 1, len(self.times_s) - 1)
        t0, t1 = self.times_s[after - 1], self.times_s[after]
        widest = _WIDEST_GAP * np.median(np.diff(self.times_s))
        reached = (at >= t0) & (at <= t1) & (t1 - t0 <= widest)
        share = np.where(reached, (at - t0) / (t1 - t0), np.nan)[..., None]
        return self.values[after - 1] * (1 - share) + self.values[after] * share


def signals_on_trials(
    behavior: Mapping[str, Any],
    events_s: np.ndarray,
    time_ms: np.ndarray,
    bin_ms: float,
    *,
    kept: np.ndarray | None = None,
    dataset: str | None,
) -> dict[str, Any]:
    """Cut what is a signal of the whole session into trials, see `ContinuousSignal.on_trials`.

    Parameters
    ----------
    behavior : signals by name; those that lie on trials already stay as they are.
    events_s, time_ms, bin_ms, dataset : as for `ContinuousSignal.on_trials`.
    kept : which of the trials there will be; all when not given.
    """
    kept = np.arange(len(events_s)) if kept is None else kept

    def on_trials(name: str, given: Any) -> Any:
        signal = ContinuousSignal.of(given, name)
        if signal is not None:
            return signal.on_trials(events_s[kept], time_ms, bin_ms, dataset=dataset)
        trials = given if isinstance(given, Signal) else Signal(given)
        fits = np.ndim(trials.values) > 1 and len(trials.values) == len(events_s)
        return trials[kept] if fits else given  # what does not fit is refused by name later

    return {name: on_trials(str(name), given) for name, given in behavior.items()}
