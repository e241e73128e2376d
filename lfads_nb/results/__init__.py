"""What came out of a run: reads run folders, and never imports the model."""

from lfads_nb.results.compare import compare
from lfads_nb.results.condition_averages import ConditionAverages
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.posterior_means import PosteriorMeans, concatenate_over_trials
from lfads_nb.results.session_agreement import session_agreement
from lfads_nb.results.trained_params import TrainedParams
from lfads_nb.results.trial_arrays import TrialArray

__all__ = [
    "ConditionAverages",
    "FitLog",
    "PosteriorMeans",
    "TrainedParams",
    "TrialArray",
    "compare",
    "concatenate_over_trials",
    "session_agreement",
]
