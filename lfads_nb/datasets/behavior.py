"""Behaviour that runs along with the spikes: named signals of trials x time x dims, with units.

A signal is for decoding and looking at; the model never sees it. It lies on the bins of the
spikes, and has missing values (NaN) of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np

from lfads_nb.datasets import validation as check
from lfads_nb.datasets.trial_lists import as_array, stack_trials
from lfads_nb.errors import DataError

_LONGEST_NAME = 100


@dataclass(frozen=True, eq=False, repr=False)
class Signal:
    """One behavioural signal, such as the velocity of the hand.

    Parameters
    ----------
    values : (trials, time, dims) on the bins of the spikes, NaN where it is not known. Trials x
        time stands for a single dimension.
    unit : such as "mm/s".
    dims : a name for each dimension, such as ("x", "y").
    """

    values: np.ndarray
    unit: str = ""
    dims: Sequence[str] = ()

    @property
    def n_dims(self) -> int:
        return self.values.shape[-1]

    @property
    def dim_names(self) -> tuple[str, ...]:
        """A name for each dimension, its number where it has none."""
        return tuple(self.dims) or tuple(map(str, range(self.n_dims)))

    @property
    def speed(self) -> np.ndarray:
        """(trials, time) length of the vector that the dimensions make up, in the same unit."""
        return np.sqrt(np.sum(np.square(self.values), axis=-1))

    def __getitem__(self, trials: Any) -> Signal:
        """The signal of some trials."""
        return replace(self, values=_read_only(np.asarray(self.values)[trials]))

    def __repr__(self) -> str:
        shape = " x ".join(map(str, np.shape(self.values)))
        return f"Signal({shape}{f', {self.unit}' if self.unit else ''})"


Signals = Mapping[str, Signal]


def check_behavior(behavior: Any, counts: np.ndarray, *, dataset: str | None) -> dict[str, Signal]:
    """Check signals that run along with counts (trials, time, channels).

    Parameters
    ----------
    behavior : signals by name; a bare array is one without a unit.
    counts : what they run along with.
    dataset : name for messages.

    Raises
    ------
    DataError
        A signal has other trials or bins than the counts, is infinite, or is NaN throughout.
    """
    if not isinstance(behavior, Mapping):
        raise DataError(
            f"is a {type(behavior).__name__}; give signals by name: "
            "behavior={'hand_vel': trials x time x dims}.",
            dataset=dataset,
            field="behavior",
        )
    return {
        check_signal_name(name, dataset): _checked(str(name), values, counts, dataset)
        for name, values in behavior.items()
    }


def check_signal_name(name: Any, dataset: str | None = None) -> str:
    """Return a signal's name if files and commands can carry it.

    Raises
    ------
    DataError
        It is empty, too long, or holds a slash or characters that do not print.
    """
    text = str(name)
    if not text.strip() or len(text) > _LONGEST_NAME or "/" in text or not text.isprintable():
        raise DataError(
            f"the name {text[:40]!r} will not do: 1 to {_LONGEST_NAME} printable characters, "
            "without a slash.",
            dataset=dataset,
            field="behavior",
        )
    return text


def _checked(name: str, given: Any, counts: np.ndarray, dataset: str | None) -> Signal:
    field = f"behavior[{name!r}]"
    signal = given if isinstance(given, Signal) else Signal(given)
    values = as_array(signal.values, field=field, dataset=dataset)
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim == 3 and values.shape[2] == 0:
        raise DataError("has no dimension.", dataset=dataset, field=field)
    values = check.check_same_trials_and_time(
        values, counts, field=field, dataset=dataset, allow_nan=True
    )
    if np.isnan(values).all():
        raise DataError(
            "is NaN in every bin of every trial, so it holds nothing. Leave it out, or check that "
            "its clock is that of the spikes.",
            dataset=dataset,
            field=field,
        )
    dims = tuple(map(str, signal.dims))
    if dims and len(dims) != values.shape[2]:
        raise DataError(
            f"has {values.shape[2]} dimensions, but {len(dims)} names for them "
            f"({', '.join(dims)}).",
            dataset=dataset,
            field=field,
        )
    return Signal(_read_only(values), str(signal.unit), dims)


def stack_signals(behavior: Mapping[str, Any], **lengths: Any) -> dict[str, Any]:
    """Cut signals' trials of unequal length as their counts are cut, see `stack_trials`."""

    def stacked(name: str, given: Any) -> Any:
        field = f"behavior[{name!r}]"
        if isinstance(given, Signal):
            return replace(given, values=stack_trials(given.values, field=field, **lengths))
        return stack_trials(given, field=field, **lengths)

    return {name: stacked(str(name), given) for name, given in behavior.items()}


def select_signals(signals: Signals, trials: np.ndarray) -> tuple[dict[str, Signal], list[str]]:
    """Keep some trials; also names the signals that are left out as nothing of them remains."""
    chosen = {name: signal[trials] for name, signal in signals.items()}
    empty = [name for name, signal in chosen.items() if np.isnan(signal.values).all()]
    return {name: chosen[name] for name in chosen if name not in empty}, empty


def join_signals(sessions: Sequence[Signals]) -> dict[str, Signal]:
    """Put the trials of sessions after each other, of signals that all have in the same form."""
    first, *others = sessions
    return {
        name: replace(signal, values=np.concatenate([signals[name].values for signals in sessions]))
        for name, signal in first.items()
        if all(name in signals and _same_form(signal, signals[name]) for signals in others)
    }


def _same_form(one: Signal, other: Signal) -> bool:
    return one.unit == other.unit and one.values.shape[1:] == other.values.shape[1:]


def average_bins(signals: Signals, ratio: int) -> dict[str, Signal]:
    """Average every `ratio` consecutive bins over what is known of them; a rest is dropped."""
    return {
        name: replace(signal, values=_read_only(_averaged(signal.values, ratio)))
        for name, signal in signals.items()
    }


def _averaged(values: np.ndarray, ratio: int) -> np.ndarray:
    n_trials, n_bins, n_dims = values.shape
    n_wide = n_bins // ratio
    blocks = values[:, : n_wide * ratio].reshape(n_trials, n_wide, ratio, n_dims)
    known = ~np.isnan(blocks)
    if known.all():
        return blocks.mean(axis=2)
    total = blocks.sum(axis=2, where=known)
    n_known = known.sum(axis=2)
    return np.divide(total, n_known, out=np.full_like(total, np.nan), where=n_known > 0)


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.view()
    array.flags.writeable = False
    return array


def summary_columns(signals: Signals) -> dict[str, np.ndarray]:
    """One number per trial and signal, to colour and sort trials by: mean and peak length."""
    columns: dict[str, Any] = {}
    for name, signal in signals.items():
        speed: np.ndarray = signal.speed
        known = ~np.isnan(speed)
        n = known.sum(axis=1)
        total = np.where(known, speed, 0).sum(axis=1, dtype=np.float64)
        columns[f"mean |{name}|"] = np.divide(
            total, n, out=np.full(len(n), np.nan), where=n > 0
        ).round(4)
        peak = np.where(known, speed, -np.inf).max(axis=1)
        columns[f"peak |{name}|"] = np.where(n > 0, peak, np.nan).round(4)
    return columns


# ---- files -------------------------------------------------------------------------------------


def write_signals(group: h5py.Group, signals: Signals) -> None:
    """Write signals to an HDF5 group: 0, 1, ... with attributes name, unit and dims (JSON)."""
    for number, (name, signal) in enumerate(signals.items()):
        stored = group.create_dataset(
            str(number),
            data=signal.values,
            chunks=True,
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        stored.attrs["name"] = name
        stored.attrs["unit"] = signal.unit
        stored.attrs["dims"] = json.dumps(list(signal.dims))


def read_signals(group: h5py.Group | None) -> dict[str, Signal]:
    """Read what `write_signals` wrote; no signals where there is no such group."""
    stored = [] if group is None else [group[key] for key in sorted(group, key=int)]
    return {
        str(item.attrs["name"]): Signal(
            item[()], str(item.attrs["unit"]), tuple(json.loads(item.attrs["dims"]))
        )
        for item in stored
    }


def signal_names(group: h5py.Group | None) -> tuple[str, ...]:
    """Name the signals in a group without reading them."""
    return () if group is None else tuple(group[k].attrs["name"] for k in sorted(group, key=int))
