"""The bench inside JupyterLab: panels to set up and run, viewers to look at what came out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lfads_nb.widgets.application import App, app
    from lfads_nb.widgets.bench import Bench
    from lfads_nb.widgets.panels import DatasetsPanel, ParametersPanel, QueuePanel, RunsPanel
    from lfads_nb.widgets.viewers import Viewers

_HOMES = {
    "App": "application",
    "Bench": "bench",
    "DatasetsPanel": "panels",
    "ParametersPanel": "panels",
    "QueuePanel": "panels",
    "RunsPanel": "panels",
    "Viewers": "viewers",
    "app": "application",
}

__all__ = [
    "App", "Bench", "DatasetsPanel", "ParametersPanel", "QueuePanel", "RunsPanel", "Viewers",
    "app",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
