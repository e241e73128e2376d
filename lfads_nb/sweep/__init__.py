"""What to run: settings, sweeps, run specs, runs, collections, and the folders they live in.

Names are imported when they are first used: the process of a run needs folders and settings, and
none of the readers of spikes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lfads_nb.sweep.checks import ParamProblem, check_params
    from lfads_nb.sweep.folders import CollectionFolder, PopulationFolder, RunFolder
    from lfads_nb.sweep.halving import Halving
    from lfads_nb.sweep.param_info import ParamInfo, param
    from lfads_nb.sweep.params import RunParams
    from lfads_nb.sweep.population import Population
    from lfads_nb.sweep.population_run import PopulationRun
    from lfads_nb.sweep.run import Run
    from lfads_nb.sweep.run_collection import RunCollection
    from lfads_nb.sweep.run_record import RunRecord
    from lfads_nb.sweep.run_spec import RunSpec
    from lfads_nb.sweep.search_space import Searched, SearchSpace, autolfads_space
    from lfads_nb.sweep.sweeps import Range, draw, grid

_HOMES = {
    "CollectionFolder": "folders",
    "Halving": "halving",
    "ParamInfo": "param_info",
    "ParamProblem": "checks",
    "Population": "population",
    "PopulationFolder": "folders",
    "PopulationRun": "population_run",
    "Range": "sweeps",
    "Run": "run",
    "RunCollection": "run_collection",
    "RunFolder": "folders",
    "RunParams": "params",
    "RunRecord": "run_record",
    "RunSpec": "run_spec",
    "SearchSpace": "search_space",
    "Searched": "search_space",
    "autolfads_space": "search_space",
    "check_params": "checks",
    "draw": "sweeps",
    "grid": "sweeps",
    "param": "param_info",
}

__all__ = [
    "CollectionFolder", "Halving", "ParamInfo", "ParamProblem", "Population", "PopulationFolder",
    "PopulationRun", "Range", "Run", "RunCollection", "RunFolder", "RunParams", "RunRecord",
    "RunSpec", "SearchSpace", "Searched", "autolfads_space", "check_params", "draw", "grid",
    "param",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
