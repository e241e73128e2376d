"""What to run: settings, sweeps, run specs, runs, collections, and the folders they live in.

Names are imported when they are first used: the process of a run needs folders and settings, and
none of the readers of spikes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lfads_nb.sweep.checks import ParamProblem, check_params
    from lfads_nb.sweep.folders import CollectionFolder, RunFolder
    from lfads_nb.sweep.param_info import ParamInfo, param
    from lfads_nb.sweep.params import RunParams
    from lfads_nb.sweep.run import Run
    from lfads_nb.sweep.run_collection import RunCollection
    from lfads_nb.sweep.run_record import RunRecord
    from lfads_nb.sweep.run_spec import RunSpec
    from lfads_nb.sweep.sweeps import Range, draw, grid

_HOMES = {
    "CollectionFolder": "folders",
    "ParamInfo": "param_info",
    "ParamProblem": "checks",
    "Range": "sweeps",
    "Run": "run",
    "RunCollection": "run_collection",
    "RunFolder": "folders",
    "RunParams": "params",
    "RunRecord": "run_record",
    "RunSpec": "run_spec",
    "check_params": "checks",
    "draw": "sweeps",
    "grid": "sweeps",
    "param": "param_info",
}

__all__ = [
    "CollectionFolder", "ParamInfo", "ParamProblem", "Range", "Run", "RunCollection", "RunFolder",
    "RunParams", "RunRecord", "RunSpec", "check_params", "draw", "grid", "param",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
