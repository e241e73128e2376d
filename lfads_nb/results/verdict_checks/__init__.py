"""Checks of a run's figures: each says one thing that is wrong, or nothing.

Every check takes a `RunFigures` and returns a `Finding` or None; a figure that is not known (NaN)
never makes a finding. Thresholds are the checks' own, with their source in the docstring. "The 13
runs" are trainings on a recording of 140 reaches to 8 targets (45 units, 520 ms) that range from
collapsed to good (targets decoded from 0.14, chance, to 0.90); their figures are in the tests.
"""

from __future__ import annotations

from collections.abc import Callable

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.results.verdict_checks.data import (
    few_validation_trials,
    silent_neurons,
    truth_does_not_fit,
)
from lfads_nb.results.verdict_checks.rates import (
    condition_averages_only,
    drift_only,
    inputs_carry_all,
    inputs_unused,
)
from lfads_nb.results.verdict_checks.too_little import (
    below_smoothed_spikes,
    collapse,
    far_below_truth,
    little_learned,
    variability_missed,
    worse_than_mean_rates,
)
from lfads_nb.results.verdict_checks.too_much import (
    copies_spikes,
    cost_rose,
    far_apart,
    varies_too_much,
)
from lfads_nb.results.verdict_checks.training import (
    diverged,
    little_after_ramps,
    one_step_an_epoch,
    oscillates,
    ramps_not_ended,
    rate_never_fell,
    still_improving,
)
from lfads_nb.sweep.verdict import Finding

Check = Callable[[RunFigures], Finding | None]

CHECKS: tuple[Check, ...] = (
    collapse, worse_than_mean_rates, copies_spikes, diverged, ramps_not_ended, cost_rose,
    varies_too_much, far_apart, little_learned, variability_missed, far_below_truth,
    below_smoothed_spikes, little_after_ramps, one_step_an_epoch, truth_does_not_fit,
    oscillates, drift_only, silent_neurons, still_improving, rate_never_fell,
    condition_averages_only, inputs_carry_all, inputs_unused, few_validation_trials,
)  # fmt: skip
"""All checks; where several of one gravity find something, the first stands first."""
