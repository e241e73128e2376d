"""Batches of one session each, in an order that depends on nothing but seed and epoch.

TF1's scheme (lfads_model.md 4.9) with its limit lifted: there, every split of every session needed
more trials than a batch. Here a session with fewer gives one batch with all its trials; the rows
that are left over repeat some with weight 0. So all batches have one shape and are compiled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.augmentation import hidden_samples, jitter_spikes
from lfads_nb.model.inputs import Session, Trials
from lfads_nb.sweep.folders import Split


class Rows(NamedTuple):
    """Which trials of which session make a batch."""

    session: int
    trials: np.ndarray
    weights: np.ndarray
    """1, or 0 for a row that only fills."""


def training_rows(n_trials: Sequence[int], n_rows: int, rng: np.random.Generator) -> list[Rows]:
    """Cut every session's permuted trials into batches and shuffle all batches together.

    A session's last batch is filled with other trials of it, drawn without replacement.
    """
    batches = []
    for session, n in enumerate(n_trials):
        order = rng.permutation(n)
        if n < n_rows:
            batches.append(_filled(session, order, n_rows))
            continue
        extra = rng.choice(n, -n % n_rows, replace=False)
        order = np.concatenate([order, extra])
        batches += [
            Rows(session, trials, np.ones(n_rows, np.float32))
            for trials in order.reshape(-1, n_rows)
        ]
    return [batches[i] for i in rng.permutation(len(batches))]


def every_row(n_trials: Sequence[int], n_rows: int) -> list[Rows]:
    """Cut every session's trials into batches in their order, each trial counted once."""
    return [
        _filled(session, np.arange(first, min(first + n_rows, n)), n_rows)
        for session, n in enumerate(n_trials)
        for first in range(0, n, n_rows)
    ]


def _filled(session: int, trials: np.ndarray, n_rows: int) -> Rows:
    weights = np.zeros(n_rows, np.float32)
    weights[: len(trials)] = 1.0
    return Rows(session, np.resize(trials, n_rows), weights)


def batch_rows(n_trials: Sequence[int], batch_size: int) -> int:
    """Return the rows of a batch: no more than the largest session has trials."""
    return min(batch_size, max(n_trials))


class SessionBatches(keras.utils.PyDataset):
    """One split of all sessions as batches for `fit`, see `lfads_nb.model.lfads`.

    Parameters
    ----------
    architecture : Architecture
    sessions : sequence of Session
    split : {"train", "valid", "test"}
    epoch : int
        The first epoch.
    """

    def __init__(
        self,
        architecture: Architecture,
        sessions: Sequence[Session],
        split: Split,
        *,
        epoch: int = 0,
    ) -> None:
        super().__init__()
        self.architecture, self.split = architecture, split
        self.trials = [session.splits[split] for session in sessions]
        self.epoch, self.attempt = epoch, 0
        self.has_missing = any(
            trials.has_missing for session in sessions for trials in session.splits.values()
        )
        self.n_rows = batch_rows(
            [len(trials) for trials in self.trials], architecture.params.batch_size
        )
        self.hidden = self._choose_hidden()
        """Of each session, what sample validation hides: (trials, bins, channels), or None."""
        self.rows = self._plan()

    def _key(self, *more: int) -> list[int]:
        return [self.architecture.params.seed, 1, self.attempt, self.epoch, *more]

    def _plan(self) -> list[Rows]:
        n_trials = [len(trials) for trials in self.trials]
        if self.split != "train":
            return every_row(n_trials, self.n_rows)
        return training_rows(n_trials, self.n_rows, np.random.default_rng(self._key()))

    def _choose_hidden(self) -> list[np.ndarray] | None:
        p = self.architecture.params
        if not p.sample_validation_rate or self.split == "test":
            return None
        which = ("train", "valid").index(self.split)
        return [
            hidden_samples(t.counts.shape, p.sample_validation_rate, (p.seed, 2, which, i))
            for i, t in enumerate(self.trials)
        ]

    @property
    def jitters(self) -> bool:
        """Whether spikes are moved in time, anew in every epoch."""
        return self.split == "train" and self.architecture.params.temporal_spike_jitter_width > 0

    def __len__(self) -> int:
        return len(self.rows)

    def start_epoch(self, epoch: int, attempt: int = 0) -> None:
        """Set which epoch's batches come next; `attempt` counts returns to a checkpoint."""
        self.epoch, self.attempt = epoch, attempt
        self.rows = self._plan()

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray]]:
        rows = self.rows[index]
        trials = self.trials[rows.session]
        counts = trials.counts[rows.trials].astype(np.float32)
        if self.jitters:
            width = self.architecture.params.temporal_spike_jitter_width
            counts = jitter_spikes(counts, width, np.random.default_rng(self._key(3, index)))
        hidden = None if self.hidden is None else self.hidden[rows.session][rows.trials]
        batch = make_batch(
            self.architecture,
            Trials(counts, trials.external_inputs[rows.trials]),
            rows.session,
            weights=rows.weights,
            hidden=hidden,
            mask_missing=self.has_missing,
        )
        return ({name: array[None] for name, array in batch.items()},)


def make_batch(
    architecture: Architecture,
    trials: Trials,
    session: int,
    *,
    weights: np.ndarray | None = None,
    hidden: np.ndarray | None = None,
    mask_missing: bool = False,
) -> dict[str, np.ndarray]:
    """Turn trials of one session into padded arrays without NaN, by the names of a batch."""
    counts = trials.counts.astype(np.float32)
    batch = {
        "counts": _padded(np.nan_to_num(counts), architecture.max_channels),
        "weights": np.ones(len(trials), np.float32) if weights is None else weights,
        "session": np.int32(session),
    }
    if architecture.params.ext_input_dim:
        batch["external"] = trials.external_inputs
    if mask_missing:
        present = (~np.isnan(counts)).astype(np.float32)
        batch["present"] = _padded(present, architecture.max_channels)
    if hidden is not None:
        batch["hidden"] = _padded(hidden.astype(np.float32), architecture.max_channels)
    return batch


def _padded(array: np.ndarray, width: int) -> np.ndarray:
    missing = width - array.shape[2]
    return np.pad(array, ((0, 0), (0, 0), (0, missing))) if missing else array
