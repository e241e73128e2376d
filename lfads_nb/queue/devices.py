"""What this machine can compute on, asked anew at every call.

GPUs are listed by NVML, so other people's processes count and nothing is taken by asking. Where
there is none, the processor is cut into places that together do not oversubscribe it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psutil

from lfads_nb.cores import usable_cores
from lfads_nb.errors import QueueError

MIB = 2**20


@dataclass(frozen=True)
class Device:
    """A GPU, or a place on the processor.

    Memory is in MiB: a GPU's own, or the machine's for a place on the processor (`pool` tells
    which devices share theirs). `slots` is how many runs it takes at most, `index` the number of a
    GPU in PCI order.
    """

    key: str
    name: str
    kind: str
    free_mb: float
    total_mb: float
    pool: str
    slots: int = 1
    index: int | None = None
    load_percent: float | None = None

    @property
    def label(self) -> str:
        """What a table shows."""
        return f"GPU {self.index}" if self.kind == "gpu" else self.key


def list_gpus(environment: Mapping[str, str] = os.environ) -> list[Device]:
    """Ask NVML for the GPUs that this process may use; an empty list where there is no driver.

    A `CUDA_VISIBLE_DEVICES` in the environment leaves out the others, as it does for CUDA.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        gpus = [_describe_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return gpus
    names = [part.strip() for part in visible.split(",")]
    return [gpu for gpu in gpus if str(gpu.index) in names or gpu.key in names]


def _describe_gpu(pynvml: object, index: int) -> Device:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)  # type: ignore[attr-defined]
    uuid = pynvml.nvmlDeviceGetUUID(handle)  # type: ignore[attr-defined]
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)  # type: ignore[attr-defined]
    try:
        load = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)  # type: ignore[attr-defined]
    except pynvml.NVMLError:  # type: ignore[attr-defined]
        load = None
    return Device(
        key=uuid,
        name=pynvml.nvmlDeviceGetName(handle),  # type: ignore[attr-defined]
        kind="gpu",
        free_mb=memory.free / MIB,
        total_mb=memory.total / MIB,
        pool=uuid,
        slots=max(1, usable_cores() // 2),
        index=index,
        load_percent=load,
    )


def list_cpu_places(n_places: int | None = None) -> list[Device]:
    """Cut the processor into places, one run each.

    Parameters
    ----------
    n_places : how many; by default half the cores of a large machine and all of a small one,
        because LFADS' small matrices gain little from more than two threads.
    """
    cores = usable_cores()
    n_places = n_places or (cores if cores <= 4 else cores // 2)
    memory = psutil.virtual_memory()
    return [
        Device(
            key=f"cpu{i}",
            name="processor",
            kind="cpu",
            free_mb=memory.available / MIB,
            total_mb=memory.total / MIB,
            pool="ram",
        )
        for i in range(n_places)
    ]


def list_devices() -> list[Device]:
    """Return the GPUs of this machine, or places on its processor where there is none."""
    return list_gpus() or list_cpu_places()


def refreshed(devices: Sequence[Device]) -> list[Device]:
    """Return the same devices with the memory that is free now; one that went away has none."""
    gpus = {gpu.key: gpu for gpu in list_gpus()} if any(d.kind == "gpu" for d in devices) else {}
    available = psutil.virtual_memory().available / MIB
    return [
        gpus.get(device.key, replace(device, free_mb=0.0))
        if device.kind == "gpu"
        else replace(device, free_mb=available)
        for device in devices
    ]


def run_environment(device: Device | None, *, threads: int) -> dict[str, str]:
    """Return the environment that pins a run to a device and bounds its threads.

    Parameters
    ----------
    device : where to run; None leaves the choice of GPU to what the environment says already.
    threads : how many threads each of the numeric libraries may use.
    """
    environment = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        # One more than the loops that run beside each other, for what needs not wait for them.
        "TF_NUM_INTEROP_THREADS": "1" if threads == 1 else str(threads + 1),
        # glibc would give large arrays back after each training step and fault them in again.
        "MALLOC_MMAP_THRESHOLD_": str(2**30),
        "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
        # As Jupyter has it: matplotlib cannot be imported if the user's names what is not there.
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    if device is not None:
        environment["CUDA_VISIBLE_DEVICES"] = device.key if device.kind == "gpu" else "-1"
    return environment


def default_label() -> str:
    """Name what a process computes on that was told of no device: the first GPU that it may use."""
    return next((gpu.label for gpu in list_gpus()), "cpu")


def find_device(name: str) -> Device | None:
    """Find a device of this machine by its name.

    Parameters
    ----------
    name : a GPU's number or UUID, or "cpu" (or "cpu" and a number); "" gives None.

    Raises
    ------
    QueueError
        If there is no such GPU; those that there are are named.
    """
    if not name:
        return None
    if name.startswith("cpu"):
        return replace(list_cpu_places(1)[0], key=name)
    gpus = list_gpus()
    for gpu in gpus:
        if name in (gpu.key, str(gpu.index)):
            return gpu
    there = ", ".join(f"{gpu.index} ({gpu.name}, {gpu.key})" for gpu in gpus) or "none"
    raise QueueError(f"there is no device {name!r}: use 'cpu' or one of the GPUs: {there}")
