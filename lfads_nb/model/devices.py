"""Where a run computes: the device that its parameters name, among those that the process sees."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from lfads_nb.errors import ParamsError
from lfads_nb.model.backend import device_names, grow_memory_on_demand
from lfads_nb.sweep.params import RunParams

log = logging.getLogger(__name__)


def chosen_device(wanted: str, available: list[str]) -> str:
    """Return the device to use, the processor if the wanted one is not there.

    Parameters
    ----------
    wanted : str
        Such as "/gpu:0", "gpu:0" or "cpu".
    available : list of str
        Such as ["cpu:0", "gpu:0"].

    Raises
    ------
    ParamsError
        The name is none of a device.
    """
    kind, _, number = wanted.strip("/").lower().removeprefix("device:").partition(":")
    if kind not in ("cpu", "gpu") or not (number or "0").isdigit():
        raise ParamsError(f"device {wanted!r} is none: use '/gpu:0' or '/cpu:0'")
    name = f"{kind}:{number or 0}"
    if name in available or kind == "cpu":
        return name
    log.info("There is no %s here: computing on the processor.", name)
    return "cpu:0"


@contextmanager
def on_device(params: RunParams) -> Iterator[None]:
    """Compute on the parameters' device within the block."""
    grow_memory_on_demand(params.allow_gpu_growth)
    with keras.device(chosen_device(params.device, device_names())):
        yield
