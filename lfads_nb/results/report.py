"""What a run's notebook shows: tables that print as HTML, and matplotlib figures.

Every function takes the run's `RunFolder` (which must hold its `run.json`) or a `Run`, and reads
files only; `figure_or_reason` does so by one of the others. Nothing here is drawn through pyplot.
"""

from lfads_nb.results.alignment_report import alignment_figure
from lfads_nb.results.averages_figure import condition_average_figure
from lfads_nb.results.factors_figure import factors_figure
from lfads_nb.results.figure_or_reason import figure_or_reason
from lfads_nb.results.inputs_figure import inputs_figure
from lfads_nb.results.loss_figure import loss_figure
from lfads_nb.results.report_tables import data_summary, numbers_table, settings_table
from lfads_nb.results.trials_figure import example_trials_figure
from lfads_nb.results.verdict_report import VerdictPlace, run_verdict

__all__ = [
    "VerdictPlace",
    "alignment_figure",
    "condition_average_figure",
    "data_summary",
    "example_trials_figure",
    "factors_figure",
    "figure_or_reason",
    "inputs_figure",
    "loss_figure",
    "numbers_table",
    "run_verdict",
    "settings_table",
]
