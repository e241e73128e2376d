"""One object per trial, for analyses that go trial by trial (features.md K8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TRIAL_ARRAYS = (
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
