"""`preview.h5`: a few validation trials as the model sees them now, written while it trains.

The model's room writes it, panels draw it; it says nothing that the outputs do not say better once
a run is done.
"""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np

from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.hdf5_reading import damage_as_os_error, open_hdf5
from lfads_nb.sweep.folders import RunFolder

SCHEMA = 1
_MOST_NUMBERS = 20_000_000
"""Of an array; a larger one is none of ours."""


@dataclass(frozen=True)
class LivePreview:
    """A few validation trials of a session, in the middle of training.

    Parameters
    ----------
    epoch : int
        How many epochs were trained.
    bin_ms : float
    session : str
    trials : (trials,)
        Positions in the validation split.
    counts, rates : (trials, bins, channels)
        Recorded and expected counts per bin; NaN where counts are missing.
    truth : (trials, bins, channels) or None
        True expected counts per bin, where they are known.
    factors : (trials, bins, factors)
    """

    epoch: int
    bin_ms: float
    session: str
    trials: np.ndarray
    counts: np.ndarray
    rates: np.ndarray
    truth: np.ndarray | None
    factors: np.ndarray


def write_preview(run: RunFolder, preview: LivePreview) -> None:
    """Write a run's preview, whole or not at all.

    Raises
    ------
    DiskFullError
        If there is no room for it.
    """
    with writing_hdf5(run.preview) as file:
        file.attrs["schema"] = SCHEMA
        for name in ("epoch", "bin_ms", "session"):
            file.attrs[name] = getattr(preview, name)
        file["trials"] = preview.trials
        for name in ("counts", "rates", "truth", "factors"):
            values = getattr(preview, name)
            if values is not None:
                file[name] = np.asarray(values, dtype=np.float32)


def read_preview(run: RunFolder) -> LivePreview | None:
    """Return a run's preview; None if there is none that can be read."""
    try:
        with open_hdf5(run.preview, check_sizes=True) as file, damage_as_os_error(run.preview):
            if int(file.attrs["schema"]) != SCHEMA:
                return None
            arrays = {name: _read(file[name]) for name in file}
            truth = arrays.get("truth")
            shapes = {arrays[n].shape for n in ("counts", "rates")}
            shapes |= set() if truth is None else {truth.shape}
            shape, n_trials = shapes.pop(), len(arrays["trials"])
            fits = not shapes and len(shape) == 3 and shape[0] == n_trials
            if not fits or arrays["factors"].shape[:2] != shape[:2]:
                return None
            return LivePreview(
                int(file.attrs["epoch"]), float(file.attrs["bin_ms"]), str(file.attrs["session"]),
                arrays["trials"], arrays["counts"], arrays["rates"], truth, arrays["factors"],
            )  # fmt: skip
    except (OSError, KeyError, ValueError, TypeError):
        return None


def _read(array: h5py.Dataset) -> np.ndarray:
    if not isinstance(array, h5py.Dataset) or array.size > _MOST_NUMBERS:
        raise ValueError("no array of a preview")
    return np.asarray(array[()])
