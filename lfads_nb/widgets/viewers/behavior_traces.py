"""What of behaviour can be drawn over time, by name."""

from __future__ import annotations

import numpy as np

from lfads_nb.datasets.behavior import Signals

NO_SIGNAL = "– none –"


def traces_of(signals: Signals) -> dict[str, tuple[str, int | None]]:
    """Name what can be drawn over time: (signal, dimension), None for the length of the vector."""
    found: dict[str, tuple[str, int | None]] = {}
    for name, signal in signals.items():
        if signal.n_dims == 1:
            found[name] = (name, 0)
            continue
        found[f"|{name}|"] = (name, None)
        found |= {f"{name} {dim}": (name, i) for i, dim in enumerate(signal.dim_names)}
    return found


def trace(signals: Signals, of: tuple[str, int | None]) -> np.ndarray:
    """(trials, bins) of one of `traces_of`."""
    signal = signals[of[0]]
    return signal.speed if of[1] is None else signal.values[..., of[1]]
