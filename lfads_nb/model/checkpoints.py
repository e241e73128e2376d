"""Checkpoints: Keras' weights files, with the training state and a digest inside.

One file holds all that an exact resume needs. It is written beside and moved into place; a damaged
one is noticed by its digest, and the one before is taken.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from lfads_nb.atomic_files import make_room
from lfads_nb.errors import RunFolderError
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.model.training_state import TrainingState
from lfads_nb.sweep.params import RunParams

log = logging.getLogger(__name__)

ROLLING = "lfads_vae"
LOWEST_VALID = "lfads_vae_lve"
IN_TURN = "lfads_vae_turn"
"""Of a population's member: within a turn that is not over."""
DAMAGE = (OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError)
"""What reading a checkpoint raises that is not as it was written."""


@dataclass(frozen=True)
class Checkpoints:
    """A series of checkpoints in a folder, of which the newest few are kept.

    Parameters
    ----------
    folder : Path
        The run's `lfadsOutput`.
    name : str
        `ROLLING`, `LOWEST_VALID` or `IN_TURN`.
    keep : int
    only : str
        Look at the file of this name and at no other.
    """

    folder: Path
    name: str
    keep: int = 5
    only: str = ""

    def paths(self) -> list[Path]:
        """Return the series, the newest first."""
        pattern = re.compile(rf"{self.name}-(\d+)\.weights\.h5")
        found = [(int(m[1]), p) for p in self._files() if (m := pattern.fullmatch(p.name))]
        return [p for _, p in sorted(found, reverse=True) if self.only in ("", p.name)]

    def _files(self) -> Iterator[Path]:
        return self.folder.iterdir() if self.folder.is_dir() else iter(())

    def save(self, model: keras.Model, state: TrainingState) -> Path:
        """Write the model as it is now, and delete what is too old."""
        state.seed = model.draws.tolist()
        path = self.folder / f"{self.name}-{state.step}.weights.h5"
        temporary = path.with_name(f".writing-{path.name}")
        make_room(temporary, _most_bytes(model))
        model.save_weights(temporary, overwrite=True)
        with h5py.File(temporary, "r+") as file:
            file.attrs["training_state"] = state.to_json()
            file.attrs["digest"] = _digest(file)
        os.replace(temporary, path)
        for old in self.paths()[self.keep :]:
            old.unlink(missing_ok=True)
        return path

    def load(
        self,
        model: keras.Model,
        params: RunParams,
        wanted: Callable[[TrainingState], bool] = lambda _: True,
    ) -> TrainingState | None:
        """Load the newest checkpoint that is whole and wanted; None if there is none.

        The optimiser's state is loaded too if the model has one.
        """
        for path in self.paths():
            try:
                state = _read_state(path, params, wanted)
            except DAMAGE as error:
                log.warning("Checkpoint %s is damaged (%s): trying the one before.", path, error)
                continue
            if state is None:
                continue
            _load_weights(path, model, state)
            log.info("Loaded %s.", path)
            return state
        return None

    def delete(self, *, after: int = -1) -> None:
        """Delete the checkpoints of later steps than this one."""
        for path in self.paths():
            if int(path.name.removesuffix(".weights.h5").rpartition("-")[2]) > after:
                path.unlink(missing_ok=True)


def _most_bytes(model: keras.Model) -> int:
    """Return more than a checkpoint takes: its arrays, and HDF5's records of each."""
    arrays = [*model.variables, *(model.optimizer.variables if model.optimizer else ())]
    n_bytes = sum(math.prod(v.shape) * np.dtype(v.dtype).itemsize for v in arrays)
    return n_bytes + 4096 * len(arrays) + 2**16


def _read_state(
    path: Path, params: RunParams, wanted: Callable[[TrainingState], bool]
) -> TrainingState | None:
    """Read a wanted training state, once the whole file is known to be as it was written."""
    with open_hdf5(path, check_sizes=True) as file:
        state = TrainingState.from_json(file.attrs["training_state"], params)
        if not wanted(state):
            return None
        if file.attrs["digest"] != _digest(file):
            raise ValueError("its contents do not match their digest")
        return state


def _load_weights(path: Path, model: keras.Model, state: TrainingState) -> None:
    try:
        model.load_weights(path)
    except ValueError as error:
        raise RunFolderError(
            f"{path} does not fit the run's settings: delete the run's output to train it anew "
            f"({error})"
        ) from error
    model.draws = state.seed


def _digest(file: h5py.File) -> str:
    """Hash every array, in the order of their names, and the training state."""
    digest = hashlib.sha256(file.attrs["training_state"].encode())

    def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(name.encode())
            digest.update(np.asarray(item).tobytes())

    file.visititems(add)
    return digest.hexdigest()
