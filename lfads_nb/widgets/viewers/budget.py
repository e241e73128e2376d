"""How much is drawn: as many trials and bins as stay fluid and as the screen can show.

Whoever draws less than there is says so in words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_POINTS = 45_000
MOST_BINS = 1_000
FEWEST_BINS = 240


@dataclass(frozen=True)
class Drawn:
    """What of a bundle is drawn: `trials` (drawn,) 0-based, and every `every`-th bin."""

    trials: np.ndarray
    n_trials: int
    every: int

    def sentence(self, what: str = "trials") -> str:
        """Say it: `60 of 412 trials, every 2nd bin`."""
        n = len(self.trials)
        trials = f"{n:,} {what}" if n == self.n_trials else f"{n:,} of {self.n_trials:,} {what}"
        bins = "every bin" if self.every == 1 else f"every {_ordinal(self.every)} bin"
        return f"{trials}, {bins}"


def spend(
    trials: np.ndarray,
    group: np.ndarray,
    n_bins: int,
    *,
    most_points: int = MOST_POINTS,
    most_bins: int = MOST_BINS,
) -> Drawn:
    """Choose what to draw of these trials, evenly over their conditions.

    Parameters
    ----------
    trials : (candidates,) 0-based trials.
    group : (candidates,) condition of each.
    n_bins : bins of a trial.
    most_points : points of all lines together.
    most_bins : bins of a line that a screen tells apart.

    Where there are too many points, bins are left out before trials are, as long as `FEWEST_BINS`
    of a line remain: rates are smooth, and a trial that is not drawn cannot be picked.
    """
    every = max(1, -(-n_bins // most_bins))
    wanted = -(-len(trials) * n_bins // most_points)
    every = max(every, min(wanted, n_bins // FEWEST_BINS))
    most_trials = max(1, most_points // max(1, -(-n_bins // every)))
    if len(trials) <= most_trials:
        return Drawn(trials, len(trials), every)
    order = np.argsort(_rank_within(group), kind="stable")
    return Drawn(np.sort(trials[order[:most_trials]]), len(trials), every)


def _rank_within(group: np.ndarray) -> np.ndarray:
    """Number the members of each group, spread over the group: low ranks are drawn first."""
    rank = np.empty(len(group), dtype=float)
    for each in np.unique(group):
        members = np.flatnonzero(group == each)
        # The fractional parts of multiples of the golden ratio fill a range evenly from any start.
        spread = np.argsort(np.argsort((np.arange(len(members)) * 0.6180339887) % 1))
        rank[members] = spread
    return rank


def _ordinal(n: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10 if n % 100 not in (11, 12, 13) else 0, "th")
    return f"{n}{ending}"
