"""Did the training come to its end?"""

from __future__ import annotations

import math

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.sweep.advice import batch_of, epochs_after_ramps
from lfads_nb.sweep.verdict import Finding, Level

_MORE_GENERATIONS = (
    "Let the population search for more generations, or shorten the ramps (kl_increase_steps, "
    "l2_increase_steps) of the setting that it starts from."
)


def ramps_not_ended(f: RunFigures) -> Finding | None:
    """The KL and L2 penalties never reached their full weight.

    Steps against the ramps' own length. Without their end there is no best epoch, and costs do not
    compare with other runs'.
    """
    if f.ramps_ended != 0:
        return None
    what_to_do = _MORE_GENERATIONS if f.is_winner == 1 else _longer_or_shorter_ramps(f)
    return Finding(
        "ramps_not_ended", Level.BAD, "ramps not ended",
        f"The penalties never reached full weight: their ramps take {f.ramp_end:,.0f} steps, "
        f"training made {f.steps:,.0f} ({f.steps_per_epoch:,.0f} an epoch).",
        what_to_do,
    )  # fmt: skip


def _longer_or_shorter_ramps(f: RunFigures) -> str:
    epochs = epochs_after_ramps(f.ramp_end, f.steps_per_epoch)
    shorter = max(int(f.steps * 0.5) // 10 * 10, 1)
    more = max(epochs - int(f.epochs), 10) if math.isfinite(f.epochs) else epochs
    return (
        f"Set max_epochs to {epochs:,} or more, or the ramps (kl_increase_steps, "
        f"l2_increase_steps) to {shorter:,}; or go on from here with more_epochs={more}."
    )


def little_after_ramps(f: RunFigures) -> Finding | None:
    """Hardly any training was left after the ramps.

    Less than a tenth of all steps (our choice): the best epoch is chosen among these alone.
    """
    left = f.steps - f.ramp_end
    if f.ramps_ended != 1 or not 0 <= left < 0.1 * f.steps:
        return None
    n = max(round(left / f.steps_per_epoch), 1)
    if f.is_winner == 1:
        so = f"full penalties held for {n} epoch{'s' * (n > 1)} alone"
        what_to_do = _MORE_GENERATIONS
    else:
        so = f"the best epoch is one of the last {n}"
        enough = epochs_after_ramps(f.ramp_end, f.steps_per_epoch)
        what_to_do = f"Set max_epochs to {enough:,} or more."
    return Finding(
        "little_after_ramps", Level.WARNING, "ramps too long",
        f"The ramps took {f.ramp_end:,.0f} of {f.steps:,.0f} steps: {so}.", what_to_do,
    )  # fmt: skip


def one_step_an_epoch(f: RunFigures) -> Finding | None:
    """A batch holds all training trials: an epoch is a single step.

    By definition. Steps are what trains, and noise between batches is what generalises.
    """
    if not f.steps_per_epoch < 1.5:
        return None
    trials = f"{f.n_train:.0f}" if math.isfinite(f.n_train) else "all"
    size = batch_of(int(f.n_train)) if math.isfinite(f.n_train) else 16
    return Finding(
        "one_step_an_epoch", Level.WARNING, "one step an epoch",
        f"An epoch is a single step: a batch of {f.batch_size:.0f} holds {trials} training trials.",
        f"Set batch_size to {size}.",
    )  # fmt: skip


def _lower_rate(f: RunFigures) -> str:
    return "Search learning_rate_init lower" if f.is_winner == 1 else "Lower learning_rate_init"


def diverged(f: RunFigures) -> Finding | None:
    """The cost of the training trials ended far above its lowest, or as no number.

    More than 0.25 bits per spike above (our choice: dropout makes a few hundredths).
    """
    if not f.climb_bits > 0.25:
        return None
    ended = (
        "is no number any more"
        if math.isinf(f.climb_bits)
        else f"ended {f.climb_bits:.2f} bits/spike above its best"
    )
    return Finding(
        "diverged", Level.BAD, "diverged",
        f"Training diverged: the likelihood of the training trials {ended}.",
        f"{_lower_rate(f)}, or allow returns to a checkpoint (nan_restarts).",
    )  # fmt: skip


def oscillates(f: RunFigures) -> Finding | None:
    """The training cost jumps from epoch to epoch until the end.

    By a s.d. of more than 0.1 bits per spike in the last third (our choice; 0.01 on the demo).
    """
    if not f.jitter_bits > 0.1:
        return None
    return Finding(
        "oscillates", Level.WARNING, "cost oscillates",
        f"The training cost still jumps from epoch to epoch by {f.jitter_bits:.2f} bits/spike.",
        f"{_lower_rate(f)}.",
    )  # fmt: skip


def still_improving(f: RunFigures) -> Finding | None:
    """The best epoch is among the last, and the limit on epochs ended training.

    Within the last twentieth; what ended it is what the run itself says, where it does. A note: all
    ten runs with 400 epochs of the 13 were, good and bad.
    """
    at_limit = 0 < f.max_epochs <= f.epochs
    if math.isfinite(f.ended_at_limit):
        at_limit = f.ended_at_limit == 1
    if not at_limit or not f.best_epoch >= f.epochs - max(f.epochs / 20, 1) - 1:
        return None
    never = f.learning_rate >= f.learning_rate_init
    return Finding(
        "still_improving", Level.NOTE, "still improving",
        f"It was still improving when it ended after {f.epochs:.0f} epochs"
        f"{', and the learning rate never fell' if never else ''}: more epochs may gain.",
        f"Go on from here: launch it with more_epochs={_half_more(f.epochs)} (launch options: more "
        "epochs for what is done).",
    )  # fmt: skip


def _half_more(epochs: float) -> int:
    """Half as many epochs once more, in tens."""
    return math.ceil(max(epochs / 2, 10) / 10) * 10


def rate_never_fell(f: RunFigures) -> Finding | None:
    """The learning rate is what it was at the start, though the best epoch is long past.

    A note: the last epochs moved too far to settle.
    """
    if not f.learning_rate >= f.learning_rate_init or still_improving(f) is not None:
        return None
    # A population varies the rates of its members as it goes: they are not meant to fall.
    if not f.epochs >= 20 or f.is_winner == 1:
        return None
    return Finding(
        "rate_never_fell", Level.NOTE, "learning rate never fell",
        "The learning rate never fell: training may not have settled; more epochs, or a lower "
        "learning_rate_n_to_compare, let it.",
    )  # fmt: skip
