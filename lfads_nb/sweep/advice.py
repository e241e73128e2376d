"""What experience says about a setting before it is trained: pure functions of setting and sizes.

`checks.py` refuses what cannot work; this says what will probably not work well, and offers values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.sweep.params import RunParams

if TYPE_CHECKING:
    from lfads_nb.sweep.run import Run


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Parameters
    ----------
    about : the parameter that it stands beside in a form.
    sentence : what will happen, with the figures behind it, and what to set.
    changes : the values that it offers; empty where there are none to offer.
    """

    about: str
    sentence: str
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunSizes:
    """The sizes of what a run will be trained on.

    Parameters
    ----------
    n_train : training trials of each session.
    n_bins : bins of a trial, as the model sees them.
    n_channels : channels of each session.
    """

    n_train: tuple[int, ...]
    n_bins: int
    n_channels: tuple[int, ...]

    @classmethod
    def of(cls, params: RunParams, infos: Sequence[DatasetInfo]) -> RunSizes:
        """Return the sizes of a run of some datasets with a setting."""
        ratio = params.train_to_test_ratio
        trials = [round(info.n_trials * (1 - params.test_fraction)) for info in infos]
        return cls(
            tuple(max(n - math.ceil(n / (ratio + 1)), 1) for n in trials),
            max(max(int(info.n_bins * info.bin_ms // params.spike_bin_ms) for info in infos), 1),
            tuple(info.n_channels for info in infos),
        )

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the optimiser steps of an epoch: a session's batches hold its own trials only."""
        return sum(math.ceil(n / batch_size) for n in self.n_train)


def ramp_end(params: RunParams, n_sessions: int) -> int:
    """Return the step at which all penalties in use have their full weight."""
    ramps = params.ramp_steps(n_sessions)
    scales = ("l2_gen_scale", "l2_con_scale", "l2_ic_enc_scale", "l2_ci_enc_scale")
    ends = [ramps.kl_start + ramps.kl_increase]
    if any(getattr(params, name) > 0 for name in scales):
        ends.append(ramps.l2_start + ramps.l2_increase)
    return max(ends)


def epochs_after_ramps(ramp_steps: float, steps_per_epoch: float) -> int:
    """Return a number of epochs of which a tenth and at least ten are left after the ramps.

    Rounded up to tens: 900 steps of ramp at 5 an epoch need 180 epochs, so 200.
    """
    epochs = ramp_steps / max(steps_per_epoch, 1)
    return math.ceil(max(epochs / 0.9, epochs + 10) / 10) * 10


def batch_of(n_train: int) -> int:
    """Return a batch size that makes 4 to 9 steps an epoch, and not less than 8 trials a batch.

    145 training trials: 16 to 36, and 24 is the middle. With many trials the default is kept.
    """
    return int(min(max(round(n_train / 6), 8), 256))


def units_for_few(n_train: int) -> int:
    """Return units for a generator that is not to learn the noise of few training trials.

    Three for every seven trials in steps of 8, and 16 to 128.
    """
    return max(min(128, n_train * 3 // 7 // 8 * 8), 16)


def advise(params: RunParams, sizes: RunSizes) -> list[Advice]:
    """Return what to think of before a setting is trained on data of such sizes."""
    batch = _one_step_an_epoch(params, sizes)
    # Another batch size makes other epochs: their number is advised for both together.
    with_batch = params if batch is None else params.copy(**batch.changes)
    found = [
        batch,
        _ramps(with_batch, sizes),
        _model_size(params, sizes),
        _lag(params, sizes),
        _collapse(params, sizes),
    ]
    return [advice for advice in found if advice is not None]


def _one_step_an_epoch(params: RunParams, sizes: RunSizes) -> Advice | None:
    """A batch that holds a whole session: an epoch is one step for it."""
    largest = max(sizes.n_train)
    if params.batch_size < largest or batch_of(largest) >= params.batch_size:
        return None
    size = batch_of(largest)
    low, high = max(round(largest / 9), 1), max(round(largest / 4), 1)
    return Advice(
        "batch_size",
        f"A batch of {params.batch_size} holds all {largest} training trials, so that an epoch is "
        f"one step per session: {low} to {high} suit, set {size}",
        {"batch_size": size},
    )


def _ramps(params: RunParams, sizes: RunSizes) -> Advice | None:
    """Ramps that last longer than training, or take nearly all of it.

    Without an end of the ramps there is no best epoch, and less than a tenth of the steps after
    them leaves next to nothing to choose from.
    """
    if not params.max_epochs:
        return None
    end, per_epoch = ramp_end(params, len(sizes.n_train)), sizes.steps_per_epoch(params.batch_size)
    total = params.max_epochs * per_epoch
    if total >= end / 0.9:
        return None
    steps = "1 step" if per_epoch == 1 else f"{per_epoch:,} steps"
    needed, enough = math.ceil(end / per_epoch), epochs_after_ramps(end, per_epoch)
    return Advice(
        "max_epochs",
        f"Ramps of {end:,} steps need {needed:,} epochs here ({steps} an epoch), and "
        f"max_epochs is {params.max_epochs:,}: set {enough:,}",
        {"max_epochs": enough},
    )


def _model_size(params: RunParams, sizes: RunSizes) -> Advice | None:
    """A generator with more units than there are training trials.

    lfads_nb's own rule of thumb: the published models have 64 to 200 units at several hundred to a
    few thousand trials; the good runs on 112 training trials had 48, and that ratio is advised.
    """
    n = sum(sizes.n_train)
    if params.gen_dim <= max(n, 16):
        return None
    size = units_for_few(n)
    return Advice(
        "gen_dim",
        f"A generator of {params.gen_dim} units is much for {n} training trials: it will learn "
        f"their noise; set {size}",
        {"gen_dim": size},
    )


def _lag(params: RunParams, sizes: RunSizes) -> Advice | None:
    """A controller that sees spikes only after a good part of the trial has passed."""
    if not params.co_dim or params.controller_input_lag <= sizes.n_bins / 10:
        return None
    lag = max(sizes.n_bins // 10, 0)
    return Advice(
        "controller_input_lag",
        f"The controller sees spikes {params.controller_input_lag} bins late in a trial of "
        f"{sizes.n_bins}: set {lag}",
        {"controller_input_lag": lag},
    )


_FEW_SPIKING_TRIALS = 200
_SUGGESTED_KL = 0.05


def _collapse(params: RunParams, sizes: RunSizes) -> Advice | None:
    """Default KL weights on few trials: the posterior collapses.

    On a recording of 140 reaches and 45 units, KL weights of 1 collapsed (targets decoded at
    chance) and weights of 0.05 decoded 0.90; the Lorenz demo's 1,456 training trials do not.
    """
    n = sum(sizes.n_train)
    heavy = {"kl_ic_weight": params.kl_ic_weight}
    if params.co_dim:
        heavy["kl_co_weight"] = params.kl_co_weight
    heavy = {name: value for name, value in heavy.items() if value >= 1}
    if n >= _FEW_SPIKING_TRIALS or not heavy or "kl_ic_weight" not in heavy:
        return None
    names = " and ".join(heavy)
    return Advice(
        "kl_ic_weight",
        f"With {n} training trials, {names} of {params.kl_ic_weight:g} often makes every trial the "
        f"same (the posterior collapses): set {_SUGGESTED_KL}, or sweep from 0.01 to 1",
        dict.fromkeys(heavy, _SUGGESTED_KL),
    )


def advise_runs(runs: Sequence[Run]) -> dict[str, list[Advice]]:
    """Return advice for runs that are to be trained, by the run's name; without those without any.

    Raises
    ------
    DataError
        A dataset cannot be read.
    """
    found = {}
    for run in runs:
        infos = [dataset.info for dataset in run.spec.datasets]
        advice = advise(run.params, RunSizes.of(run.params, infos))
        if advice:
            found[run.name] = advice
    return found
