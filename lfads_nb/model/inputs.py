"""What a run reads: spikes and alignment matrices from `lfadsInput/`, checked at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from lfads_nb.errors import DataError, RunFolderError
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.model.architecture import Architecture, architecture_of
from lfads_nb.sweep.folders import RunFolder, Split
from lfads_nb.sweep.params import RunParams

SPLITS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True)
class Trials:
    """Trials of one session and split.

    Parameters
    ----------
    counts : array, (trials, bins, channels)
        Spike counts per bin, or real numbers for the other outputs; NaN where missing.
    external_inputs : array, (trials, bins, inputs)
        Measured inputs; width 0 if there are none.
    """

    counts: np.ndarray
    external_inputs: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def has_missing(self) -> bool:
        return self.counts.dtype.kind == "f" and bool(np.isnan(self.counts).any())


@dataclass(frozen=True)
class Session:
    """One dataset of a run, as LFADS reads it."""

    name: str
    splits: Mapping[Split, Trials]
    alignment_matrix: np.ndarray | None = None
    """(channels, factors)"""
    alignment_bias: np.ndarray | None = None
    """(channels,): mean counts per bin."""
    truth: Mapping[Split, np.ndarray] = field(default_factory=dict)

    @property
    def n_channels(self) -> int:
        return self.splits["train"].counts.shape[2]

    @property
    def n_bins(self) -> int:
        return self.splits["train"].counts.shape[1]


def read_sessions(run: RunFolder, params: RunParams, names: Sequence[str]) -> list[Session]:
    """Read and check the inputs of every dataset of a run.

    Raises
    ------
    RunFolderError
        A file is missing or cannot be read.
    DataError
        Its contents do not fit each other or the hyperparameters.
    """
    sessions = [read_session(run.input_file(name), name, params) for name in names]
    bins = {session.name: session.n_bins for session in sessions}
    if len(set(bins.values())) > 1:
        raise DataError(f"all sessions need the same number of bins, but they have {bins}")
    return sessions


def describe(params: RunParams, sessions: Sequence[Session]) -> Architecture:
    """Return the architecture that fits these sessions."""
    return architecture_of(
        params,
        [s.name for s in sessions],
        [s.n_channels for s in sessions],
        sessions[0].n_bins,
        aligned=any(s.alignment_matrix is not None for s in sessions),
    )


def read_session(path: Path, name: str, params: RunParams) -> Session:
    """Read one `lfads_<dataset>.h5`."""
    if not path.exists():
        raise RunFolderError(f"{path} is missing: prepare the run again to write its inputs")
    try:
        with open_hdf5(path, check_sizes=True) as file:
            # Groups, such as behaviour, are not for the model.
            stored = {key: file[key] for key in file}
            arrays = {k: item[()] for k, item in stored.items() if isinstance(item, h5py.Dataset)}
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read ({error}): prepare the run again") from error
    for key in ("train_data", "valid_data"):
        if key not in arrays:
            raise RunFolderError(f"{path} lacks {key!r}: prepare the run again")
    splits = {
        split: _trials(arrays, split, name, params) for split in SPLITS if f"{split}_data" in arrays
    }
    session = Session(
        name,
        splits,
        _matrix(arrays.get("alignment_matrix_cxf"), params.factors_dim),
        _vector(arrays.get("alignment_bias_c")),
        {s: _three_axes(arrays[f"{s}_truth"]) for s in splits if f"{s}_truth" in arrays},
    )
    _check_session(session, params)
    return session


def check_counts(counts: np.ndarray, params: RunParams, *, dataset: str | None = None) -> None:
    """Refuse values that the output distribution cannot have.

    Raises
    ------
    DataError
    """
    if counts.ndim != 3 or 0 in counts.shape[1:]:
        raise DataError(
            f"counts must be trials x bins x channels, got shape {counts.shape}", dataset=dataset
        )
    seen = counts[~np.isnan(counts)] if counts.dtype.kind == "f" else counts.ravel()
    if not np.isfinite(seen).all():
        raise DataError("counts hold infinite values", dataset=dataset, field="counts")
    if params.output_dist == "poisson" and not _whole(seen):
        raise DataError(
            "output_dist='poisson' needs whole, non-negative counts: bin spikes first, or choose "
            "another output_dist",
            dataset=dataset,
            field="counts",
        )
    if params.output_dist == "gamma" and (seen <= 0).any():
        raise DataError(
            "output_dist='gamma' needs values above 0: use 'zero_inflated_gamma' for data with "
            "zeros",
            dataset=dataset,
            field="counts",
        )
    if params.output_dist == "zero_inflated_gamma" and (seen < 0).any():
        raise DataError(
            "output_dist='zero_inflated_gamma' needs values of 0 or more",
            dataset=dataset,
            field="counts",
        )


def _whole(values: np.ndarray) -> bool:
    if values.dtype.kind in "ub":
        return True
    return bool((values >= 0).all() and (values == np.round(values)).all())


def _trials(arrays: Mapping[str, np.ndarray], split: Split, name: str, params: RunParams) -> Trials:
    counts = _three_axes(arrays[f"{split}_data"])
    check_counts(counts, params, dataset=name)
    if f"{split}_ext_input" in arrays:
        external = _three_axes(arrays[f"{split}_ext_input"]).astype(np.float32)
    else:
        external = np.zeros((*counts.shape[:2], 0), np.float32)
    return checked_trials(counts, external, params, dataset=name)


def checked_trials(
    counts: np.ndarray, external: np.ndarray, params: RunParams, *, dataset: str | None = None
) -> Trials:
    """Put counts and external inputs together if they fit the hyperparameters and each other.

    Raises
    ------
    DataError
    """
    if external.shape[2] != params.ext_input_dim:
        raise DataError(
            f"there are {external.shape[2]} external inputs, but ext_input_dim is "
            f"{params.ext_input_dim}",
            dataset=dataset,
            field="external_inputs",
        )
    if external.shape[:2] != counts.shape[:2]:
        raise DataError(
            f"external inputs have {external.shape[:2]} trials x bins, the counts "
            f"{counts.shape[:2]}",
            dataset=dataset,
            field="external_inputs",
        )
    return Trials(_compact(counts), external)


def _compact(counts: np.ndarray) -> np.ndarray:
    """Hold counts in the smallest type, as they stay in memory throughout."""
    if counts.dtype.kind in "iub" and counts.size and counts.min() >= 0:
        return counts.astype(np.min_scalar_type(int(counts.max())))
    return counts.astype(np.float32)


def _three_axes(array: np.ndarray) -> np.ndarray:
    """MATLAB drops a trailing dimension of one."""
    return array[..., None] if array.ndim == 2 else array


def _vector(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else np.asarray(array, np.float32).ravel()


def _matrix(array: np.ndarray | None, n_factors: int) -> np.ndarray | None:
    if array is None:
        return None
    array = np.asarray(array, np.float32)
    return array if array.ndim == 2 else array.reshape(-1, n_factors)


def _check_session(session: Session, params: RunParams) -> None:
    shapes = {split: t.counts.shape[1:] for split, t in session.splits.items()}
    if len(set(shapes.values())) > 1:
        raise DataError(f"splits differ in bins x channels: {shapes}", dataset=session.name)
    for split in ("train", "valid"):
        if not len(session.splits[split]):
            raise DataError(f"there are no {split} trials", dataset=session.name)
    matrix, bias, n = session.alignment_matrix, session.alignment_bias, session.n_channels
    if matrix is not None and matrix.shape != (n, params.factors_dim):
        raise DataError(
            f"the alignment matrix is {matrix.shape[0]} x {matrix.shape[1]}, but there are {n} "
            f"channels and factors_dim is {params.factors_dim}: prepare the run again",
            dataset=session.name,
        )
    if bias is not None and bias.shape != (n,):
        raise DataError(
            f"the alignment bias has {bias.size} entries for {n} channels: prepare the run again",
            dataset=session.name,
        )
