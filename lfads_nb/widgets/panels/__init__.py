"""The panels: datasets, parameters, runs, queue. They hold no domain logic of their own."""

from lfads_nb.widgets.panels.datasets import DatasetsPanel
from lfads_nb.widgets.panels.parameters import ParametersPanel
from lfads_nb.widgets.panels.queue import QueuePanel
from lfads_nb.widgets.panels.runs import RunsPanel

__all__ = ["DatasetsPanel", "ParametersPanel", "QueuePanel", "RunsPanel"]
