"""What would crash or mislead later, said before a run is prepared or launched.

Pure functions of a setting and of what is known about the datasets: the form shows their words
beside the field, `Run.prepare` raises them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lfads_nb.datasets import DatasetInfo
from lfads_nb.datasets.rebinning import rebin_ratio
from lfads_nb.datasets.spike_time_checks import HIGHEST_HZ, LOWEST_HZ
from lfads_nb.errors import DataError
from lfads_nb.sweep.params import RunParams


@dataclass(frozen=True)
class ParamProblem:
    """A parameter that does not fit the data: an "error" stops a launch, a "warning" does not."""

    field: str
    message: str
    severity: Literal["error", "warning"] = "error"


def check_params(params: RunParams, infos: Sequence[tuple[str, DatasetInfo]]) -> list[ParamProblem]:
    """Hold a setting against the datasets of one run.

    Parameters
    ----------
    params : the setting.
    infos : (name, info) of each dataset that one model would be trained on.
    """
    problems = [
        problem
        for name, info in infos
        for problem in (
            *_bin_problems(params, name, info),
            *_input_problems(params, name, info),
            *_size_problems(params, name, info),
            *_rate_problems(params, name, info),
        )
    ]
    return problems + _session_problems(params, infos)


def _ratio(params: RunParams, name: str, info: DatasetInfo) -> int | str:
    try:
        return rebin_ratio(info.bin_ms, params.spike_bin_ms, info.n_bins, dataset=name)
    except DataError as error:
        return str(error)


def _bin_problems(params: RunParams, name: str, info: DatasetInfo) -> list[ParamProblem]:
    ratio = _ratio(params, name, info)
    if isinstance(ratio, str):
        return [ParamProblem("spike_bin_ms", ratio)]
    n_bins = info.n_bins // ratio
    problems = []
    if params.forward_prediction_bins >= n_bins:
        problems.append(
            ParamProblem(
                "forward_prediction_bins",
                f"{name}: {params.forward_prediction_bins} of only {n_bins} bins would be held "
                "out: leave the encoder at least one",
            )
        )
    lost = info.n_bins - n_bins * ratio
    if lost:
        problems.append(
            ParamProblem(
                "spike_bin_ms",
                f"{name}: the last {lost * info.bin_ms:g} ms of each trial do not fill a bin and "
                "are left out",
                "warning",
            )
        )
    return problems


def _input_problems(params: RunParams, name: str, info: DatasetInfo) -> list[ParamProblem]:
    if params.ext_input_dim == info.ext_input_dim:
        return []
    return [
        ParamProblem(
            "ext_input_dim",
            f"{name} comes with {info.ext_input_dim} external inputs, the setting expects "
            f"{params.ext_input_dim}: set ext_input_dim={info.ext_input_dim}, or load the data "
            "without them",
        )
    ]


def _size_problems(params: RunParams, name: str, info: DatasetInfo) -> list[ParamProblem]:
    problems = []
    if params.heldout_channels >= info.n_channels:
        problems.append(
            ParamProblem(
                "heldout_channels",
                f"{name} has only {info.n_channels} channels: hold out fewer, so that the encoder "
                "sees at least one",
            )
        )
    n_groups = params.train_to_test_ratio + 1
    if info.n_trials < max(n_groups, 2):
        problems.append(
            ParamProblem(
                "train_to_test_ratio",
                f"{name} has only {info.n_trials} trials: one in {n_groups} for validation needs "
                f"at least {n_groups}",
            )
        )
    n_valid = info.n_trials // n_groups
    if 0 < n_valid <= params.batch_size:
        problems.append(
            ParamProblem(
                "batch_size",
                f"{name} has about {n_valid} validation trials, no more than a batch of "
                f"{params.batch_size} (the original program refuses that)",
                "warning",
            )
        )
    return problems


def _rate_problems(params: RunParams, name: str, info: DatasetInfo) -> list[ParamProblem]:
    rate = info.mean_rate_hz
    if rate is None or np.isnan(rate):
        return []
    if rate == 0:
        return [] if params.allow_no_spikes else [ParamProblem("allow_no_spikes", no_spikes(name))]
    if LOWEST_HZ <= rate <= HIGHEST_HZ:
        return []
    return [
        ParamProblem(
            "spike_bin_ms",
            f"{name} has a mean rate of {rate:.3g} spikes/s and channel: are its bins and spike "
            "times in the units that were thought?",
            "warning",
        )
    ]


def no_spikes(name: str) -> str:
    """Words for a session that holds nothing to learn from."""
    return (
        f"{name} has no spike in any trial. Check the unit of its spike times and events, and its "
        "window; if this is meant, set allow_no_spikes=True"
    )


def _session_problems(
    params: RunParams, infos: Sequence[tuple[str, DatasetInfo]]
) -> list[ParamProblem]:
    if len(infos) < 2:
        return []
    problems = []
    bins = {}
    for name, info in infos:
        ratio = _ratio(params, name, info)
        if isinstance(ratio, int):
            bins[name] = info.n_bins // ratio
    if len(set(bins.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in bins.items())
        problems.append(
            ParamProblem(
                "spike_bin_ms",
                f"the sessions of a stitched run need equally many bins, but have {listed}: cut "
                "the trials to the same length",
            )
        )
    if params.co_dim and params.feedback_factors_or_rates == "rates":
        problems.append(
            ParamProblem(
                "feedback_factors_or_rates",
                f"rates can be fed back in a run of one session only, not of {len(infos)}: use "
                "'factors'",
            )
        )
    return problems
