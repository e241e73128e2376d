"""What a run has finished, and whether the files that it must have then can be opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from lfads_nb.queue.status import RunState, RunStatus, read_status
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord


def is_trained(folder: RunFolder) -> bool:
    """Return whether a run's training came to its end."""
    return folder.done.exists() or RunState.TRAINING.value in read_status(folder).finished_stages


def expected_outputs(folder: RunFolder, record: RunRecord) -> list[Path]:
    """Return the HDF5 files that sampling and exporting leave behind."""
    kind = record.params.posterior_mean_kind
    means = [
        folder.posterior_means(dataset, split, kind)
        for dataset in record.datasets
        for split in ("train", "valid")
    ]
    return [*means, folder.model_params]


def unusable_outputs(folder: RunFolder, record: RunRecord) -> list[Path]:
    """Return the files that are missing or cannot be opened: cut off, or overwritten."""
    return [path for path in expected_outputs(folder, record) if not _opens(path)]


def finished_stages(folder: RunFolder, record: RunRecord, said: Iterable[str]) -> tuple[str, ...]:
    """Return those stages of which it is said that they are finished and whose files are there.

    Files get deleted by hand, cut off by a full disk, or set aside by a process that died then.
    """
    unusable = set(unusable_outputs(folder, record))
    fine = {
        RunState.TRAINING.value: folder.model_params not in unusable or has_checkpoint(folder),
        RunState.SAMPLING.value: unusable <= {folder.model_params},
        RunState.EXPORTING.value: folder.model_params not in unusable,
    }
    return tuple(stage for stage in said if fine.get(stage, False))


LOST = "its outputs were deleted; launch it again: what is missing is made anew"


def told_if_lost(folder: RunFolder, status: RunStatus) -> RunStatus:
    """Return the status of a run that is done with a reason if its outputs are gone."""
    if status.state is not RunState.DONE or status.reason or not folder.lacks_outputs:
        return status
    return replace(status, reason=LOST)


def is_lost(status: RunStatus) -> bool:
    """Whether a run is done and was told to have lost its outputs."""
    return status.state is RunState.DONE and status.reason == LOST


def has_checkpoint(folder: RunFolder, *, newest: bool = False) -> bool:
    """Whether there are weights of a training.

    Parameters
    ----------
    newest : count only those that a training can go on from, not those of its best epoch.
    """
    pattern = re.compile(rf"lfads_vae{'' if newest else '(_lve)?'}-[0-9]+\.weights\.h5")
    try:
        return any(pattern.fullmatch(name) for name in os.listdir(folder.output))
    except OSError:
        return False


def _opens(path: Path) -> bool:
    if not path.exists():
        return False
    from lfads_nb.hdf5_reading import open_hdf5  # not before there is a file: it takes a while

    try:
        with open_hdf5(path):
            return True
    except OSError:
        return False
