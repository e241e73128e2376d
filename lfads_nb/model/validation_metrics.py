"""How well the rates of validation trials tell the truth and the behaviour, while training goes on.

Every `metrics_every` epochs the posterior means of the validation trials (and of as many training
trials as a decoder needs) are pushed through the model once. As in lfads-torch's callback for the
Neural Latents Benchmark, the decoder is a ridge regression of fixed penalty from the rates of all
channels at each bin; it is fitted on training trials and judged on validation trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lfads_nb.datasets.behavior import read_signals
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.model.inputs import SPLITS, Session, Trials
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.sampling import PosteriorSampler
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.input_files import BEHAVIOR

RIDGE_ALPHA = 1e-2
MOST_TRIALS = 100
"""Of each split, evenly spread: more cost time and change the figures little."""

_OUTPUT = "output_dist_params"


@dataclass(frozen=True)
class _Judged:
    """Some trials of one split of a session, with what their rates are compared with.

    `truth` is (trials, bins, channels) expected counts per bin, `behavior` (trials, bins, dims).
    """

    trials: Trials
    truth: np.ndarray | None
    behavior: np.ndarray | None


class ValidationMetrics:
    """Works the figures out from a model's weights as they are.

    Parameters
    ----------
    model : the network under training.
    run : its folder, where behaviour lies.
    sessions : its sessions.
    """

    def __init__(self, model: Lfads, run: RunFolder, sessions: list[Session]) -> None:
        self._sets = [
            {split: _judged(run, session, split) for split in ("train", "valid")}
            for session in sessions
        ]
        most = max(len(part.trials) for parts in self._sets for part in parts.values())
        self._sampler = PosteriorSampler(
            model, kind="posterior_push_mean", n_samples=1, max_trials=most
        )

    @property
    def known(self) -> tuple[str, ...]:
        """Which figures the data can give."""
        valid = [parts["valid"] for parts in self._sets]
        names = {
            "r2_truth": any(part.truth is not None for part in valid),
            "r2_decoding": any(part.behavior is not None for part in valid),
        }
        return tuple(name for name, is_known in names.items() if is_known)

    def figures(self) -> dict[str, float]:
        """Return `r2_truth` and `r2_decoding`, each where it can be known, means over sessions."""
        found: dict[str, list[float]] = {}
        for index, parts in enumerate(self._sets):
            valid = parts["valid"]
            if valid.truth is None and valid.behavior is None:
                continue
            rates = self._rates(valid, index)
            if valid.truth is not None:
                found.setdefault("r2_truth", []).append(_pooled_r2(valid.truth, rates))
            if valid.behavior is not None and parts["train"].behavior is not None:
                r2 = _decoding_r2(
                    self._rates(parts["train"], index), parts["train"].behavior,
                    rates, valid.behavior,
                )  # fmt: skip
                if r2 is not None:
                    found.setdefault("r2_decoding", []).append(r2)
        return {name: float(np.mean(values)) for name, values in found.items()}

    def _rates(self, part: _Judged, session: int) -> np.ndarray:
        outputs = self._sampler.means(part.trials, session)[_OUTPUT]
        return outputs[..., : part.trials.counts.shape[2]]


def _judged(run: RunFolder, session: Session, split: Any) -> _Judged:
    trials = session.splits[split]
    chosen = np.unique(np.linspace(0, len(trials) - 1, min(len(trials), MOST_TRIALS)).astype(int))
    truth = session.truth.get(split)
    behavior = _behavior(run, session, split)
    return _Judged(
        Trials(trials.counts[chosen], trials.external_inputs[chosen]),
        None if truth is None else truth[chosen],
        None if behavior is None else behavior[chosen],
    )


def _behavior(run: RunFolder, session: Session, split: Any) -> np.ndarray | None:
    """All signals of a split's trials side by side: (trials, bins, dims), or None."""
    with open_hdf5(run.input_file(session.name), check_sizes=True) as file:
        if BEHAVIOR not in file:
            return None
        signals = read_signals(file[BEHAVIOR])
        inds = {s: file[f"{s}_inds"][()] for s in SPLITS if f"{s}_inds" in file}
    if not signals or split not in inds:
        return None
    rows = np.rint(np.atleast_1d(inds[split])).astype(int) - 1
    return np.concatenate([np.asarray(signal.values)[rows] for signal in signals.values()], axis=2)


def _pooled_r2(truth: np.ndarray, rates: np.ndarray) -> float:
    total = np.sum((truth - truth.mean()) ** 2)
    return float(1 - np.sum((truth - rates) ** 2) / total) if total > 0 else float("nan")


def _decoding_r2(
    train_rates: np.ndarray,
    train_behavior: np.ndarray,
    valid_rates: np.ndarray,
    valid_behavior: np.ndarray,
) -> float | None:
    """Mean R2 over the dimensions that vary, None where there is too little to fit on."""
    from sklearn.linear_model import Ridge

    x, y = _samples(train_rates, train_behavior)
    x_valid, y_valid = _samples(valid_rates, valid_behavior)
    if len(x) < 2 or len(x_valid) < 2:
        return None
    predicted = Ridge(alpha=RIDGE_ALPHA).fit(x, y).predict(x_valid).reshape(y_valid.shape)
    total = np.sum((y_valid - y_valid.mean(axis=0)) ** 2, axis=0)
    varies = total > 0
    if not varies.any():
        return None
    error = np.sum((y_valid - predicted) ** 2, axis=0)
    return float(np.mean(1 - error[varies] / total[varies]))


def _samples(rates: np.ndarray, behavior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = rates.reshape(-1, rates.shape[2]), behavior.reshape(-1, behavior.shape[2])
    known = np.isfinite(y).all(axis=1)
    return x[known], y[known]
