"""lfads_nb: LFADS inside JupyterLab, from spikes to single-trial rates.

Names are imported when they are first used: `import lfads_nb` is quick and never touches
tensorflow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lfads_nb.version import __version__

if TYPE_CHECKING:
    from lfads_nb.datasets import Counts, Dataset, DatasetCollection, generate_demo_datasets
    from lfads_nb.own_code import register
    from lfads_nb.queue import Queue, Slurm, launch, safe_cluster_options, slurm_cluster
    from lfads_nb.results import FitLog, PosteriorMeans, TrainedParams
    from lfads_nb.results.compare import compare
    from lfads_nb.sweep import (
        Population,
        Range,
        Run,
        RunCollection,
        RunParams,
        RunSpec,
        autolfads_space,
    )
    from lfads_nb.widgets import app

_HOMES = {
    "Counts": "datasets",
    "Dataset": "datasets",
    "DatasetCollection": "datasets",
    "FitLog": "results",
    "PosteriorMeans": "results",
    "Population": "sweep",
    "Queue": "queue",
    "Range": "sweep",
    "Run": "sweep",
    "RunCollection": "sweep",
    "RunParams": "sweep",
    "RunSpec": "sweep",
    "Slurm": "queue",
    "TrainedParams": "results",
    "app": "widgets",
    "autolfads_space": "sweep",
    "compare": "results",
    "generate_demo_datasets": "datasets",
    "launch": "queue",
    "register": "own_code",
    "safe_cluster_options": "queue",
    "slurm_cluster": "queue",
}

__all__ = [
    "Counts", "Dataset", "DatasetCollection", "FitLog", "Population", "PosteriorMeans", "Queue",
    "Range", "Run", "RunCollection", "RunParams", "RunSpec", "Slurm", "TrainedParams",
    "__version__", "app", "autolfads_space", "compare", "generate_demo_datasets",
    "launch", "register", "safe_cluster_options", "slurm_cluster",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
