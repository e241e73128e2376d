"""The arrays that a run leaves behind, declared once: names here and in the files, axes, units.

The names are the run manager's `PosteriorMeans` properties in Python spelling (features.md K3);
the keys are those of files_on_disk.md 5.2 and 5.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Axis = Literal[
    "trial", "time_ms", "neuron", "factor", "input", "external_input", "generator_unit", "ic"
]


@dataclass(frozen=True)
class OutputField:
    """One array of a run.

    `keys` are its names in the HDF5 files, the newest first; in the input file (`is_input`) each
    is preceded by the split's name. `per_second` arrays are counts per bin in the file and spikes/s
    here. `from_output_params` arrays are made of the parameters of the output distribution.
    """

    name: str
    keys: tuple[str, ...]
    axes: tuple[Axis, ...]
    unit: str
    description: str
    is_input: bool = False
    per_second: bool = False
    from_output_params: bool = False


@dataclass(frozen=True)
class OutputDistribution:
    """What lies in `output_dist_params`: blocks as wide as there are neurons, the mean first.

    `variance` makes the variance per bin of all blocks, where it is not the mean itself; only
    `per_second` means are counts per bin that are shown as spikes/s.
    """

    n_blocks: int
    unit: str
    per_second: bool = False
    variance: Callable[..., np.ndarray] | None = None


def _gamma_variance(mean: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return mean**2 / shape


def _zero_inflated_gamma_variance(
    mean: np.ndarray, shape: np.ndarray, zero: np.ndarray
) -> np.ndarray:
    # The second moment is that of the gamma part, whose own mean is mean / (1 - zero).
    return mean**2 * ((1 + 1 / shape) / (1 - zero) - 1)


OUTPUT_DISTRIBUTIONS = {
    "poisson": OutputDistribution(1, "spikes/s", per_second=True),
    "gaussian": OutputDistribution(
        2,
        "units of the data",
        variance=lambda mean, variance: variance,  # noqa: ARG005
    ),
    "gamma": OutputDistribution(2, "units of the data", variance=_gamma_variance),
    "zero_inflated_gamma": OutputDistribution(
        3, "units of the data", variance=_zero_inflated_gamma_variance
    ),
}

_OUTPUT_KEYS = ("output_dist_params", "rates")

FIELDS = {
    field.name: field
    for field in (
        OutputField(
            "rates", _OUTPUT_KEYS, ("trial", "time_ms", "neuron"), "spikes/s",
            "Inferred firing rates: the mean of the output distribution.",
            per_second=True, from_output_params=True,
        ),
        OutputField(
            "output_variances", _OUTPUT_KEYS, ("trial", "time_ms", "neuron"), "units of the data²",
            "Variance of the output distribution, per bin (not of Poisson outputs).",
            from_output_params=True,
        ),
        OutputField(
            "factors", ("factors",), ("trial", "time_ms", "factor"), "",
            "Factors, in a basis that is arbitrary and differs from run to run.",
        ),
        OutputField(
            "controller_outputs", ("controller_outputs",), ("trial", "time_ms", "input"), "",
            "Inferred inputs to the generator.",
        ),
        OutputField(
            "generator_states", ("gen_states",), ("trial", "time_ms", "generator_unit"), "",
            "States of the generator's units.",
        ),
        OutputField(
            "generator_ics", ("gen_ics",), ("trial", "generator_unit"), "",
            "States of the generator's units before the first bin.",
        ),
        OutputField(
            "post_g0_mean", ("post_g0_mean",), ("trial", "ic"), "",
            "Mean of the posterior of the initial condition g0.",
        ),
        OutputField(
            "post_g0_logvar", ("post_g0_logvar",), ("trial", "ic"), "ln",
            "Log variance of the posterior of the initial condition g0.",
        ),
        OutputField(
            "prior_g0_mean", ("prior_g0_mean",), ("trial", "ic"), "",
            "Mean of the prior of the initial condition g0.",
        ),
        OutputField(
            "prior_g0_logvar", ("prior_g0_logvar",), ("trial", "ic"), "ln",
            "Log variance of the prior of the initial condition g0.",
        ),
        OutputField(
            "rates_sd", ("output_dist_params_sd",), ("trial", "time_ms", "neuron"),
            "spikes/s", "Standard deviation of the rates over samples of the posterior.",
            per_second=True, from_output_params=True,
        ),
        OutputField(
            "factors_sd", ("factors_sd",), ("trial", "time_ms", "factor"), "",
            "Standard deviation of the factors over samples of the posterior.",
        ),
        OutputField(
            "controller_outputs_sd", ("controller_outputs_sd",), ("trial", "time_ms", "input"), "",
            "Standard deviation of the inferred inputs over samples of the posterior.",
        ),
        OutputField(
            "costs", ("costs",), ("trial",), "nats",
            "Training cost, L2 and ramps included.",
        ),
        OutputField(
            "nll_bound_vaes", ("nll_bound_vaes",), ("trial",), "nats",
            "Bound on the negative log likelihood, of the variational autoencoder.",
        ),
        OutputField(
            "nll_bound_iwaes", ("nll_bound_iwaes",), ("trial",), "nats",
            "Bound on the negative log likelihood, importance weighted.",
        ),
        OutputField(
            "train_steps", ("train_steps",), ("trial",), "steps",
            "Optimiser steps of the checkpoint that the outputs were sampled from.",
        ),
        OutputField(
            "counts", ("data",), ("trial", "time_ms", "neuron"), "spikes",
            "Spikes in each bin that LFADS saw.", is_input=True,
        ),
        OutputField(
            "true_rates", ("truth",), ("trial", "time_ms", "neuron"), "spikes/s",
            "The rates that the spikes were drawn from, where they are known.",
            is_input=True, per_second=True,
        ),
        OutputField(
            "external_inputs", ("ext_input",), ("trial", "time_ms", "external_input"), "",
            "Measured inputs, summed over the bins that LFADS saw.", is_input=True,
        ),
    )
}  # fmt: skip
