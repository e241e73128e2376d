"""Has it learned the spikes' noise?"""

from __future__ import annotations

import math

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.results.verdict_checks.words import bits_text
from lfads_nb.sweep.verdict import Finding, Level


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
