"""Generator: the recurrent network whose state unfolds from the initial condition."""

from __future__ import annotations

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class GeneratorParams(BaseModel):
    """The fields of this group, in the order of the form."""

    gen_dim: int = param(
        100,
        "Units of the generator.",
        group="generator",
        tier="common",
        unit="units",
        legacy="c_gen_dim",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
    gen_cell_input_weight_scale: float = param(
        1.0,
        "Scale of the generator's initial input weights.",
        group="generator",
        legacy="c_gen_cell_input_weight_scale",
        gt=0,
    )
    gen_cell_rec_weight_scale: float = param(
        1.0,
        "Scale of the generator's initial recurrent weights.",
        group="generator",
        legacy="c_gen_cell_rec_weight_scale",
        gt=0,
    )
