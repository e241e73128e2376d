"""How arrays of trials x bins x units are cut in HDF5 files: a unit by itself.

Viewers show one unit of all trials at a time; to look at a trial as well, blocks of trials are
kept short. h5py's own cut would have some neighbouring units unpacked with each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_CHUNK_BYTES = 2**18


def unit_chunks(shape: tuple[int, ...], itemsize: int) -> dict[str, Any]:
    """Return how to cut and pack an array, for `h5py.Group.create_dataset`.

    Parameters
    ----------
    shape : trials x bins x units; anything else is cut as h5py thinks best.
    itemsize : bytes of an element.
    """
    packed: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    if len(shape) == 3 and all(shape):
        trials = int(np.clip(_CHUNK_BYTES // (shape[1] * itemsize), 1, shape[0]))
        packed["chunks"] = (trials, shape[1], 1)
    return packed
