"""Factors: how many."""

from __future__ import annotations

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class FactorsParams(BaseModel):
    """The fields of this group, in the order of the form."""

    factors_dim: int = param(
        50,
        "Number of factors, and width of the read-in.",
        group="factors",
        tier="common",
        unit="factors",
        legacy="c_factors_dim",
        matlab_type="uint16",
        affects="data",
        ge=1,
        le=65535,
    )
