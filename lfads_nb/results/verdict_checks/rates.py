"""What the rates are made of."""

from __future__ import annotations

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.results.verdict_checks.words import kl_text
from lfads_nb.sweep.verdict import Finding, Level


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
        f"The inferred inputs carry the trial, g0 hardly anything ({kl_text(f)}).",
    )  # fmt: skip


def inputs_unused(f: RunFigures) -> Finding | None:
    """There is a controller, and its inputs tell nothing.

    KL of the inputs below 0.1 nats per trial (our choice).
    """
    if f.rate_spread < 0.001 or not f.kl_inputs < 0.1:
        return None
    return Finding(
        "inputs_unused", Level.NOTE, "inputs unused",
        f"The inferred inputs are not used ({kl_text(f)}): lower kl_co_weight, or do without a "
        "controller (co_dim=0).",
    )  # fmt: skip
