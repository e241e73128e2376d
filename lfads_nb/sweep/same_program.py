"""Which settings the same compiled program can train: decided from hyperparameters alone."""

from __future__ import annotations

from collections.abc import Collection, Hashable

from lfads_nb.sweep.params import RunParams

NUMBERS = (
    "keep_prob", "coordinated_dropout_rate", "coordinated_dropout_pass_rate", "kl_ic_weight",
    "kl_co_weight", "l2_gen_scale", "l2_con_scale", "l2_ic_enc_scale", "l2_ci_enc_scale",
    "co_mean_corr_scale",
)  # fmt: skip
"""What a compiled step reads as a variable. The learning rate is the optimiser's own; jitter is
done to the batches before the step."""

NOT_COMPILED = {
    *NUMBERS, "name", "version", "seed", "initial_weights", "temporal_spike_jitter_width",
    "learning_rate_init", "learning_rate_decay_factor", "learning_rate_n_to_compare",
    "learning_rate_stop", "do_reset_learning_rate", "max_epochs", "early_stopping_patience",
    "nan_restarts", "max_ckpt_to_keep", "max_ckpt_to_keep_lve", "num_samples_posterior",
    "posterior_mean_kind", "store_posterior_sd",
}  # fmt: skip
"""Hyperparameters that no compiled step depends on: all others, and all that are to come, count."""


def is_on(params: RunParams, number: str) -> bool:
    """Whether what a number governs is there at all; what is off is left out of the program."""
    return bool(getattr(params, number) != (1.0 if number == "keep_prob" else 0.0))


def compiled_settings(params: RunParams) -> Hashable:
    """Return what is equal for settings of the same program, given the same data."""
    fixed = {n: v for n, v in params.set_values().items() if n not in NOT_COMPILED}
    return tuple(fixed.items())


def program_of(params: RunParams, searched: Collection[str] = ()) -> Hashable:
    """Return what is equal for settings that may train in one pack, given the same data.

    Parameters
    ----------
    searched : numbers that are part of the program whatever they are.
    """
    on = tuple(name in searched or is_on(params, name) for name in NUMBERS)
    return type(params), compiled_settings(params), on
