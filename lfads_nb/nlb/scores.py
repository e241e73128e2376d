"""The benchmark's scores, as functions of arrays.

Pei et al. 2021, "Neural Latents Benchmark '21"; each equals what the benchmark's own evaluation
(nlb_tools 0.0.4, `evaluation.py`) gives for the same arrays. Rates are expected spikes per bin.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lfads_nb.errors import DataError
from lfads_nb.results.metrics import bits_per_spike

_ALPHAS = np.logspace(-4, 0, 9)
_FOLDS = 5


def spikes_score(counts: np.ndarray, rates: np.ndarray, field: str) -> float:
    """Return bits per spike of rates; co-bps of held-out neurons, fp-bps of the time after.

    Parameters
    ----------
    counts : (trials, bins, neurons) spikes per bin; NaN where nothing was recorded.
    rates : (trials, bins, neurons) expected spikes per bin.
    field : what these rates are, for messages.

    Raises
    ------
    DataError
        The shapes differ, or a rate is negative, or is not a number where there are counts.
    """
    counts, rates = np.asarray(counts, dtype=float), np.asarray(rates, dtype=float)
    _same_shape(counts, rates, field)
    _whole(rates, ~np.isnan(counts), field)
    if np.all(rates >= 0, where=~np.isnan(counts)):
        return bits_per_spike(counts, np.where(np.isnan(counts), np.nan, rates))
    raise DataError("holds negative rates; a rate is at least 0.", field=field)


def velocity_r2(
    train_rates: np.ndarray,
    train_velocity: np.ndarray,
    eval_rates: np.ndarray,
    eval_velocity: np.ndarray,
    *,
    train_masks: np.ndarray | None = None,
    eval_masks: np.ndarray | None = None,
) -> float:
    """Return the R2 of velocity decoded from rates by ridge regression ("vel R2").

    One decoder for all bins of all trials, its penalty chosen by five unshuffled folds of the
    training trials, and the mean R2 over dimensions on the evaluation trials.

    Parameters
    ----------
    train_rates, eval_rates : (trials, bins, neurons) expected spikes per bin, all neurons.
    train_velocity, eval_velocity : (trials, bins, dimensions), already taken later by the
        dataset's lag; bins with NaN are left out.
    train_masks, eval_masks : (trials, masks) bool, optional
        One decoder for each mask, and the mean of their R2.

    Raises
    ------
    DataError
        Shapes differ, rates are missing, or there is too little to fit on.
    """
    train_rates, eval_rates = np.asarray(train_rates, float), np.asarray(eval_rates, float)
    train_masks = _all_trials(train_rates) if train_masks is None else np.asarray(train_masks, bool)
    eval_masks = _all_trials(eval_rates) if eval_masks is None else np.asarray(eval_masks, bool)
    if train_masks.shape[1] != eval_masks.shape[1]:
        raise DataError(
            f"there are {train_masks.shape[1]} masks of training trials, but "
            f"{eval_masks.shape[1]} of evaluation trials.",
            field="decode_mask",
        )
    scores = []
    for for_training, for_evaluation in zip(train_masks.T, eval_masks.T, strict=True):
        train = _samples(train_rates, train_velocity, for_training, "train")
        evaluated = _samples(eval_rates, eval_velocity, for_evaluation, "eval")
        scores.append(_ridge_r2(*train, *evaluated))
    return float(np.mean(scores))


def _all_trials(rates: np.ndarray) -> np.ndarray:
    return np.ones((len(rates), 1), dtype=bool)


def _samples(
    rates: np.ndarray, velocity: np.ndarray, chosen: np.ndarray, split: str
) -> tuple[np.ndarray, np.ndarray]:
    velocity = np.asarray(velocity, dtype=float)
    if rates.ndim != 3 or velocity.ndim != 3 or rates.shape[:2] != velocity.shape[:2]:
        raise DataError(
            f"{split}ing rates are {rates.shape}, but the behaviour is {velocity.shape}: both "
            "need the same trials and bins (trials x bins x neurons or dimensions).",
            field=f"{split}_behavior",
        )
    if len(chosen) != len(rates):
        raise DataError(
            f"there are {len(rates)} trials, but the mask has {len(chosen)}.",
            field=f"{split}_decode_mask",
        )
    x = rates[chosen].reshape(-1, rates.shape[2])
    y = velocity[chosen].reshape(-1, velocity.shape[2])
    known = ~np.isnan(y).any(axis=1)
    if known.sum() < 2 * _FOLDS:
        raise DataError(
            f"only {known.sum()} bins have behaviour; that is too little to decode it.",
            field=f"{split}_behavior",
        )
    _whole(x[known], True, f"{split}_rates")
    return x[known], y[known]


def _ridge_r2(
    train_x: np.ndarray, train_y: np.ndarray, eval_x: np.ndarray, eval_y: np.ndarray
) -> float:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    decoder = GridSearchCV(Ridge(), {"alpha": _ALPHAS}, cv=_FOLDS)
    return float(decoder.fit(train_x, train_y).score(eval_x, eval_y))


def psth_r2(
    psth: np.ndarray,
    eval_rates: np.ndarray,
    trials_of_condition: Sequence[np.ndarray],
    *,
    shifts: np.ndarray | None = None,
) -> float:
    """Return the R2 of condition averages of the rates ("psth R2").

    The targets come from all trials, the averages of the rates from the evaluation trials only.

    Parameters
    ----------
    psth : (conditions, bins, neurons) averages of smoothed spikes, per bin; NaN where a condition
        is shorter.
    eval_rates : (trials, bins, neurons) expected spikes per bin of the evaluation trials.
    trials_of_condition : for each condition the 0-based numbers of its evaluation trials; a
        condition without any is left out.
    shifts : (trials,) bins by which a trial was moved (DMFC), which is undone; none by default.

    Returns
    -------
    float
        Mean over neurons of each neuron's R2 over all conditions and bins.

    Raises
    ------
    DataError
        Shapes differ, rates are missing where a condition has an average, or no condition has
        evaluation trials.
    """
    from sklearn.metrics import r2_score

    psth, eval_rates = np.asarray(psth, float), np.asarray(eval_rates, float)
    if psth.ndim != 3 or psth.shape[1:] != eval_rates.shape[1:]:
        raise DataError(
            f"the averages are {psth.shape} (conditions x bins x neurons), the rates "
            f"{eval_rates.shape} (trials x bins x neurons): bins and neurons have to be the same.",
            field="psth",
        )
    if len(trials_of_condition) != len(psth):
        raise DataError(
            f"there are {len(psth)} conditions, but trials of {len(trials_of_condition)}.",
            field="eval_cond_idx",
        )
    shifts = np.zeros(len(eval_rates), dtype=int) if shifts is None else np.asarray(shifts, int)
    true, predicted = [], []
    for condition, trials in zip(psth, trials_of_condition, strict=True):
        trials = np.asarray(trials, dtype=int)
        if not trials.size:
            continue
        known = ~np.isnan(condition[:, 0])
        mean = np.mean([_moved(eval_rates[i], int(shifts[i])) for i in trials], axis=0)
        _whole(mean[known], True, "eval_rates")
        true.append(condition[known])
        predicted.append(mean[known])
    if not true:
        raise DataError("no condition has an evaluation trial.", field="eval_cond_idx")
    return float(r2_score(np.vstack(true), np.vstack(predicted)))


def _moved(trial: np.ndarray, by: int) -> np.ndarray:
    """Move a trial (bins, neurons) to later bins, or to earlier ones; NaN comes in."""
    moved = np.full_like(trial, np.nan)
    if by >= 0:
        moved[by:] = trial[: len(trial) - by]
    else:
        moved[:by] = trial[-by:]
    return moved


def speed_time_correlation(
    eval_rates: np.ndarray, evaluated: np.ndarray, timing: np.ndarray
) -> float:
    """Return how neural speed tells the time that will be produced ("tp corr"; -1 is perfect).

    Parameters
    ----------
    eval_rates : (trials, bins, neurons) expected spikes per bin, all neurons.
    evaluated : (trials, bins) bool, the bins between set and go.
    timing : (trials, 5) is_eye, theta, is_short, ts, tp; rows of NaN (outliers) are left out.

    Returns
    -------
    float
        Pearson's r of speed (mean distance of neighbouring bins) and tp within each of the
        conditions that the first three columns form, averaged over conditions.

    Raises
    ------
    DataError
        Shapes differ, or a condition has fewer than two trials.
    """
    from scipy.stats import pearsonr

    eval_rates, timing = np.asarray(eval_rates, float), np.asarray(timing, float)
    if timing.ndim != 2 or len(timing) != len(eval_rates):
        raise DataError(
            f"there are {len(eval_rates)} trials, but the timing is {timing.shape}.",
            field="eval_behavior",
        )
    _same_shape(np.asarray(evaluated), eval_rates[..., 0], "eval_spikes_heldout")
    speed = np.array(
        [
            np.mean(np.linalg.norm(np.diff(trial[inside], axis=0), axis=1))
            for trial, inside in zip(eval_rates, evaluated, strict=True)
        ]
    )
    known = ~np.isnan(timing).any(axis=1)
    conditions = np.unique(timing[known, :3], axis=0)
    correlations = []
    for condition in conditions:
        inside = known & (timing[:, :3] == condition).all(axis=1)
        if inside.sum() < 2:
            raise DataError(
                f"condition {condition.tolist()} has {inside.sum()} evaluation trial; a "
                "correlation needs two.",
                field="eval_behavior",
            )
        correlations.append(pearsonr(speed[inside], timing[inside, -1])[0])
    return float(np.mean(correlations)) if correlations else float("nan")


def _same_shape(expected: np.ndarray, got: np.ndarray, field: str) -> None:
    if expected.shape != got.shape:
        raise DataError(
            f"is {got.shape} (trials x bins x neurons), but {expected.shape} is needed.",
            field=field,
        )


def _whole(rates: np.ndarray, where: np.ndarray | bool, field: str) -> None:
    if not np.isfinite(rates).all(where=where):
        raise DataError(
            "holds values that are missing or infinite where the benchmark needs a rate.",
            field=field,
        )
