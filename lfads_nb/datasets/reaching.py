"""Demo data: a made-up motor cortex while a hand reaches to targets after a go cue.

A trial: the target appears, its direction and vigour are planned; the go cue comes; after a
reaction time of its own the movement begins. 100 ms before the hand, planning gives way to a
rotational system: per direction of the hand one damped rotation, kicked by the plan, and beside
it a signal that is the same for all targets and tells that something begins (Churchland et al.
2012; Kaufman et al. 2016). Hand velocity is read out of the rotations, 100 ms later, with noise.
Units are Poisson with a dead time after each spike; their rates and what they are tuned to differ.
In aborted trials the hand does not move.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lfads_nb.datasets.behavior import Signal
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.rebinning import rebin_ratio
from lfads_nb.errors import DataError

LAG_MS = 100
"""How much later than its neurons the hand moves."""

START_MS, END_MS = -200, 800
"""A trial's window around the go cue."""

LATENTS = (
    "plan x", "plan y", "onset fast", "onset slow", "turn x 1", "turn x 2", "turn y 1", "turn y 2",
)  # fmt: skip

_FIRST_DAY = date(2021, 3, 1)
_BEFORE_MS = 700  # simulated before the window, so that the plan has formed
_PEAK_SPEED = 420.0  # mm/s of a usual reach
_TURN_HZ, _DECAY_MS = 1.5, 170.0
_PULSE_MS = 110
_PLAN_MS, _ONSET_MS = 70.0, (60.0, 180.0)
_NOISE = np.array([0.10, 0.10, 0.08, 0.08, 0.06, 0.06, 0.06, 0.06])
_NOISE_MS = 90.0
_WEIGHTS = np.array([0.40, 0.40, 0.30, 0.30, 0.42, 0.42, 0.42, 0.42])
_FASTEST_HZ = 150.0
_DEAD_MS, _RECOVERY_MS = 2, 3.0
_RECOVERY = np.r_[np.zeros(_DEAD_MS), 1 - np.exp(-np.arange(1.0, 30) / _RECOVERY_MS), 1.0]


@dataclass(frozen=True)
class ReachingRecipe:
    """All that reaching data depend on; see `generate_demo_datasets`.

    Parameters
    ----------
    n_conditions : targets, evenly spaced on a circle.
    trials_per_condition, channels : lowest and highest, drawn for each session.
    bin_ms : bin width in ms; spikes are made at 1 ms.
    mean_rate_hz : geometric mean of the units' rates at rest, in spikes/s.
    heldout_share : share of the units, the last ones, that are named as held out.
    aborted_share : share of the trials in which the hand stays where it is.
    """

    seed: int = 0
    n_conditions: int = 8
    trials_per_condition: tuple[int, int] = (28, 36)
    channels: tuple[int, int] = (60, 150)
    bin_ms: float = 5.0
    mean_rate_hz: float = 6.0
    heldout_share: float = 0.25
    aborted_share: float = 0.04

    def __post_init__(self) -> None:
        for field in ("trials_per_condition", "channels"):
            low, high = getattr(self, field)
            if not 1 <= low <= high:
                raise DataError(f"is ({low}, {high}): give (lowest, highest), from 1.", field=field)
        if self.n_conditions < 2 or self.mean_rate_hz <= 0:
            raise DataError("mean_rate_hz must be positive, n_conditions at least 2.")
        rebin_ratio(1.0, self.bin_ms, END_MS - START_MS)


class ReachingSession(NamedTuple):
    """One made-up session, with what it was made of."""

    counts: Counts
    weights: np.ndarray  # (channels, latents)
    log_rates: np.ndarray  # (channels,) ln of spikes/s at rest
    latents: np.ndarray  # (trials, bins, latents)


class _Trials(NamedTuple):
    """What is drawn for each trial; times in ms from the go cue."""

    condition: np.ndarray
    target: np.ndarray
    direction: np.ndarray  # (trials, 2) of the plan, its length the vigour
    delay: np.ndarray
    reaction: np.ndarray
    aborted: np.ndarray


def make_reaching_session(recipe: ReachingRecipe, number: int = 0) -> ReachingSession:
    """Make one session in memory; `number` counts from 0.

    Sessions share targets and dynamics and differ in neurons and trials.
    """
    rng = np.random.default_rng([recipe.seed, 2, number])
    trials = _draw_trials(recipe, rng)
    latents = _latents(trials, rng)
    window = slice(_BEFORE_MS, None)
    weights, log_rates = _neurons(recipe, rng)
    spikes, expected = _spikes(latents[:, window], weights, log_rates, rng)
    behavior = _behavior(latents, rng)
    n_channels = len(weights)
    per_ms = Counts(
        counts=spikes,
        time_ms=np.arange(START_MS, END_MS, dtype=float),
        condition_ids=np.where(trials.aborted, np.nan, trials.condition + 1),
        truth=expected,
        behavior=behavior,
        trial_columns=_columns(trials),
        metadata={
            "subject": "reaching_example",
            "datetime": (_FIRST_DAY + timedelta(days=number)).isoformat(),
            "heldout_channels": int(recipe.heldout_share * n_channels),
        },
        name=f"reaching{number + 1:03d}",
        bin_ms=1.0,
    )
    counts = per_ms.rebin(recipe.bin_ms)
    ratio = round(recipe.bin_ms)
    n_bins = counts.n_bins * ratio
    binned = latents[:, window][:, :n_bins].reshape(len(latents), -1, ratio, len(LATENTS))
    return ReachingSession(counts, weights, log_rates, binned.mean(axis=2).astype(np.float32))


def _draw_trials(recipe: ReachingRecipe, rng: np.random.Generator) -> _Trials:
    low, high = recipe.trials_per_condition
    n_each = int(rng.integers(low, high + 1))
    condition = rng.permutation(np.repeat(np.arange(recipe.n_conditions), n_each))
    n_trials = len(condition)
    target = 2 * np.pi * condition / recipe.n_conditions
    angle = target + np.radians(rng.normal(0, 5, n_trials))
    vigour = np.clip(rng.normal(1, 0.13, n_trials), 0.6, 1.4)
    # Skewed as reaction times are; the less vigorous plan also takes longer.
    reaction = 210 + 28 * rng.gamma(3, 1.0, n_trials) - 60 * (vigour - 1)
    aborted = np.zeros(n_trials, dtype=bool)
    n_aborted = round(recipe.aborted_share * n_trials)
    aborted[rng.choice(n_trials, n_aborted, replace=False)] = True
    return _Trials(
        condition=condition,
        target=target,
        direction=vigour[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]),
        delay=rng.uniform(400, 800, n_trials),
        reaction=np.clip(reaction, 180, 450).round(),
        aborted=aborted,
    )


def _columns(trials: _Trials) -> dict[str, np.ndarray]:
    moved = ~trials.aborted
    return {
        "target_deg": np.degrees(trials.target).round(1),
        "delay_ms": trials.delay.round(),
        "reaction_ms": np.where(moved, trials.reaction, np.nan),
        "outcome": np.where(moved, "success", "aborted"),
    }


def _latents(trials: _Trials, rng: np.random.Generator) -> np.ndarray:
    """(trials, ms, latents) from `_BEFORE_MS` before the window, by steps of 1 ms."""
    time = np.arange(START_MS - _BEFORE_MS, END_MS)
    n_trials, onset = len(trials.condition), trials.reaction - LAG_MS
    shown = time >= -trials.delay[:, None]
    # In an aborted trial the plan is given up when the movement would begin.
    since = time - onset[:, None]
    moves = ~trials.aborted[:, None]
    pulse = np.where((since >= 0) & (since < _PULSE_MS), np.sin(np.pi * since / _PULSE_MS) ** 2, 0)
    pulse = pulse * moves
    begins = ((since >= -40) & (since < 160)) * moves
    goal = shown & (since < 0)
    state = np.zeros((n_trials, len(LATENTS)))
    noise = np.zeros_like(state)
    found = np.empty((n_trials, len(time), len(LATENTS)))
    turn, kick = 2 * np.pi * _TURN_HZ / 1000, 1 / _unit_response()
    keep = np.exp(-1 / _NOISE_MS)
    for step in range(len(time)):
        plan, turning = state[:, :2], state[:, 4:].reshape(n_trials, 2, 2)
        change = np.empty_like(state)
        change[:, :2] = (goal[:, step, None] * trials.direction - plan) / _PLAN_MS
        for number, tau in enumerate(_ONSET_MS):
            change[:, 2 + number] = (begins[:, step] - state[:, 2 + number]) / tau
        first, second = turning[..., 0], turning[..., 1]
        push = kick * pulse[:, step, None] * trials.direction
        turned = np.stack(
            [turn * second - first / _DECAY_MS, -turn * first - second / _DECAY_MS + push], axis=-1
        )
        change[:, 4:] = turned.reshape(n_trials, 4)
        state = state + change
        noise = keep * noise + np.sqrt(1 - keep**2) * rng.standard_normal(state.shape)
        found[:, step] = state + _NOISE * noise
    return found


def _unit_response() -> float:
    """Largest value of the rotation's first component after a pulse of height 1 per ms."""
    turn, first, second, largest = 2 * np.pi * _TURN_HZ / 1000, 0.0, 0.0, 0.0
    for since in range(400):
        push = np.sin(np.pi * since / _PULSE_MS) ** 2 if since < _PULSE_MS else 0.0
        first, second = (
            first + turn * second - first / _DECAY_MS,
            second - turn * first - second / _DECAY_MS + push,
        )
        largest = max(largest, first)
    return largest


def _behavior(latents: np.ndarray, rng: np.random.Generator) -> dict[str, Signal]:
    """Hand velocity and position at 1 ms, with some samples that the tracker lost."""
    before = slice(_BEFORE_MS - LAG_MS, -LAG_MS)
    velocity = _PEAK_SPEED * latents[:, before][..., [4, 6]]
    tremor = gaussian_filter1d(rng.standard_normal(velocity.shape), 15, axis=1)
    velocity = velocity + 14.0 * tremor / tremor.std()
    position = np.cumsum(velocity, axis=1) / 1000
    lost = rng.choice(len(velocity), max(len(velocity) // 40, 1), replace=False)
    for trial, start in zip(lost, rng.integers(0, velocity.shape[1] - 150, len(lost)), strict=True):
        velocity[trial, start : start + 120] = np.nan
        position[trial, start : start + 120] = np.nan
    return {
        "hand_vel": Signal(velocity.astype(np.float32), "mm/s", ("x", "y")),
        "hand_pos": Signal(position.astype(np.float32), "mm", ("x", "y")),
    }


def _neurons(recipe: ReachingRecipe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights on the latents (channels, latents) and ln rate at rest (channels,)."""
    low, high = recipe.channels
    n_channels = int(rng.integers(low, high + 1))
    depth = rng.lognormal(0, 0.35, (n_channels, 1))
    weights = depth * _WEIGHTS * rng.standard_normal((n_channels, len(LATENTS)))
    log_rates = np.log(recipe.mean_rate_hz) + rng.normal(0, 0.8, n_channels)
    return weights, np.clip(log_rates, np.log(0.3), np.log(50.0))


def _spikes(
    latents: np.ndarray, weights: np.ndarray, log_rates: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and expected spikes per ms: (trials, ms, channels) each."""
    rates = np.exp(np.minimum(latents @ weights.T + log_rates, np.log(_FASTEST_HZ))) / 1000
    rates = rates.astype(np.float32)
    n_trials, n_ms, n_channels = rates.shape
    spikes = np.empty(rates.shape, dtype=np.uint8)
    recovery = _RECOVERY.astype(np.float32)
    since = np.full((n_trials, n_channels), len(recovery) - 1)
    for ms in range(n_ms):
        chance = -np.expm1(-rates[:, ms] * recovery[since])
        fired = rng.random(chance.shape, dtype=np.float32) < chance
        spikes[:, ms] = fired
        since = np.where(fired, 0, np.minimum(since + 1, len(recovery) - 1))
    return spikes, _after_dead_time(rates)


def _after_dead_time(rates: np.ndarray) -> np.ndarray:
    """Turn intended spikes per ms into what is left of them by the dead time after each spike.

    The inverse of the mean interval at a steady rate; rates that change within some ms of a spike
    differ a little from it.
    """
    grid = np.geomspace(1e-6, 2.0, 400)
    none = np.exp(-np.cumsum(grid[:, None] * _RECOVERY, axis=1))  # no spike up to each ms
    interval = 1 + none[:, :-1].sum(axis=1) + none[:, -1] / -np.expm1(-grid)
    return np.interp(rates, grid, 1 / interval).astype(np.float32)
