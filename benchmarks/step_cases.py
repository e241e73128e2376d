"""What the step benchmark runs: sizes, batches, and the arithmetic that a step needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lfads_nb.sweep.params import RunParams


@dataclass(frozen=True)
class Case:
    """One network and one batch size."""

    name: str
    bins: int = 100
    trials: int = 150
    channels: int = 35
    gen: int = 64
    ic_enc: int = 64
    factors: int = 8
    co: int = 0
    ci_enc: int = 128
    con: int = 128
    has_reference: bool = True

    @property
    def params(self) -> RunParams:
        return RunParams(
            spike_bin_ms=10,
            batch_size=self.trials,
            gen_dim=self.gen,
            ic_dim=self.gen,
            ic_enc_dim=self.ic_enc,
            factors_dim=self.factors,
            co_dim=self.co,
            ci_enc_dim=self.ci_enc,
            con_dim=self.con,
        )

    def counts(self) -> np.ndarray:
        """Draw spike counts (trials, bins, channels) at 30 spikes/s in bins of 10 ms."""
        shape = (self.trials, self.bins, self.channels)
        return np.random.default_rng(0).poisson(0.3, shape).astype(np.float32)

    @property
    def gflop(self) -> float:
        """Arithmetic of a step's matrix products: forward, and twice that back.

        Gradients for the counts themselves are not needed and not counted.
        """
        rows = self.bins * self.trials
        back_to_data = 2 * 3 * self.channels * self.ic_enc
        total = 3 * 2 * _gru(self.channels, self.ic_enc) - back_to_data
        total += 3 * (_gru(self.co, self.gen) + self.gen * self.factors)
        total += 3 * self.factors * self.channels
        if self.co:
            total += 3 * 2 * _gru(self.channels, self.ci_enc) - 2 * 3 * self.channels * self.ci_enc
            total += 3 * _gru(2 * self.ci_enc + self.factors, self.con)
            total += 3 * self.con * 2 * self.co
        return 2 * rows * total / 1e9


def _gru(inputs: int, units: int) -> int:
    """Multiplications of one cell for one trial and bin."""
    return 3 * units * (inputs + units)


CASES = {
    case.name: case
    for case in (
        Case("100_bins"),
        Case("500_bins", bins=500),
        Case("2000_bins", bins=2000, has_reference=False),
        Case("controller", gen=100, co=4),
    )
}


def chosen(name: str, trials: int | None) -> Case:
    """Return a case by name, with another batch size if one is given."""
    return CASES[name] if trials is None else replace(CASES[name], trials=trials)
