"""The two files of a dataset that a run reads: `lfads_<ds>.h5` and `inputInfo_<ds>.mat`.

Keys, types and orientations are the run manager's (files_on_disk.md 5.2, 5.3): trial numbers are
1-based on disk and 0-based in Python; arrays in the .mat are neurons x time x trials. A test split
adds `test_*` keys, behaviour a group `behavior` of signals (see `write_signals`), in LFADS' bins.
Files of the run manager are read too.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from lfads_nb.atomic_files import write_bytes
from lfads_nb.datasets import Counts, Split
from lfads_nb.datasets.behavior import write_signals
from lfads_nb.datasets.labels import as_labels
from lfads_nb.datasets.matvariables import Variables, open_mat
from lfads_nb.datasets.reading import reason
from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.unit_chunks import unit_chunks

log = logging.getLogger(__name__)

BEHAVIOR = "behavior"

# A variable of a MAT v7 file must stay below this.
_MAT_LIMIT_BYTES = 2**31 - 1


def write_input_file(
    path: Path,
    counts: Counts,
    split: Split,
    *,
    raw_bin_ms: float,
    as_float: bool = False,
    alignment: tuple[np.ndarray, np.ndarray] | None = None,
    extra: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write the spikes that LFADS trains on.

    Parameters
    ----------
    path : the `lfads_<ds>.h5` to write.
    counts : already in LFADS' bins.
    split : 0-based trials of each part.
    raw_bin_ms : bin width of the data before rebinning.
    as_float : write the counts as floats, as outputs other than Poisson need.
    alignment : (channels, factors) read-in matrix and (channels,) mean counts per bin.
    extra : further datasets of the user's own.
    """
    dtype = "f8" if as_float or counts.has_missing else "i8"
    parts = [(name, trials) for name, trials in split._asdict().items() if len(trials)]
    with writing_hdf5(path) as file:
        for part, trials in parts:
            arrays = {"data": counts.counts[trials].astype(dtype)}
            if counts.truth is not None:
                arrays["truth"] = counts.truth[trials].astype("f8")
            if counts.external_inputs is not None:
                arrays["ext_input"] = counts.external_inputs[trials].astype("f8")
            for key, array in arrays.items():
                packed = unit_chunks(array.shape, array.itemsize)
                file.create_dataset(f"{part}_{key}", data=array, **packed)
            file[f"{part}_inds"] = (trials + 1).astype("f8")
        if counts.truth is not None or counts.external_inputs is not None:
            # TF1's pictures divide the summed truth by this to get back to the raw bins.
            file["conversion_factor"] = np.array([raw_bin_ms / counts.bin_ms])
        if counts.behavior:
            # All trials in their own order: it is not for the model, which reads by split.
            write_signals(file.create_group(BEHAVIOR), counts.behavior)
        if alignment is not None:
            file["alignment_matrix_cxf"], file["alignment_bias_c"] = alignment
        for key, array in (extra or {}).items():
            if key in file:
                raise RunFolderError(f"{path.name}: the extra input {key!r} is already taken")
            file[key] = array


def write_input_info(path: Path, raw: Counts, split: Split, *, data_hash: str) -> None:
    """Write what is known about the trials, from the data before rebinning.

    The truth of synthetic data is left to the `.h5`: the run manager kept one trial's here by
    mistake, and all of it is large.

    Parameters
    ----------
    path : the `inputInfo_<ds>.mat` to write (MAT v7).
    raw : the session as it was loaded.
    split : 0-based trials of each part.
    data_hash : six characters that name the preparation.
    """
    content: dict[str, Any] = {
        "trainInds": (split.train + 1).astype("f8"),
        "validInds": (split.valid + 1).astype("f8"),
        "paramInputDataHash": data_hash,
        "seq_timeVector": raw.time_ms,
        "seq_binSizeMs": raw.bin_ms,
    }
    if len(split.test):
        content["testInds"] = (split.test + 1).astype("f8")
    if raw.condition_ids is not None:
        content["conditionId"] = _mat_column(raw.condition_ids)
    if raw.trial_columns:
        names = np.array(list(raw.trial_columns), dtype=object)
        columns = np.empty(len(names), dtype=object)
        columns[:] = [_mat_column(values) for values in raw.trial_columns.values()]
        content["trialColumnNames"], content["trialColumns"] = names, columns
    for key, array in (("counts", raw.counts), ("externalInputs", raw.external_inputs)):
        if array is None:
            continue
        if array.nbytes >= _MAT_LIMIT_BYTES:
            log.warning("%s: %s is over 2 GB, too large for a MAT file: left out", path.name, key)
            continue
        content[key] = array.transpose(2, 1, 0)
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, content, do_compression=True, oned_as="column")
    write_bytes(path, buffer.getbuffer())


def _mat_column(values: np.ndarray) -> np.ndarray:
    return values.astype(object) if values.dtype.kind in "UO" else values


@dataclass(frozen=True)
class InputInfo:
    """What is known about a dataset's trials.

    `train_inds`, `valid_inds` and `test_inds` are 0-based trial numbers; `raw_time_ms` is (raw
    bins,), the left edges of the bins before rebinning; `condition_ids` is (trials,) or None;
    `trial_columns` holds further columns of the condition table, (trials,) each. `data_hash` is
    empty where an old file does not name it.
    """

    path: Path
    train_inds: np.ndarray
    valid_inds: np.ndarray
    test_inds: np.ndarray
    data_hash: str
    raw_time_ms: np.ndarray
    raw_bin_ms: float
    condition_ids: np.ndarray | None = None
    trial_columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def n_trials(self) -> int:
        return len(self.train_inds) + len(self.valid_inds) + len(self.test_inds)

    def time_ms(self, bin_ms: float) -> np.ndarray:
        """Return the (bins,) left edges of LFADS' bins.

        Parameters
        ----------
        bin_ms : their width, the setting's `spike_bin_ms`; a tail that fills no bin is left out.
        """
        ratio = max(round(bin_ms / self.raw_bin_ms), 1)
        return self.raw_time_ms[::ratio][: len(self.raw_time_ms) // ratio]

    @cached_property
    def raw_counts(self) -> np.ndarray | None:
        """(trials, raw bins, channels) spikes before rebinning, read when first asked for."""
        with _opened(self.path) as variables:
            array = variables.read("counts") if "counts" in variables.classes else None
        return None if array is None else array.transpose(2, 1, 0)


def read_input_info(path: Path) -> InputInfo:
    """Read an `inputInfo_<ds>.mat`, ours or the run manager's, MAT v7 or v7.3.

    Raises
    ------
    RunFolderError
        If it is missing or unreadable.
    """
    try:
        with _opened(path) as variables:
            content = {name: variables.read(name) for name in _SMALL if name in variables.classes}
        return InputInfo(
            path=path,
            train_inds=_inds(content["trainInds"]),
            valid_inds=_inds(content["validInds"]),
            test_inds=_inds(content.get("testInds", ())),
            data_hash=str(content.get("paramInputDataHash", "")),
            raw_time_ms=np.ravel(content["seq_timeVector"]).astype(float),
            raw_bin_ms=float(np.ravel(content["seq_binSizeMs"])[0]),
            condition_ids=_column(content["conditionId"]) if "conditionId" in content else None,
            trial_columns=dict(
                zip(
                    content.get("trialColumnNames", ()),
                    map(_column, content.get("trialColumns", ())),
                    strict=True,
                )
            ),
        )
    except (KeyError, IndexError, OverflowError, TypeError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be used: {error!r} is missing or malformed") from error


_SMALL = (
    "trainInds", "validInds", "testInds", "paramInputDataHash", "seq_timeVector", "seq_binSizeMs",
    "conditionId", "trialColumnNames", "trialColumns",
)  # fmt: skip


@contextmanager
def _opened(path: Path) -> Iterator[Variables]:
    if not path.exists():
        raise RunFolderError(f"{path} is missing: prepare the run again, with regenerate=True")
    try:
        with open_mat(path, holding=["trainInds"]) as variables:
            yield variables
    except LfadsError:
        raise
    except Exception as error:
        # A damaged file makes the MATLAB readers raise anything.
        raise RunFolderError(f"{path} {reason(error)}") from error


def _inds(values: Any) -> np.ndarray:
    return np.ravel(values).astype(np.int64) - 1


def _column(values: Any) -> np.ndarray:
    """One value per trial: numbers, or text from a cell array."""
    if isinstance(values, list):
        return as_labels(values, field="conditionId", dataset=None, column=True)
    return np.atleast_1d(np.ravel(values))
