"""The spikes that an old run was trained on, as a dataset again."""

from __future__ import annotations

from pathlib import Path

from lfads_nb.datasets import Counts
from lfads_nb.errors import DataError
from lfads_nb.results.matlab.run_folders import fitting_ratios
from lfads_nb.results.trial_arrays import SplitRows, TrialArray
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
    inds = {"train": info.train_inds, "valid": info.valid_inds, "test": info.test_inds}
    parts = [
        SplitRows(path, f"{split}_data", trials, n_axes=3)
        for split, trials in inds.items()
        if len(trials)
    ]
    binned = TrialArray(tuple(parts), info.n_trials).load()
    n_raw, n_bins = len(info.raw_time_ms), binned.shape[1]
    ratio = next(iter(fitting_ratios(n_raw, n_bins)), 0)
    if not ratio or (n_raw % ratio and len(fitting_ratios(n_raw, n_bins)) > 1):
        raise DataError(
            f"the width of its {n_bins} bins does not follow from {n_raw} raw bins", dataset=dataset
        )
    time = info.raw_time_ms[::ratio][:n_bins]
    return Counts(binned, time, info.condition_ids, name=dataset, bin_ms=ratio * info.raw_bin_ms)
