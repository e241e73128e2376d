"""Input files of LFADS programs (HDF5) as a source of spikes: those of TF1 LFADS, the run manager
and AutoLFADS (`train_data`, `valid_data`), and of lfads-torch (`train_recon_data`, ...).

They hold trials that were binned and split already, and do not say how wide the bins are: it is
found in what lies beside them, or assumed and said so. As a dataset's loader, with the width:

    dc.add("lfads_dataset001.h5", loader=functools.partial(read_lfads_input, bin_ms=10))
"""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from lfads_nb.datasets.behavior import Signal, read_signals, signal_names
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.hdf5_checks import check_readable
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.matvariables import open_mat
from lfads_nb.datasets.reading import reading
from lfads_nb.errors import DataError
from lfads_nb.hdf5_reading import open_hdf5

ASSUMED_BIN_MS = 5.0
_PARTS = ("train", "valid", "test")
# The data that are to be explained come first: lfads-torch may show its encoders fewer channels.
_DATA = ("data", "recon_data", "encod_data")


def is_lfads_input(file: h5py.File) -> bool:
    """Whether an open HDF5 file is the input of an LFADS program."""
    return any(f"train_{name}" in file for name in _DATA)


def read_lfads_input(
    path: str | os.PathLike[str], *, bin_ms: float | None = None, allow_missing: bool | None = None
) -> Counts:
    """Read the trials of an LFADS input file back into one session.

    Parameters
    ----------
    path : HDF5 file with `train_data`, `valid_data` and whatever goes along with them (truth,
        external inputs, behaviour).
    bin_ms : width of its bins in ms, which the file does not tell. When not given: what the run
        manager's `inputInfo_<name>.mat` beside it says, else the file's `dt` (TF1's generators of
        synthetic data write it), else 5 ms (as in lfads-torch's own data), which becomes a note.
    allow_missing : whether NaN means "nothing recorded in this bin". When not given it does, and a
        note says so.

    Returns
    -------
    counts : trials in their original order if the file has `train_inds` and `valid_inds`, else
        training trials first; the trial column `split` says where each was. Such files have no
        condition ids: join them with `join_conditions`.

    Raises
    ------
    DataError
        When the file is none of these or its parts do not fit together.
    """
    path = Path(path).expanduser()
    with reading(path), open_hdf5(path) as file:
        if not is_lfads_input(file):
            raise DataError("is not the input file of an LFADS program.", dataset=path.stem)
        kind = next(name for name in _DATA if f"train_{name}" in file)
        parts = [part for part in _PARTS if f"{part}_{kind}" in file]
        counts = np.concatenate(_arrays(file, parts, kind))
        order = _original_order(file, parts, len(counts))
        truth = _joined(file, parts, "truth", path)
        inputs = _joined(file, parts, "ext_input", path)
        behavior = _behavior(file, parts, kind, order, path)
        sizes = [len(file[f"{part}_{kind}"]) for part in parts]
        notes = []
        if bin_ms is None:
            bin_ms, source = _bin_ms(file, path, counts.shape[1])
            notes = [f"bins of {bin_ms:g} ms {source}"]
        if allow_missing is None:
            missing = float(np.isnan(counts).mean()) if counts.dtype.kind == "f" else 0.0
            allow_missing = missing > 0
            if missing:
                notes.append(f"{100 * missing:.3g} % of the bins are NaN and taken as missing")
        return Counts.from_bins(
            counts[order],
            bin_ms,
            truth=None if truth is None else truth[order],
            external_inputs=None if inputs is None else inputs[order],
            behavior=behavior,
            trial_columns={"split": np.repeat(parts, sizes)[order]},
            name=path.stem,
            allow_missing=allow_missing,
            notes=notes,
        )


def peek_lfads_input(path: Path) -> DatasetInfo:
    """Describe the input file of an LFADS program without reading its spikes."""
    with open_hdf5(path) as file:
        kind = next(name for name in _DATA if f"train_{name}" in file)
        parts = [part for part in _PARTS if f"{part}_{kind}" in file]
        shapes = [file[f"{part}_{kind}"].shape for part in parts]
        inputs = file.get("train_ext_input")
        bin_ms, source = _bin_ms(file, path, shapes[0][1])
        ours = file.get("behavior")
        has_theirs = f"{parts[0]}_behavior" in file
        return DatasetInfo(
            n_trials=sum(shape[0] for shape in shapes),
            n_channels=shapes[0][2] if len(shapes[0]) == 3 else 1,
            n_bins=shapes[0][1],
            bin_ms=bin_ms,
            ext_input_dim=0 if inputs is None else inputs.shape[2] if inputs.ndim == 3 else 1,
            has_truth="train_truth" in file,
            behavior=signal_names(ours)
            if isinstance(ours, h5py.Group)
            else ("behavior",) * has_theirs,
            notes=(f"bins of {bin_ms:g} ms {source}",),
        )


def _bin_ms(file: h5py.File, path: Path, n_bins: int) -> tuple[float, str]:
    """Bin width in ms, and where it comes from."""
    beside = path.with_name(f"inputInfo_{path.stem.removeprefix('lfads_')}.mat")
    if beside.is_file():
        with reading(beside), open_mat(beside, holding=()) as variables:
            raw_ms = float(np.ravel(variables.read("seq_binSizeMs"))[0])
            n_raw = np.size(variables.read("seq_timeVector"))
        if n_raw >= n_bins and 0 < raw_ms < np.inf:
            return raw_ms * (n_raw // n_bins), f"(from {beside.name})"
    dt = file.get("dt")
    if isinstance(dt, h5py.Dataset) and dt.shape == () and 0 < float(dt[()]) < 1:
        return float(f"{1000 * float(dt[()]):.9g}"), "(the file's dt)"
    return ASSUMED_BIN_MS, (
        "assumed, the file does not tell: for others, "
        "loader=functools.partial(read_lfads_input, bin_ms=...)"
    )


def _behavior(
    file: h5py.File, parts: list[str], kind: str, order: np.ndarray, path: Path
) -> dict[str, Signal]:
    """Behaviour as our prepared inputs keep it, or lfads-torch's one array for each part."""
    ours = file.get("behavior")
    if isinstance(ours, h5py.Group):
        return read_signals(ours)
    found = _joined(file, parts, "behavior", path)
    if found is None or found.ndim != 3 or len(found) != len(order):
        return {}
    # It covers the bins that the encoders see; those that are predicted come after them.
    n_bins = file[f"{parts[0]}_{kind}"].shape[1]
    values = np.full((len(found), n_bins, found.shape[2]), np.nan, dtype=np.float32)
    values[:, : found.shape[1]] = found[:, :n_bins]
    return {"behavior": Signal(values[order])}


def _joined(file: h5py.File, parts: list[str], name: str, path: Path) -> np.ndarray | None:
    present = [part for part in parts if f"{part}_{name}" in file]
    if not present:
        return None
    if present != parts:
        raise DataError(
            f"is there for {', '.join(present)}, but not for all of {', '.join(parts)}.",
            dataset=path.stem,
            field=name,
        )
    return np.concatenate(_arrays(file, parts, name))


def _arrays(file: h5py.File, parts: list[str], name: str) -> list[np.ndarray]:
    items = [file[f"{part}_{name}"] for part in parts]
    for item in items:
        check_readable(item)
    arrays = [item[()] for item in items]
    # MATLAB drops the last dimension of a session with a single channel.
    return [array[:, :, None] if array.ndim == 2 else array for array in arrays]


def _original_order(file: h5py.File, parts: list[str], n_trials: int) -> np.ndarray:
    """For each original trial: its row among the joined parts."""
    if not all(f"{part}_inds" in file for part in parts):
        return np.arange(n_trials)
    inds = np.concatenate([np.ravel(file[f"{part}_inds"][()]) for part in parts]).astype(int)
    if len(inds) != n_trials or len(np.unique(inds)) != n_trials:
        return np.arange(n_trials)
    return np.argsort(inds)  # whether they count from 1, as MATLAB does, or from 0
