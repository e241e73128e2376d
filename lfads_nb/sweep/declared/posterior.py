"""Posterior: how rates and factors are averaged once training is done."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class PosteriorParams(BaseModel):
    """The fields of this group, in the order of the form."""

    posterior_mean_kind: Literal["posterior_sample_and_average", "posterior_push_mean"] = param(
        "posterior_sample_and_average",
        "Average over samples of the posterior, or one pass with its means.",
        group="posterior",
        tier="occasional",
        legacy="posterior_mean_kind",
        matlab_type="char",
        affects="nothing",
    )
    num_samples_posterior: int = param(
        512,
        "Samples averaged for each trial.",
        group="posterior",
        tier="occasional",
        unit="samples",
        legacy="num_samples_posterior",
        affects="nothing",
        ge=1,
    )
    store_posterior_sd: bool = param(
        False,
        "Also store the standard deviation over samples of rates, factors and inferred inputs.",
        group="posterior",
        tier="occasional",
        matlab_type="logical",
        affects="nothing",
    )
