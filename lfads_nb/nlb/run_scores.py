"""A trained run's rates as a submission, and their scores.

The files lie in the run's folder, in `nlb/`: submission.h5 for the benchmark's server, targets.h5
that it was scored by, and scores.json.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lfads_nb.atomic_files import write_json
from lfads_nb.errors import DataError
from lfads_nb.nlb.benchmark import FORWARD_MS, NlbDataset, group_name, nlb_dataset
from lfads_nb.nlb.recording import Bins, NlbRecording
from lfads_nb.nlb.submission import evaluate, write_submission, write_targets
from lfads_nb.nlb.targets import NlbTrials, find_trials, make_targets
from lfads_nb.regular_files import read_json

if TYPE_CHECKING:
    from lfads_nb.sweep import Run

SCHEMA = 1
_FINE_MS, _COARSE = 5, 4
"""Runs of 5 ms bins give 20 ms bins, too, of four each."""


@dataclass(frozen=True)
class NlbScores:
    """What a run scored: each split's scores under the benchmark's own names, and the files."""

    scores: list[dict[str, dict[str, float]]]
    submission: Path
    targets: Path | None


def score_run(
    run: Run,
    *,
    dataset: str | None = None,
    path: str | os.PathLike[str] | None = None,
    test_path: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> NlbScores:
    """Write a run's submission (5 and 20 ms) and score it where the truth is known.

    Rates of 20 ms bins are sums of those of 5 ms bins on the benchmark's own grid of 20 ms; a run
    that was trained on 20 ms bins gives those alone.

    Parameters
    ----------
    run : of one session that `read_nlb` read, with its rates inferred.
    dataset : which of the benchmark's datasets; by default what the session says.
    path : the benchmark's file; by default the dataset's own.
    test_path : the file with the test trials, for a run whose session has them; it is not scored.
    folder : where to write; `nlb/` in the run's folder by default.

    Raises
    ------
    DataError, RunFolderError
        The run is not of the benchmark, is not trained, or does not cover its trials; nothing is
        written then.
    """
    declared, recording = _of_run(run, dataset, path)
    rates = _rates_per_bin(run)
    held_back = None if test_path is None else NlbRecording(test_path)
    parts = _parts(declared, recording, held_back, round(run.params.spike_bin_ms))
    _check_rates(rates, parts, declared, recording, run)
    submission = {
        group_name(declared.key, part.bin_ms * part.ratio): _arrays(
            part.train.of(rates), part.evaluation.of(rates),
            n_bins=round(declared.observed_ms / (part.bin_ms * part.ratio)),
            n_heldin=int((~recording.heldout).sum()),
        )
        for part in parts
    }  # fmt: skip
    into = run.folder.path / "nlb" if folder is None else Path(folder).expanduser()
    if held_back is not None:
        return NlbScores([], write_submission(into / "submission.h5", submission), None)
    targets = {
        group_name(declared.key, width): make_targets(recording, declared, width)
        for width in (part.bin_ms * part.ratio for part in parts)
    }
    scores = evaluate(targets, submission)
    written = NlbScores(
        scores,
        write_submission(into / "submission.h5", submission),
        write_targets(into / "targets.h5", targets),
    )
    write_json(into / "scores.json", {"schema": SCHEMA, "scores": scores})
    return written


def read_scores(run_folder: Path) -> dict[str, float]:
    """Return a run's stored scores of its finest bins by name; none where it was not scored."""
    path = run_folder / "nlb" / "scores.json"
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    splits = content.get("scores") if isinstance(content, dict) else None
    first = splits[0] if isinstance(splits, list) and splits else {}
    for scores in first.values() if isinstance(first, dict) else ():
        if isinstance(scores, dict):
            # The names of a scaling set stand behind its number of trials, as in "[500] co-bps".
            return {
                name.partition("] ")[2] or name: float(value)
                for name, value in scores.items()
                if isinstance(value, int | float)
            }
    return {}


def _of_run(
    run: Run, dataset: str | None, path: str | os.PathLike[str] | None
) -> tuple[NlbDataset, NlbRecording]:
    if len(run.datasets) != 1:
        raise DataError(
            f"{run.name} joins {len(run.datasets)} sessions; the benchmark is scored one by one."
        )
    if path is None:
        path = run.datasets[0].path
    if dataset is None:
        dataset = run.datasets[0].load_counts().metadata.get("nlb_dataset")
        if dataset is None:
            raise DataError(
                "was not read by lfads_nb.nlb.read_nlb. Load it that way, or say which of the "
                "benchmark's datasets it is.",
                dataset=run.datasets[0].name,
            )
    return nlb_dataset(dataset), NlbRecording(path)


@dataclass(frozen=True)
class _Trials:
    """Rows of a run's rates, and where in them the benchmark's windows of one bin width begin.

    `shift` is (trials,) in the run's own bins: a window of 20 ms bins begins on the recording's
    grid of 20 ms, up to 15 ms later than that of 5 ms bins.
    """

    rows: np.ndarray
    shift: np.ndarray
    ratio: int

    def of(self, rates: np.ndarray) -> np.ndarray:
        """Sum rates (trials, bins, units) over `ratio` bins; at the very end the last is held."""
        chosen = rates[self.rows]
        if self.ratio == 1:
            return chosen
        n = chosen.shape[1] // self.ratio
        index = self.shift[:, None] + np.arange(n * self.ratio)
        moved = np.take_along_axis(
            chosen, np.minimum(index, chosen.shape[1] - 1)[..., None], axis=1
        )
        return moved.reshape(len(moved), n, self.ratio, -1).sum(axis=2)


@dataclass(frozen=True)
class _Part:
    """One group of the submission: bins of the run times `ratio`."""

    bin_ms: int
    ratio: int
    train: _Trials
    evaluation: _Trials


def _parts(
    dataset: NlbDataset, recording: NlbRecording, held_back: NlbRecording | None, bin_ms: int
) -> list[_Part]:
    """Find the rows and windows of every group that a run of this bin width can give."""
    splits = (("train",), ("val",)) if held_back is None else (("train", "val"),) * 2
    bins = Bins(bin_ms, recording.n_ms)
    trials = find_trials(recording, dataset, bins, *splits)
    order = np.union1d(trials.train, trials.evaluation)
    source, evaluated = recording, trials
    rows = [np.searchsorted(order, each) for each in (trials.train, trials.evaluation)]
    if held_back is not None:
        source = held_back
        evaluated = find_trials(source, dataset, Bins(bin_ms, source.n_ms), ("test",), ("test",))
        rows[1] = len(order) + np.arange(len(evaluated.evaluation))
    parts = []
    for ratio in (1, _COARSE) if bin_ms == _FINE_MS else (1,):
        shifts = (
            _shift(recording, dataset, trials, trials.train, bin_ms, ratio),
            _shift(source, dataset, evaluated, evaluated.evaluation, bin_ms, ratio),
        )
        train, evaluation = (_Trials(*each, ratio) for each in zip(rows, shifts, strict=True))
        parts.append(_Part(bin_ms, ratio, train, evaluation))
    return parts


def _shift(
    recording: NlbRecording,
    dataset: NlbDataset,
    trials: NlbTrials,
    rows: np.ndarray,
    bin_ms: int,
    ratio: int,
) -> np.ndarray:
    aligned = recording.column(dataset.align_to).astype(float)
    coarse = Bins(bin_ms * ratio, recording.n_ms).first(aligned, dataset.window_ms[0])
    return coarse[rows] * ratio - trials.first[rows]


def _rates_per_bin(run: Run) -> np.ndarray:
    rates = run.posterior_means().rates
    if rates is None:
        raise DataError(f"{run.name} has no rates: sample it again.", field="rates")
    return np.asarray(rates, dtype=float) * (run.params.spike_bin_ms / 1000)


def _check_rates(
    rates: np.ndarray, parts: list[_Part], dataset: NlbDataset, recording: NlbRecording, run: Run
) -> None:
    n_trials = len(np.union1d(parts[0].train.rows, parts[0].evaluation.rows))
    n_bins = round((dataset.observed_ms + FORWARD_MS) / parts[0].bin_ms)
    expected = (n_trials, n_bins, len(recording.unit_ids))
    if rates.shape != expected:
        raise DataError(
            f"the rates of {run.name} are {rates.shape} (trials x bins x units), but "
            f"{dataset.title} needs {expected}: train on what read_nlb reads, all of it.",
            field="rates",
        )
    missing = int(np.isnan(rates).any(axis=(1, 2)).sum())
    if missing:
        raise DataError(
            f"{missing} of {n_trials} trials of {run.name} have no rates: the setting needs "
            "split='column', so that every trial is in a part.",
            field="rates",
        )


def _arrays(
    train: np.ndarray, evaluated: np.ndarray, *, n_bins: int, n_heldin: int
) -> dict[str, np.ndarray]:
    return {
        "train_rates_heldin": train[:, :n_bins, :n_heldin],
        "train_rates_heldout": train[:, :n_bins, n_heldin:],
        "eval_rates_heldin": evaluated[:, :n_bins, :n_heldin],
        "eval_rates_heldout": evaluated[:, :n_bins, n_heldin:],
        "eval_rates_heldin_forward": evaluated[:, n_bins:, :n_heldin],
        "eval_rates_heldout_forward": evaluated[:, n_bins:, n_heldin:],
    }


def describe_scores(scores: list[dict[str, dict[str, float]]]) -> list[tuple[str, str, float]]:
    """Return rows of (split, score's name, value), in the benchmark's own order."""
    return [
        (split, name, value)
        for each in scores
        for split, values in each.items()
        for name, value in values.items()
    ]
