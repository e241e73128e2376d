"""Decoding of one label per trial (condition, target, outcome) by multinomial regression."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lfads_nb.datasets.conditions import condition_label
from lfads_nb.errors import DataError
from lfads_nb.results.decoding.parts import Part, check_folds
from lfads_nb.results.decoding.sources import Source

STRENGTHS = 10.0 ** np.arange(-4, 2.0)
"""scikit-learn's C: how little the weights are held down."""


@dataclass(frozen=True, eq=False)
class LabelDecoding:
    """How well labels are told apart from one source.

    Parameters
    ----------
    source : what from.
    predicted : (judged trials,) index of the label that each was given.
    accuracy : share of the judged trials that got their own label.
    balanced_accuracy : mean over labels of the share of their trials that got it.
    confusion : (labels, labels) trials by their own label (row) and the one they got (column).
    candidates : what each part chose.
    chance_accuracy : (permutations,) accuracy of decoders fitted on labels that were exchanged.
    """

    source: str
    predicted: np.ndarray
    accuracy: float
    balanced_accuracy: float
    confusion: np.ndarray
    candidates: tuple[str, ...]
    chance_accuracy: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def p_value(self) -> float:
        """Share of permutations that do as well; NaN without permutations."""
        n = len(self.chance_accuracy)
        return float((1 + np.sum(self.chance_accuracy >= self.accuracy)) / (1 + n)) if n else np.nan


@dataclass(frozen=True, eq=False)
class LabelResult:
    """Labels decoded from several sources, all judged by the same trials.

    `actual` is (judged trials,), the index of each one's own label in `labels`.
    """

    target: str
    labels: tuple[str, ...]
    parts: tuple[str, ...]
    actual: np.ndarray
    trials: np.ndarray
    n_fit: int
    by_source: dict[str, LabelDecoding]
    notes: tuple[str, ...] = ()

    def table(self) -> pd.DataFrame:
        """One row per source: accuracy, smoothing, chance."""
        rows = {
            name: {
                "accuracy": found.accuracy,
                "balanced accuracy": found.balanced_accuracy,
                "smoothing": ", ".join(dict.fromkeys(c for c in found.candidates if c)),
                **_chance(found),
            }
            for name, found in self.by_source.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("from")

    def confusion_table(self, source: str) -> pd.DataFrame:
        """Trials by their own label (rows) and the label that they got (columns)."""
        return pd.DataFrame(
            self.by_source[source].confusion,
            index=pd.Index(self.labels, name="own"),
            columns=pd.Index(self.labels, name="decoded"),
        )


def _chance(found: LabelDecoding) -> dict[str, float]:
    if not len(found.chance_accuracy):
        return {}
    return {
        "chance": float(np.mean(found.chance_accuracy)),
        "chance 95 %": float(np.quantile(found.chance_accuracy, 0.95)),
        "p": found.p_value,
    }


def decode_labels(
    sources: Sequence[Source],
    labels: np.ndarray,
    parts: Sequence[Part],
    *,
    name: str = "label",
    bins: slice = slice(None),
    n_windows: int = 2,
    n_folds: int = 5,
    n_permutations: int = 20,
    seed: int = 0,
) -> LabelResult:
    """Decode one label per trial from the means over windows of the trial.

    Candidate and strength of the penalty are chosen by stratified cross-validation over each
    part's own trials. Labels with fewer such trials than folds are left out, with a note.

    Parameters
    ----------
    sources : what from; all with the same trials and bins.
    labels : (trials,) numbers or text; NaN and '' are trials without a label, which are left out.
    parts : trials to fit on and to be judged by.
    name : of the labels, for messages.
    bins : which bins to look at.
    n_windows : into how many windows of equal length these are cut.
    n_folds, n_permutations, seed : as for `decode_signal`.

    Raises
    ------
    DataError
        Fewer than two labels have enough trials, or none are left to be judged by.
    """
    check_folds(n_folds)
    labels = np.asarray(labels)
    for source in sources:
        for array in source.candidates.values():
            if len(array) != len(labels):
                raise DataError(
                    f"has {len(labels)} values, but there are {len(array)} trials.", field=name
                )
    known = labels != "" if labels.dtype.kind in "US" else ~pd.isna(labels)
    parts = [Part(p.name, p.fit[known[p.fit]], p.score[known[p.score]]) for p in parts]
    kept, notes = _enough(labels, parts, n_folds, name)
    parts = [
        Part(p.name, p.fit[np.isin(labels[p.fit], kept)], p.score[np.isin(labels[p.score], kept)])
        for p in parts
    ]
    judged = np.concatenate([part.score for part in parts])
    if not len(judged):
        raise DataError("no trial to be judged by has one of the labels.", field=name)
    index = np.searchsorted(kept, labels[np.isin(labels, kept)])
    number = np.full(len(labels), -1)
    number[np.isin(labels, kept)] = index
    by_source = {}
    for source in sources:
        features = {
            label: _windows(array, bins, n_windows) for label, array in source.candidates.items()
        }
        by_source[source.name] = _of_source(
            source.name, features, number, parts, len(kept), n_folds, n_permutations, seed
        )
    return LabelResult(
        target=name,
        labels=tuple(condition_label(value) for value in kept),
        parts=tuple(part.name for part in parts),
        actual=number[judged],
        trials=judged,
        n_fit=len(np.unique(np.concatenate([part.fit for part in parts]))),
        by_source=by_source,
        notes=tuple(notes),
    )


def _enough(
    labels: np.ndarray, parts: Sequence[Part], n_folds: int, name: str
) -> tuple[np.ndarray, list[str]]:
    values = np.unique(np.concatenate([labels[part.fit] for part in parts]))
    fewest = {
        value: min(int(np.sum(labels[part.fit] == value)) for part in parts) for value in values
    }
    kept = np.array([value for value in values if fewest[value] >= n_folds], dtype=labels.dtype)
    rare = [condition_label(value) for value in values if fewest[value] < n_folds]
    if len(kept) < 2:
        raise DataError(
            f"has {len(kept)} labels with at least {n_folds} trials to fit on (one for each fold), "
            "and two are needed: ask for fewer folds, or decode another column.",
            field=name,
        )
    why = "left out, as they have fewer trials to fit on than there are folds"
    return kept, [f"{why}: {', '.join(rare)}"] if rare else []


def _windows(array: np.ndarray, bins: slice, n_windows: int) -> np.ndarray:
    """(trials, windows x features) means over the known bins of each window; 0 where none is."""
    pieces = np.array_split(array[:, bins], n_windows, axis=1)
    if any(piece.shape[1] == 0 for piece in pieces):
        raise DataError(
            f"cuts {pieces[0].shape[1]} bins or less into {n_windows} windows: ask for fewer.",
            field="n_windows",
        )
    means = []
    for piece in pieces:
        known = ~np.isnan(piece)
        total = np.where(known, piece, 0.0).sum(axis=1, dtype=np.float64)
        means.append(total / np.maximum(known.sum(axis=1), 1))
    return np.concatenate(means, axis=1)


def _of_source(
    name: str,
    features: Mapping[str, np.ndarray],
    number: np.ndarray,
    parts: Sequence[Part],
    n_labels: int,
    n_folds: int,
    n_permutations: int,
    seed: int,
) -> LabelDecoding:
    # Imported where something is fitted: who only compares runs need not wait for scikit-learn.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import confusion_matrix
    from sklearn.model_selection import StratifiedKFold

    predicted, chosen = [], []
    by_chance: list[list[np.ndarray]] = [[] for _ in range(n_permutations)]
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for part in parts:
        own = number[part.fit]
        searches = {
            label: _search(array[part.fit], own, folds) for label, array in features.items()
        }
        best = max(searches, key=lambda label: searches[label].best_score_)
        chosen.append(best)
        array, model = features[best], searches[best].best_estimator_
        predicted.append(model.predict(array[part.score]))
        rng = np.random.default_rng([seed, 1])
        for drawn in by_chance:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(array[part.fit], own[rng.permutation(len(own))])
            drawn.append(model.predict(array[part.score]))
    actual = np.concatenate([number[part.score] for part in parts])
    got = np.concatenate(predicted)
    return LabelDecoding(
        name,
        got,
        float(np.mean(got == actual)),
        float(_balanced(actual, got)),
        confusion_matrix(actual, got, labels=np.arange(n_labels)),
        tuple(chosen),
        np.array([np.mean(np.concatenate(drawn) == actual) for drawn in by_chance]),
    )


def _balanced(actual: np.ndarray, got: np.ndarray) -> float:
    from sklearn.metrics import balanced_accuracy_score

    with warnings.catch_warnings():
        # Labels that were given, but that no judged trial has of its own, do not count.
        warnings.simplefilter("ignore", UserWarning)
        return balanced_accuracy_score(actual, got)


def _search(features: np.ndarray, own: np.ndarray, folds: Any) -> Any:
    """Return a fitted `GridSearchCV` over the strengths of the penalty."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, tol=1e-3))
    search = GridSearchCV(model, {"logisticregression__C": STRENGTHS}, cv=folds)
    with warnings.catch_warnings():
        # Weights of weak penalties creep; their scores do not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return search.fit(features, own)
