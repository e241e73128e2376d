"""Which trials a decoder is fitted on and which it is judged by: never the same ones."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from lfads_nb.datasets.conditions import condition_label
from lfads_nb.errors import DataError

Evaluate = Literal["valid", "test", "folds"]


class Part(NamedTuple):
    """A decoder's trials (0-based): fitted on `fit`, all choices included, judged by `score`."""

    name: str
    fit: np.ndarray
    score: np.ndarray


def held_out_part(fit: np.ndarray, score: np.ndarray, name: str) -> list[Part]:
    """One decoder: fitted on the model's training trials, judged by trials that it never saw."""
    if not len(score):
        raise DataError(f"the run has no {name} trials to judge a decoder by.", field="evaluate")
    return [Part(name, np.sort(fit), np.sort(score))]


def fold_parts(trials: np.ndarray, n_folds: int, seed: int) -> list[Part]:
    """Several decoders, each judged by a fold of the trials that it was not fitted on."""
    if len(trials) < n_folds:
        raise DataError(
            f"{len(trials)} trials cannot make {n_folds} folds: ask for fewer folds.", field="folds"
        )
    fold = fold_numbers(len(trials), n_folds, seed)
    return [
        Part(f"fold {k + 1}", np.sort(trials[fold != k]), np.sort(trials[fold == k]))
        for k in range(n_folds)
    ]


def group_parts(groups: np.ndarray, fit: np.ndarray, score: np.ndarray) -> list[Part]:
    """Leave one group out: fitted on the others' trials of `fit`, judged by its own of `score`.

    Parameters
    ----------
    groups : (trials,) number or text of each trial's group; NaN and '' belong to none.
    fit, score : 0-based trials.

    Raises
    ------
    DataError
        There are fewer than two groups, or none has trials to be judged by.
    """
    known = groups != "" if groups.dtype.kind == "U" else ~np.isnan(groups.astype(float))
    names = np.unique(groups[known])
    if len(names) < 2:
        raise DataError(
            f"leaving one group out needs at least 2 groups, but there are {len(names)}.",
            field="groups",
        )
    parts = [
        Part(
            f"without {condition_label(name)}",
            np.sort(fit[known[fit] & (groups[fit] != name)]),
            np.sort(score[groups[score] == name]),
        )
        for name in names
    ]
    parts = [part for part in parts if len(part.score) and len(part.fit)]
    if not parts:
        raise DataError("no group has trials to be judged by.", field="groups")
    return parts


def fold_numbers(n: int, n_folds: int, seed: Any) -> np.ndarray:
    """(n,) fold of each trial, in random order, of nearly equal sizes."""
    return np.random.default_rng(seed).permutation(np.arange(n) % n_folds)


def check_folds(n_folds: int) -> None:
    """Refuse a cross-validation of fewer than two folds.

    Raises
    ------
    DataError
        There are fewer.
    """
    if n_folds < 2:
        raise DataError(f"is {n_folds}; at least 2 are needed.", field="folds")
