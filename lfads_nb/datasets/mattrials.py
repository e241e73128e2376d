"""Trials that a MATLAB file holds one by one: a struct array `trial(n).spikes`, or a cell array.

Each trial is a matrix of counts, channels x time as in MATLAB's other arrays unless the trials
show the other order, or a cell array with the spike times of each unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.matvariables import OBJECTS, Variables
from lfads_nb.datasets.session_arrays import SessionArrays
from lfads_nb.datasets.validation import check_column
from lfads_nb.errors import DataError

SPIKE_TIMES = ("spike_times", "spikeTimes", "spiketimes")


class TrialSettings(NamedTuple):
    """What a file does not say about its trials; see `read_mat`."""

    window_ms: tuple[float, float] | None = None
    bin_ms: float | None = None
    pad_missing: bool = False
    times_in: str = "s"
    allow_missing: bool = False


def listed(variables: Variables) -> str:
    """Name the variables with their shapes: `direction (50 x 1), train (50 x 2000)`."""
    shown = [_described(variables, name) for name in sorted(variables.classes)]
    more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
    return ", ".join(shown[:30]) + more or "none"


def _described(variables: Variables, name: str) -> str:
    if variables.classes[name] == "struct":
        value = variables.read(name)
        one = value[0] if isinstance(value, list) and value else value
        if isinstance(one, dict):
            what = f"struct array of {len(value)}" if one is not value else "struct"
            return f"{name} ({what} with {', '.join(list(one)[:12])})"
    shape = variables.shapes.get(name)
    return f"{name} ({_sizes(shape)})" if shape else name


def trials_to_counts(
    path: Path, variables: Variables, found: Mapping[str, str], settings: TrialSettings
) -> Counts:
    """Put a file's trials into counts.

    Raises
    ------
    DataError
        When their lengths differ or spike times need a window and none is given, with the fields,
        their shapes, and the lines that would open the file.
    """
    arrays = SessionArrays(path, variables, found, (0, 1, 2))
    trials = arrays.get("counts")
    if isinstance(trials, np.ndarray | float | int):
        trials = [trials]
    if not isinstance(trials, list) or not trials:
        raise arrays.error("holds no trials.", "counts")
    about = _Trials(path, variables, found, len(trials))
    columns, unread = _columns(variables, found, len(trials))
    kept = {
        "condition_ids": arrays.condition_ids,
        "trial_columns": columns,
        "notes": [f"not read: {', '.join(unread)}"] if unread else [],
        "metadata": {} if _is_per_trial(arrays, len(trials)) else arrays.metadata(),
        "name": path.stem,
    }
    if any(isinstance(trial, list) for trial in trials) or found["counts"] in SPIKE_TIMES:
        return _of_spike_times(about, trials, settings, kept)
    return _of_matrices(about, arrays, trials, settings, kept)


def _columns(
    variables: Variables, found: Mapping[str, str], n_trials: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Fields with one number or text per trial, and the names of those that are not read."""
    columns, unread = {}, []
    for name, kind in variables.classes.items():
        if name in found.values() or kind in OBJECTS:
            continue
        value = variables.read(name)
        per_trial = isinstance(value, list) or (isinstance(value, np.ndarray) and value.size > 1)
        try:
            columns[name] = check_column(value if per_trial else [], n_trials, key=name, dataset="")
        except DataError:
            unread.append(name)
    return columns, unread


def _is_per_trial(arrays: SessionArrays, n_trials: int) -> bool:
    """Whether dates and comments came with each trial; they are then not the session's."""
    values = [arrays.get(ours) for ours in ("subject", "datetime", "comment")]
    return n_trials > 1 and any(isinstance(v, list) and len(v) == n_trials for v in values)


class _Trials(NamedTuple):
    """Words about a file's trials."""

    path: Path
    variables: Variables
    found: Mapping[str, str]
    n: int

    def error(self, problem: str, opening: str, trial: int | None = None) -> DataError:
        fields = ", ".join(
            f"{name} ({_spread(self.variables.read(name))})" for name in self.variables.classes
        )
        return DataError(
            f"{problem} The {self.n} trials have the fields {fields}. To open it:\n"
            "    from functools import partial\n"
            "    from lfads_nb.datasets import read_mat\n"
            f'    dc.add("{self.path.name}", loader=partial(read_mat, {opening}))',
            dataset=self.path.stem,
            field=self.found["counts"],
            trial=trial,
        )


def _spread(values: Any) -> str:
    """Shapes of a field over the trials, smallest and largest."""
    if not isinstance(values, list):
        return _sizes(np.shape(values)) or type(values).__name__
    if all(isinstance(value, str) for value in values):
        return "text"
    if any(isinstance(value, list) for value in values):
        n = [len(value) if isinstance(value, list) else 1 for value in values]
        return f"cell of {min(n)}" + (f" to {max(n)}" if max(n) > min(n) else "")
    shapes = sorted({np.shape(value) for value in values if not isinstance(value, dict)})
    if not shapes:
        return "struct"
    low, high = (
        "number" if set(shape) <= {1} else _sizes(shape) for shape in (shapes[0], shapes[-1])
    )
    return low if low == high else f"{low} to {high}"


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _of_spike_times(
    about: _Trials, trials: list[Any], settings: TrialSettings, kept: dict[str, Any]
) -> Counts:
    if settings.window_ms is None:
        raise about.error(
            "holds spike times, so the window of a trial is needed.",
            'window_ms=(0, 1000), bin_ms=1, times_in="s"',
        )
    if settings.times_in not in ("s", "ms"):
        raise DataError('must be "s" or "ms".', dataset=about.path.stem, field="times_in")
    scale = 1000.0 if settings.times_in == "ms" else 1.0
    units = [trial if isinstance(trial, list) else [trial] for trial in trials]
    counts = Counts.from_trial_spike_times(
        [[_scaled(times, scale) for times in trial] for trial in units],
        window_ms=settings.window_ms,
        bin_ms=settings.bin_ms or 1.0,
        **kept,
    )
    if not counts.counts.any():
        raise about.error(
            f"has no spike from {settings.window_ms[0]:g} to {settings.window_ms[1]:g} ms of any "
            f"trial, if its times are in {settings.times_in}. Check the window and the unit.",
            'window_ms=(..., ...), bin_ms=1, times_in="ms"',
        )
    return counts


def _scaled(times: Any, scale: float) -> Any:
    try:
        return np.asarray(times, dtype=np.float64) / scale
    except (TypeError, ValueError):
        return times  # refused by name where it is read


def _of_matrices(
    about: _Trials,
    arrays: SessionArrays,
    trials: list[Any],
    settings: TrialSettings,
    kept: dict[str, Any],
) -> Counts:
    matrices = [np.atleast_2d(_numbers(about, trial, i)) for i, trial in enumerate(trials)]
    times = _times(arrays, len(trials))
    turned, note = _time_first(about, matrices, times)
    notes = [*kept.pop("notes"), *([note] if note else [])]
    bin_ms = settings.bin_ms or _bin_of(times) or arrays.bin_ms
    if not bin_ms:
        bin_ms = 1.0
        notes.append("no time vector and no bin_ms: bins of 1 ms assumed")
    starts = [float(time[0]) if len(time) else 0.0 for time in times] or [0.0] * len(turned)
    if settings.window_ms is not None:
        turned = [
            _within(about, i, matrix, start, bin_ms, settings)
            for i, (matrix, start) in enumerate(zip(turned, starts, strict=True))
        ]
        starts = [float(settings.window_ms[0])]
    lengths = [len(matrix) for matrix in turned]
    if min(lengths) < max(lengths) and not settings.pad_missing:
        end = starts[0] + min(lengths) * bin_ms
        raise about.error(
            f"holds trials of unequal length, {min(lengths)} to {max(lengths)} bins of {bin_ms:g} "
            "ms. Keep what all have (window_ms), or all of them with missing bins at their ends "
            "(pad_missing=True).",
            f"window_ms=({starts[0]:g}, {end:g})",
        )
    if len({round(start / bin_ms, 3) for start in starts}) > 1:
        raise about.error(
            f"holds trials that start at different times, {min(starts):g} to {max(starts):g} ms.",
            f"window_ms=({max(starts):g}, {max(starts) + min(lengths) * bin_ms:g})",
        )
    return Counts.from_bins(
        turned,
        bin_ms,
        start_ms=starts[0],
        pad_missing=settings.pad_missing,
        allow_missing=settings.allow_missing,
        notes=notes,
        **kept,
    )


def _numbers(about: _Trials, trial: Any, index: int) -> np.ndarray:
    array = np.asarray(trial)
    if array.dtype.kind not in "biuf" or array.ndim > 2 or not array.size:
        what = _sizes(array.shape) if array.dtype.kind in "biuf" else type(trial).__name__
        raise about.error(
            f"needs channels x time in each trial, but this one is {what}.",
            "names={...})), or dc.add(..., loader=your_function",
            trial=index,
        )
    return array


def _times(arrays: SessionArrays, n_trials: int) -> list[np.ndarray]:
    """The time vector (ms) of each trial; empty without any."""
    values = arrays.get("time_ms")
    if values is None:
        return []
    per_trial = values if isinstance(values, list) else [values] * n_trials
    try:
        return [np.asarray(time, dtype=np.float64).reshape(-1) for time in per_trial]
    except (TypeError, ValueError):
        raise arrays.error("must be numbers, the left edges of bins in ms.", "time_ms") from None


def _bin_of(times: list[np.ndarray]) -> float:
    steps = np.concatenate([np.diff(time) for time in times]) if times else np.array([])
    return float(f"{np.median(steps):.9g}") if steps.size else 0.0


def _time_first(
    about: _Trials, matrices: list[np.ndarray], times: list[np.ndarray]
) -> tuple[list[np.ndarray], str]:
    """Turn each trial to time x channels, whichever way it lies, and say what was assumed."""
    same = [len({matrix.shape[axis] for matrix in matrices}) == 1 for axis in (0, 1)]
    fits = [
        not times
        or (
            len(times) == len(matrices)
            and all(m.shape[axis] == len(t) for m, t in zip(matrices, times, strict=True))
        )
        for axis in (0, 1)
    ]
    channels_first, time_first = same[0] and fits[1], same[1] and fits[0]
    if not channels_first and not time_first:
        raise about.error(
            "needs the same channels in every trial"
            + (" and bins as many as the trial's time vector." if times else "."),
            "names={...})), or dc.add(..., loader=your_function",
        )
    if channels_first:
        doubt = time_first and matrices[0].shape[0] > 1
        note = "trials taken as channels x time (nothing in the file tells)" if doubt else ""
        return [matrix.T for matrix in matrices], note
    why = "the time vectors fit" if times else "only the other size differs between trials"
    return matrices, f"trials taken as time x channels ({why})"


def _within(
    about: _Trials,
    index: int,
    matrix: np.ndarray,
    start_ms: float,
    bin_ms: float,
    settings: TrialSettings,
) -> np.ndarray:
    """Cut a trial (time x channels) to the window."""
    assert settings.window_ms is not None
    first = round((settings.window_ms[0] - start_ms) / bin_ms)
    n_bins = round((settings.window_ms[1] - settings.window_ms[0]) / bin_ms)
    end = first + n_bins
    if n_bins < 1 or first < 0 or (end > len(matrix) and not settings.pad_missing):
        raise about.error(
            f"covers {start_ms:g} to {start_ms + len(matrix) * bin_ms:g} ms, not all of the window "
            f"from {settings.window_ms[0]:g} to {settings.window_ms[1]:g} ms.",
            "window_ms=(..., ...)",
            trial=index,
        )
    return matrix[first:end]
