"""What predictions are judged by: held-out spikes, behaviour and averages of one recording.

Arrays equal those of nlb_tools 0.0.4 (`make_eval_target_tensors`), but for DMFC_RSG's evaluation
trials, which the benchmark moves in time at random when they are not its secret test trials; ours
stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lfads_nb.errors import DataError
from lfads_nb.nlb.benchmark import FORWARD_MS, TIMING_COLUMNS, NlbDataset
from lfads_nb.nlb.recording import Bins, NlbRecording, over_units

_SHORTEST = 0.8
"""A trial shorter than this share of its condition's mean length is left out of the average."""


class NlbTrials(NamedTuple):
    """Which trials are used, by their row in the file's table, and where their windows begin.

    `first` is the first bin of each trial's window on the recording's grid.
    """

    train: np.ndarray
    evaluation: np.ndarray
    first: np.ndarray


def find_trials(
    recording: NlbRecording,
    dataset: NlbDataset,
    bins: Bins,
    train: Sequence[str] = ("train",),
    evaluation: Sequence[str] = ("val",),
) -> NlbTrials:
    """Choose training and evaluation trials and find their windows.

    Raises
    ------
    DataError
        There are no trials of a split.
    """
    split = recording.column("split").astype(str)
    aligned = recording.column(dataset.align_to).astype(float)
    first = bins.first(aligned, dataset.window_ms[0])
    chosen = {}
    for name, splits in (("training", train), ("evaluation", evaluation)):
        rows = np.flatnonzero(np.isin(split, list(splits)) & np.isfinite(aligned))
        if not len(rows):
            raise DataError(
                f"{recording.path.name} has no {name} trials (split {' or '.join(splits)}); its "
                f"splits are {', '.join(sorted(set(split)))}.",
                dataset=recording.name,
            )
        chosen[name] = rows
    return NlbTrials(chosen["training"], chosen["evaluation"], first)


def make_targets(
    recording: NlbRecording,
    dataset: NlbDataset,
    bin_ms: int,
    *,
    train: Sequence[str] = ("train",),
    evaluation: Sequence[str] = ("val",),
) -> dict[str, object]:
    """Make the arrays of one group of a target file.

    Parameters
    ----------
    recording : the file with the evaluation trials' held-out spikes.
    dataset : how it is cut.
    bin_ms : 5 or 20.
    train, evaluation : names in the trials table's column `split`.

    Returns
    -------
    dict of arrays
        As in `lfads_nb.nlb.write_targets`.

    Raises
    ------
    DataError
        The file lacks trials, units or columns that the dataset needs.
    """
    bins = Bins(bin_ms, recording.n_ms)
    trials = find_trials(recording, dataset, bins, train, evaluation)
    heldin, heldout = np.flatnonzero(~recording.heldout), np.flatnonzero(recording.heldout)
    if not len(heldout):
        raise DataError(
            f"{recording.path.name} has no held-out units (column 'heldout' of the units table): "
            "there is nothing to score co-smoothing by. The benchmark's test files keep them "
            "back; score on the training file's val trials.",
            dataset=recording.name,
        )
    n_bins, n_after = _n_bins(dataset, bin_ms)
    first = trials.first[trials.evaluation]
    hidden = bins.windows(over_units(recording, heldout, bins.counts), first, n_bins)
    hidden[~evaluated_bins(recording, dataset, bins, trials)] = np.nan
    later = first + n_bins
    targets: dict[str, object] = {
        "eval_spikes_heldout": hidden,
        "eval_spikes_heldin_forward": bins.windows(
            over_units(recording, heldin, bins.counts), later, n_after
        ),
        "eval_spikes_heldout_forward": bins.windows(
            over_units(recording, heldout, bins.counts), later, n_after
        ),
        **_behavior(recording, dataset, bins, trials),
    }
    if dataset.averages is not None:
        targets.update(_averages(recording, dataset, bins, trials, np.r_[heldin, heldout]))
    return targets


def _n_bins(dataset: NlbDataset, bin_ms: int) -> tuple[int, int]:
    return round(dataset.observed_ms / bin_ms), round(FORWARD_MS / bin_ms)


def evaluated_bins(
    recording: NlbRecording, dataset: NlbDataset, bins: Bins, trials: NlbTrials
) -> np.ndarray:
    """Which bins of the evaluation trials count: (trials, bins) bool; all, but for DMFC_RSG."""
    n_bins, _ = _n_bins(dataset, bins.bin_ms)
    if dataset.from_column is None:
        return np.ones((len(trials.evaluation), n_bins), dtype=bool)
    begin = bins.first(recording.column(dataset.from_column).astype(float), 0.0)
    offset = (begin - trials.first)[trials.evaluation]
    return np.arange(n_bins) >= offset[:, None]


def _behavior(
    recording: NlbRecording, dataset: NlbDataset, bins: Bins, trials: NlbTrials
) -> dict[str, np.ndarray]:
    rows = {"train": trials.train, "eval": trials.evaluation}
    decoding = dataset.decoding
    if decoding is None:
        columns = np.stack([recording.column(c).astype(float) for c in TIMING_COLUMNS], axis=1)
        if dataset.skip_column is not None:
            columns[recording.column(dataset.skip_column).astype(bool)] = np.nan
        return {f"{split}_behavior": columns[chosen] for split, chosen in rows.items()}
    signal = bins.signal(recording.signal(decoding.signal))
    n_bins, _ = _n_bins(dataset, bins.bin_ms)
    aligned = recording.column(dataset.align_to).astype(float)
    first = bins.first(aligned, dataset.window_ms[0] + decoding.lag_ms)
    arrays = {
        f"{split}_behavior": bins.windows(signal, first[chosen], n_bins)
        for split, chosen in rows.items()
    }
    if decoding.by_column is not None:
        column = recording.column(decoding.by_column)
        masks = np.stack([column == value for value in decoding.values], axis=1)
        arrays |= {f"{split}_decode_mask": masks[chosen] for split, chosen in rows.items()}
    return arrays


def _averages(
    recording: NlbRecording, dataset: NlbDataset, bins: Bins, trials: NlbTrials, units: np.ndarray
) -> dict[str, object]:
    """Averages of smoothed spikes per condition, and the trials that belong to each."""
    averages = dataset.averages
    assert averages is not None
    n_bins, _ = _n_bins(dataset, bins.bin_ms)
    used = np.sort(np.r_[trials.train, trials.evaluation])
    columns = np.stack([recording.column(c) for c in averages.condition_columns], axis=1)
    conditions = np.unique(columns[used].astype(float), axis=0)
    conditions = conditions[~np.isnan(conditions).any(axis=1)]
    counted = used
    if dataset.skip_column is not None:
        counted = used[~recording.column(dataset.skip_column)[used].astype(bool)]
    starts = np.zeros(len(trials.first), dtype=int)
    if dataset.from_column is not None:
        begin = bins.first(recording.column(dataset.from_column).astype(float), 0.0)
        starts = np.maximum(begin - trials.first, 0)
    members = []
    for condition in conditions:
        rows = counted[(columns[counted].astype(float) == condition).all(axis=1)]
        lengths = n_bins - starts[rows]
        members.append(rows[lengths >= _SHORTEST * lengths.mean()] if len(rows) else rows)
    members = [rows for rows in members if len(rows)]
    psth = np.full((len(members), n_bins, len(units)), np.nan)
    # Averages are over times from the event's own bin, to which a window that is no whole number of
    # bins away lies differently in each trial.
    event = bins.first(recording.column(dataset.align_to).astype(float), 0.0)
    begin, end = trials.first + starts - event, trials.first + n_bins - event
    for place, unit in enumerate(recording.units(units)):
        smooth = bins.smoothed(unit, averages.smoothing_ms)
        for row, rows in enumerate(members):
            average = _event_average(smooth, event[rows], begin[rows], end[rows])
            shortest = int((end - begin)[rows].min())
            if dataset.from_column is None:
                psth[row, :shortest, place] = average[:shortest]
            else:
                psth[row, -shortest:, place] = average[-shortest:]
    return {
        "psth": psth,
        **{
            f"{split}_cond_idx": [np.flatnonzero(np.isin(chosen, rows)) for rows in members]
            for split, chosen in (("train", trials.train), ("eval", trials.evaluation))
        },
    }


def _event_average(
    values: np.ndarray, event: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Average trials (each from `begin` to `end` around its event) at every time that any has."""
    first, last = int(begin.min()), int(end.max())
    total, n = np.zeros(last - first), np.zeros(last - first)
    for at, start, stop in zip(event, begin, end, strict=True):
        before = max(-(at + start), 0)
        cut = values[at + start + before : max(at + stop, 0)]
        span = slice(start + before - first, start + before - first + len(cut))
        known = ~np.isnan(cut)
        total[span] += np.where(known, cut, 0)
        n[span] += known
    return np.divide(total, n, out=np.full(len(total), np.nan), where=n > 0)
