"""Controller: the inferred inputs, their encoder and their prior."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class ControllerParams(BaseModel):
    """The fields of this group, in the order of the form."""

    co_dim: int = param(
        4,
        "Number of inferred inputs; 0 removes the controller and its encoder.",
        group="controller",
        tier="common",
        unit="inputs",
        legacy="c_co_dim",
        matlab_type="uint16",
        ge=0,
        le=65535,
    )
    con_dim: int = param(
        128,
        "Units of the controller.",
        group="controller",
        tier="occasional",
        unit="units",
        legacy="c_con_dim",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
    ci_enc_dim: int = param(
        128,
        "Units, in each direction, of the encoder that feeds the controller.",
        group="controller",
        tier="occasional",
        unit="units",
        legacy="c_ci_enc_dim",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
    controller_input_lag: int = param(
        1,
        "The controller at bin t sees the forward encoding of bin t - lag and the reverse one of "
        "bin t + lag.",
        group="controller",
        tier="occasional",
        unit="bins",
        legacy="c_controller_input_lag",
        matlab_type="uint16",
        ge=0,
        le=65535,
    )
    do_causal_controller: bool = param(
        False,
        "Give the controller only the forward encoding (the initial condition still looks ahead).",
        group="controller",
        tier="occasional",
        legacy="c_do_causal_controller",
        matlab_type="logical",
    )
    do_feed_factors_to_controller: bool = param(
        True,
        "Feed the factors of the bin before back to the controller.",
        group="controller",
        tier="occasional",
        legacy="c_do_feed_factors_to_controller",
        matlab_type="logical",
    )
    feedback_factors_or_rates: Literal["factors", "rates"] = param(
        "factors",
        "What is fed back: factors, or rates (one session only).",
        group="controller",
        legacy="c_feedback_factors_or_rates",
        matlab_type="char",
    )
    prior_ar_atau: float = param(
        10.0,
        "Time constant, at the start, of the autoregressive prior on inferred inputs.",
        group="controller",
        unit="bins",
        legacy="c_prior_ar_atau",
        gt=0,
    )
    do_train_prior_ar_atau: bool = param(
        True,
        "Learn that time constant.",
        group="controller",
        legacy="c_do_train_prior_ar_atau",
        matlab_type="logical",
    )
    prior_ar_nvar: float = param(
        0.1,
        "Innovation variance, at the start, of the prior on inferred inputs.",
        group="controller",
        legacy="c_prior_ar_nvar",
        gt=0,
    )
    do_train_prior_ar_nvar: bool = param(
        True,
        "Learn that variance.",
        group="controller",
        legacy="c_do_train_prior_ar_nvar",
        matlab_type="logical",
    )
    co_mean_corr_scale: float = param(
        0.0,
        "Weight of a penalty on correlations between inferred inputs (needs two or more).",
        group="controller",
        legacy="c_co_mean_corr_scale",
        ge=0,
    )
    co_prior_var_scale: float = param(
        0.1,
        "Kept for old settings and their hashes; the original model never used it.",
        group="controller",
        legacy="c_co_prior_var_scale",
        gt=0,
    )
