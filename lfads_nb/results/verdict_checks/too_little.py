"""Has it learned anything of the trials?"""

from __future__ import annotations

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.results.verdict_checks.words import bits_text, kl_text
from lfads_nb.sweep.verdict import Finding, Level


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
        filter(None, [f"spread across trials {f.rate_spread:.4f}", bits_text(f), kl_text(f)])
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
