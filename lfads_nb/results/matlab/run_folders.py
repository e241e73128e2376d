"""Where the runs of an old collection lie, and what their prepared inputs are.

Three layouts (files_on_disk.md 5.1, features.md P1): `param_<hash>/<run spec>` with data in
`data_<hash>/<run spec>` or directly in `data_<hash>`; and, before version 3, a folder per run spec
directly in the collection. Links may be broken and files missing; nothing is changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lfads_nb.errors import RunFolderError
from lfads_nb.results.matlab.recovery import Observed
from lfads_nb.results.matlab.settings_files import dataset_names
from lfads_nb.results.session_files import KINDS, SessionFiles
from lfads_nb.results.trial_arrays import open_hdf5
from lfads_nb.sweep.folders import RunFolder

_HASHED = re.compile(r"(param|data)_([\w-]{6})")
_INPUT = re.compile(r"lfads_(.+)\.h5|inputInfo_(.+)\.mat")
_OUTPUT = re.compile(r"model_runs_(.+)\.h5_(?:train|valid)_posterior_(?:sample|push_mean).*")


@dataclass(frozen=True)
class OldRunFolder:
    """One run's folder in a collection of the run manager's."""

    folder: RunFolder
    param_hash: str | None

    @property
    def spec_name(self) -> str:
        return self.folder.path.name

    def datasets(self) -> list[str]:
        """Return the run's datasets, in the order of the original's record if there is one."""
        named = dataset_names(self.folder)
        links = _names(self.folder.input, _INPUT)
        found = links | _names(self.folder.output, _OUTPUT)
        if named and (not found or set(named) >= found):
            return named
        return sorted(found)

    def data_hash(self) -> str | None:
        """Return the hash of the run's prepared data: as its links say, or its inputs do."""
        hashes = set()
        for path in _entries(self.folder.input):
            if path.is_symlink():
                parts = [_HASHED.fullmatch(part) for part in Path(os.readlink(path)).parts]
                hashes |= {match[2] for match in parts if match and match[1] == "data"}
        if len(hashes) == 1:
            return hashes.pop()
        hashes |= {files.info.data_hash for files in self.sessions() if files.info is not None}
        return hashes.pop() if len(hashes) == 1 else None

    def sessions(self, data_hash: str | None = None) -> list[SessionFiles]:
        name = f"data_{data_hash}" if data_hash else None
        return [SessionFiles(self.folder, dataset, name) for dataset in self.datasets()]

    def observe(self, data_hash: str | None) -> Observed:
        """Return what the prepared inputs of the first session with any tell."""
        for files in self.sessions(data_hash):
            try:
                with open_hdf5(files.input_file) as file:
                    keys, n_bins = frozenset(file), file["train_data"].shape[1]
            except RunFolderError:
                continue
            info = files.info
            n_raw = 0 if info is None else len(info.raw_time_ms)
            ratios = fitting_ratios(n_raw, n_bins)
            return Observed(
                bin_ms=() if info is None else tuple(r * info.raw_bin_ms for r in ratios),
                bin_is_exact=bool(ratios) and n_raw % ratios[0] == 0,
                ratio=_ratios(files.inds.get("valid", np.zeros(0))),
                aligned="alignment_matrix_cxf" in keys,
            )
        return Observed()

    @property
    def has_outputs(self) -> bool:
        """Whether the posterior of any session has been sampled."""
        return any(files.outputs(kind) for files in self.sessions() for kind in KINDS)


def find_run_folders(collection: Path) -> list[OldRunFolder]:
    """List the runs of a collection, settings in order of their folders' names.

    Raises
    ------
    RunFolderError
        The folder does not exist, or holds no run.
    """
    if not collection.is_dir():
        raise RunFolderError(f"{collection} is no folder")
    found = list(_find(collection))
    if not found:
        raise RunFolderError(
            f"{collection} holds no run: give the folder that has the param_XXXXXX folders in it"
        )
    return found


def _find(collection: Path) -> Iterator[OldRunFolder]:
    for entry in _entries(collection):
        match = _HASHED.fullmatch(entry.name)
        if match and match[1] == "param":
            for path in _entries(entry):
                if _is_run(path):
                    yield OldRunFolder(RunFolder(path), match[2])
        elif not match and _is_run(entry):
            yield OldRunFolder(RunFolder(entry), None)


def _is_run(path: Path) -> bool:
    return any((path / name).is_dir() for name in ("lfadsInput", "lfadsOutput"))


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _names(folder: Path, pattern: re.Pattern[str]) -> set[str]:
    matches = [pattern.fullmatch(path.name) for path in _entries(folder)]
    return {next(group for group in match.groups() if group) for match in matches if match}


def fitting_ratios(n_raw: int, n_bins: int) -> list[int]:
    """Return how many raw bins one bin may hold, those that leave no raw bin over first.

    The run manager drops a tail that is too short for a bin, so there may be several.
    """
    ratios = [ratio for ratio in range(1, n_raw + 1) if n_raw // ratio == n_bins]
    return sorted(ratios, key=lambda ratio: (n_raw % ratio != 0, ratio))


def _ratios(valid: np.ndarray) -> tuple[int, ...]:
    """Return the training trials per validation trial that the spacing of the latter shows."""
    spacing = np.unique(np.diff(np.sort(valid)))
    return (int(spacing[0]) - 1,) if len(spacing) == 1 and spacing[0] > 1 else ()
