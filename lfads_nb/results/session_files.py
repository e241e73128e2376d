"""What a run folder holds of one session: its inputs, and which posterior outputs of which split.

Folders that were copied by a tool that drops symbolic links are common, so inputs are also looked
for in the collection's `data_*` folders; nothing is ever changed here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np

from lfads_nb.datasets.behavior import Signal, read_signals, signal_names
from lfads_nb.errors import CollectionError, RunFolderError
from lfads_nb.results.trial_arrays import check_numbers, open_hdf5
from lfads_nb.sweep.folders import PosteriorKind, RunFolder, Split, input_file_name, input_info_name
from lfads_nb.sweep.halving import why_stopped
from lfads_nb.sweep.input_files import BEHAVIOR, InputInfo, read_input_info

log = logging.getLogger(__name__)

SPLITS: tuple[Split, ...] = get_args(Split)
KINDS: tuple[PosteriorKind, ...] = get_args(PosteriorKind)

# What the first versions of the original called the averages.
_OLD_KIND_NAMES = {"posterior_sample_and_average": "posterior_sample"}


# No session has so many; a damaged number would ask for all the memory that there is.
_MOST_TRIALS = 10**8


def _whole_numbers(item: Any, path: Path) -> np.ndarray:
    values = np.ravel(check_numbers(item, path)[()])
    if not np.all(np.abs(values) <= _MOST_TRIALS):
        raise RunFolderError(f"{path} is not read: {item.name!r} in it holds no trial numbers")
    return np.rint(values).astype(np.int64)


def pick_dataset(datasets: Sequence[str], dataset: str | int | None) -> str:
    """Return the name of one of a run's datasets, given by name or 0-based index, or the only one.

    Raises
    ------
    CollectionError
        There is no such dataset, or none was named and there are several.
    """
    listed = ", ".join(datasets)
    if dataset is None:
        if len(datasets) != 1:
            raise CollectionError(
                f"this run has {len(datasets)} datasets ({listed}): say which one, by name or index"
            )
        return datasets[0]
    if isinstance(dataset, str):
        if dataset not in datasets:
            raise CollectionError(f"this run has no dataset {dataset!r}, only {listed}")
        return dataset
    if not -len(datasets) <= dataset < len(datasets):
        raise CollectionError(f"dataset {dataset} of {len(datasets)}: this run has {listed}")
    return datasets[dataset]


@dataclass(frozen=True)
class SessionFiles:
    """The files of one session in a run folder.

    Parameters
    ----------
    run : the folder.
    dataset : the session's name.
    data_name : `data_XXXXXX`, if it is known: which prepared inputs are the run's.
    """

    run: RunFolder
    dataset: str
    data_name: str | None = None

    # ---------------------------------------------------------------------------------- inputs

    @cached_property
    def input_file(self) -> Path:
        """The spikes that the run was trained on.

        Raises
        ------
        RunFolderError
            They are neither in the run folder nor among the collection's data folders.
        """
        found = self._find(input_file_name(self.dataset))
        if found is None:
            raise RunFolderError(
                f"{self.run.input_file(self.dataset)} is missing, and no data folder of the "
                "collection holds it. Prepare the run's inputs again, or copy the collection with "
                "its data_* folders."
            )
        return found

    @cached_property
    def info(self) -> InputInfo | None:
        """What is known about the trials; None where that file is missing."""
        found = self._find(input_info_name(self.dataset))
        if found is None:
            return None
        info = read_input_info(found)
        is_known = self.data_name is not None and info.data_hash
        if is_known and f"data_{info.data_hash}" != self.data_name:
            log.warning(
                "%s was prepared with other data parameters (data_%s) than the run has (%s)",
                found, info.data_hash, self.data_name,
            )  # fmt: skip
        return info

    def _find(self, name: str) -> Path | None:
        linked = self.run.input / name
        if linked.is_file():
            return linked
        spec, collection = self.run.path.name, self.run.path.parent.parent
        candidates = [
            path
            for pattern in (f"data_*/{spec}/{name}", f"data_*/{name}")
            for path in sorted(collection.glob(pattern))
        ]
        if self.data_name is not None:
            own = [p for p in candidates if self.data_name in p.relative_to(collection).parts]
            return own[0] if own else None
        if len(candidates) > 1:
            raise RunFolderError(
                f"{linked} is missing, and which of these is the run's cannot be told: "
                f"{', '.join(str(p) for p in candidates)}. Link the right one there."
            )
        return candidates[0] if candidates else None

    @cached_property
    def input_keys(self) -> frozenset[str]:
        """The names of the arrays in the input file."""
        with open_hdf5(self.input_file) as file:
            return frozenset(file)

    @cached_property
    def inds(self) -> dict[Split, np.ndarray]:
        """0-based trials of each split, in the order of its rows.

        Raises
        ------
        RunFolderError
            Neither of the input files says which trials are which.
        """
        inds = self._inds_of_input_file() or self._inds_of_info()
        if not inds:
            raise RunFolderError(
                f"which trials of {self.dataset!r} are for training and which for validation is "
                f"written neither in {self.run.input_file(self.dataset)} nor in "
                f"{self.run.input_info(self.dataset)}. Restore one of them to get their order."
            )
        together = np.concatenate(list(inds.values()))
        if (
            not len(together)
            or together.min() < 0
            or together.max() >= _MOST_TRIALS
            or len(np.unique(together)) != len(together)
        ):
            raise RunFolderError(
                f"the trial numbers of {self.dataset!r} in {self.run.input} are wrong: they count "
                "from 1, and each trial belongs to one split only"
            )
        return inds

    def _inds_of_input_file(self) -> dict[Split, np.ndarray]:
        if self._find(input_file_name(self.dataset)) is None:
            return {}
        with open_hdf5(self.input_file) as file:
            return {
                split: _whole_numbers(file[f"{split}_inds"], self.input_file) - 1
                for split in SPLITS
                if f"{split}_inds" in file
            }

    def _inds_of_info(self) -> dict[Split, np.ndarray]:
        if self.info is None:
            return {}
        inds = {s: np.asarray(getattr(self.info, f"{s}_inds"), dtype=np.int64) for s in SPLITS}
        return {split: trials for split, trials in inds.items() if len(trials)}

    def behavior(self) -> dict[str, Signal]:
        """Read the behavioural signals, all trials in their own order, in LFADS' bins."""
        if self._find(input_file_name(self.dataset)) is None:
            return {}
        with open_hdf5(self.input_file) as file:
            stored = file.get(BEHAVIOR)
            return read_signals(stored) if isinstance(stored, h5py.Group) else {}

    def behavior_names(self) -> tuple[str, ...]:
        """Name the behavioural signals without reading them."""
        if self._find(input_file_name(self.dataset)) is None:
            return ()
        with open_hdf5(self.input_file) as file:
            stored = file.get(BEHAVIOR)
            return signal_names(stored) if isinstance(stored, h5py.Group) else ()

    @cached_property
    def n_trials(self) -> int:
        """Trials of the session, those included that no split uses."""
        last = max(int(trials.max()) for trials in self.inds.values() if len(trials)) + 1
        ids = None if self.info is None else self.info.condition_ids
        return last if ids is None else max(last, len(ids))

    # --------------------------------------------------------------------------------- outputs

    def outputs(self, kind: PosteriorKind) -> dict[Split, Path]:
        """The posterior output file of each split that has one."""
        found = {}
        for split in SPLITS:
            path = self.run.posterior_means(self.dataset, split, kind)
            old = path.with_name(path.name.replace(kind, _OLD_KIND_NAMES.get(kind, kind)))
            for candidate in (path, old):
                if candidate.is_file():
                    found[split] = candidate
                    break
        return found

    def choose_kind(self, wanted: PosteriorKind | None, usual: PosteriorKind) -> PosteriorKind:
        """Return the kind to read: what was asked for, else the usual one, else what there is.

        Raises
        ------
        RunFolderError
            There are no outputs, or none of the kind that was asked for.
        """
        there = [kind for kind in KINDS if self.outputs(kind)]
        if wanted is None and there:
            return usual if usual in there else there[0]
        if wanted is not None and wanted in there:
            return wanted
        expected = self.run.posterior_means(self.dataset, "train", wanted or usual)
        if there:
            raise RunFolderError(
                f"{expected} is missing. This run has been sampled as {' and '.join(there)} only: "
                f"ask for kind={there[0]!r}, or sample it again as {wanted!r}."
            )
        raise RunFolderError(f"{expected} is missing. {self._what_to_do()}")

    def _what_to_do(self) -> str:
        if not self.run.path.is_dir():
            return "The run's folder does not exist: prepare the run first."
        collection = self.run.path.parent.parent
        if not self.run.output.is_dir():
            return (
                "The run has not been trained: launch it, and see how far it is with "
                f"`lfads-nb status {collection}`."
            )
        if not self.run.done.is_file() and (stopped := why_stopped(self.run)):
            return (
                f"The run was {stopped}. It is sampled once it has trained to its own end: "
                f"`lfads-nb go-on {collection}`, or Go on in Queue, does that."
            )
        if not self.run.done.is_file():
            return (
                "The run has not finished: see how far it is, or why it stopped, with "
                f"`lfads-nb status {collection}` or in {self.run.log.name}."
            )
        return (
            f"The run is marked as finished ({self.run.done.name}), but its posterior has not been "
            f"sampled: `lfads-nb sample {self.run.path}` does that."
        )
