"""Regularization: dropout, held-out counts, L2 and KL penalties and their ramps."""

from __future__ import annotations

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class RegularizationParams(BaseModel):
    """The fields of this group, in the order of the form."""

    keep_prob: float = param(
        0.95,
        "Share of units that dropout keeps.",
        group="regularization",
        tier="common",
        legacy="c_keep_prob",
        gt=0,
        le=1,
    )
    coordinated_dropout_rate: float = param(
        0.0,
        "Share of the counts hidden from the encoder in each step; only hidden counts then "
        "teach the model, so it cannot copy spikes. 0 turns it off.",
        group="regularization",
        tier="occasional",
        ge=0,
        lt=1,
    )
    coordinated_dropout_pass_rate: float = param(
        0.0,
        "Share of the counts that the encoder saw which teach the model all the same.",
        group="regularization",
        ge=0,
        le=1,
    )
    sample_validation_rate: float = param(
        0.0,
        "Share of single counts (fixed by the seed) that training never sees; their "
        "likelihood is logged. 0 turns it off.",
        group="regularization",
        ge=0,
        lt=1,
    )
    heldout_channels: int = param(
        0,
        "Channels at the end of every session that the encoder never sees but the model must "
        "predict (co-smoothing). 0 turns it off.",
        group="regularization",
        unit="channels",
        ge=0,
    )
    forward_prediction_bins: int = param(
        0,
        "Bins at the end of every trial that the encoder never sees but the model must predict. "
        "0 turns it off.",
        group="regularization",
        unit="bins",
        ge=0,
    )
    temporal_spike_jitter_width: int = param(
        0,
        "Move every spike by up to this many bins, anew for each batch (Poisson only).",
        group="regularization",
        unit="bins",
        legacy="c_temporal_spike_jitter_width",
        matlab_type="uint16",
        ge=0,
        le=65535,
    )
    l2_gen_scale: float = param(
        500.0,
        "Weight of the L2 penalty on the generator's recurrent weights.",
        group="regularization",
        tier="common",
        legacy="c_l2_gen_scale",
        ge=0,
    )
    l2_con_scale: float = param(
        500.0,
        "Weight of the L2 penalty on the controller's recurrent weights.",
        group="regularization",
        tier="common",
        legacy="c_l2_con_scale",
        ge=0,
    )
    l2_ic_enc_scale: float = param(
        0.0,
        "Weight of the L2 penalty on the initial-condition encoder's recurrent weights.",
        group="regularization",
        ge=0,
    )
    l2_ci_enc_scale: float = param(
        0.0,
        "Weight of the L2 penalty on the controller-input encoder's recurrent weights.",
        group="regularization",
        ge=0,
    )
    l2_start_step: int = param(
        0,
        "Step at which the L2 penalty begins to rise.",
        group="regularization",
        unit="steps",
        legacy="c_l2_start_step",
        matlab_type="uint32",
        ge=0,
        lt=2**32,
    )
    l2_increase_steps: int = param(
        900,
        "Steps over which the L2 penalty rises to its full weight; 0 applies it at once.",
        group="regularization",
        tier="common",
        unit="steps",
        legacy="c_l2_increase_steps",
        matlab_type="uint32",
        ge=0,
        lt=2**32,
    )
    kl_ic_weight: float = param(
        1.0,
        "Weight of the KL divergence of the initial conditions.",
        group="regularization",
        tier="common",
        legacy="c_kl_ic_weight",
        ge=0,
    )
    kl_co_weight: float = param(
        1.0,
        "Weight of the KL divergence of the inferred inputs.",
        group="regularization",
        tier="common",
        legacy="c_kl_co_weight",
        ge=0,
    )
    kl_start_step: int = param(
        0,
        "Step at which the KL penalty begins to rise.",
        group="regularization",
        tier="occasional",
        unit="steps",
        legacy="c_kl_start_step",
        matlab_type="uint32",
        ge=0,
        lt=2**32,
    )
    kl_increase_steps: int = param(
        900,
        "Steps over which the KL penalty rises to its full weight; 0 applies it at once.",
        group="regularization",
        tier="common",
        unit="steps",
        legacy="c_kl_increase_steps",
        matlab_type="uint32",
        ge=0,
        lt=2**32,
    )
    scale_increase_steps_with_datasets: bool = param(
        True,
        "Multiply both ramp lengths by the number of sessions in a run.",
        group="regularization",
        tier="occasional",
        legacy="scaleIncreaseStepsWithDatasets",
        matlab_type="logical",
        affects="data",
    )
    scale_start_step_with_datasets: bool = param(
        True,
        "Multiply both ramp starts by the number of sessions in a run.",
        group="regularization",
        legacy="scaleStartStepWithDatasets",
        matlab_type="logical",
        affects="data",
    )
