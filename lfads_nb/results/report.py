"""What a run's notebook shows: tables that print as HTML, and matplotlib figures.

Every function takes the run's `RunFolder` (which must hold its `run.json`) or a `Run`, and reads
files only. What cannot be shown says why in its place and raises nothing, so that no picture ends
a run; the functions of the same names that do raise are in the modules that these come from.
Nothing here is drawn through pyplot.
"""

from lfads_nb.results import alignment_report, averages_figure, report_tables, trials_figure
from lfads_nb.results import factors_figure as _factors
from lfads_nb.results import inputs_figure as _inputs
from lfads_nb.results import loss_figure as _loss
from lfads_nb.results import peristimulus_figure as _peristimulus
from lfads_nb.results.figure_or_reason import figure_or_reason, or_reason
from lfads_nb.results.verdict_report import VerdictPlace, run_verdict

alignment_figure = or_reason(alignment_report.alignment_figure)
condition_average_figure = or_reason(averages_figure.condition_average_figure)
data_summary = or_reason(report_tables.data_summary)
example_trials_figure = or_reason(trials_figure.example_trials_figure)
factors_figure = or_reason(_factors.factors_figure)
inputs_figure = or_reason(_inputs.inputs_figure)
loss_figure = or_reason(_loss.loss_figure)
numbers_table = or_reason(report_tables.numbers_table)
peristimulus_figure = or_reason(_peristimulus.peristimulus_figure)
settings_table = or_reason(report_tables.settings_table)

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
    "peristimulus_figure",
    "run_verdict",
    "settings_table",
]
