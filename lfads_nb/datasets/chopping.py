"""Continuous recordings: cut into overlapping windows for LFADS, and results put together again.

Windows are trials like any other to the model. Each knows where it starts (`chop_start_ms` in its
trial columns), so that what was inferred for them can be merged: where windows overlap, their
values are averaged with weights that fall towards each window's ends, where inference is poorest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lfads_nb.datasets.behavior import Signal
from lfads_nb.datasets.continuous_signals import ContinuousSignal
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.rebinning import rebin_ratio
from lfads_nb.errors import DataError

_START_COLUMN = "chop_start_ms"


@dataclass(frozen=True)
class ChopLayout:
    """Where the windows of a chopped recording lie.

    Parameters
    ----------
    starts_ms : start of each window, from the recording's beginning.
    window_ms : length of every window.
    overlap_ms : how much consecutive windows share; the last two may share more.
    duration_ms : length of the recording that the windows cover.
    """

    starts_ms: tuple[float, ...]
    window_ms: float
    overlap_ms: float
    duration_ms: float

    @classmethod
    def of(cls, counts: Counts) -> ChopLayout:
        """Read the layout that `chop_recording` left in the counts (any of its windows do).

        Raises
        ------
        DataError
            When the counts do not come from a chopped recording.
        """
        chop = counts.metadata.get("chop")
        if chop is None or _START_COLUMN not in counts.trial_columns:
            raise DataError("was not made by chop_recording.", dataset=counts.name)
        starts = tuple(float(start) for start in counts.trial_columns[_START_COLUMN])
        return cls(starts, **chop)


def chop_recording(
    recording: Any,
    *,
    bin_ms: float,
    window_ms: float,
    overlap_ms: float = 0.0,
    external_inputs: Any = None,
    behavior: Mapping[str, Any] | None = None,
    model_bin_ms: float | None = None,
    skip_gaps: bool = False,
    metadata: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Counts:
    """Cut a continuous recording into windows of equal length.

    The last window ends where the recording ends, so it may share more with the one before.

    Parameters
    ----------
    recording : (time, channels) counts per bin.
    bin_ms : bin width in ms.
    window_ms : length of a window in ms.
    overlap_ms : how much consecutive windows share, less than a window.
    external_inputs : (time, inputs), cut in the same way.
    behavior : signals of (time, dims) on the same bins by name, cut in the same way; one with
        times of its own is a `ContinuousSignal`, 0 s being the start of the recording.
    model_bin_ms : wider bins that the model will use: windows then start on their edges, so that
        results can be merged, and what does not fill the last such bin is left out.
    skip_gaps : bins that are NaN in every channel are gaps that no window spans; what lies between
        two gaps closer than a window is left out.
    metadata, fields : as for `Counts`.

    Raises
    ------
    DataError
        When lengths do not fit together, or the recording (or, with `skip_gaps`, every stretch
        without a gap) is shorter than one window.
    """
    recording = _check_recording(recording, "counts", fields.get("name"))
    bins_per_step = rebin_ratio(bin_ms, model_bin_ms or bin_ms)
    n_time = len(recording) // bins_per_step * bins_per_step
    window = _n_bins(window_ms, bin_ms * bins_per_step, "window_ms") * bins_per_step
    overlap = _n_bins(overlap_ms, bin_ms * bins_per_step, "overlap_ms") * bins_per_step
    stretches = _stretches(recording[:n_time], bins_per_step) if skip_gaps else [(0, n_time)]
    starts = _starts(stretches, window, overlap)
    index = starts[:, None] + np.arange(window)

    def cut(values: Any, field: str) -> np.ndarray:
        values = _check_recording(values, field, fields.get("name"))
        if len(values) != len(recording):
            raise DataError(
                f"has {len(values)} time bins, but the recording has {len(recording)}.",
                dataset=fields.get("name"),
                field=field,
            )
        return values[index]

    def cut_signal(name: str, given: Any) -> Signal:
        field = f"behavior[{name!r}]"
        if isinstance(given, Signal):
            return replace(given, values=cut(given.values, field))
        values = np.asarray(given)
        return Signal(cut(values[:, None] if values.ndim == 1 else values, field))

    if external_inputs is not None:
        external_inputs = cut(external_inputs, "external_inputs")
    cut_signals = {
        name: signal.on_trials(
            starts * bin_ms / 1000, np.arange(window) * bin_ms, bin_ms, dataset=fields.get("name")
        )
        if (signal := ContinuousSignal.of(given, str(name)))
        else cut_signal(str(name), given)
        for name, given in (behavior or {}).items()
    }
    chop = {
        "window_ms": window * bin_ms,
        "overlap_ms": overlap * bin_ms,
        "duration_ms": n_time * bin_ms,
    }
    return Counts.from_bins(
        recording[index],
        bin_ms,
        external_inputs=external_inputs,
        behavior=cut_signals,
        trial_columns={_START_COLUMN: starts * bin_ms},
        metadata={**(metadata or {}), "chop": chop},
        **fields,
    )


def merge_chops(
    values: Any, layout: ChopLayout | Counts, *, smooth_power: float = 2.0
) -> np.ndarray:
    """Put windows together again, with smooth weights where they overlap.

    A window's weight rises from its ends over the length of the overlap and weights are divided by
    their sum, so values that agree where windows overlap come out as they were, whatever the
    overlap.

    Parameters
    ----------
    values : (windows, bins, dims), for example inferred rates, in the order of the layout's starts;
        NaN (a window that was not inferred) has no weight.
    layout : the layout, or the counts that `chop_recording` made.
    smooth_power : 1 for weights that rise linearly; higher ones trust the middle more.

    Returns
    -------
    merged : (time, dims) over the whole recording, NaN where no window has a value.

    Raises
    ------
    DataError
        When the windows do not fit the layout.
    """
    layout = layout if isinstance(layout, ChopLayout) else ChopLayout.of(layout)
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 3 or len(values) != len(layout.starts_ms):
        raise DataError(
            f"merging needs (windows, bins, dims) with {len(layout.starts_ms)} windows, but the "
            f"shape is {values.shape}."
        )
    bin_ms = layout.window_ms / values.shape[1]
    starts = [_n_bins(start, bin_ms, "bin_ms") for start in layout.starts_ms]
    overlap = _n_bins(layout.overlap_ms, bin_ms, "bin_ms")
    weights = _window_weights(values.shape[1], overlap, smooth_power)[:, None]

    total = np.zeros((_n_bins(layout.duration_ms, bin_ms, "bin_ms"), values.shape[2]))
    weight = np.zeros_like(total)
    for start, window in zip(starts, values, strict=True):
        span = slice(start, start + len(window))
        known = np.isfinite(window)
        total[span] += np.where(known, window * weights, 0)
        weight[span] += known * weights
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)


def _window_weights(window: int, overlap: int, power: float) -> np.ndarray:
    """Weights of a window's bins, rising over `overlap` bins from either end; never zero."""
    from_end = np.minimum(np.arange(window), np.arange(window)[::-1]) + 1
    return np.minimum(from_end / (overlap + 1), 1.0) ** power


def _stretches(recording: np.ndarray, step: int) -> list[tuple[int, int]]:
    """First and last + 1 bin of what lies between gaps, on the edges of `step` bins."""
    if recording.dtype.kind != "f":
        return [(0, len(recording))]
    known = ~np.isnan(recording).all(axis=1)
    whole = known.reshape(-1, step).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], whole.astype(np.int8), [0]])))
    return [(int(first) * step, int(last) * step) for first, last in edges.reshape(-1, 2)]


def _starts(stretches: list[tuple[int, int]], window: int, overlap: int) -> np.ndarray:
    if not 0 <= overlap < window:
        raise DataError("overlap_ms must be at least 0 and less than window_ms.")
    starts = []
    for first, last in stretches:
        if last - first < window:
            continue
        found = list(range(first, last - window + 1, window - overlap))
        if found[-1] + window < last:
            found.append(last - window)
        starts += found
    if not starts:
        longest = max((last - first for first, last in stretches), default=0)
        between = "" if len(stretches) == 1 else " between gaps"
        raise DataError(
            f"the recording has {longest} bins{between}, less than one window of {window}."
        )
    return np.array(starts)


def _n_bins(length_ms: float, bin_ms: float, field: str) -> int:
    n_bins = round(length_ms / bin_ms)
    if abs(length_ms / bin_ms - n_bins) > 1e-4 * max(n_bins, 1):
        raise DataError(
            f"{length_ms:g} ms is not a whole number of bins of {bin_ms:g} ms. Chop with lengths "
            "that are (model_bin_ms helps).",
            field=field,
        )
    return n_bins


def _check_recording(recording: Any, field: str, dataset: str | None) -> np.ndarray:
    recording = np.asarray(recording)
    if recording.ndim != 2:
        raise DataError(
            f"needs 2 dimensions (time x channels), but its shape is {recording.shape}.",
            dataset=dataset,
            field=field,
        )
    return recording
