"""When penalties rise, the learning rate falls, and training ends: rules without any tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from keras import ops

from lfads_nb.sweep.more_epochs import MoreEpochs
from lfads_nb.sweep.params import RampSteps, RunParams
from lfads_nb.sweep.progress import limit_in_words, more_in_words


def ramp(step: Any, start: int, increase: int) -> Any:
    """Return a penalty's weight after `step` updates: linear from 0 to 1 (lfads_model.md 4.8).

    The original's text speaks of an exponential rise; its code, and this, rise linearly. A rise
    over 0 steps is no ramp: the full weight holds from `start` on (TF1 computed 0/0 there).
    """
    if increase == 0:
        return ops.cast(step >= start, "float32")
    return ops.clip((ops.cast(step, "float32") - start) / increase, 0.0, 1.0)


def ramps_done(step: int, steps: RampSteps, *, has_l2: bool) -> bool:
    """Whether all penalties in use have their full weight after `step` updates."""
    kl = step >= steps.kl_start + steps.kl_increase
    return kl and (not has_l2 or step >= steps.l2_start + steps.l2_increase)


def has_l2(params: RunParams) -> bool:
    """Whether any L2 penalty is on."""
    p = params
    return max(p.l2_gen_scale, p.l2_con_scale, p.l2_ic_enc_scale, p.l2_ci_enc_scale) > 0


@dataclass
class LearningRateRule:
    """Lower the rate when an epoch's training cost is worse than all of the last n (4.9).

    `history` holds past costs; a decay appends infinity, which blocks the next n epochs.
    """

    decay: float
    n_to_compare: int
    history: list[float] = field(default_factory=list)

    def next_rate(self, rate: float, cost: float) -> float:
        """Take note of an epoch's cost and return the rate for the next one."""
        n = self.n_to_compare
        if len(self.history) > n and cost > max(self.history[-n:]):
            self.history.append(math.inf)
            return rate * self.decay
        self.history.append(cost)
        return rate


@dataclass
class EarlyStopping:
    """End when the smoothed validation likelihood has not improved for `patience` epochs.

    Epochs before the end of the ramps are not counted. Smoothing keeps 0.3 of the past and takes
    0.7 of the new value, as AutoLFADS does (autolfads-tf2, `smth_val_nll_heldin`).
    """

    patience: int
    smoothed: float | None = None
    best: float = math.inf
    waited: int = 0

    KEPT = 0.3

    def update(self, recon_valid: float) -> bool:
        """Take note of an epoch after the ramps; True ends training."""
        if math.isfinite(recon_valid):
            past = recon_valid if self.smoothed is None else self.smoothed
            self.smoothed = self.KEPT * past + (1 - self.KEPT) * recon_valid
        if self.smoothed is not None and self.smoothed < self.best:
            self.best, self.waited = self.smoothed, 0
        else:
            self.waited += 1
        return bool(self.reason)

    @property
    def reason(self) -> str:
        """Why training has ended, "" if it has not."""
        over = 0 < self.patience <= self.waited
        return f"no better validation likelihood for {self.waited} epochs" if over else ""


def end_reached(
    params: RunParams, *, epoch: int, rate: float, more: MoreEpochs | None = None
) -> str:
    """Say by which rule training has ended after `epoch` epochs, "" if by none.

    Parameters
    ----------
    more : what was asked for beyond the setting's own end, which counts no more then.
    """
    if more is not None:
        return more_in_words(more.epochs, more.end) if epoch >= more.end else ""
    if rate < params.learning_rate_stop:
        return f"learning rate {rate:.3g} is below learning_rate_stop"
    if 0 < params.max_epochs <= epoch:
        return limit_in_words(params.max_epochs)
    return ""


def epochs_left(
    params: RunParams,
    *,
    epochs_done: int,
    rate: float,
    recent_rates: list[float],
    more: MoreEpochs | None = None,
) -> float:
    """Estimate the epochs until the rule that ends training first.

    Parameters
    ----------
    epochs_done : int
    rate : float
        Learning rate now.
    recent_rates : list of float
        Learning rates of recent epochs, oldest first: how fast they fell is how fast they will.
    more : MoreEpochs, optional
        As for `end_reached`.

    Returns
    -------
    float
        0 or more.
    """
    if more is not None:
        return float(max(0, more.end - epochs_done))
    p = params
    log_decay = -math.log(p.learning_rate_decay_factor)
    decays = max(0.0, math.log(rate / p.learning_rate_stop) / log_decay)
    epochs_per_decay = float(p.learning_rate_n_to_compare + 1)
    if len(recent_rates) > 1 and recent_rates[0] > rate:
        seen = math.log(recent_rates[0] / rate) / log_decay
        epochs_per_decay = max(epochs_per_decay, len(recent_rates) / seen)
    left = decays * epochs_per_decay
    return min(left, max(0, p.max_epochs - epochs_done)) if p.max_epochs else left
