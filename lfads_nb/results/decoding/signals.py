"""Decoding of a behavioural signal, bin by bin, from each source on the same trials and bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lfads_nb.datasets.behavior import Signal
from lfads_nb.errors import DataError
from lfads_nb.results.decoding import ridge
from lfads_nb.results.decoding.parts import Part, check_folds
from lfads_nb.results.decoding.sources import Source
from lfads_nb.results.metrics import r2


@dataclass(frozen=True, eq=False)
class SignalDecoding:
    """How well a signal is decoded from one source.

    Parameters
    ----------
    source : what from.
    predicted : (trials, bins, dims), NaN where nothing was predicted.
    r2 : (dims,) on the trials and bins that are judged by, of all parts together.
    lags_ms, candidates : what each part chose: how much later than its features the signal is
        taken, and which candidate of the source (its width, for smoothed spikes).
    inner_r2 : mean over parts of the cross-validated R2 that they chose by.
    chance_r2 : (permutations,) R2, mean over dims, of decoders fitted on trials whose signal was
        exchanged with other trials'. What it says beyond 0 is what time in the trial alone tells.
    """

    source: str
    predicted: np.ndarray
    r2: np.ndarray
    lags_ms: tuple[float, ...]
    candidates: tuple[str, ...]
    inner_r2: float
    chance_r2: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def mean_r2(self) -> float:
        """R2, uniform average over the dimensions, as the Neural Latents Benchmark takes it."""
        return float(np.mean(self.r2))

    @property
    def p_value(self) -> float:
        """Share of permutations that do as well; NaN without permutations."""
        n = len(self.chance_r2)
        return float((1 + np.sum(self.chance_r2 >= self.mean_r2)) / (1 + n)) if n else np.nan


@dataclass(frozen=True, eq=False)
class SignalResult:
    """A signal decoded from several sources, all judged by the same trials and bins.

    `actual` is (trials, bins, dims), NaN outside what is judged by; `trials` are those, 0-based.
    """

    target: str
    unit: str
    dims: tuple[str, ...]
    parts: tuple[str, ...]
    actual: np.ndarray
    trials: np.ndarray
    n_fit: int
    by_source: dict[str, SignalDecoding]

    def table(self) -> pd.DataFrame:
        """One row per source: R2 of each dimension and their mean, lag, width, chance."""
        rows = {
            name: {
                "R2": found.mean_r2,
                **{f"R2 {dim}": value for dim, value in zip(self.dims, found.r2, strict=True)},
                "lag (ms)": _one_or_range(found.lags_ms),
                "smoothing": ", ".join(dict.fromkeys(c for c in found.candidates if c)),
                **_chance(found),
            }
            for name, found in self.by_source.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("from")


def _one_or_range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _chance(found: SignalDecoding) -> dict[str, float]:
    if not len(found.chance_r2):
        return {}
    return {
        "chance R2": float(np.mean(found.chance_r2)),
        "chance 95 %": float(np.quantile(found.chance_r2, 0.95)),
        "p": found.p_value,
    }


def decode_signal(
    sources: Sequence[Source],
    signal: Signal,
    parts: Sequence[Part],
    *,
    name: str = "signal",
    bin_ms: float,
    lags_ms: Sequence[float],
    n_folds: int = 5,
    n_permutations: int = 20,
    seed: int = 0,
) -> SignalResult:
    """Decode a signal by ridge regression.

    Candidate, lag and penalty are chosen by cross-validation over each part's own trials; its
    trials to be judged by are used for nothing but the figure. Lags are compared at the same bins
    of the signal, those that all of them reach.

    Parameters
    ----------
    sources : what from; all with the trials and bins of the signal.
    signal : (trials, bins, dims), NaN is left out.
    parts : trials to fit on and to be judged by.
    name : of the signal, for messages.
    bin_ms : width of the bins.
    lags_ms : by how much the signal may come after its features; a single one is taken as it is.
    n_folds : folds of the inner cross-validation.
    n_permutations : how often chance is drawn; candidate and lag stay as chosen then.
    seed : of folds and permutations.

    Raises
    ------
    DataError
        The signal does not fit the sources, never varies or is not known, or trials are too few.
    """
    values = np.asarray(signal.values, dtype=np.float64)
    lags = _lags_in_bins(lags_ms, bin_ms, values.shape[1])
    window = ridge.Window.of(lags, values.shape[1])
    _check(values, sources, parts, window, name, n_folds)
    actual = np.full_like(values, np.nan)
    judged = np.concatenate([part.score for part in parts])
    actual[judged, window.first : window.last] = values[judged, window.first : window.last]
    # A bin that some source cannot tell about is left out for all of them.
    found = {}
    for source in sources:
        found[source.name] = _of_source(
            source, values, parts, lags, window, n_folds, n_permutations, seed
        )
    for predicted, _ in found.values():
        actual[np.isnan(predicted).any(axis=-1)] = np.nan

    def judged_r2(predicted: np.ndarray) -> np.ndarray:
        return r2(actual[judged], predicted[judged]).per_channel

    by_source = {
        source_name: SignalDecoding(
            source_name,
            predicted=np.where(np.isnan(actual), np.nan, predicted),
            r2=judged_r2(predicted),
            lags_ms=tuple(choice.lag * bin_ms for choice in about.choices),
            candidates=tuple(choice.candidate for choice in about.choices),
            inner_r2=float(np.mean([choice.inner_r2 for choice in about.choices])),
            chance_r2=np.array([np.mean(judged_r2(drawn)) for drawn in about.by_chance]),
        )
        for source_name, (predicted, about) in found.items()
    }
    return SignalResult(
        target=name,
        unit=signal.unit,
        dims=signal.dim_names,
        parts=tuple(part.name for part in parts),
        actual=actual,
        trials=np.sort(judged),
        n_fit=len(np.unique(np.concatenate([part.fit for part in parts]))),
        by_source=by_source,
    )


@dataclass
class _About:
    choices: list[ridge.Choice]
    by_chance: list[np.ndarray]


def _of_source(
    source: Source,
    values: np.ndarray,
    parts: Sequence[Part],
    lags: Sequence[int],
    window: ridge.Window,
    n_folds: int,
    n_permutations: int,
    seed: int,
) -> tuple[np.ndarray, _About]:
    predicted = np.full_like(values, np.nan)
    about = _About([], [np.full_like(values, np.nan) for _ in range(n_permutations)])
    bins = slice(window.first, window.last)
    for part in parts:
        choice = ridge.choose(
            {label: array[part.fit] for label, array in source.candidates.items()},
            values[part.fit], lags=lags, window=window, n_folds=n_folds, seed=seed,
        )  # fmt: skip
        about.choices.append(choice)
        features = window.features(source.candidates[choice.candidate], choice.lag)
        own, target = features[part.fit], window.target(values[part.fit])
        predicted[part.score, bins] = ridge.fit_predict(
            own, target, features[part.score], choice.penalty
        )
        rng = np.random.default_rng([seed, 1])
        for by_chance in about.by_chance:
            exchanged = target[rng.permutation(len(target))]
            penalty = ridge.choose_penalty(own, exchanged, n_folds=n_folds, seed=seed)
            by_chance[part.score, bins] = ridge.fit_predict(
                own, exchanged, features[part.score], penalty
            )
    return predicted, about


def _lags_in_bins(lags_ms: Sequence[float], bin_ms: float, n_bins: int) -> list[int]:
    lags = sorted({round(lag / bin_ms) for lag in lags_ms})
    if not lags:
        raise DataError("names no lag; give one, or several to choose from.", field="lag_ms")
    if max(0, lags[-1]) - min(0, lags[0]) > 0.75 * n_bins:
        raise DataError(
            f"goes from {lags[0] * bin_ms:g} to {lags[-1] * bin_ms:g} ms, which leaves less than a "
            f"quarter of the trial's {n_bins * bin_ms:g} ms.",
            field="lag_ms",
        )
    return lags


def _check(
    values: np.ndarray,
    sources: Sequence[Source],
    parts: Sequence[Part],
    window: ridge.Window,
    name: str,
    n_folds: int,
) -> None:
    for source in sources:
        for array in source.candidates.values():
            if array.shape[:2] != values.shape[:2]:
                raise DataError(
                    f"has {values.shape[0]} trials x {values.shape[1]} bins, but {source.name} "
                    f"{array.shape[0]} x {array.shape[1]}: give the signal for every trial of the "
                    "session, in the bins of the run.",
                    field=name,
                )
    check_folds(n_folds)
    seen = window.target(values)
    for part in parts:
        known = ~np.isnan(seen[part.fit]).any(axis=-1)
        n_known = int(known.any(axis=1).sum())
        if n_known == 0:
            raise DataError(
                f"is not known (NaN) in any of the {len(part.fit)} trials to fit on.", field=name
            )
        if n_known < n_folds:
            raise DataError(
                f"is known in {n_known} of the trials to fit on, fewer than the {n_folds} folds: "
                "ask for fewer folds.",
                field=name,
            )
        spread = np.ptp(seen[part.fit][known], axis=0)
        if (spread == 0).any():
            dim = int(np.argmax(spread == 0))
            raise DataError(
                f"has the same value in all trials to fit on (dimension {dim}), so there is "
                "nothing to decode.",
                field=name,
            )
    judged = np.concatenate([part.score for part in parts])
    known = ~np.isnan(seen[judged]).any(axis=-1)
    if not known.any() or (np.ptp(seen[judged][known], axis=0) == 0).any():
        raise DataError("is not known, or never varies, in the trials to be judged by.", field=name)
