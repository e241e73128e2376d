"""External inputs: measured ones, which come with the data."""

from __future__ import annotations

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class ExternalInputsParams(BaseModel):
    """The fields of this group, in the order of the form."""

    ext_input_dim: int = param(
        0,
        "Number of measured inputs that come with the data; must match the datasets.",
        group="external inputs",
        tier="occasional",
        unit="inputs",
        legacy="c_ext_input_dim",
        matlab_type="uint16",
        ge=0,
        le=65535,
    )
    inject_ext_input_to_gen: bool = param(
        False,
        "Give the measured inputs to the generator instead of to the encoders.",
        group="external inputs",
        tier="occasional",
        legacy="c_inject_ext_input_to_gen",
        matlab_type="logical",
    )
