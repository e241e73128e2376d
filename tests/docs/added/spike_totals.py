"""How many spikes each trial has, in the order of recording: drift is seen at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.errors import RunFolderError
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.viewer import Viewer


class SpikeTotalsViewer(Viewer):
    """A dot for each trial, coloured by condition: its spikes over all neurons and bins."""

    title: ClassVar[str] = "Spike totals"
    redraw_on: ClassVar[tuple[str, ...]] = ("dataset", "colour_by", "scheme", "shown", "trials")

    def build(self) -> Sequence[w.Widget]:
        self.plot = Plot("trial", "spikes", height=300)
        return [self.plot]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    def draw(self) -> None:
        viewed, pm = self.viewed, self.viewed.source.pm
        if not pm.has("counts"):
            raise RunFolderError("The run's input files are not here: there are no spikes to add.")
        trials = viewed.trials()
        if not len(trials):
            self.show_only(viewed.why_no_trials())
            return
        totals = pm.field("counts").load()[trials].sum(axis=(1, 2))
        conditions = viewed.conditions
        self.plot.name(f"spike_totals_{pm.name}", self.call())
        self.plot.layer.show_lines(
            trials[:, None].astype(np.float32), totals[:, None].astype(np.float32),
            conditions.group[trials], conditions.colours,
            names=[viewed.name_of_trial(trial) for trial in trials.tolist()],
        )  # fmt: skip
        self.plot.set_home((-1.0, float(trials.max() + 1)), (0.0, 1.05 * float(totals.max())))
