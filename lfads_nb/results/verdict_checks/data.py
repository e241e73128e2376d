"""What in the data itself gets in the way of training, or of judging it."""

from __future__ import annotations

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.sweep.verdict import Finding, Level
from lfads_nb.vocabulary import FIGURES


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
