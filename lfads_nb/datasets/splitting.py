"""Which trials train the model, which validate it, and which test it.

The default is the run manager's split: no randomness, every (ratio + 1)-th trial validates. Both
splits here are pure functions of their arguments, so a split can be made again at any time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lfads_nb.datasets.conditions import as_condition_ids
from lfads_nb.errors import DataError


class Split(NamedTuple):
    """Trial numbers (0-based, sorted) of each part; every trial is in exactly one."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def interleaved_split(n_trials: int, ratio: int = 4, *, test_fraction: float = 0.0) -> Split:
    """Split as the run manager does: trials 0, ratio+1, 2(ratio+1), ... validate.

    Parameters
    ----------
    n_trials : number of trials.
    ratio : training trials per validation trial.
    test_fraction : share of trials that is set aside first, evenly spaced; the rest is then
        interleaved as usual.

    Raises
    ------
    DataError
        When a part that was asked for would be empty.
    """
    _check(n_trials, ratio, test_fraction)
    order = np.arange(n_trials)
    in_test = _evenly(n_trials, test_fraction, offset=0.5)
    rest = order[~in_test]
    in_valid = np.zeros(len(rest), dtype=bool)
    in_valid[:: ratio + 1] = True
    return _checked(Split(rest[~in_valid], rest[in_valid], order[in_test]), ratio, test_fraction)


def stratified_split(
    condition_ids: Any, *, ratio: int = 4, test_fraction: float = 0.0, seed: int = 0
) -> Split:
    """Split at random, with each condition in the same proportions (to within one trial).

    Parameters
    ----------
    condition_ids : (trials,) one number or text per trial; trials without one form a stratum.
    ratio : training trials per validation trial.
    test_fraction : share of trials set aside for testing.
    seed : the same seed gives the same split.

    Raises
    ------
    DataError
        When a part that was asked for would be empty.
    """
    ids = as_condition_ids(condition_ids)
    _check(len(ids), ratio, test_fraction)
    rng = np.random.default_rng(seed)
    # Line up the trials condition by condition, both in random order: picking evenly along the
    # line then takes the same share of every condition, and the right number in total.
    _, stratum = np.unique(ids, return_inverse=True)
    place = rng.permutation(stratum.max() + 1)[stratum]
    line = np.lexsort((rng.random(len(ids)), place))
    in_test = _evenly(len(line), test_fraction, offset=rng.random())
    rest = line[~in_test]
    in_valid = _evenly(len(rest), 1 / (ratio + 1), offset=rng.random())
    if not in_valid.any() and len(rest) > 1:
        in_valid[0] = True
    split = Split(np.sort(rest[~in_valid]), np.sort(rest[in_valid]), np.sort(line[in_test]))
    return _checked(split, ratio, test_fraction)


PARTS = {
    "train": "train",
    "valid": "valid", "val": "valid", "validation": "valid",
    "test": "test", "eval": "test",
}  # fmt: skip
"""What the parts are called in the field's files."""


def given_split(parts: Any) -> Split:
    """Split as the data say, trial by trial.

    Parameters
    ----------
    parts : (trials,) text: train, valid (or val, validation), or test (or eval).

    Raises
    ------
    DataError
        Naming the first trial that has no part, or the part that has no trial.
    """
    named = [str(part).strip().lower() for part in np.asarray(parts).ravel()]
    for trial, part in enumerate(named):
        if part not in PARTS:
            raise DataError(
                f"is {part!r}; with split='column' every trial's is one of {', '.join(PARTS)}. "
                "Leave the other trials out when loading.",
                field="split", trial=trial,
            )  # fmt: skip
    of_trial = np.array([PARTS[part] for part in named])
    split = Split(*(np.flatnonzero(of_trial == part) for part in ("train", "valid", "test")))
    for part in ("train", "valid"):
        if not len(getattr(split, part)):
            raise DataError(
                f"no trial is called {part!r}; training needs train and valid trials.",
                field="split",
            )
    return split


def _evenly(n: int, fraction: float, *, offset: float) -> np.ndarray:
    """Mark about `fraction` of n places, evenly spaced."""
    steps = np.floor(np.arange(n + 1) * fraction + offset)
    return np.diff(steps) > 0


def _check(n_trials: int, ratio: int, test_fraction: float) -> None:
    if ratio < 1 or int(ratio) != ratio:
        raise DataError(
            f"is {ratio}; it must be a whole number of at least 1 (training trials per "
            "validation trial).",
            field="train_to_test_ratio",
        )
    if not 0 <= test_fraction < 1:
        raise DataError(f"is {test_fraction}; it must be in [0, 1).", field="test_fraction")
    if n_trials < 2:
        raise DataError(f"{n_trials} trials cannot be split into training and validation trials.")


def _checked(split: Split, ratio: int, test_fraction: float) -> Split:
    wanted = {"train": True, "valid": True, "test": test_fraction > 0}
    for part, trials in split._asdict().items():
        if wanted[part] and not len(trials):
            n_trials = sum(map(len, split))
            raise DataError(
                f"{n_trials} trials split with train_to_test_ratio {ratio} and test_fraction "
                f"{test_fraction:g} leave no {part} trial. Use more trials or other shares.",
                field=part,
            )
    return split
