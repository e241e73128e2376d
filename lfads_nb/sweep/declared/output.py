"""Output: the distribution of the data given the factors."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class OutputParams(BaseModel):
    """The fields of this group, in the order of the form."""

    output_dist: Literal["poisson", "gaussian", "gamma", "zero_inflated_gamma"] = param(
        "poisson",
        "Distribution of the data given the factors.",
        group="output",
        tier="occasional",
        legacy="c_output_dist",
        matlab_type="char",
    )
