"""Writing `model_runs_*` files, with TF1's keys and shapes (files_on_disk.md 5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.unit_chunks import unit_chunks


def write_model_runs(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays, trials first, as compressed float64; the file appears when it is whole."""
    with writing_hdf5(path) as file:
        for name, array in arrays.items():
            values = np.asarray(array, np.float64)
            file.create_dataset(name, data=values, **unit_chunks(values.shape, values.itemsize))
