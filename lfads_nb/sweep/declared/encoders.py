"""Encoders: the initial condition, its prior and its posterior."""

from __future__ import annotations

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class EncodersParams(BaseModel):
    """The fields of this group, in the order of the form."""

    ic_dim: int = param(
        64,
        "Size of the initial condition g0. Equal to `gen_dim` it is the generator's first state "
        "itself; 0 learns one state for all trials.",
        group="encoders",
        tier="occasional",
        legacy="c_ic_dim",
        matlab_type="uint16",
        ge=0,
        le=65535,
    )
    ic_enc_dim: int = param(
        128,
        "Units, in each direction, of the encoder that infers the initial condition.",
        group="encoders",
        tier="common",
        unit="units",
        legacy="c_ic_enc_dim",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
    num_steps_for_gen_ic: int | None = param(
        None,
        "The initial condition is inferred from this many first bins only; None uses all.",
        group="encoders",
        unit="bins",
        legacy="c_num_steps_for_gen_ic",
        matlab_type="uint32",
        ge=1,
        lt=2**32,
    )
    ic_prior_var_min: float = param(
        0.1,
        "Smallest variance that the prior of the initial condition may learn.",
        group="encoders",
        legacy="c_ic_prior_var_min",
        gt=0,
    )
    ic_prior_var_scale: float = param(
        0.1,
        "Variance of the prior of the initial condition at the start (fixed if the smallest "
        "and the largest are equal).",
        group="encoders",
        legacy="c_ic_prior_var_scale",
        gt=0,
    )
    ic_prior_var_max: float = param(
        0.1,
        "Largest variance that the prior of the initial condition may learn.",
        group="encoders",
        legacy="c_ic_prior_var_max",
        gt=0,
    )
    ic_post_var_min: float = param(
        1e-4,
        "Added to the variance of the posterior of the initial condition; 0 adds nothing.",
        group="encoders",
        legacy="c_ic_post_var_min",
        ge=0,
    )
    cell_weight_scale: float = param(
        1.0,
        "Scale of the initial weights of the encoders' gates and of the controller.",
        group="encoders",
        legacy="c_cell_weight_scale",
        gt=0,
    )
    cell_clip_value: float = param(
        5.0,
        "Hidden states of every cell are clipped to plus or minus this.",
        group="encoders",
        legacy="c_cell_clip_value",
        gt=0,
    )
