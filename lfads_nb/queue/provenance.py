"""What a run's process knows of what it is trained with: versions, machine, device, data."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lfads_nb.queue.devices import list_gpus
from lfads_nb.queue.slurm.scheduler import own_job
from lfads_nb.queue.status import local_now
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.provenance import checksums, commit_of
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.version import __version__

_PACKAGES = ("keras", "tensorflow", "jax", "numpy", "scipy", "h5py")


_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def gather_provenance(
    folder: RunFolder, record: RunRecord, device: str, *, pack: int = 0
) -> dict[str, Any]:
    """Return what is to be kept of a run's making.

    Parameters
    ----------
    folder, record : the run.
    device : what the status calls the place where it runs.
    pack : how many runs train as one program with it.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    together = f", {pack} in one program" if pack > 1 else ""
    return {
        "began": local_now().isoformat(timespec="seconds"),
        "by": f"{_NAMES.get(backend, backend)} on {device}{together}",
        "versions": {
            "lfads_nb": __version__,
            "Python": platform.python_version(),
            **{name: found for name in _PACKAGES if (found := _version(name))},
            "Keras backend": backend,
        },
        "machine": f"{platform.node()}, {platform.platform()}",
        "job": _job_in_words(),
        "device": _device(device),
        "commit": {**commit_of(folder.path), **commit_of(Path(__file__).resolve().parent)},
        "inputs": checksums([folder.input_file(name) for name in record.datasets]),
    }


def _job_in_words() -> str:
    job, node = own_job(), os.environ.get("SLURMD_NODENAME", "")
    return f"{job} on {node}" if job and node else job


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _device(label: str) -> str:
    """Name a GPU and its driver; a place on the processor keeps its label."""
    import pynvml

    gpu = next((each for each in list_gpus() if each.label == label), None)
    if gpu is None:
        return label
    try:
        pynvml.nvmlInit()
        try:
            driver = pynvml.nvmlSystemGetDriverVersion()
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return f"{label}, {gpu.name}"
    return f"{label}, {gpu.name}, driver {driver}"
