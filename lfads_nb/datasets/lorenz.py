"""Demo data: spikes of made-up neurons that are driven by a chaotic Lorenz system.

After the run manager's `generateDemoDatasets`, mended in four points: dy/dt is x (rho - z) - y;
each latent dimension is centred and scaled once, by its largest absolute value over all conditions
(scaling each condition by its own maximum lets rates explode in some of them, and centring each
gives every condition a system of its own); the true rate that is kept is the expected number of
spikes after the cut to one per ms; and everything follows from a seed. Sizes are drawn so that
seed 0 gives those of the run manager's documentation (`dataset001`: 1820 trials, 35 channels).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.rebinning import rebin_ratio
from lfads_nb.errors import DataError

SIGMA, RHO, BETA = 10.0, 28.0, 8 / 3
STEP = 0.006  # of the system's own time, per ms
_BURN_IN_STEPS = 500
_FIRST_DAY = date(2018, 1, 29)


@dataclass(frozen=True)
class DemoRecipe:
    """All that demo data depend on; see `generate_demo_datasets`."""

    seed: int = 0
    n_conditions: int = 65
    trials_per_condition: tuple[int, int] = (20, 30)
    channels: tuple[int, int] = (25, 35)
    bin_ms: float = 1.0
    duration_ms: int = 1000
    mean_rate_hz: float = 5.0

    def __post_init__(self) -> None:
        for field in ("trials_per_condition", "channels"):
            low, high = getattr(self, field)
            if not 1 <= low <= high:
                raise DataError(f"is ({low}, {high}): give (lowest, highest), from 1.", field=field)
        if self.n_conditions < 1 or self.mean_rate_hz <= 0:
            raise DataError("n_conditions and mean_rate_hz must be positive.")
        rebin_ratio(1.0, self.bin_ms, int(self.duration_ms))


class DemoSession(NamedTuple):
    """One made-up session, with what it was made of."""

    counts: Counts
    W: np.ndarray  # (channels, 3)
    b: np.ndarray  # (channels,)
    latents: np.ndarray  # (conditions, ms, 3)


def make_demo_session(recipe: DemoRecipe, number: int = 0) -> DemoSession:
    """Make one demo session in memory; `number` counts from 0."""
    return _make_session(recipe, lorenz_latents(recipe), number)


def lorenz_latents(recipe: DemoRecipe) -> np.ndarray:
    """Trajectories of the Lorenz system, one per condition, in [-1, 1].

    Returns
    -------
    latents : (conditions, ms, 3), each dimension centred and scaled over all conditions.
    """
    rng = np.random.default_rng([recipe.seed, 0])
    state = rng.standard_normal((recipe.n_conditions, 3)) + np.array([0, 0, 25])
    latents = np.empty((recipe.n_conditions, recipe.duration_ms, 3))
    for step in range(-_BURN_IN_STEPS, recipe.duration_ms):
        if step >= 0:
            latents[:, step] = state
        state = state + STEP * _velocity(state)
    latents -= latents.mean(axis=(0, 1))
    return latents / np.abs(latents).max(axis=(0, 1))


def _velocity(state: np.ndarray) -> np.ndarray:
    x, y, z = state.T
    return np.stack([SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z], axis=1)


def _make_session(recipe: DemoRecipe, latents: np.ndarray, number: int) -> DemoSession:
    repeats, n_channels = _sizes(recipe, number)
    rng = np.random.default_rng([recipe.seed, 1, number])
    W = np.sort(
        rng.uniform(1, 2, (n_channels, 3)) * rng.choice([-1.0, 1.0], (n_channels, 3)), axis=0
    )
    b = np.full(n_channels, np.log(recipe.mean_rate_hz / 1000))
    # Spikes per ms, cut to 0 or 1: the probability that a Poisson count is not zero.
    expected = -np.expm1(-np.exp(latents @ W.T + b)).astype(np.float32)
    condition = np.repeat(np.arange(recipe.n_conditions), repeats)
    per_ms = Counts(
        counts=_draw_spikes(rng, expected, condition),
        time_ms=np.arange(recipe.duration_ms, dtype=float),
        condition_ids=condition + 1,
        truth=expected[condition],
        metadata={
            "subject": "lorenz_example",
            "datetime": (_FIRST_DAY + timedelta(days=number)).isoformat(),
            "save_tags": ["1"],
        },
        name=f"dataset{number + 1:03d}",
        bin_ms=1.0,
    )
    return DemoSession(per_ms.rebin(recipe.bin_ms), W, b, latents)


def _draw_spikes(
    rng: np.random.Generator, expected: np.ndarray, condition: np.ndarray
) -> np.ndarray:
    spikes = np.empty((len(condition), *expected.shape[1:]), dtype=np.uint8)
    for trial, row in enumerate(condition):
        np.less(rng.random(expected.shape[1:], dtype=np.float32), expected[row], out=spikes[trial])
    return spikes


def _sizes(recipe: DemoRecipe, number: int) -> tuple[int, int]:
    """Trials per condition and channels of one session.

    Drawn as the run manager draws those of three sessions: Matlab's seed 0 is 5489 elsewhere, and
    `randi(range, 3)` makes nine numbers of which three are used.
    """
    stream = np.random.RandomState(recipe.seed or 5489)
    block = stream.random_sample((number // 3 + 1, 2, 9))[-1, :, number % 3]
    ranges = np.array([recipe.trials_per_condition, recipe.channels])
    sizes = ranges[:, 0] + np.floor(block * (ranges[:, 1] - ranges[:, 0] + 1))
    return int(sizes[0]), int(sizes[1])
