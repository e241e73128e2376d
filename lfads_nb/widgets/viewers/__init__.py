"""Viewers of what runs inferred: each a widget of its own, all sharing one selection."""

from lfads_nb.widgets.viewers.factors import FactorsViewer
from lfads_nb.widgets.viewers.initial_conditions import InitialConditionsViewer
from lfads_nb.widgets.viewers.inputs import InputsViewer
from lfads_nb.widgets.viewers.rates import RatesViewer
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.trial import TrialViewer

__all__ = [
    "FactorsViewer", "InitialConditionsViewer", "InputsViewer", "RatesViewer", "Selection",
    "TrialViewer",
]  # fmt: skip
