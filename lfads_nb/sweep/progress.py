"""What a run says of its training while it trains, and at its end.

Written by the model, carried through `status.json`, shown by every view of the queue.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainProgress:
    """The state of a training after one epoch.

    Costs are nats per trial, summed over bins and channels. `fraction` is the share of the way to
    the end by the stopping rule that comes first; `eta_s` is None until the second epoch has ended.
    `extra` holds further figures by name, such as bits per spike.
    """

    epoch: int
    step: int
    fraction: float
    eta_s: float | None
    learning_rate: float
    total_train: float
    total_valid: float
    recon_train: float
    recon_valid: float
    kl_train: float
    kl_valid: float
    l2: float
    kl_weight: float
    l2_weight: float
    best_epoch: int | None = None
    extra: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class TrainStep:
    """What a training does between the figures of two epochs.

    `doing` says it in words; `fraction` and `eta_s` (seconds left) are None where nothing can be
    told yet.
    """

    doing: str
    fraction: float | None = None
    eta_s: float | None = None


def epochs_in_words(done: float, fraction: float) -> str:
    """Say how many epochs are done: `12 of about 120 epochs`, as far as can be told.

    Parameters
    ----------
    done : epochs that are whole.
    fraction : share of the way to the end that they are.
    """
    return f"{done:.0f} of about {done / fraction:.0f} epochs" if fraction > 0 else "first epoch"


LOWER_IS_BETTER = ("total_valid", "recon_valid")
"""Of the figures that `select_by` offers; of the others the highest is best."""


def limit_in_words(max_epochs: int) -> str:
    """Say that the limit on epochs ended training."""
    return f"max_epochs={max_epochs} reached"


def more_in_words(epochs: int, in_all: int) -> str:
    """Say that epochs that were asked for beyond the setting's own end are done."""
    return f"{epochs} more epochs done ({in_all} in all)"


def ended_at_limit(training_end: str) -> bool | None:
    """Whether a number of epochs ended a training, from what is said of its end; None if unsaid."""
    if not training_end:
        return None
    return bool(re.match(r"max_epochs=\d+ reached|\d+ more epochs done", training_end))


@dataclass(frozen=True)
class TrainSummary:
    """How a training ended.

    `stop_reason` says which rule ended it, in words. `nan_restarts` counts returns to a checkpoint
    after a cost that was not a number. `full_weights` says whether the penalties had their full
    weights at the end: no epoch is best all the same where turns of a population were trained.
    """

    epochs: int
    steps: int
    stop_reason: str
    best_epoch: int | None
    best_total_valid: float | None
    seconds: float
    n_parameters: int
    nan_restarts: int = 0
    resumed_from_step: int | None = None
    full_weights: bool = False

    @property
    def in_words(self) -> str:
        """Why training ended, and whether the validation cost was still falling then.

        It was if the lowest cost is among the last twentieth of the epochs.
        """
        if self.best_epoch is None and self.full_weights:
            return self.stop_reason
        if self.best_epoch is None:
            course = "before the penalties had their full weights, so that no epoch counts as best"
        elif self.best_epoch >= self.epochs - max(self.epochs / 20, 1) - 1:
            course = "while the validation cost was still falling"
        else:
            course = (
                f"when the validation cost had not fallen since epoch {self.best_epoch} of "
                f"{self.epochs}"
            )
        return f"{self.stop_reason}, {course}"
