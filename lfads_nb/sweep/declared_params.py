"""Every hyperparameter declared: type, default, bounds, meaning, the run manager's name for it.

The defaults are the run manager's. Parameters that it never had are off by default and enter a
hash only where they differ from their default, so that every published hash stands.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lfads_nb.sweep.param_info import param

LAYOUT_VERSION = 20171107
"""The run manager's folder layout that this package writes."""


class DeclaredParams(BaseModel):
    """The fields of `RunParams`, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = param(
        "",
        "A label of your own for this setting; it changes nothing else.",
        group="logistics",
        tier="occasional",
        legacy="name",
        matlab_type="char",
        affects="nothing",
    )
    version: int = param(
        LAYOUT_VERSION,
        "Folder layout, in the run manager's numbering; set by the collection.",
        group="logistics",
        legacy="version",
        matlab_type="uint32",
        affects="nothing",
        ge=1,
    )

    # -- data
    spike_bin_ms: float = param(
        2.0,
        "Width of the bins that LFADS sees. Must be a whole multiple of the data's own bin.",
        group="data",
        tier="common",
        unit="ms",
        legacy="spikeBinMs",
        affects="data",
        gt=0,
    )
    train_to_test_ratio: int = param(
        4,
        "Training trials for each validation trial; 4 keeps every fifth trial for validation.",
        group="data",
        tier="occasional",
        legacy="trainToTestRatio",
        matlab_type="uint16",
        affects="data",
        ge=1,
        le=65535,
    )
    split: Literal["interleaved", "stratified", "column"] = param(
        "interleaved",
        "How validation trials are chosen: every n-th trial as the run manager does, "
        "at random with every condition in proportion, or as the data's own trial column "
        "'split' says (train, valid, test).",
        group="data",
        affects="data",
        matlab_type="char",
    )
    split_seed: int = param(0, "Seed of the stratified split.", group="data", affects="data", ge=0)
    test_fraction: float = param(
        0.0,
        "Share of all trials set aside as a test set, touched neither by training nor by the "
        "choice of the best checkpoint. 0 makes none.",
        group="data",
        affects="data",
        ge=0,
        lt=0.9,
    )

    allow_no_spikes: bool = param(
        False,
        "Train even where a session has no spike in any trial, which is refused otherwise because "
        "times in another unit are the usual cause.",
        group="data",
        affects="data",
    )

    # -- training
    batch_size: int = param(
        256,
        "Trials in each optimiser step, all of one session.",
        group="training",
        tier="common",
        unit="trials",
        legacy="c_batch_size",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
    learning_rate_init: float = param(
        0.01,
        "Adam's learning rate at the start.",
        group="training",
        tier="common",
        legacy="c_learning_rate_init",
        gt=0,
    )
    learning_rate_decay_factor: float = param(
        0.98,
        "The learning rate is multiplied by this whenever the training cost of an epoch is "
        "worse than all of the last few.",
        group="training",
        tier="occasional",
        legacy="c_learning_rate_decay_factor",
        gt=0,
        lt=1,
    )
    learning_rate_n_to_compare: int = param(
        6,
        "How many past epochs a cost must be worse than before the learning rate falls; at "
        "least as many epochs pass between two decays.",
        group="training",
        unit="epochs",
        legacy="c_learning_rate_n_to_compare",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
    learning_rate_stop: float = param(
        1e-5,
        "Training ends when the learning rate falls below this.",
        group="training",
        tier="common",
        legacy="c_learning_rate_stop",
        gt=0,
    )
    max_grad_norm: float = param(
        200.0,
        "Gradients are scaled down to this global norm.",
        group="training",
        tier="occasional",
        legacy="c_max_grad_norm",
        gt=0,
    )
    max_epochs: int = param(
        0,
        "End training after this many epochs at the latest; 0 sets no cap.",
        group="training",
        tier="common",
        unit="epochs",
        ge=0,
    )
    early_stopping_patience: int = param(
        0,
        "End training when the validation likelihood (smoothed) has not improved for this many "
        "epochs after the ramps; 0 turns it off.",
        group="training",
        tier="occasional",
        unit="epochs",
        ge=0,
    )
    select_by: Literal[
        "total_valid", "recon_valid", "bps", "co_bps", "fp_bps", "r2_truth", "r2_decoding"
    ] = param(
        "total_valid",
        "Which figure of the validation trials chooses the best checkpoint, once the ramps have "
        "ended: the whole cost (as the original does), its likelihood, bits per spike of seen "
        "or held-out channels or of predicted bins, or R² of the true rates or of decoded "
        "behaviour (see metrics_every).",
        group="training",
        matlab_type="char",
    )
    metrics_every: int = param(
        0,
        "Epochs between figures of validation trials that need their rates: R² of the true rates, "
        "R² of behaviour decoded from them. They and bits per spike are then in the fit log and "
        "in TensorBoard. 0 leaves them out, unless select_by needs them (then every 10 epochs).",
        group="training",
        unit="epochs",
        affects="nothing",
        ge=0,
    )
    nan_restarts: int = param(
        0,
        "How often training may go back to the last good checkpoint, at a lower learning rate, "
        "after the cost became NaN or infinite; 0 stops with an error at once.",
        group="training",
        tier="occasional",
        ge=0,
        le=100,
    )
    seed: int = param(
        0,
        "Seed of everything random in training: weights, batches, dropout, samples.",
        group="training",
        tier="occasional",
        ge=0,
        lt=2**31,
    )
    do_reset_learning_rate: bool = param(
        False,
        "Start from `learning_rate_init` again when training resumes from a checkpoint.",
        group="training",
        matlab_type="logical",
    )
    do_train_io_only: bool = param(
        False,
        "Train only each session's read-in and read-out, keeping the dynamics.",
        group="training",
        matlab_type="logical",
    )
    do_train_encoder_only: bool = param(
        False,
        "Train only the initial-condition encoder and its posterior, keeping the dynamics.",
        group="training",
        matlab_type="logical",
    )
    initial_weights: str = param(
        "",
        "A run folder or `model_params` file whose weights training starts from; empty starts "
        "from random ones.",
        group="training",
        matlab_type="char",
    )

    # -- regularization
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

    # -- external inputs
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

    # -- controller
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

    # -- encoders
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

    # -- generator
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

    # -- factors and output
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
    output_dist: Literal["poisson", "gaussian", "gamma", "zero_inflated_gamma"] = param(
        "poisson",
        "Distribution of the data given the factors.",
        group="output",
        tier="occasional",
        legacy="c_output_dist",
        matlab_type="char",
    )

    # -- stitching
    do_train_readin: bool = param(
        True,
        "Train each session's read-in; otherwise it keeps its initial value.",
        group="stitching",
        tier="occasional",
        legacy="c_do_train_readin",
        matlab_type="logical",
    )
    use_alignment_matrix: bool = param(
        False,
        "Start the read-ins of a run of several sessions from their alignment matrices.",
        group="stitching",
        tier="common",
        legacy="useAlignmentMatrix",
        matlab_type="logical",
        affects="data",
    )
    use_single_dataset_alignment_matrix: bool = param(
        False,
        "Give runs of a single session a read-in too, from the PCA of its condition averages.",
        group="stitching",
        legacy="useSingleDatasetAlignmentMatrix",
        matlab_type="logical",
        affects="data",
    )
    alignment_approach: Literal["regressGlobalPCs", "ridgeRegressGlobalPCs"] = param(
        "regressGlobalPCs",
        "Plain or ridge regression of the shared components on each session.",
        group="stitching",
        tier="occasional",
        legacy="alignmentApproach",
        matlab_type="char",
        affects="data",
    )
    alignment_extra_args: tuple[str | bool | float, ...] = param(
        (),
        "Names and values for the alignment, such as ('ridgeNormalizeEach', True).",
        group="stitching",
        tier="occasional",
        legacy="alignmentExtraArgs",
        matlab_type="cell",
        affects="data",
    )

    # -- posterior
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

    # -- logistics
    device: str = param(
        "/gpu:0",
        "Device to compute on, among those that the run may see; a machine without it "
        "uses its processor.",
        group="logistics",
        legacy="c_device",
        matlab_type="char",
    )
    allow_gpu_growth: bool = param(
        True,
        "Take GPU memory as it is needed, so that several runs can share a GPU.",
        group="logistics",
        tier="occasional",
        legacy="c_allow_gpu_growth",
        matlab_type="logical",
    )
    max_ckpt_to_keep: int = param(
        5,
        "Newest checkpoints to keep.",
        group="logistics",
        unit="checkpoints",
        legacy="c_max_ckpt_to_keep",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
    max_ckpt_to_keep_lve: int = param(
        5,
        "Checkpoints of lowest validation error to keep.",
        group="logistics",
        unit="checkpoints",
        legacy="c_max_ckpt_to_keep_lve",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )

    # -- debug: flags of a private branch of the original, known so that old settings can be read
    tf_debug_cli: bool = param(
        False,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_tf_debug_cli",
        matlab_type="logical",
        affects="nothing",
    )
    tf_debug_tensorboard: bool = param(
        False,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_tf_debug_tensorboard",
        matlab_type="logical",
        affects="nothing",
    )
    tf_debug_tensorboard_hostport: str = param(
        "localhost:6064",
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_tf_debug_tensorboard_hostport",
        matlab_type="char",
        affects="nothing",
    )
    tf_debug_dump_root: str = param(
        "",
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_tf_debug_dump_root",
        matlab_type="char",
        affects="nothing",
    )
    debug_verbose: bool = param(
        False,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_debug_verbose",
        matlab_type="logical",
        affects="nothing",
    )
    debug_reduce_timesteps_to: int | None = param(
        None,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_debug_reduce_timesteps_to",
        matlab_type="uint16",
        affects="nothing",
        ge=1,
    )
    debug_print_each_step: bool = param(
        False,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_debug_print_each_step",
        matlab_type="logical",
        affects="nothing",
    )
