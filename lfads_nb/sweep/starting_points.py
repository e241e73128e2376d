"""Where to start on a recording: what a population does not search, taken from the data.

Choosing a dataset and a bin width is enough; everything here is a rule of thumb with its source,
and a person who knows better changes it in the form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.errors import ParamsError
from lfads_nb.sweep.advice import units_for_few
from lfads_nb.sweep.params import RunParams

STEPS_PER_EPOCH = 5
"""At least: with fewer, an epoch says little, and ramps in steps take hundreds of epochs."""

RAMP_EPOCHS = 80
"""AutoLFADS: penalties rise over the first 80 epochs."""

_LARGEST_BATCH = 100  # AutoLFADS on the Neural Latents Benchmark
_SMALLEST_BATCH = 8
_MOST_FACTORS = 40  # AutoLFADS, MC_Maze with 182 units
_FEWEST_FACTORS = 4
_CHANNELS_PER_FACTOR = 4
_FEW_TRIALS = 500
"""Fewer training trials than this get a generator of 64 units, more 100 (AutoLFADS)."""

_GRADIENT_NORM = 200 / 1e4
"""AutoLFADS clips at 200 where its cost is a mean times 10,000; per bin and channel."""


class StartingPoint(NamedTuple):
    """A setting to start from, and the reason for every value that comes from the data."""

    params: RunParams
    reasons: dict[str, str]


def starting_point(
    infos: Sequence[DatasetInfo], *, spike_bin_ms: float | None = None, **changes: Any
) -> StartingPoint:
    """Choose factors, units, batch and ramps for some sessions, to train them as one model.

    Parameters
    ----------
    infos : the sessions; of one each for single models.
    spike_bin_ms : bin width; by default the data's own, but at least 5 ms.
    changes : parameters that are to differ.

    Raises
    ------
    ParamsError
        There are no sessions, or one has too few trials to train on.
    """
    if not infos:
        raise ParamsError("a starting point needs at least one dataset")
    if spike_bin_ms is None:
        spike_bin_ms = _bin_width(max(info.bin_ms for info in infos))
    ratio = int(changes.get("train_to_test_ratio", RunParams().train_to_test_ratio))
    n_train = [info.n_trials * ratio // (ratio + 1) for info in infos]
    if min(n_train) < 2 * _SMALLEST_BATCH:
        raise ParamsError(
            f"a session of {min(info.n_trials for info in infos)} trials is too small to train "
            f"LFADS on: it needs some {3 * _SMALLEST_BATCH} or more"
        )
    batch = min(max(min(n_train) // STEPS_PER_EPOCH, _SMALLEST_BATCH), _LARGEST_BATCH)
    steps = sum(math.ceil(n / batch) for n in n_train)
    channels = min(info.n_channels for info in infos)
    factors = min(max(round(channels / _CHANNELS_PER_FACTOR), _FEWEST_FACTORS), _MOST_FACTORS)
    units = _units_for(sum(n_train))
    bins = max(int(infos[0].n_bins * infos[0].bin_ms / spike_bin_ms), 1)
    elements = bins * sum(info.n_channels for info in infos) / len(infos)
    # Ramps are counted in steps of one session; the program multiplies by their number.
    ramp = RAMP_EPOCHS * math.ceil(steps / len(infos))
    trials = f"{min(n_train):,} training trials" + ("" if len(infos) == 1 else " in a session")
    reasons = {
        "spike_bin_ms": f"the data come in bins of {infos[0].bin_ms:g} ms",
        "batch_size": f"{trials}: {math.ceil(min(n_train) / batch)} steps an epoch",
        "factors_dim": f"a quarter of {channels} channels, {_FEWEST_FACTORS} to {_MOST_FACTORS}",
        "gen_dim": f"{sum(n_train):,} training trials",
        "kl_increase_steps": f"{RAMP_EPOCHS} epochs of {math.ceil(steps / len(infos))} steps",
        "max_grad_norm": f"AutoLFADS' clipping for {bins} bins x {elements / bins:g} channels",
    }
    values: dict[str, Any] = {
        "spike_bin_ms": spike_bin_ms,
        "batch_size": batch,
        "factors_dim": factors,
        "gen_dim": units,
        "controller_input_lag": min(RunParams().controller_input_lag, bins // 10),
        "ic_enc_dim": units,
        "ic_dim": units,
        "ci_enc_dim": units,
        "con_dim": units,
        "kl_increase_steps": ramp,
        "l2_increase_steps": ramp,
        "max_grad_norm": _GRADIENT_NORM * elements,
        "learning_rate_init": 4e-3,
        "coordinated_dropout_rate": 0.5,
    }
    return StartingPoint(RunParams(**{**values, **changes}), reasons)


def _units_for(n_train: int) -> int:
    """Return how many units a generator is to have: AutoLFADS' own unless trials are fewer."""
    units = 64 if n_train < _FEW_TRIALS else 100
    return units if units <= n_train else units_for_few(n_train)


def _bin_width(bin_ms: float) -> float:
    """Return the data's own bins, or the fewest of them that make 5 ms: the benchmark's width."""
    return bin_ms * max(round(5.0 / bin_ms), 1)
