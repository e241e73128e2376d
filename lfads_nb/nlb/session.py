"""A file of the benchmark as a session: `Counts` cut by the benchmark's own rules.

Held-in units come first and held-out ones after them, the time that is to be predicted is at the
end of every trial: `heldout_channels` and `forward_prediction_bins` (see `nlb_params`) keep both
from the encoders. As a dataset's loader:

    dc.add("sub-Jenkins_ses-full.nwb", loader=functools.partial(read_nlb, dataset="mc_maze"))
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lfads_nb.datasets import Counts, Signal
from lfads_nb.errors import DataError
from lfads_nb.nlb.benchmark import FORWARD_MS, NLB_DATASETS, NlbDataset, nlb_dataset
from lfads_nb.nlb.recording import Bins, NlbRecording, over_units
from lfads_nb.nlb.targets import find_trials

_log = logging.getLogger(__name__)

Phase = Literal["val", "test"]

VALIDATION_EVERY = 5
"""Of the benchmark's training trials every fifth validates, as in its AutoLFADS baseline."""


def read_nlb(
    path: str | os.PathLike[str],
    dataset: str | None = None,
    *,
    bin_ms: int = 5,
    phase: Phase = "val",
    test_path: str | os.PathLike[str] | None = None,
) -> Counts:
    """Read a file of the Neural Latents Benchmark as one session.

    Parameters
    ----------
    path : the training file (`..._desc-train_behavior+ecephys.nwb`).
    dataset : which of the benchmark's datasets it is, such as "mc_maze" (see `NLB_DATASETS`); by
        default told by the file's columns, and of the four sizes of MC_Maze by its name, or else
        its number of trials.
    bin_ms : 5 or 20; bins lie on the benchmark's own grid.
    phase : "val" trains on the split `train` and evaluates on `val`, whose truth the file holds;
        "test" trains on both and evaluates on the trials of `test_path`, as the server wants it.
    test_path : the file with the trials of the split `test` (`..._desc-test_ecephys.nwb`).

    Returns
    -------
    Counts
        Trials x bins x units: the observed window and 200 ms more; held-in units, then held-out
        ones. NaN where nothing was recorded or the benchmark keeps it back. Trial columns: `split`
        (train, valid, test; use `split="column"`), `nlb_split`, `nlb_first_bin` on the recording's
        grid, and the file's own; the behaviour that is decoded, later by the dataset's lag.

    Raises
    ------
    DataError
        The file is not one of the benchmark's, or not of this dataset.
    """
    recording = NlbRecording(path)
    declared = nlb_dataset(told_dataset(recording) if dataset is None else dataset)
    if bin_ms not in (5, 20):
        raise DataError(
            f"is {bin_ms}; the benchmark takes bins of 5 or 20 ms.", dataset=recording.name,
            field="bin_ms",
        )  # fmt: skip
    if (phase == "test") != (test_path is not None):
        raise DataError(
            "phase='test' needs test_path, the file with the benchmark's test trials, and the "
            "other way round.",
            dataset=recording.name,
            field="test_path",
        )
    if phase == "val":
        parts = [_part(recording, recording, declared, bin_ms, ("train", "val"))]
    else:
        held_back = NlbRecording(str(test_path))
        _check_same_units(recording, held_back)
        parts = [
            _part(recording, recording, declared, bin_ms, ("train", "val")),
            _part(held_back, recording, declared, bin_ms, ("test",)),
        ]
    columns = _joined_columns([part.columns for part in parts])
    training = columns["nlb_split"] != ("val" if phase == "val" else "test")
    columns["split"] = _split(training)
    counts = np.concatenate([part.counts for part in parts])
    missing = bool(np.isnan(counts).any())
    _log.info(
        "%s: %d trials for training, %d for evaluation, %d held-in and %d held-out units",
        recording.path.name, training.sum(), (~training).sum(), (~recording.heldout).sum(),
        recording.heldout.sum(),
    )  # fmt: skip
    return Counts.from_bins(
        counts,
        float(bin_ms),
        start_ms=declared.window_ms[0],
        condition_ids=_conditions(declared, columns),
        trial_columns=columns,
        behavior=_behavior(declared, recording, parts),
        metadata={
            "comment": _comment(declared),
            "nlb_dataset": declared.key,
            "nlb_heldout": int(recording.heldout.sum()),
        },
        name=Path(path).stem,
        allow_missing=missing,
    )


_BY_COLUMNS = (
    ("dmfc_rsg", ("go_time", "set_time", "is_eye", "is_short")),
    ("area2_bump", ("move_onset_time", "ctr_hold_bump", "cond_dir")),
    ("mc_maze", ("move_onset_time", "trial_type", "trial_version")),
)
_MAZE_SIZES = (("mc_maze_small", 200), ("mc_maze_medium", 400), ("mc_maze_large", 900))
"""And the number of trials that each stays below: they have 100, 250 and 500 for training."""


def told_dataset(recording: NlbRecording) -> str:
    """Tell which of the benchmark's datasets a file is.

    Raises
    ------
    DataError
        It has the columns and signals of none.
    """
    for key, columns in _BY_COLUMNS:
        if all(name in recording.trials for name in columns):
            return _maze_size(recording) if key == "mc_maze" else key
    if recording.has_signal("finger_vel"):
        return "mc_rtt"
    raise DataError(
        f"{recording.path.name} has the columns of none of the benchmark's datasets: say which "
        f"one it is ({', '.join(NLB_DATASETS)}).",
        dataset=recording.name,
    )


def _maze_size(recording: NlbRecording) -> str:
    for size in ("large", "medium", "small"):
        if size in recording.path.stem.lower():
            return f"mc_maze_{size}"
    if "full" in recording.path.stem.lower():
        return "mc_maze"
    n_trials = len(recording.trials["split"])
    return next((key for key, limit in _MAZE_SIZES if n_trials < limit), "mc_maze")


@dataclass(frozen=True)
class _Part:
    """Trials of one file; `signal` is None where it keeps the behaviour back."""

    counts: np.ndarray
    columns: dict[str, np.ndarray]
    signal: np.ndarray | None


def _part(
    source: NlbRecording,
    training: NlbRecording,
    dataset: NlbDataset,
    bin_ms: int,
    splits: tuple[str, ...],
) -> _Part:
    """Read one file's trials, in the order of its table."""
    bins = Bins(bin_ms, source.n_ms)
    trials = find_trials(source, dataset, bins, splits, splits)
    rows, first = trials.train, trials.first[trials.train]
    n_bins = round((dataset.observed_ms + FORWARD_MS) / bin_ms)
    place = {int(unit): number for number, unit in enumerate(source.unit_ids)}
    order = np.r_[np.flatnonzero(~training.heldout), np.flatnonzero(training.heldout)]
    unseen = np.full((len(rows), n_bins), np.nan)
    found = []
    for unit in training.unit_ids[order]:
        number = place.get(int(unit))
        if number is None:
            found.append(unseen)
        else:
            whole = over_units(source, np.array([number]), bins.counts)[:, 0]
            found.append(bins.windows(whole, first, n_bins))
    columns = {name: values[rows] for name, values in source.trials.items() if name != "split"}
    columns |= {
        "nlb_split": source.column("split").astype(str)[rows],
        "nlb_trial": rows,
        "nlb_first_bin": first,
    }
    return _Part(np.stack(found, axis=-1), columns, _signal(source, dataset, bins, rows, n_bins))


def _signal(
    source: NlbRecording, dataset: NlbDataset, bins: Bins, rows: np.ndarray, n_bins: int
) -> np.ndarray | None:
    """The signal that is decoded, (trials, bins, dimensions), later by the dataset's lag."""
    decoding = dataset.decoding
    if decoding is None or not source.has_signal(decoding.signal):
        return None
    aligned = source.column(dataset.align_to).astype(float)
    first = bins.first(aligned, dataset.window_ms[0] + decoding.lag_ms)[rows]
    return bins.windows(bins.signal(source.signal(decoding.signal)), first, n_bins)


def _behavior(
    dataset: NlbDataset, recording: NlbRecording, parts: list[_Part]
) -> dict[str, Signal]:
    if dataset.decoding is None or parts[0].signal is None:
        return {}
    shape = parts[0].signal.shape[1:]
    values = np.concatenate(
        [
            np.full((len(part.counts), *shape), np.nan) if part.signal is None else part.signal
            for part in parts
        ]
    )
    name = dataset.decoding.signal
    return {name: Signal(values, unit=recording.unit_of(name), dims=("x", "y")[: shape[1]])}


def _check_same_units(training: NlbRecording, test: NlbRecording) -> None:
    seen, known = set(test.unit_ids.tolist()), set(training.unit_ids.tolist())
    heldin = set(training.unit_ids[~training.heldout].tolist())
    if not heldin <= seen <= known:
        raise DataError(
            f"{test.path.name} has other units than {training.path.name}: are both of the same "
            "session?",
            dataset=training.name,
        )


def _joined_columns(parts: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    """Columns that every file has, its trials in turn."""
    common = [name for name in parts[0] if all(name in columns for columns in parts)]
    return {name: np.concatenate([columns[name] for columns in parts]) for name in common}


def _split(training: np.ndarray) -> np.ndarray:
    split = np.where(training, "train", "test").astype("<U5")
    split[np.flatnonzero(training)[::VALIDATION_EVERY]] = "valid"
    return split


def _conditions(dataset: NlbDataset, columns: dict[str, Any]) -> np.ndarray | None:
    """One text per trial, of the columns that the benchmark forms conditions by."""
    if dataset.averages is None:
        return None
    parts = [columns[name] for name in dataset.averages.condition_columns if name in columns]
    if len(parts) < len(dataset.averages.condition_columns):
        return None
    return np.array([" ".join(f"{value:g}" for value in row) for row in zip(*parts, strict=True)])


def _comment(dataset: NlbDataset) -> str:
    comment = f"{dataset.title} of the Neural Latents Benchmark"
    if dataset.decoding is None:
        return comment
    return f"{comment}; {dataset.decoding.signal} taken {dataset.decoding.lag_ms:g} ms later"
