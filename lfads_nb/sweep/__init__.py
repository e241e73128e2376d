"""What to run: settings, sweeps, run specs, runs, collections, and the folders they live in."""

from lfads_nb.sweep.checks import ParamProblem, check_params
from lfads_nb.sweep.folders import CollectionFolder, RunFolder
from lfads_nb.sweep.param_info import ParamInfo, param
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run import Run
from lfads_nb.sweep.run_collection import RunCollection
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.run_spec import RunSpec
from lfads_nb.sweep.sweeps import Range, draw, grid

__all__ = [
    "CollectionFolder", "ParamInfo", "ParamProblem", "Range", "Run", "RunCollection", "RunFolder",
    "RunParams", "RunRecord", "RunSpec", "check_params", "draw", "grid", "param",
]  # fmt: skip
