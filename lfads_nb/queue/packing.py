"""Which waiting runs may train as one program, and how many: decided without tensorflow or JAX.

What a pack is, and the training itself, is `lfads_nb.model.packs`; what executes one is
`pack_runner`. For the turns of a population's members they are `turn_packs` and `turn_pack_runner`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Hashable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from lfads_nb.errors import LfadsError, QueueError
from lfads_nb.queue.home import put_json, read_json_file
from lfads_nb.queue.memory import BASE_MB
from lfads_nb.queue.retraining import is_due, read_retraining
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.same_program import program_of
from lfads_nb.sweep.turns import TurnRequest, TurnResult

Pack = int | Literal["auto"]
"""How many runs a program may train at most: 0 for no packs, "auto" for what a GPU takes."""

MOST_IN_AUTO = 40
"""More members than this were not measured, see docs/gpu.md."""

RUNNER = "lfads_nb.queue.pack_runner"
TURN_PACK_RUNNER = "lfads_nb.queue.turn_pack_runner"
_RUNS = "pack.json"
_MEMORY = "memory.json"
_CUDA_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")


def checked_pack(pack: object) -> Pack:
    """Return what was asked for as it is kept; True and False mean "auto" and none.

    Raises
    ------
    QueueError
        It is none of what is known.
    """
    if pack is None or isinstance(pack, bool):
        return "auto" if pack else 0
    if pack == "auto":
        return "auto"
    if isinstance(pack, int) and pack >= 0:
        return pack
    raise QueueError(
        f"pack must be 'auto', False, or how many runs train as one program at most, not {pack!r}"
    )


def usable_pack(pack: Pack, environment: Mapping[str, str] = os.environ) -> Pack:
    """Return what becomes of a wish for packs in the Python that launches.

    `auto` packs where JAX can use a GPU, and not where the user has chosen another backend.

    Raises
    ------
    QueueError
        Packs are asked for by number, and JAX is not installed.
    """
    if pack == "auto":
        chosen = environment.get("KERAS_BACKEND", "jax")
        has_cuda = find_spec("jax") is not None and any(map(find_spec, _CUDA_PLUGINS))
        return "auto" if has_cuda and chosen == "jax" else 0
    if pack > 1 and find_spec("jax") is None:
        raise QueueError(
            "runs train as one program on JAX, which is not installed here: "
            "pip install 'lfads-nb[jax]', or launch with pack=False"
        )
    return pack


def may_pack(pack: Pack, kind: str) -> bool:
    """Whether runs share a program on a kind of device ("gpu" or "cpu")."""
    return kind == "gpu" if pack == "auto" else pack > 1


def pack_key(folder: RunFolder) -> Hashable | None:
    """Return what is equal for runs that can train as one program.

    None for a run that is not to be trained, or whose folder cannot be read.
    """
    try:
        status = read_status(folder)
        trained = RunState.TRAINING.value in status.finished_stages
        if trained and not is_due(folder, read_retraining(folder)):
            return None
        record = RunRecord.load(folder)
        return _hashable(program_of(record.params), *_inputs(folder, record))
    except (LfadsError, OSError, TypeError):
        return None


def turn_pack_key(folder: RunFolder) -> Hashable | None:
    """Return what is equal for members whose turns can be taken as one program.

    None for one whose turn was taken, or whose folder cannot be read.
    """
    try:
        request = TurnRequest.load(folder.path)
        if TurnResult.of(request) is not None:
            return None
        record = RunRecord.load(folder)
        searched = frozenset(request.settings)
        program = program_of(request.params(record.params), searched)
        turn = request.generation, request.first_epoch, request.epochs
        return _hashable(program, searched, turn, *_inputs(folder, record))
    except (LfadsError, OSError, TypeError, ValueError):
        return None


def _inputs(folder: RunFolder, record: RunRecord) -> tuple[tuple, tuple]:
    files = tuple(str(folder.input_file(n).resolve(strict=True)) for n in record.datasets)
    return tuple(record.datasets), files


def _hashable(*key: Hashable) -> Hashable:
    hash(key)
    return key


def n_members(
    pack: Pack, n_alike: int, *, n_devices: int, needed_mb: float, free_mb: float, kind: str
) -> int:
    """Return how many of some runs of one program share it, at least one.

    Parameters
    ----------
    pack : what was asked for.
    n_alike : the runs that could.
    n_devices : the devices that `auto` shares them out to.
    needed_mb : what one of them needs alone.
    free_mb : what is free on the device.
    kind : the device's.
    """
    if not may_pack(pack, kind):
        return 1
    most = min(MOST_IN_AUTO, math.ceil(n_alike / max(1, n_devices))) if pack == "auto" else pack
    # Only what a process takes before it trains is there once for all.
    each = max(1.0, needed_mb - BASE_MB[kind])
    fit = 1 + max(0, math.floor((free_mb - needed_mb) / each))
    return max(1, min(most, n_alike, fit))


def make_pack_folder(path: Path, runs: Sequence[str]) -> None:
    """Make the folder from which a pack's process learns whose training it is to do."""
    path.mkdir(parents=True, mode=0o700)
    put_json(path / _RUNS, {"runs": list(runs)})


def keep_pack_memory(path: Path, peak_mb: float, n_members: int) -> None:
    """Write down in a pack's folder what its process took, in MiB, and with how many runs."""
    put_json(path / _MEMORY, {"peak_mb": peak_mb, "members": n_members})


def read_pack_memory(path: Path) -> tuple[float, int] | None:
    """Return the memory of a pack's process and its members; None if it was not written."""
    found = read_json_file(path / _MEMORY)
    peak, members = found.get("peak_mb"), found.get("members")
    if not isinstance(peak, int | float) or not isinstance(members, int):
        return None
    return float(peak), members


def read_pack_folder(path: Path) -> list[RunFolder]:
    """Return the runs of a pack.

    Raises
    ------
    QueueError
        The folder is not a pack's.
    """
    try:
        runs = read_json(path / _RUNS)["runs"]
        return [RunFolder(Path(run)) for run in runs]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise QueueError(f"{path} names no runs to train together") from error
