"""Checks of a run's figures: each says one thing that is wrong, or nothing.

Every check takes a `RunFigures` and returns a `Finding` or None; a figure that is not known (NaN)
never makes a finding. Thresholds are the checks' own, with their source in the docstring. "The 13
runs" are trainings on a recording of 140 reaches to 8 targets (45 units, 520 ms) that range from
collapsed to good (targets decoded from 0.14, chance, to 0.90); their figures are in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.sweep.advice import batch_of, epochs_after_ramps
from lfads_nb.sweep.verdict import Finding, Level
from lfads_nb.vocabulary import FIGURES

Check = Callable[[RunFigures], Finding | None]


def bits_text(f: RunFigures) -> str:
    """Say bits per spike with its null and, where it is known, the truth's own."""
    if not math.isfinite(f.bits_per_spike):
        return ""
    beside = "mean rates: 0"
    if math.isfinite(f.bits_truth):
        beside += f", the true rates: {f.bits_truth:.3f}"
    return f"{f.bits_per_spike:.3f} bits/spike on validation trials ({beside})"


def _kl_text(f: RunFigures) -> str:
    both = (("of g0", f.kl_g0), ("of the inputs", f.kl_inputs))
    parts = [f"{name} {value:.1f}" for name, value in both if math.isfinite(value)]
    return f"KL {' and '.join(parts)} nats" if parts else ""


# --------------------------------------------------------------------------- nothing learned


def collapse(f: RunFigures) -> Finding | None:
    """The posterior collapsed: every trial gets the same rates.

    Spread of rates across trials below 0.001. Of the 13 runs the collapsed one has 0.0000, the
    next 0.0065; the KL of g0 tells nothing (0.2 in the worst and in the second best, where the
    inputs carry the trial), and only says which part is dead.
    """
    if not f.rate_spread < 0.001:
        return None
    dead = "g0" if not f.has_inputs else "g0 and the inputs"
    figures = ", ".join(
        filter(None, [f"spread across trials {f.rate_spread:.4f}", bits_text(f), _kl_text(f)])
    )
    weights = "kl_ic_weight and kl_co_weight" if f.has_inputs else "kl_ic_weight"
    return Finding(
        "collapse", Level.BAD, "collapsed",
        f"Collapsed: every trial gets the same rates, {dead} carry nothing ({figures})."
        if f.has_inputs
        else f"Collapsed: every trial gets the same rates, {dead} carries nothing ({figures}).",
        f"Lower {weights} (0.05 is a good start), lower l2_gen_scale, or let AutoLFADS search.",
    )  # fmt: skip


def worse_than_mean_rates(f: RunFigures) -> Finding | None:
    """The rates predict unseen trials no better than each neuron's mean rate.

    At or below 0 bits per spike on validation trials: the null model's own, by definition.
    """
    if not f.bits_per_spike <= 0:
        return None
    cause = (
        f", but {f.bits_train:.3f} on training trials: it learned their noise"
        if f.bits_train > 0.02
        else ""
    )
    return Finding(
        "worse_than_mean_rates", Level.BAD, "no better than mean rates",
        f"The rates predict unseen trials no better than each neuron's mean rate: {bits_text(f)}"
        f"{cause}.",
        "Lower keep_prob, raise coordinated_dropout_rate (0.3) and the KL and L2 weights."
        if cause
        else "Lower the KL and L2 weights, and train for longer.",
    )  # fmt: skip


def little_learned(f: RunFigures) -> Finding | None:
    """The rates hardly differ between trials, and tell little of the spikes.

    Spread below 0.012 and below 0.02 bits per spike, both: of the 13 runs these are the ones whose
    targets were decoded at 0.46 to 0.54 where raw counts give 0.86; the next has a spread of 0.0174
    and 0.76.
    """
    if f.rate_spread < 0.001 or not (f.rate_spread < 0.012 and 0 < f.bits_per_spike < 0.02):
        return None
    return Finding(
        "little_learned", Level.WARNING, "little learned",
        f"The rates hardly differ between trials: {bits_text(f)}, spread {f.rate_spread:.4f}.",
        "Lower the KL and L2 weights, raise keep_prob, or let AutoLFADS search.",
    )  # fmt: skip


def variability_missed(f: RunFigures) -> Finding | None:
    """Most of what the counts vary from trial to trial, beyond Poisson, is not in the rates.

    Less than a quarter of it, where there is clearly some (`variability.variability_share`). The
    quarter is our choice: good runs on the Lorenz demo have 0.65 and more.
    """
    if f.rate_spread < 0.001 or not f.variability_share < 0.25:
        return None
    return Finding(
        "variability_missed", Level.WARNING, "trials told apart too little",
        f"The rates have {f.variability_share:.0%} of the trial-to-trial variance that the spike "
        "counts have beyond Poisson.",
        "Lower the KL and L2 weights, or train for longer.",
    )  # fmt: skip


def far_below_truth(f: RunFigures) -> Finding | None:
    """The true rates are known, and the inferred ones tell less than half as much of the spikes.

    Half is our choice: the Lorenz demo reaches 0.9 and more of the truth's bits per spike.
    """
    if not (0 < f.bits_per_spike < 0.5 * f.bits_truth):
        return None
    return Finding(
        "far_below_truth", Level.WARNING, "far below the truth",
        f"The rates tell {f.bits_per_spike / f.bits_truth:.0%} of what the true rates tell of the "
        f"spikes: {bits_text(f)}.",
        "Sweep the KL and L2 weights and dropout, or let AutoLFADS search.",
    )  # fmt: skip


def below_smoothed_spikes(f: RunFigures) -> Finding | None:
    """Condition averages of smoothed spikes fit better than the model's, on the same trials.

    By more than 0.05 in R2, against averages of the training trials (our choice of a margin). High
    R2 of averages is no praise: 0.77 in the collapsed one of the 13 runs.
    """
    if not f.r2_psth_valid < f.r2_psth_smoothed - 0.05:
        return None
    return Finding(
        "below_smoothed_spikes", Level.WARNING, "below smoothed spikes",
        f"Condition averages of plainly smoothed spikes fit better (R² {f.r2_psth_smoothed:.3f}) "
        f"than the model's ({f.r2_psth_valid:.3f}), on the same validation trials.",
        "Lower the KL and L2 weights, or train for longer.",
    )  # fmt: skip


# -------------------------------------------------------------------------------- too much


def far_apart(f: RunFigures) -> Finding | None:
    """Training trials are predicted far better than validation trials.

    Less than half the bits per spike on validation trials, and at least 0.05 apart (our choice; on
    the Lorenz demo the two differ by a tenth).
    """
    gap = f.bits_train - f.bits_per_spike
    if not (f.bits_per_spike > 0 and gap > 0.05 and f.bits_per_spike < 0.5 * f.bits_train):
        return None
    return Finding(
        "far_apart", Level.WARNING, "training far from validation",
        f"Overfitted: {f.bits_train:.3f} bits/spike on training trials, but {bits_text(f)}.",
        "Lower keep_prob, raise coordinated_dropout_rate (0.3), or raise the KL and L2 weights.",
    )  # fmt: skip


def copies_spikes(f: RunFigures) -> Finding | None:
    """Single spikes are visible in the rates: the model passes on what it saw.

    A fifth of a spike in its own bin alone (`variability.copied_share`; an identity gives 1, true
    rates 0), or, where the true rates are known, more bits per spike than these have, by a tenth
    (the encoders see the very spikes that are predicted). This is what coordinated dropout forbids
    (Keshtkaran & Pandarinath 2019); the limits are our choice.
    """
    above_truth = f.bits_truth > 0 and f.bits_per_spike > 1.1 * f.bits_truth
    if not (f.copied_share > 0.2 or above_truth):
        return None
    share = f": {f.copied_share:.0%} of a spike stands in the rate of its own bin" if (
        f.copied_share > 0.2
    ) else ""  # fmt: skip
    more = f"; they tell more than the true rates can, {bits_text(f)}" if above_truth else ""
    return Finding(
        "copies_spikes", Level.BAD, "copies spikes",
        f"Spikes are copied into the rates{share}{more}.",
        "Set coordinated_dropout_rate to 0.3, and raise kl_co_weight.",
    )  # fmt: skip


def varies_too_much(f: RunFigures) -> Finding | None:
    """The rates vary more from trial to trial than the counts do beyond Poisson.

    By half (`variability.variability_share`; our choice: good runs on the Lorenz demo have 0.65 to
    1): the rest is noise of the spikes.
    """
    if not f.variability_share > 1.5:
        return None
    return Finding(
        "varies_too_much", Level.WARNING, "noise in the rates",
        f"The rates vary {f.variability_share:.1f} times as much from trial to trial as the spike "
        "counts do beyond Poisson: they hold the spikes' noise.",
        "Set coordinated_dropout_rate to 0.3, and raise the KL and L2 weights.",
    )  # fmt: skip


def cost_rose(f: RunFigures) -> Finding | None:
    """The validation likelihood got worse again after its best epoch.

    By more than 0.05 bits per spike and more than a fifth of what was reached (our choice). The
    best epoch's weights are used, so it is a matter for the next training.
    """
    if not f.rebound_bits > max(0.05, 0.2 * max(f.bits_per_spike, 0)):
        return None
    when = f" after epoch {f.best_epoch:.0f}" if math.isfinite(f.best_epoch) else ""
    return Finding(
        "cost_rose", Level.WARNING, "overfitted",
        f"Overfitting set in{when}: the validation likelihood fell by {f.rebound_bits:.2f} "
        "bits/spike to the end; the best epoch's weights are used.",
        "Stop earlier (early_stopping_patience), or raise dropout, KL and L2 weights.",
    )  # fmt: skip


# -------------------------------------------------------------------------------- training


def ramps_not_ended(f: RunFigures) -> Finding | None:
    """The KL and L2 penalties never reached their full weight.

    Steps against the ramps' own length. Without their end there is no best epoch, and costs do not
    compare with other runs'.
    """
    if f.ramps_ended != 0:
        return None
    epochs = epochs_after_ramps(f.ramp_end, f.steps_per_epoch)
    shorter = max(int(f.steps * 0.5) // 10 * 10, 1)
    more = max(epochs - int(f.epochs), 10) if math.isfinite(f.epochs) else epochs
    return Finding(
        "ramps_not_ended", Level.BAD, "ramps not ended",
        f"The penalties never reached full weight: their ramps take {f.ramp_end:,.0f} steps, "
        f"training made {f.steps:,.0f} ({f.steps_per_epoch:,.0f} an epoch).",
        f"Set max_epochs to {epochs:,} or more, or the ramps (kl_increase_steps, "
        f"l2_increase_steps) to {shorter:,}; or go on from here with more_epochs={more}.",
    )  # fmt: skip


def little_after_ramps(f: RunFigures) -> Finding | None:
    """Hardly any training was left after the ramps.

    Less than a tenth of all steps (our choice): the best epoch is chosen among these alone.
    """
    left = f.steps - f.ramp_end
    if f.ramps_ended != 1 or not 0 <= left < 0.1 * f.steps:
        return None
    return Finding(
        "little_after_ramps", Level.WARNING, "ramps too long",
        f"The ramps took {f.ramp_end:,.0f} of {f.steps:,.0f} steps: the best epoch is one of the "
        f"last {max(left / f.steps_per_epoch, 1):.0f}.",
        f"Set max_epochs to {epochs_after_ramps(f.ramp_end, f.steps_per_epoch):,} or more.",
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
        "Lower learning_rate_init, or allow returns to a checkpoint (nan_restarts).",
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
        "Lower learning_rate_init.",
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
    if not f.epochs >= 20:
        return None
    return Finding(
        "rate_never_fell", Level.NOTE, "learning rate never fell",
        "The learning rate never fell: training may not have settled; more epochs, or a lower "
        "learning_rate_n_to_compare, let it.",
    )  # fmt: skip


# ------------------------------------------------------------------------- what rates are made of


def condition_averages_only(f: RunFigures) -> Finding | None:
    """Trials of a condition all get the same rates.

    Less than 0.5 % of the variance across trials is within conditions (our choice). A note: it is
    right where trials of a condition are alike.
    """
    if f.rate_spread < 0.001 or not f.within_condition_share < 0.005:
        return None
    return Finding(
        "condition_averages_only", Level.NOTE, "condition averages only",
        f"Trials of a condition get the same rates ({f.within_condition_share:.1%} of the variance "
        "is within conditions): nothing here is about single trials.",
    )  # fmt: skip


def drift_only(f: RunFigures) -> Finding | None:
    """What tells trials apart is mostly a slow drift over the session.

    A cubic in the order of trials explains more than 80 % of the rates' variance across trials (our
    choice; chance gives 3 over the number of trials).
    """
    if f.rate_spread < 0.001 or not f.drift_share > 0.8:
        return None
    return Finding(
        "drift_only", Level.WARNING, "session drift only",
        f"Slow drift over the session makes {f.drift_share:.0%} of the rates' variance across "
        "trials.",
        "Look for a drift of the recording (dataset preview); leave drifting neurons out, or train "
        "on a part of the session.",
    )  # fmt: skip


def inputs_carry_all(f: RunFigures) -> Finding | None:
    """The inferred inputs carry the trial, g0 next to nothing.

    KL of g0 below 0.5 nats where the inputs have more than ten times as much. A note: so it is in
    the second best of the 13 runs.
    """
    if f.rate_spread < 0.001 or not (f.kl_g0 < 0.5 and f.kl_inputs > 10 * max(f.kl_g0, 0.1)):
        return None
    return Finding(
        "inputs_carry_all", Level.NOTE, "inputs carry the trial",
        f"The inferred inputs carry the trial, g0 hardly anything ({_kl_text(f)}).",
    )  # fmt: skip


def inputs_unused(f: RunFigures) -> Finding | None:
    """There is a controller, and its inputs tell nothing.

    KL of the inputs below 0.1 nats per trial (our choice).
    """
    if f.rate_spread < 0.001 or not f.kl_inputs < 0.1:
        return None
    return Finding(
        "inputs_unused", Level.NOTE, "inputs unused",
        f"The inferred inputs are not used ({_kl_text(f)}): lower kl_co_weight, or do without a "
        "controller (co_dim=0).",
    )  # fmt: skip


def silent_neurons(f: RunFigures) -> Finding | None:
    """Neurons have no spike in any training trial.

    More than a tenth of them is a warning (our choice), any a note.
    """
    if not f.n_silent > 0:
        return None
    level = Level.WARNING if f.n_silent > 0.1 * f.n_neurons else Level.NOTE
    return Finding(
        "silent_neurons", level, "silent neurons",
        f"{f.n_silent:.0f} of {f.n_neurons:.0f} neurons have no spike in the training trials.",
        "Leave them out of the dataset." if level is Level.WARNING else "",
    )  # fmt: skip


def truth_does_not_fit(f: RunFigures) -> Finding | None:
    """The true rates that came with the data predict the spikes worse than mean rates do.

    By definition true rates cannot: their unit or their order of trials is another one.
    """
    if not f.bits_truth < -0.01:
        return None
    return Finding(
        "truth_does_not_fit", Level.WARNING, "true rates do not fit",
        f"The true rates that came with the data do not fit the spikes ({f.bits_truth:.2f} "
        "bits/spike): nothing that is held against them means anything.",
        "Give them as expected spikes per bin of the file, in the order of its trials.",
    )  # fmt: skip


def few_validation_trials(f: RunFigures) -> Finding | None:
    """So few validation trials that their figures are chance.

    Fewer than 10 (our choice). A note.
    """
    if not f.n_valid < 10:
        return None
    return Finding(
        "few_validation_trials", Level.NOTE, "few validation trials",
        f"All of this is judged by {f.n_valid:.0f} validation trials: "
        f"{FIGURES['bits_per_spike'].name} may be off by chance.",
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (
    collapse, worse_than_mean_rates, copies_spikes, diverged, ramps_not_ended, cost_rose,
    varies_too_much, far_apart, little_learned, variability_missed, far_below_truth,
    below_smoothed_spikes, little_after_ramps, one_step_an_epoch, truth_does_not_fit,
    oscillates, drift_only, silent_neurons, still_improving, rate_never_fell,
    condition_averages_only, inputs_carry_all, inputs_unused, few_validation_trials,
)  # fmt: skip
"""All checks; where several of one gravity find something, the first stands first."""
