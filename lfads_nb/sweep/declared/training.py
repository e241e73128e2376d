"""Training: batches, learning rate, when it ends, which checkpoint is the best."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class TrainingParams(BaseModel):
    """The fields of this group, in the order of the form."""

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
