"""What a run's notebook shows: tables that print as HTML, and matplotlib figures.

Every function takes the run's `RunFolder` (which must hold its `run.json`) or a `Run`, and reads
files only. Nothing here is drawn through pyplot.
"""

from lfads_nb.results.averages_figure import condition_average_figure
from lfads_nb.results.factors_figure import factors_figure
from lfads_nb.results.inputs_figure import inputs_figure
from lfads_nb.results.loss_figure import loss_figure
from lfads_nb.results.report_tables import data_summary, numbers_table, settings_table
from lfads_nb.results.trials_figure import example_trials_figure

__all__ = [
    "condition_average_figure",
    "data_summary",
    "example_trials_figure",
    "factors_figure",
    "inputs_figure",
    "loss_figure",
    "numbers_table",
    "settings_table",
]
