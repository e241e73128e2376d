"""Results as HDF5 files in the run manager's export layout (files_on_disk.md 5.9).

Array names are the run manager's; from Python the arrays of posterior means are units x time x
trials, trial numbers and sessions count from 1, and rates are in spikes/s. Text condition ids,
which the run manager drops, are written too, and so is behaviour: `behavior/<name>`, dims x time x
trials.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_view import RunView
from lfads_nb.results.trained_params import KEYS, KEYS_BY_DATASET, TrainedParams
from lfads_nb.sweep.folders import PosteriorKind
from lfads_nb.unit_chunks import unit_chunks

_FIELDS = {
    "controller_outputs": "controller_outputs",
    "factors": "factors",
    "generator_states": "generator_states",
    "generator_ics": "generator_ics",
    "post_g0_mean": "post_g0_mean",
    "post_g0_logvar": "post_g0_logvar",
    "rates": "rates",
    "costs": "costs",
    "nll_bound_vaes": "nll_bound_vaes",
    "nll_bound_iwaes": "nll_bound_iwaes",
}


def export_results(
    run: Any, folder: str | Path | None = None, *, kind: PosteriorKind | None = None
) -> list[Path]:
    """Write a run's weights and the posterior means of each of its sessions.

    Parameters
    ----------
    run : its folder, or a `Run`.
    folder : where to; `export` in the run's folder by default. Files there are replaced.
    kind : which posterior means; by default those that the run was set to make.

    Returns
    -------
    list of Path
        `modelTrainedParams.h5`, and `posteriorMeans_<dataset>.h5` for each session.

    Raises
    ------
    RunFolderError
        The weights or the posterior means are missing.
    """
    view = RunView.of(run)
    where = view.folder.export if folder is None else Path(folder).expanduser()
    weights = TrainedParams.open(view.folder, view.datasets)
    sessions = view.posterior_means(kind=kind).sessions
    written = [write_trained_params(weights, where / "modelTrainedParams.h5")]
    for pm in sessions:
        written.append(write_posterior_means(pm, where / f"posteriorMeans_{pm.datasets[0]}.h5"))
        pm.forget()
    return written


def export_collection(
    runs: Iterable[Any], folder: str | Path, *, kind: PosteriorKind | None = None
) -> dict[str, list[Path]]:
    """Write the results of several runs, each into a folder that its run spec and setting name.

    Parameters
    ----------
    runs : `Run`s, or run folders.
    folder : where to, such as `posterior_means_export` in the collection's folder.
    kind : which posterior means; by default those that each run was set to make.

    Returns
    -------
    dict
        The files of each run, by its name.

    Raises
    ------
    RunFolderError
        As `export_results`; runs before it have been written.
    """
    views = [RunView.of(run) for run in runs]
    return {
        view.name: export_results(view, Path(folder).expanduser() / view.name, kind=kind)
        for view in views
    }


def write_posterior_means(pm: PosteriorMeans, path: str | Path) -> Path:
    """Write one session's posterior means, see the module's description."""
    path = Path(path)
    with writing_hdf5(path) as file:
        for name, array in _arrays(pm):
            packed = unit_chunks(array.shape, array.itemsize) if array.size > 1024 else {}
            file.create_dataset(name, data=array, **packed)
        for name, signal in pm.behavior.items():
            stored = file.create_dataset(f"behavior/{name}", data=_trials_last(signal.values))
            stored.attrs["unit"], stored.attrs["dims"] = signal.unit, list(signal.dim_names)
        file.attrs["kind"] = pm.kind
        file.attrs["dataset"] = pm.datasets[0]
        file.attrs["rateUnit"] = pm.rate_unit
        if pm.condition_ids is not None and pm.condition_ids.dtype.kind == "U":
            file["conditionIds"] = pm.condition_ids.astype(h5py.string_dtype())[:, None]
    return path


def _arrays(pm: PosteriorMeans) -> Iterator[tuple[str, np.ndarray]]:
    for name, field in _FIELDS.items():
        if pm.has(field):
            yield name, _trials_last(pm.field(field)[...])
    yield "time", _column(pm.time_ms)
    yield "validInds", _column(pm.valid_inds + 1.0)
    yield "trainInds", _column(pm.train_inds + 1.0)
    if len(pm.test_inds):
        yield "testInds", _column(pm.test_inds + 1.0)
    if pm.condition_ids is not None and pm.condition_ids.dtype.kind != "U":
        yield "conditionIds", _column(pm.condition_ids.astype(float))
    raw = pm.raw_counts
    if raw is not None:
        yield "rawCounts", _trials_last(raw)
    if pm.has("external_inputs"):
        yield "externalInputs", _trials_last(pm.field("external_inputs")[...])
    yield "datasetIndexByTrial", _column(pm.dataset_index + 1.0)
    for name, value in (
        ("nControllerOutputs", pm.n_controller_outputs),
        ("nGeneratorUnits", pm.n_generator_units),
        ("nFactors", pm.n_factors),
        ("nNeurons", pm.n_neurons),
        ("T", pm.n_bins),
        ("nTrials", pm.n_trials),
        ("binWidthMs", pm.bin_ms),
        ("scaleFactorCountsToRates", pm.counts_to_rates),
    ):
        yield name, np.array([[float(value)]])
    yield "isValid", np.array([[pm.is_valid]], dtype=np.uint8)


def _trials_last(array: np.ndarray) -> np.ndarray:
    """Turn trials x time x units into units x time x trials; one value per trial into a column."""
    return _column(array) if array.ndim == 1 else array.T


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values)[:, None]


def write_trained_params(weights: TrainedParams, path: str | Path) -> Path:
    """Write a run's weights by the run manager's names, inputs x outputs.

    Matrices that each session has of its own are in a group: `x_to_infac_W/<dataset>`.
    """
    path = Path(path)
    with writing_hdf5(path) as file:
        for name in KEYS:
            if weights[name] is not None:
                file[name] = weights[name]
        for name in KEYS_BY_DATASET:
            for dataset, matrix in weights[name].items():
                file[f"{name}/{dataset}"] = matrix
        names = np.array(weights.dataset_names, dtype=h5py.string_dtype())
        file["dataset_names"] = names
        file["num_datasets"] = float(weights.num_datasets)
        if weights.factors_to_logrates_W:
            for part in "Wb":
                name = f"factors_to_logrates_{part}_concatenated"
                file[name] = getattr(weights, name)
        if weights.num_channels_by_dataset:
            file["dataset_idx_concatenated"] = _column(weights.dataset_idx_concatenated + 1.0)
            file["num_channels_all_datasets"] = float(weights.num_channels_all_datasets)
    return path
