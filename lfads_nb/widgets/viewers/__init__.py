"""Viewers of what runs inferred: each a widget of its own, all sharing one selection.

from lfads_nb.widgets.viewers import RatesViewer, Viewers

RatesViewer(run.posterior_means())      # one of them
Viewers(rc.runs)                        # all of them, in tabs
"""

from lfads_nb.widgets.viewers.alignment import AlignmentViewer
from lfads_nb.widgets.viewers.factors import FactorsViewer
from lfads_nb.widgets.viewers.fit import FitViewer
from lfads_nb.widgets.viewers.initial_conditions import InitialConditionsViewer
from lfads_nb.widgets.viewers.inputs import InputsViewer
from lfads_nb.widgets.viewers.neurons import NeuronsViewer
from lfads_nb.widgets.viewers.peristimulus import PeristimulusViewer
from lfads_nb.widgets.viewers.population import PopulationViewer
from lfads_nb.widgets.viewers.prior import PriorViewer
from lfads_nb.widgets.viewers.rates import RatesViewer
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.state_space import StateSpaceViewer
from lfads_nb.widgets.viewers.sweep import SweepViewer
from lfads_nb.widgets.viewers.tabs import Viewers
from lfads_nb.widgets.viewers.trial import TrialViewer
from lfads_nb.widgets.viewers.trials_table import TrialsTable
from lfads_nb.widgets.viewers.weights import WeightsViewer

__all__ = [
    "AlignmentViewer", "FactorsViewer", "FitViewer", "InitialConditionsViewer", "InputsViewer",
    "NeuronsViewer", "PeristimulusViewer", "PopulationViewer", "PriorViewer", "RatesViewer",
    "Selection",
    "StateSpaceViewer", "SweepViewer", "TrialViewer", "TrialsTable", "Viewers", "WeightsViewer",
]  # fmt: skip
