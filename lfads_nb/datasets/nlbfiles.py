"""Tensors of the Neural Latents Benchmark as nlb_tools writes them (HDF5).

`train_spikes_heldin`, `train_spikes_heldout` (trials x time x channels), the same with `_forward`
for the bins after the trial, and `eval_...`. Source: nlb_tools make_tensors.py. The benchmark's
NWB files, cut by its own rules, are read by `lfads_nb.nlb.read_nlb`.
"""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.hdf5_checks import check_readable
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.lfadsfiles import ASSUMED_BIN_MS
from lfads_nb.datasets.reading import reading
from lfads_nb.errors import DataError
from lfads_nb.hdf5_reading import open_hdf5

_FORWARD_MS = 200.0  # in every dataset of the benchmark
_SPLITS = {"train": "train", "eval": "test"}


def is_nlb_tensors(file: h5py.File) -> bool:
    """Whether an open HDF5 file holds the benchmark's tensors."""
    return any(f"{part}_spikes_heldin" in file for part in _SPLITS)


def is_nlb_nwb(file: h5py.File) -> bool:
    """Whether an open NWB file is one of the benchmark's: units held out, trials split."""
    return "units/heldout" in file and "intervals/trials/split" in file


def read_nlb_tensors(path: str | os.PathLike[str], *, bin_ms: float | None = None) -> Counts:
    """Read the tensors of the Neural Latents Benchmark as one session.

    Held-in channels come first, then held-out ones; bins after the trial (`_forward`) follow its
    own. What the evaluation trials keep back is missing (NaN).

    Parameters
    ----------
    path : the HDF5 file.
    bin_ms : width of its bins in ms. When not given: from the length of the forward bins, which
        are 200 ms, else 5 ms, the benchmark's default; either becomes a note.

    Returns
    -------
    counts : the trial column `split` is "train" or "test".

    Raises
    ------
    DataError
        When the file is none of these or its parts do not fit together.
    """
    path = Path(path).expanduser()
    with reading(path), open_hdf5(path) as file:
        if not is_nlb_tensors(file):
            raise DataError("holds no tensors of the benchmark.", dataset=path.stem)
        parts = [part for part in _SPLITS if f"{part}_spikes_heldin" in file]
        blocks = {part: _block(file, part, path) for part in parts}
        shape = np.max([block.shape[1:] for block in blocks.values()], axis=0)
        counts = np.concatenate([_padded(blocks[part], tuple(shape)) for part in parts])
        n_forward = int(shape[0]) - file[f"{parts[0]}_spikes_heldin"].shape[1]
        notes = []
        if bin_ms is None:
            bin_ms = _FORWARD_MS / n_forward if n_forward else ASSUMED_BIN_MS
            why = (
                "from the 200 ms after each trial"
                if n_forward
                else "assumed, the file does not tell"
            )
            notes.append(
                f"bins of {bin_ms:g} ms ({why}); for others, "
                "loader=functools.partial(read_nlb_tensors, bin_ms=...)"
            )
        n_trials = [len(blocks[part]) for part in parts]
        return Counts.from_bins(
            counts,
            bin_ms,
            trial_columns={"split": np.repeat([_SPLITS[part] for part in parts], n_trials)},
            name=path.stem,
            allow_missing=bool(np.isnan(counts).any()),
            notes=notes,
        )


def peek_nlb_tensors(path: Path) -> DatasetInfo:
    """Describe the benchmark's tensors."""
    return DatasetInfo.from_counts(read_nlb_tensors(path))


def _block(file: h5py.File, part: str, path: Path) -> np.ndarray:
    """Spikes of one part: channels and bins side by side, NaN where there are none."""
    rows = []
    for when in ("", "_forward"):
        pieces = [
            _tensor(file, name, path)
            for channels in ("heldin", "heldout")
            if (name := f"{part}_spikes_{channels}{when}") in file
        ]
        if pieces:
            rows.append(np.concatenate(pieces, axis=2))
    n_channels = max(row.shape[2] for row in rows)
    whole = [_padded(row, (row.shape[1], n_channels)) for row in rows]
    return np.concatenate(whole, axis=1)


def _tensor(file: h5py.File, name: str, path: Path) -> np.ndarray:
    item = file[name]
    if not isinstance(item, h5py.Dataset) or item.ndim != 3:
        raise DataError(
            "needs trials x time x channels; trials of unequal length (groups of arrays) cannot "
            "be read as one session.",
            dataset=path.stem,
            field=name,
        )
    check_readable(item)
    return item[()].astype(np.float32)


def _padded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    short = [(0, int(want) - have) for want, have in zip(shape, array.shape[1:], strict=True)]
    return np.pad(array, [(0, 0), *short], constant_values=np.nan)
