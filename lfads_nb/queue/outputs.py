"""What a run has finished, and whether the files that it must have then can be opened."""

from __future__ import annotations

from pathlib import Path

from lfads_nb.queue.status import RunState, read_status
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


def damaged_outputs(folder: RunFolder, record: RunRecord) -> list[Path]:
    """Return the files that are there and cannot be opened: cut off, or overwritten."""
    return [p for p in expected_outputs(folder, record) if p.exists() and not _opens(p)]


def _opens(path: Path) -> bool:
    from lfads_nb.hdf5_reading import open_hdf5  # not before there is a file: it takes a while

    try:
        with open_hdf5(path):
            return True
    except OSError:
        return False
