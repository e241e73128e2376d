"""What was asked of the queue: launches, as files that outlive every process.

A batch says which runs, in which order and how. What became of them stands in their folders: a
server that starts anew reads both and goes on.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lfads_nb.errors import QueueError
from lfads_nb.python_commands import import_variable
from lfads_nb.queue.home import QueueHome, new_id, put_json, read_json_file
from lfads_nb.queue.packing import RUNNER as PACK_RUNNER
from lfads_nb.queue.packing import Pack, checked_pack
from lfads_nb.queue.runner import MODULE
from lfads_nb.queue.runner_process import MODES
from lfads_nb.state_home import HOME_VARIABLE, state_home
from lfads_nb.sweep.halving import Halving

SCHEMA = 1

# These can hold secrets, and begin as TensorFlow's do.
_TERRAFORM = ("TF_VAR_", "TF_CLI_", "TF_TOKEN_")
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "CONDA_PREFIX", "VIRTUAL_ENV")


@dataclass(frozen=True)
class LaunchOptions:
    """How the runs of one launch are to be executed.

    Parameters
    ----------
    gpu_list : numbers of the GPUs that may be used, in PCI order; None for all.
    one_task_per_gpu : leave a GPU to one run of this queue at a time.
    gpu_memory_required : MiB that must be free for each run; None to estimate it from its shape
        and from earlier runs.
    max_tasks_simultaneously : runs of this launch at once, at most; None for what the machine
        serves.
    rerun : train what is done afresh; its outputs are kept aside (`lfadsOutput_before`) until the
        new ones are whole.
    more_epochs : go on with what is done for so many epochs, from its last checkpoint and whatever
        rule ended it; its outputs are kept aside too.
    mode : "all", or "posterior_mean_only" to sample again from a trained model.
    priority : higher ones start first; equal ones in the order of the launch.
    retries : how often a failed run is tried again.
    template : another notebook to render, for all runs of the launch.
    cluster : address of another dask scheduler, with its security; None for this machine.
    resources : dask resources that each run takes there.
    python, environment : the interpreter and the variables to run with.
    runner : the module that executes a run.
    pack_runner : the module that trains a pack.
    drives : whether it takes no device but has others do the work: a population's driver.
    driver : folder of the population whose members these are; "" for ordinary runs.
    pack : runs of equal data and shapes train as one program, which needs JAX: so many at most, 0
        for none, or "auto": on a GPU that JAX can use, as many as its memory takes.
        See docs/gpu.md.
    halving : end runs early that are behind others on the same data; see
        `lfads_nb.sweep.halving`. True for its defaults.
    go_on : go on to their own end with runs that were stopped early, which are left alone else.
    ahead : start the process of the next run while the one before it samples and draws its report,
        where memory allows: it then trains within seconds of its turn.
    """

    gpu_list: tuple[int, ...] | None = None
    one_task_per_gpu: bool = True
    gpu_memory_required: float | None = None
    max_tasks_simultaneously: int | None = None
    rerun: bool = False
    more_epochs: int = 0
    mode: str = "all"
    priority: int = 0
    retries: int = 0
    template: str | None = None
    cluster: dict[str, Any] | None = None
    resources: dict[str, float] | None = None
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)
    runner: str = MODULE
    drives: bool = False
    driver: str = ""
    pack: Pack = "auto"
    halving: Halving | None = None
    go_on: bool = False
    pack_runner: str = PACK_RUNNER
    ahead: bool = True

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise QueueError(f"mode {self.mode!r} is not known: it is one of {', '.join(MODES)}")
        for name in ("max_tasks_simultaneously", "gpu_memory_required"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise QueueError(f"{name} must be positive or None, got {value}")
        for name in ("retries", "more_epochs"):
            if getattr(self, name) < 0:
                raise QueueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        object.__setattr__(self, "pack", checked_pack(self.pack))
        object.__setattr__(self, "halving", _checked_halving(self.halving))
        if self.halving is not None and (self.more_epochs or self.go_on or self.mode != "all"):
            raise QueueError(
                "halving is for runs that train from their beginning, not with more_epochs, go_on "
                "or posterior_mean_only"
            )
        again = [n for n in ("rerun", "more_epochs") if getattr(self, n)]
        again += ["mode='posterior_mean_only'"] if self.mode != "all" else []
        if len(again) > 1:
            raise QueueError(f"{' and '.join(again)} exclude each other: choose one")

    @property
    def is_retraining(self) -> bool:
        """Whether what is done is to be trained again."""
        return self.rerun or self.more_epochs > 0

    @classmethod
    def from_json(cls, content: Any) -> LaunchOptions:
        """Make the options that a batch's file holds, each of its type.

        Raises
        ------
        ValueError, QueueError
            One is not.
        """
        return TypeAdapter(cls).validate_json(json.dumps(content), strict=True)


def _checked_halving(halving: Any) -> Halving | None:
    if halving is None or isinstance(halving, bool):
        return Halving() if halving else None
    if isinstance(halving, Halving):
        return halving
    raise QueueError(f"halving must be a Halving, True or False, not {halving!r}")


@dataclass(frozen=True)
class Batch:
    """One launch: run folders in the order in which they should start, and how."""

    key: str
    runs: tuple[str, ...]
    options: LaunchOptions

    @classmethod
    def new(cls, runs: list[Path], options: LaunchOptions) -> Batch:
        return cls(new_id(), tuple(str(run) for run in runs), options)

    def save(self, home: QueueHome) -> None:
        put_json(
            home.batches / f"{self.key}.json",
            {"schema": SCHEMA, "runs": list(self.runs), "options": asdict(self.options)},
        )

    def remove(self, home: QueueHome) -> None:
        (home.batches / f"{self.key}.json").unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Batch | None:
        """Read a batch; None if the file is damaged or of another version."""
        content = read_json_file(path)
        if content.get("schema") != SCHEMA:
            return None
        try:
            options = LaunchOptions.from_json(content["options"])
            runs = content["runs"]
            if not isinstance(runs, list) or not all(_is_path(run) for run in runs):
                return None
            return cls(path.stem, tuple(runs), options)
        except (KeyError, TypeError, ValueError, RecursionError, QueueError):
            return None


def _is_path(text: Any) -> bool:
    return isinstance(text, str) and os.path.isabs(text) and "\0" not in text


def passed_on(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables of the launching process that its runs need.

    A server may have been started from another Python environment than that of this launch.
    """
    kept = {k: environment[k] for k in _PASSED_ON if k in environment}
    kept |= {
        k: v
        for k, v in environment.items()
        if k.startswith(("TF_", "XLA_", "KERAS_")) and not k.startswith(_TERRAFORM)
    }
    package_root = str(Path(__file__).parents[2])
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if package_root not in installed:
        # Not installed but imported from a checkout: the run's kernel must find it too.
        kept["PYTHONPATH"] = import_variable(package_root, kept.get("PYTHONPATH"))
    elif "PYTHONPATH" in kept:
        kept["PYTHONPATH"] = import_variable(kept["PYTHONPATH"])
    # Where it is remembered which code of the user's own may run.
    return {**kept, HOME_VARIABLE: str(state_home(environment))}
