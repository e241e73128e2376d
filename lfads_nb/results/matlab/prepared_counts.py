"""The spikes that an old run was trained on, as a dataset again."""

from __future__ import annotations

from pathlib import Path

from lfads_nb.datasets import Counts
from lfads_nb.datasets.lfadsfiles import read_lfads_input
from lfads_nb.errors import DataError
from lfads_nb.results.matlab.run_folders import fitting_ratios
from lfads_nb.results.trial_arrays import open_hdf5
from lfads_nb.sweep.folders import input_info_name
from lfads_nb.sweep.input_files import read_input_info


def read_prepared_counts(path: Path) -> Counts:
    """Read a `lfads_<dataset>.h5` with its `inputInfo_<dataset>.mat` as counts in trial order.

    Parameters
    ----------
    path : the `.h5` file; the `.mat` beside it tells the time axis and the conditions. Where that
        kept the spikes at their raw bins these are returned, else those in LFADS' bins.

    Raises
    ------
    DataError
        The time axis is not known.
    """
    dataset = path.stem.removeprefix("lfads_")
    info_path = path.parent / input_info_name(dataset)
    if not info_path.is_file():
        raise DataError(
            f"{info_path.name} is missing beside {path}: the time axis is not known",
            dataset=dataset,
        )
    info = read_input_info(info_path)
    raw = info.raw_counts
    if raw is not None:
        return Counts(
            raw, info.raw_time_ms, info.condition_ids, name=dataset, bin_ms=info.raw_bin_ms
        )
    with open_hdf5(path) as file:
        n_bins = file["train_data"].shape[1]
    n_raw, ratios = len(info.raw_time_ms), fitting_ratios(len(info.raw_time_ms), n_bins)
    if not ratios or (n_raw % ratios[0] and len(ratios) > 1):
        raise DataError(
            f"the width of its {n_bins} bins does not follow from {n_raw} raw bins", dataset=dataset
        )
    binned = read_lfads_input(path, bin_ms=ratios[0] * info.raw_bin_ms)
    time = info.raw_time_ms[:: ratios[0]][:n_bins]
    return Counts(
        binned.counts, time, info.condition_ids, name=dataset, bin_ms=ratios[0] * info.raw_bin_ms
    )
