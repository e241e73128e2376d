"""Decoding of a run: from its outputs and its behaviour to a result, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from lfads_nb.datasets.behavior import Signal
from lfads_nb.errors import DataError
from lfads_nb.results.decoding.labels import LabelResult, decode_labels
from lfads_nb.results.decoding.parts import Evaluate, Part, fold_parts, group_parts, held_out_part
from lfads_nb.results.decoding.signals import SignalResult, decode_signal
from lfads_nb.results.decoding.sources import WIDTHS_MS, sources_of
from lfads_nb.results.posterior_means import PosteriorMeans

SEARCHED_LAGS_MS = (-100.0, 200.0)
"""Behaviour that leads its neurons by 100 ms (sensory) up to behaviour that follows by 200 ms."""

MOST_LABELS = 50

CONDITION = "condition"


def decodable(pm: PosteriorMeans) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name what can be decoded of a session: signals, and what is one label per trial."""
    labels = [CONDITION] if pm.condition_ids is not None else []
    columns = {} if pm.info is None else pm.info.trial_columns
    for name, values in columns.items():
        if name != CONDITION and 2 <= len(_known_labels(values)) <= MOST_LABELS // 2:
            labels.append(name)
    return tuple(pm.behavior_names), tuple(labels)


def decode_run(
    pm: PosteriorMeans,
    target: str | Signal | np.ndarray,
    *,
    sources: Sequence[str] | None = None,
    lag_ms: float | Sequence[float] | Literal["search"] = "search",
    widths_ms: Sequence[float] = WIDTHS_MS,
    evaluate: Evaluate = "valid",
    groups: str | np.ndarray | None = None,
    window_ms: tuple[float, float] | None = None,
    n_windows: int = 2,
    folds: int = 5,
    n_permutations: int = 20,
    seed: int = 0,
) -> SignalResult | LabelResult:
    """Decode behaviour, or a label of each trial, from what a run inferred and from its spikes.

    Parameters
    ----------
    pm : outputs of a single session.
    target : name of a behavioural signal, "condition", or the name of a trial column; or an array:
        (trials, bins, dims) in the run's bins is a signal, (trials,) are labels.
    sources : of "rates", "factors", "inferred inputs", "generator states"; all that the run stored
        by default. Smoothed spikes at the best width and raw counts always come along.
    lag_ms : by how much a signal comes after its features: one figure, several to choose from, or
        "search" for all from -100 to 200 ms, in steps of about 20 ms (fewer, where that is more
        than half of the trial). The choice is made on the trials to fit on.
    widths_ms : widths of smoothing (s.d.) to choose from.
    evaluate : "valid" judges by the run's validation trials, "test" by its test trials, the
        decoder fitted on the run's training trials; "folds" cross-validates over all trials, of
        which the model itself has seen most.
    groups : leave one group out: a trial column, "condition", or (trials,) values. The decoder is
        fitted on the training trials of the other groups, and judged by the group's own trials of
        the split that `evaluate` names (of all splits, for "folds").
    window_ms : of the trial, for labels; all of it by default.
    n_windows : into how many pieces that is cut, for labels.
    folds : of the cross-validation by which everything is chosen.
    n_permutations : how often chance is drawn.
    seed : of folds and permutations.

    Returns
    -------
    SignalResult or LabelResult
        `.table()` has a row per source; R2 as the Neural Latents Benchmark takes it (uniform mean
        over dimensions, on held-out trials), with a ridge of its own choice of penalty.

    Raises
    ------
    DataError
        There is no such target, it does not fit, or trials are too few; the message says which.
    """
    if len(pm.datasets) > 1:
        raise DataError(
            f"this joins the sessions {', '.join(pm.datasets)}, whose neurons differ: decode each "
            "with dataset=...",
            field="dataset",
        )
    name, values = _target(pm, target)
    parts = _parts(pm, evaluate, groups, folds, seed)
    found = sources_of(pm, sources, widths_ms=widths_ms)
    shared: dict[str, Any] = {
        "name": name, "n_folds": folds, "n_permutations": n_permutations, "seed": seed,
    }  # fmt: skip
    # Matrices of 100 x 100 gain nothing by threads, and lose much where cores are shared.
    with threadpool_limits(1):
        if isinstance(values, Signal):
            lags = _lags(lag_ms, pm.bin_ms, values.values.shape[1])
            return decode_signal(found, values, parts, bin_ms=pm.bin_ms, lags_ms=lags, **shared)
        bins = _bins(pm, window_ms)
        return decode_labels(found, values, parts, bins=bins, n_windows=n_windows, **shared)


def _target(pm: PosteriorMeans, target: Any) -> tuple[str, Signal | np.ndarray]:
    if isinstance(target, Signal):
        return "signal", target
    if not isinstance(target, str):
        array = np.asarray(target)
        if array.ndim == 1:
            return "labels", _checked_labels(array, "labels")
        if array.ndim not in (2, 3):
            raise DataError(
                "needs trials x bins x dims (a signal) or one label per trial, but its shape is "
                f"{array.shape}.",
                field="target",
            )
        return "signal", Signal(array if array.ndim == 3 else array[:, :, None])
    if target in pm.behavior_names:
        return target, pm.behavior[target]
    if target == CONDITION and pm.condition_ids is not None:
        return target, pm.condition_ids
    columns = {} if pm.info is None else pm.info.trial_columns
    if target in columns:
        return target, _checked_labels(np.asarray(columns[target]), target)
    signals, labels = decodable(pm)
    raise DataError(
        f"there is no behaviour or trial column {target!r}. Signals: {', '.join(signals) or 'none'}"
        f"; labels: {', '.join(labels) or 'none'}."
        + ("" if signals else " Behaviour comes with the data: Counts(behavior=...); a run that "
           "was prepared before needs its inputs prepared again (regenerate)."),
        dataset=pm.datasets[0],
        field="target",
    )  # fmt: skip


def _checked_labels(values: np.ndarray, name: str) -> np.ndarray:
    n = len(_known_labels(values))
    if n > MOST_LABELS:
        raise DataError(
            f"has {n} different values, too many to be labels (at most {MOST_LABELS}). Signals "
            "that vary in time are decoded as behaviour.",
            field=name,
        )
    return values


def _known_labels(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    known = values != "" if values.dtype.kind in "US" else values == values
    return np.unique(values[known])


def _parts(
    pm: PosteriorMeans, evaluate: Evaluate, groups: Any, folds: int, seed: int
) -> list[Part]:
    if evaluate not in ("valid", "test", "folds"):
        raise DataError(f"is {evaluate!r}; there are 'valid', 'test' and 'folds'.",
                        field="evaluate")  # fmt: skip
    every = np.flatnonzero(pm.splits != "")
    train = np.sort(pm.train_inds)
    if groups is not None:
        fit, score = (every, every) if evaluate == "folds" else (train, pm.trials_of(evaluate))
        return group_parts(_groups(pm, groups), fit, score)
    if evaluate == "folds":
        return fold_parts(every, folds, seed)
    return held_out_part(train, pm.trials_of(evaluate), _SPLIT_NAMES[evaluate])


_SPLIT_NAMES = {"valid": "validation", "test": "test"}


def _groups(pm: PosteriorMeans, groups: Any) -> np.ndarray:
    if not isinstance(groups, str):
        values = np.asarray(groups)
        if values.shape != (pm.n_trials,):
            raise DataError(
                f"needs one value for each of the {pm.n_trials} trials, but has shape "
                f"{values.shape}.",
                field="groups",
            )
        return values
    columns = {} if pm.info is None else dict(pm.info.trial_columns)
    if pm.condition_ids is not None:
        columns.setdefault(CONDITION, pm.condition_ids)
    if groups not in columns:
        raise DataError(
            f"there is no trial column {groups!r}; there are {', '.join(columns) or 'none'}.",
            field="groups",
        )
    return np.asarray(columns[groups])


def _lags(lag_ms: Any, bin_ms: float, n_bins: int) -> list[float]:
    if isinstance(lag_ms, str):
        if lag_ms != "search":
            raise DataError(f"is {lag_ms!r}; give ms, or 'search'.", field="lag_ms")
        step = bin_ms * max(round(20 / bin_ms), 1)
        low, high = SEARCHED_LAGS_MS
        # Bins that not every lag reaches are not decoded: a short trial keeps half of its own.
        share = min(1.0, 0.5 * n_bins * bin_ms / (high - low))
        low, high = share * low, share * high
        return [step * n for n in range(int(np.ceil(low / step)), int(high // step) + 1)]
    return [float(lag) for lag in np.atleast_1d(lag_ms)]


def _bins(pm: PosteriorMeans, window_ms: tuple[float, float] | None) -> slice:
    if window_ms is None:
        return slice(None)
    inside = np.flatnonzero((pm.time_ms >= window_ms[0]) & (pm.time_ms < window_ms[1]))
    if not len(inside):
        raise DataError(
            f"from {window_ms[0]:g} to {window_ms[1]:g} ms holds no bin; trials go from "
            f"{pm.time_ms[0]:g} to {pm.time_ms[-1] + pm.bin_ms:g} ms.",
            field="window_ms",
        )
    return slice(int(inside[0]), int(inside[-1]) + 1)


def describe_result(result: SignalResult | LabelResult) -> str:
    """Say in a sentence what was fitted on what and judged by what."""
    how = ", ".join(result.parts) if len(result.parts) < 4 else f"{len(result.parts)} parts"
    return (
        f"{result.target}: fitted on {result.n_fit} trials, judged by {len(result.trials)} others "
        f"({how}); all that was not given (lag, smoothing, penalty) was chosen on the former."
    )
