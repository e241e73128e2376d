"""Inferred inputs: one over time in all trials, against its prior, and which ones are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb.widgets.viewers.bars import BarPlot
from lfads_nb.widgets.viewers.input_use import input_kl, share_of_prior
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.trial_bundle import TrialBundle
from lfads_nb.widgets.viewers.viewer import Viewer

NO_INPUTS = (
    "This run has no inferred inputs: its setting has co_dim = 0, so the model has no controller."
)
_MOST_TRIALS_OF_KL = 400


class InputsViewer(Viewer):
    """Inferred inputs of single trials and of condition averages, with the band of the prior."""

    title: ClassVar[str] = "Inputs"
    redraw_on: ClassVar[tuple[str, ...]] = (
        "dataset", "colour_by", "scheme", "shown", "trials", "picked", "events",
        "time_window",
    )  # fmt: skip

    def build(self) -> Sequence[w.Widget]:
        self.input = Stepper(label="input")
        self.input.observe(self.redraw, "index")
        self.bundle = TrialBundle(self.viewed, "inferred input (a.u.)", self.redraw, height=330)
        self.plot = self.bundle.plot
        self.plot.layout.flex, self.plot.layout.width = "1 1 420px", "auto"
        self.use = BarPlot("")
        row = w.HBox([self.plot, self.use], layout={"flex_flow": "row wrap"})
        return [bar(self.input, *self.bundle.controls), row]

    @property
    def plots(self) -> Sequence[Plot]:
        return (self.plot,)

    def draw(self) -> None:
        viewed, source = self.viewed, self.viewed.source
        pm = source.pm
        n_inputs = source.width("controller_outputs")
        self.use.layout.display = None if n_inputs else "none"
        if not n_inputs:
            self.show_only(NO_INPUTS)
            return
        self.input.show([f"{i} of {n_inputs}" for i in range(n_inputs)], self.input.index)
        at = self.input.index
        self.plot.name(f"input{at}_{pm.name}", self.call())
        trials = viewed.trials()
        if not len(trials):
            self.show_only(viewed.why_no_trials())
            return
        spread = None
        if pm.has("controller_outputs_sd"):
            spread = lambda: source.column("controller_outputs_sd", at)  # noqa: E731
        self.bundle.draw(
            source.column("controller_outputs", at), trials, title=f"Input {at} of {source.name}",
            spread=spread, prior=self._prior(at),
        )  # fmt: skip
        self._draw_use(trials)

    def _prior(self, at: int) -> tuple[np.ndarray, np.ndarray] | None:
        sd = self.viewed.source.input_prior_sd()
        n_bins = len(self.viewed.source.time_ms)
        return None if sd is None else (np.zeros(n_bins), np.full(n_bins, float(sd[at])))

    def _draw_use(self, trials: np.ndarray) -> None:
        source = self.viewed.source
        labels = [str(i) for i in range(source.width("controller_outputs"))]
        some = trials[:: max(1, len(trials) // _MOST_TRIALS_OF_KL)]
        mean = source.pm.field("controller_outputs")[some]
        sd, weights = source.input_prior_sd(), source.weights
        tau_bins = None if weights is None else weights.input_prior_tau_bins
        if sd is None or tau_bins is None:
            power = np.sqrt((mean**2).mean(axis=(0, 1)))
            note = "Root mean square. The prior is not known: the run wrote no weights."
            self.use.show(labels, power, "How large each input is", note)
        elif source.pm.has("controller_outputs_sd"):
            kl = input_kl(
                mean, source.pm.field("controller_outputs_sd")[some], variance=sd**2,
                tau_bins=tau_bins,
            ).mean(axis=0)  # fmt: skip
            note = f"nats per trial from the prior, mean of {len(some):,} trials."
            self.use.show(labels, kl, "KL of each input", note)
        else:
            used = share_of_prior(mean, sd**2).mean(axis=0)
            note = (
                "Root mean square over the prior's s.d. For the KL of each input, sample with "
                "the posterior's spread stored."
            )
            self.use.show(labels, used, "Use of each input", note)
