"""What came out of a run: reads run folders, and never imports the model."""

from lfads_nb.results.condition_averages import ConditionAverages
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.posterior_means import PosteriorMeans, concatenate_over_trials
from lfads_nb.results.trial_arrays import TrialArray

__all__ = ["ConditionAverages", "FitLog", "PosteriorMeans", "TrialArray", "concatenate_over_trials"]
