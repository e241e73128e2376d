"""The devices of this machine with their load, in one line."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from html import escape

import ipywidgets as w
import psutil

from lfads_nb.queue.devices import Device, list_devices
from lfads_nb.queue.status import RunStatus
from lfads_nb.widgets.theme import plural

_ASK_EVERY_S = 3.0


class DeviceLoad(w.HTML):
    """Asks the devices every few seconds, as long as `update` is called."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0.0

    def update(self, statuses: Iterable[RunStatus], populations: Iterable[RunStatus] = ()) -> None:
        """Show memory, load, and the runs and populations of each device."""
        if time.monotonic() - self._asked < _ASK_EVERY_S:
            return
        self._asked = time.monotonic()
        devices = list_devices()
        runs = Counter(s.device for s in statuses if s.state.is_running)
        searches = sum(s.state.is_running for s in populations)
        if all(device.kind == "cpu" for device in devices):
            parts = [_processor(devices, sum(runs.values()), searches)]
        else:
            parts = [_gpu(d, runs[d.label] + runs[d.key]) for d in devices if d.kind == "gpu"]
        self.value = f'<div class="lfads-devices">{"".join(parts)}</div>'


def _processor(devices: list[Device], n_runs: int, n_populations: int) -> str:
    load = psutil.cpu_percent(interval=None)
    memory = psutil.virtual_memory()
    used, total = (memory.total - memory.available) / 2**30, memory.total / 2**30
    at_work = [plural(n_populations, "population")] if n_populations else []
    at_work += [plural(n_runs, "run")] if n_runs or not at_work else []
    text = (
        f"{' and '.join(at_work)} on {plural(len(devices), 'place')}; load {load:.0f} %; "
        f"{used:.1f} of {total:.0f} GB used"
    )
    return _part("Processor", load / 100, "load", text)


def _gpu(device: Device, n_runs: int) -> str:
    used, total = (device.total_mb - device.free_mb) / 1024, device.total_mb / 1024
    load = "" if device.load_percent is None else f"; load {device.load_percent:.0f} %"
    text = f"{device.name}: {plural(n_runs, 'run')}; {used:.1f} of {total:.0f} GB used{load}"
    return _part(device.label, used / max(total, 1e-9), "memory used", text)


def _part(name: str, fraction: float, what: str, text: str) -> str:
    label = escape(f"{name}, {what}")
    return (
        f'<span><b>{escape(name)}</b> <meter value="{min(max(fraction, 0), 1):.2f}" '
        f'aria-label="{label}" title="{label}"></meter> '
        f'<span class="lfads-dim">{escape(text)}</span></span>'
    )
