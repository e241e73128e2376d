"""One object per trial, for analyses that go trial by trial (features.md K8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lfads_nb.results.posterior_means import PosteriorMeans

_ARRAYS = (
    "rates", "factors", "generator_states", "generator_ics", "controller_outputs", "counts",
)  # fmt: skip


@dataclass(frozen=True)
class TrialOutputs:
    """What was measured and inferred in one trial.

    `trial` counts from 0 within the session; `time_ms` is (bins,), the left edges; `rates`
    (spikes/s) and `counts` are (bins, neurons), `factors` (bins, factors), `controller_outputs`
    (bins, inputs), `generator_states` (bins, units), `generator_ics` (units,). What the run did
    not store is None. `behavior` holds each signal as (bins, dims).
    """

    trial: int
    dataset: str
    split: str
    condition: Any
    time_ms: np.ndarray
    rates: np.ndarray | None
    factors: np.ndarray | None
    generator_states: np.ndarray | None
    generator_ics: np.ndarray | None
    controller_outputs: np.ndarray | None
    counts: np.ndarray | None
    behavior: Mapping[str, np.ndarray] = field(default_factory=dict)


def split_by_trial(pm: PosteriorMeans) -> list[TrialOutputs]:
    """Return one object per trial, of each session in turn."""
    return [trial for session in pm.sessions for trial in _of_session(session)]


def _of_session(pm: PosteriorMeans) -> list[TrialOutputs]:
    arrays = {name: pm.field(name).load() for name in _ARRAYS if pm.has(name)}
    return [
        TrialOutputs(
            trial=trial,
            dataset=pm.datasets[0],
            split=str(pm.splits[trial]),
            condition=None if pm.condition_ids is None else pm.condition_ids[trial],
            time_ms=pm.time_ms,
            behavior={name: signal.values[trial] for name, signal in pm.behavior.items()},
            **{name: arrays[name][trial] if name in arrays else None for name in _ARRAYS},
        )
        for trial in range(pm.n_trials)
    ]
