"""Inferred arrays as pandas tables and as xarray datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lfads_nb.errors import DataError, LfadsError
from lfads_nb.results.output_fields import FIELDS

if TYPE_CHECKING:
    import xarray as xr

    from lfads_nb.results.posterior_means import PosteriorMeans

_USUAL_FIELDS = ("rates", "factors", "controller_outputs", "external_inputs", "true_rates")
_TRIAL_FIELDS = ("costs", "nll_bound_vaes", "nll_bound_iwaes", "train_steps")


def trials_frame(pm: PosteriorMeans) -> pd.DataFrame:
    """Return one row per trial: dataset, split, condition, further columns, costs in nats."""
    index = pd.RangeIndex(pm.n_trials, name="trial")
    frame = pd.DataFrame({"dataset": np.array(pm.datasets)[pm.dataset_index]}, index=index)
    frame["split"] = pm.splits
    if pm.condition_ids is not None:
        frame["condition"] = pm.condition_ids
    if len(pm.datasets) == 1 and pm.info is not None:
        for name, values in pm.info.trial_columns.items():
            if name not in frame:
                frame[name] = values
    for name in _TRIAL_FIELDS:
        if pm.has(name):
            frame[name] = pm.field(name).load()
    return frame


def field_frame(pm: PosteriorMeans, field: str, *, trials: Any = None) -> pd.DataFrame:
    """Return a field as a table with a column per unit.

    Parameters
    ----------
    pm : where from.
    field : name of an array.
    trials : which trials, as 0-based numbers or a mask; all by default.

    Returns
    -------
    pandas.DataFrame
        Rows by trial, or by trial and time (ms); columns `neuron 0`, `neuron 1`, and so on.
    """
    chosen = np.arange(pm.n_trials) if trials is None else np.arange(pm.n_trials)[trials]
    array, axes = pm.field(field)[chosen], FIELDS[field].axes
    if "time_ms" in axes:
        index = pd.MultiIndex.from_product([chosen, pm.time_ms], names=["trial", "time_ms"])
    else:
        index = pd.Index(chosen, name="trial")
    if len(axes) == 1:
        return pd.DataFrame({field: array}, index=index)
    unit = axes[-1].replace("_", " ")
    columns = [f"{unit} {i}" for i in range(array.shape[-1])]
    return pd.DataFrame(array.reshape(-1, array.shape[-1]), index=index, columns=columns)


def to_xarray(pm: PosteriorMeans, fields: Sequence[str] | None = None) -> xr.Dataset:
    """Return fields as an xarray dataset with trial, time and condition coordinates.

    Parameters
    ----------
    pm : where from.
    fields : names of arrays; by default rates, factors, inputs, true rates and behaviour (as
        `behavior_<name>`), if stored.

    Raises
    ------
    LfadsError
        xarray is not installed.
    RunFolderError
        The run did not store one of the fields.
    """
    try:
        import xarray as xr
    except ImportError as error:
        raise LfadsError("this needs xarray: pip install 'lfads-nb[xarray]'") from error
    wanted = [name for name in _USUAL_FIELDS if pm.has(name)] if fields is None else fields
    if not wanted:
        raise DataError("none of the usual fields is stored: name the fields")
    coordinates: dict[str, Any] = {
        "trial": np.arange(pm.n_trials),
        "time_ms": ("time_ms", pm.time_ms, {"units": "ms", "long_name": "left edge of bin"}),
        "split": ("trial", pm.splits),
        "dataset": ("trial", np.array(pm.datasets)[pm.dataset_index]),
    }
    if pm.condition_ids is not None:
        coordinates["condition"] = ("trial", pm.condition_ids)
    variables: dict[str, tuple[tuple[str, ...], Any, dict[str, str]]] = {}
    for name in wanted:
        field = FIELDS[name]
        unit = pm.rate_unit if field.per_second else field.unit
        about = {"units": unit, "long_name": field.description}
        variables[name] = (field.axes, pm.field(name).load(), about)
    for name, signal in pm.behavior.items() if fields is None else ():
        axes = ("trial", "time_ms", f"{name}_dim")
        variables[f"behavior_{name}"] = (axes, signal.values, {"units": signal.unit})
        coordinates[f"{name}_dim"] = list(signal.dim_names)
    attributes = {"kind": pm.kind, "run": pm.name, "params": pm.params.param_name}
    return xr.Dataset(variables, coordinates, attributes)
