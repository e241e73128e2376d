"""What is selected, shared by all viewers of a run: chosen in one, it is seen in the others.

Only values live here, no arrays; a viewer reads what it shows from its `TrialSource`.
"""

from __future__ import annotations

from collections.abc import Iterable

import traitlets as t

TRIALS = ("all", "train", "valid", "test", "picked")
SCHEMES = ("auto", "categories", "numbers", "angles")


class Selection(t.HasTraits):
    """What the viewers show and highlight.

    Attributes
    ----------
    dataset : name of the session.
    colour_by : column of the trials' table that gives the conditions; None shows all alike.
    scheme : how that column is coloured; "auto" goes by its values.
    shown : labels of the conditions that are shown.
    trials : which trials are shown: a split, all, or those that were picked.
    picked : 0-based trials of the session that are highlighted.
    events : trial columns with the times (ms) of events that are marked.
    trial : the trial that the trial viewer shows.
    time_window : first and last time in ms, or None for whole trials.
    neuron, factor : 0-based.
    run : name of the run that a view of several runs is about.
    runs : names of the runs that are highlighted.
    """

    dataset = t.Unicode("")
    colour_by = t.Unicode(None, allow_none=True)
    scheme = t.Enum(SCHEMES, "auto")
    shown = t.Tuple(())
    trials = t.Enum(TRIALS, "all")
    picked = t.Tuple(())
    events = t.Tuple(())
    trial = t.Int(0, min=0)
    time_window = t.Tuple(t.Float(), t.Float(), default_value=None, allow_none=True)
    neuron = t.Int(0, min=0)
    factor = t.Int(0, min=0)
    run = t.Unicode("")
    runs = t.Tuple(())

    def pick(self, trial: int, *, extend: bool = False) -> None:
        """Highlight a trial, or one more; picking it again takes it back, -1 takes all back."""
        if trial < 0:
            self.picked = self.picked if extend else ()
        elif trial in self.picked and (extend or len(self.picked) == 1):
            self.picked = tuple(each for each in self.picked if each != trial)
        else:
            self.picked = (*self.picked, trial) if extend else (trial,)
            self.trial = trial

    def pick_all(self, trials: Iterable[int]) -> None:
        """Highlight these trials instead of those before."""
        self.picked = tuple(sorted({int(trial) for trial in trials}))
        if self.picked:
            self.trial = self.picked[0]
