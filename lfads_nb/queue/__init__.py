"""The queue: every run trained in the background, on every device.

`launch` queues runs and returns a `Queue`, one of many views of the same thing: the state is in the
run folders, the work in processes of their own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lfads_nb.queue.api import Queue, launch
    from lfads_nb.queue.devices import list_devices
    from lfads_nb.queue.foreground import run_here
    from lfads_nb.queue.job_clusters import safe_cluster_options, slurm_cluster
    from lfads_nb.queue.reading import current_status
    from lfads_nb.queue.slurm.settings import Slurm
    from lfads_nb.queue.status import RunState, RunStatus
    from lfads_nb.queue.table import status_table
    from lfads_nb.queue.tensorboard import launch_tensorboard

_HOMES = {
    "Queue": "api",
    "RunState": "status",
    "RunStatus": "status",
    "Slurm": "slurm.settings",
    "current_status": "reading",
    "launch": "api",
    "launch_tensorboard": "tensorboard",
    "list_devices": "devices",
    "run_here": "foreground",
    "safe_cluster_options": "job_clusters",
    "slurm_cluster": "job_clusters",
    "status_table": "table",
}

__all__ = [
    "Queue", "RunState", "RunStatus", "Slurm", "current_status", "launch", "launch_tensorboard",
    "list_devices", "run_here", "safe_cluster_options", "slurm_cluster", "status_table",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
