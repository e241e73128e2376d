"""Binned spike counts of one session: the one form in which spikes enter everything else.

Whatever the source, a reader or a user's loader makes a `Counts`; it is checked once, here, and
trusted from then on. Its arrays are read-only.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from lfads_nb.datasets import validation as check
from lfads_nb.datasets.axes import check_axes
from lfads_nb.datasets.behavior import (
    Signal,
    average_bins,
    check_behavior,
    select_signals,
    stack_signals,
)
from lfads_nb.datasets.conditions import as_condition_ids, condition_averages, unique_conditions
from lfads_nb.datasets.continuous_signals import signals_on_trials
from lfads_nb.datasets.rebinning import rebin_ratio, sum_bins
from lfads_nb.datasets.spike_times import bin_spike_times, bin_trial_spike_times
from lfads_nb.datasets.times import as_seconds
from lfads_nb.datasets.trial_lists import keep_trials, stack_trials
from lfads_nb.errors import DataError, DataWarning

_PER_TRIAL = ("counts", "condition_ids", "truth", "external_inputs")
_ALONG_TIME = {"truth", "external_inputs"}


@dataclass(frozen=True, eq=False, repr=False)
class Counts:
    """Spike counts of a session's trials, with what goes along with them.

    Parameters
    ----------
    counts : (trials, time, channels) spikes per bin, whole and not negative; kept in the smallest
        unsigned type that holds them (uint8 for most data), so beware of `-` on them.
    time_ms : (time,) left edges of the bins in ms, evenly spaced.
    condition_ids : (trials,) whole numbers or text; NaN or '' for a trial without condition.
    truth : (trials, time, channels) expected spikes per bin, for synthetic data.
    external_inputs : (trials, time, inputs) measured inputs that drive the network.
    behavior : signals on the bins of the spikes by name, such as
        `{"hand_vel": Signal(values, unit="mm/s")}`, each (trials, time, dims), NaN where it is not
        known; for decoding and looking at, the model never sees it. See `Signal`.
    trial_columns : further columns with one value per trial (reaction times, angles, ...).
    metadata : plain values; `subject`, `datetime`, `save_tags` and `comment` are shown in tables.
    name : the session's name, for messages.
    bin_ms : bin width in ms; needed only with a single bin, otherwise taken from `time_ms`.
    continuous : `counts` are any finite floats (for Gaussian and Gamma outputs), not spikes.
    allow_missing : NaN in `counts` means "nothing recorded in this bin". Masked arrays say so by
        themselves.
    notes : what was assumed, changed or left out on the way in; shown beside the data.

    Raises
    ------
    DataError
        When anything does not fit, naming session, field and trial.
    """

    counts: np.ndarray
    time_ms: np.ndarray
    condition_ids: np.ndarray | None = None
    truth: np.ndarray | None = None
    external_inputs: np.ndarray | None = None
    _: KW_ONLY
    behavior: Mapping[str, Signal] = field(default_factory=dict)
    trial_columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    bin_ms: float = 0.0
    continuous: bool = False
    allow_missing: bool = False
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        where = self.name
        if np.ma.is_masked(self.counts):
            share = float(np.ma.getmaskarray(self.counts).mean())
            note = f"{100 * share:.3g} % of the bins are masked and taken as missing"
            self._set(allow_missing=True, notes=(*self.notes, note))
        counts = check.check_counts(
            self.counts, dataset=where, continuous=self.continuous, allow_missing=self.allow_missing
        )
        ids = self._checked_conditions()
        check_axes(counts.shape, np.size(self.time_ms), None if ids is None else len(ids), where)
        if ids is not None:
            check.check_per_trial(ids, len(counts), field="condition_ids", dataset=where)
        time = check.check_time(self.time_ms, counts.shape[1], self.bin_ms, where)
        self._set(
            counts=counts,
            time_ms=time,
            bin_ms=check.check_bin_ms(time, self.bin_ms, where),
            condition_ids=ids,
            truth=self._checked_truth(counts),
            external_inputs=self._checked_inputs(counts),
            behavior=check_behavior(self.behavior, counts, dataset=where),
            trial_columns=self._checked_columns(len(counts)),
            metadata={
                str(key): check.as_plain(value, field=f"metadata.{key}", dataset=where)
                for key, value in self.metadata.items()
            },
            notes=tuple(map(str, self.notes)),
        )

    @classmethod
    def from_bins(
        cls,
        counts: Any,
        bin_ms: float,
        *,
        start_ms: float = 0.0,
        length_ms: float | None = None,
        pad_missing: bool = False,
        **fields: Any,
    ) -> Counts:
        """Make counts whose first bin starts at `start_ms`, without writing a time vector.

        Parameters
        ----------
        counts : (trials, time, channels), or for each trial (time, channels).
        bin_ms : bin width in ms.
        start_ms : time of the first bin's left edge in ms.
        length_ms : cut every trial to this length, needed where they differ.
        pad_missing : fill shorter trials up with NaN: nothing recorded in these bins.
        fields : as for `Counts`: condition_ids, behavior, metadata, name, ...
        """
        if not isinstance(bin_ms, Real) or not 0 < bin_ms < float("inf"):
            raise DataError(
                f"is {bin_ms!r}: give the bin width in ms.",
                dataset=fields.get("name"),
                field="bin_ms",
            )
        lengths: dict[str, Any] = {
            "bin_ms": bin_ms,
            "length_ms": length_ms,
            "pad_missing": pad_missing,
            "dataset": fields.get("name"),
        }
        counts = stack_trials(counts, **lengths)
        for name in _ALONG_TIME & {name for name, value in fields.items() if value is not None}:
            fields[name] = stack_trials(fields[name], field=name, **lengths)
        if isinstance(fields.get("behavior"), Mapping):
            fields["behavior"] = stack_signals(fields["behavior"], **lengths)
        if pad_missing:
            fields["allow_missing"] = True
        counts = counts if isinstance(counts, np.ma.MaskedArray) else check.as_array(
            counts, field="counts", dataset=fields.get("name")
        )  # fmt: skip
        n_bins = np.shape(counts)[1] if np.ndim(counts) == 3 else 0
        time_ms = start_ms + bin_ms * np.arange(n_bins)
        return cls(counts, time_ms, bin_ms=bin_ms, **fields)

    @classmethod
    def from_spike_times(
        cls,
        spike_times_s: Any,
        events_s: Any,
        *,
        window_ms: tuple[float, float],
        bin_ms: float = 1.0,
        allow_empty: bool = False,
        **fields: Any,
    ) -> Counts:
        """Bin spike times around an event of each trial (go cue, movement onset, ...).

        Parameters
        ----------
        spike_times_s : for each unit its spike times in s: lists, a dict, a cell array, objects
            that carry their unit (Neo, pynapple, ...); see `bin_spike_times`.
        events_s : (trials,) time of each trial's event in s, on the same clock; trials in which it
            is NaN are left out, with their conditions and whatever else is given for each trial.
        window_ms : start and end of a trial in ms around the event, such as (-250, 750).
        bin_ms : bin width in ms; the window must be a whole number of bins.
        allow_empty : accept that no spike lies in any window.
        fields : as for `Counts`: condition_ids, behavior, metadata, name, ... A behavioural signal
            may also be one of the whole session, a `ContinuousSignal` or pynapple's `TsdFrame`.

        Warns
        -----
        DataWarning
            When times look as if they were in another unit or on another clock.
        """
        name = fields.get("name")
        binned = bin_spike_times(
            spike_times_s, events_s, window_ms, bin_ms, allow_empty=allow_empty, dataset=name
        )
        if binned.doubts:
            doubts = "; ".join(binned.doubts)
            warnings.warn(DataWarning(f"{name or 'spike times'}: {doubts}"), stacklevel=2)
        fields["notes"] = (*fields.get("notes", ()), *binned.notes, *binned.doubts)
        if len(binned.kept) < binned.n_events:
            fields = keep_trials(fields, binned.kept, binned.n_events)
        if isinstance(fields.get("behavior"), Mapping):
            fields["behavior"] = signals_on_trials(
                fields["behavior"],
                as_seconds(events_s, field="events_s", dataset=name, allow_nan=True),
                float(window_ms[0]) + bin_ms * np.arange(binned.counts.shape[1]),
                bin_ms,
                kept=binned.kept,
                dataset=name,
            )
        return cls.from_bins(binned.counts, bin_ms, start_ms=float(window_ms[0]), **fields)

    @classmethod
    def from_trial_spike_times(
        cls,
        trials: Sequence[Any],
        *,
        window_ms: tuple[float, float],
        bin_ms: float = 1.0,
        **fields: Any,
    ) -> Counts:
        """Bin spike times that are relative to each trial's own time zero.

        Parameters
        ----------
        trials : for each trial, for each unit its spike times in s.
        window_ms, bin_ms, fields : as for `from_spike_times`.
        """
        counts = bin_trial_spike_times(trials, window_ms, bin_ms, dataset=fields.get("name"))
        return cls.from_bins(counts, bin_ms, start_ms=float(window_ms[0]), **fields)

    def _set(self, **changes: Any) -> None:
        for name, value in changes.items():
            if isinstance(value, np.ndarray):
                value = value.view()
                value.flags.writeable = False
            object.__setattr__(self, name, value)

    def _with(self, **changes: Any) -> Counts:
        """Copy with fields replaced that need no second check."""
        other = copy.copy(self)
        other._set(**changes)
        return other

    def _checked_conditions(self) -> np.ndarray | None:
        if self.condition_ids is None:
            return None
        return as_condition_ids(self.condition_ids, dataset=self.name)

    def _checked_truth(self, counts: np.ndarray) -> np.ndarray | None:
        if self.truth is None:
            return None
        if np.shape(self.truth) != counts.shape:
            raise DataError(
                f"needs the shape of counts, {counts.shape} (trials x time x channels), but has "
                f"{np.shape(self.truth)}.",
                dataset=self.name,
                field="truth",
            )
        return check.check_same_trials_and_time(
            self.truth, counts, field="truth", dataset=self.name, allow_nan=self.allow_missing
        )

    def _checked_inputs(self, counts: np.ndarray) -> np.ndarray | None:
        if self.external_inputs is None:
            return None
        return check.check_same_trials_and_time(
            self.external_inputs, counts, field="external_inputs", dataset=self.name
        )

    def _checked_columns(self, n_trials: int) -> dict[str, np.ndarray]:
        return {
            str(key): check.check_column(values, n_trials, key=str(key), dataset=self.name)
            for key, values in self.trial_columns.items()
        }

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return self.counts.shape[0]

    @property
    def n_bins(self) -> int:
        """Number of time bins in every trial."""
        return self.counts.shape[1]

    @property
    def n_channels(self) -> int:
        """Number of channels (neurons)."""
        return self.counts.shape[2]

    @property
    def ext_input_dim(self) -> int:
        """Number of external inputs, 0 if there are none."""
        return 0 if self.external_inputs is None else self.external_inputs.shape[2]

    @property
    def conditions(self) -> np.ndarray:
        """Sorted distinct condition ids; empty if trials have none."""
        return np.array([]) if self.condition_ids is None else unique_conditions(self.condition_ids)

    @property
    def has_missing(self) -> bool:
        """Whether any bin is NaN (nothing recorded)."""
        return self.counts.dtype.kind == "f" and bool(np.isnan(self.counts.min()))

    @property
    def mean_rate_hz(self) -> float:
        """Mean over all trials, bins that are not missing, and channels, in spikes/s."""
        if not self.has_missing:
            return float(self.counts.mean(dtype=np.float64)) * 1000 / self.bin_ms
        known = ~np.isnan(self.counts)
        if not known.any():
            return float("nan")
        return float(self.counts.sum(where=known, dtype=np.float64) / known.sum()) * (
            1000 / self.bin_ms
        )

    def condition_averages(self) -> np.ndarray:
        """Mean counts per bin over each condition's trials: (conditions, time, channels)."""
        if self.condition_ids is None:
            raise DataError(
                "is missing, so there is nothing to average over. Give condition_ids, or join "
                "a condition table with join_conditions.",
                dataset=self.name,
                field="condition_ids",
            )
        return condition_averages(self.counts, self.condition_ids)

    def renamed(self, name: str) -> Counts:
        """The same counts under another session name; arrays are shared."""
        return self._with(name=name)

    def rebin(self, bin_ms: float) -> Counts:
        """Sum consecutive bins into wider ones of `bin_ms`.

        Counts, truth and external inputs are all summed, as TF1 LFADS expects, and behaviour is
        averaged over what is known of it; bins left over at the end are dropped; the time vector
        keeps the left edge of each wider bin. Counts of which any part is missing are missing.

        Raises
        ------
        DataError
            Unless `bin_ms` is a whole multiple of the present width and at least one bin fits.
        """
        ratio = rebin_ratio(self.bin_ms, bin_ms, self.n_bins, dataset=self.name)
        if ratio == 1:
            return self
        n_bins = self.n_bins // ratio
        return self._with(
            counts=sum_bins(self.counts, ratio),
            time_ms=self.time_ms[: n_bins * ratio : ratio],
            bin_ms=self.bin_ms * ratio,
            truth=None if self.truth is None else sum_bins(self.truth, ratio),
            external_inputs=(
                None if self.external_inputs is None else sum_bins(self.external_inputs, ratio)
            ),
            behavior=average_bins(self.behavior, ratio),
        )

    def select_trials(self, trials: Any) -> Counts:
        """Keep some trials, in the given order.

        Parameters
        ----------
        trials : 0-based indices, a mask with one bool per trial, or a slice.

        Raises
        ------
        DataError
            When a trial does not exist or none is left.
        """
        index = self._trial_index(trials)
        if not len(index):
            raise DataError("select_trials leaves no trial.", dataset=self.name)
        chosen = {
            name: value[index] for name in _PER_TRIAL if (value := getattr(self, name)) is not None
        }
        columns = {key: column[index] for key, column in self.trial_columns.items()}
        behavior, empty = select_signals(self.behavior, index)
        lost = [f"behaviour {name!r} is not known in any of the chosen trials" for name in empty]
        return self._with(
            **chosen, trial_columns=columns, behavior=behavior, notes=(*self.notes, *lost)
        )

    def _trial_index(self, trials: Any) -> np.ndarray:
        if isinstance(trials, slice):
            return np.arange(self.n_trials)[trials]
        index = np.atleast_1d(np.asarray(trials))
        if index.dtype == bool:
            check.check_per_trial(index, self.n_trials, field="trials", dataset=self.name)
            return np.flatnonzero(index)
        if index.size == 0:
            return index.astype(np.intp)
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise DataError(
                "select_trials takes indices, a mask or a slice.", dataset=self.name, field="trials"
            )
        if index.min() < -self.n_trials or index.max() >= self.n_trials:
            raise DataError(
                f"there are only trials 0 to {self.n_trials - 1}, no {int(index.max())}.",
                dataset=self.name,
                field="trials",
            )
        return index

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        extras = [
            f"{len(self.conditions)} conditions" if self.condition_ids is not None else "",
            "truth" if self.truth is not None else "",
            f"{self.ext_input_dim} external inputs" if self.ext_input_dim else "",
            f"behaviour {', '.join(self.behavior)}" if self.behavior else "",
        ]
        return (
            f"Counts{name}: {self.n_trials} trials x {self.n_bins} bins of {self.bin_ms:g} ms x "
            f"{self.n_channels} channels" + "".join(f", {extra}" for extra in extras if extra)
        )
