"""What a trained run inferred about trials that lie in no file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lfads_nb.errors import RunFolderError
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.results.output_fields import FIELDS, OUTPUT_DISTRIBUTIONS
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams


def as_fields(outputs: Mapping[str, np.ndarray], params: RunParams) -> dict[str, np.ndarray]:
    """Give the model's outputs the names and units that `PosteriorMeans` has.

    Parameters
    ----------
    outputs : arrays with trials first, by their keys in a `model_runs_*` file.
    params : the run's setting.

    Returns
    -------
    dict
        Such as "rates", (trials, bins, neurons) in spikes/s, and "factors".
    """
    distribution = OUTPUT_DISTRIBUTIONS[params.output_dist]
    to_rates = 1000 / params.spike_bin_ms if distribution.per_second else 1.0
    fields = {}
    for name, field in FIELDS.items():
        key = next((key for key in field.keys if key in outputs), None)
        if key is None or field.is_input:
            continue
        values = outputs[key]
        if name == "output_variances":
            if distribution.variance is None:
                continue
            values = distribution.variance(*np.split(values, distribution.n_blocks, axis=-1))
        elif field.from_output_params:
            values = np.split(values, distribution.n_blocks, axis=-1)[0]
        fields[name] = values * to_rates if field.per_second else values
    return fields


def read_prior_samples(
    run: RunFolder, params: RunParams, sessions: Sequence[str]
) -> dict[str, np.ndarray]:
    """Read samples from the prior that were made before; see `prior_fields`.

    Raises
    ------
    RunFolderError
        They are not made yet, or their file cannot be read.
    """
    path = run.prior_samples
    try:
        with open_hdf5(path) as file:
            return prior_fields({key: file[key][()] for key in file}, params, sessions)
    except FileNotFoundError:
        raise RunFolderError(
            "Samples from the prior of this run are not made yet. Make them with "
            f"run.prior_samples() in Python, or in a terminal with: lfads-nb prior {run.path}"
        ) from None
    except (OSError, KeyError) as error:
        raise RunFolderError(
            f"{path} cannot be read ({error}): delete it and make the samples from the prior again"
        ) from error


def prior_fields(
    samples: Mapping[str, np.ndarray], params: RunParams, sessions: Sequence[str]
) -> dict[str, np.ndarray]:
    """Give samples from the prior the names and units that `PosteriorMeans` has.

    Parameters
    ----------
    samples : arrays with samples first, by their keys in `model_runs_prior_sample`.
    params : the run's setting.
    sessions : its sessions; the rates of all but the first are called "rates_<session>".
    """
    fields = as_fields(samples, params)
    if "prior_zs_ar_con" in samples:
        fields["controller_outputs"] = samples["prior_zs_ar_con"]
    for session in sessions[1:]:
        outputs = {"output_dist_params": samples[f"output_dist_params_{session}"]}
        fields[f"rates_{session}"] = as_fields(outputs, params)["rates"]
    return fields
