"""`RunParams`: one setting of every hyperparameter, validated, hashed and never changed in place.

The names are the run manager's without their `c_` and in Python spelling. What there is to set is
declared in `declared/`; what can be done with a setting is here.
"""

from __future__ import annotations

import difflib
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import ValidationError, field_validator, model_validator

from lfads_nb.errors import ParamsError
from lfads_nb.sweep.declared import DeclaredParams
from lfads_nb.sweep.hashing import MatlabValue, hash_values
from lfads_nb.sweep.param_info import ParamInfo, describe_field

Draws = Literal["random", "latin", "sobol"]
"""How `sweep_random` spreads settings over their ranges."""

EPOCHS_BETWEEN_METRICS = 10
"""Where `select_by` needs figures and `metrics_every` does not say how often."""


class RampSteps(NamedTuple):
    """When the KL and L2 penalties start and how long they rise, in optimiser steps."""

    kl_start: int
    kl_increase: int
    l2_start: int
    l2_increase: int


class RunParams(DeclaredParams):
    """One hyperparameter setting: frozen, validated, and named by its hash.

    Parameters
    ----------
    **values : any of the fields; the rest keep their defaults.

    Raises
    ------
    ParamsError
        Unknown name (the nearest ones are listed), a value out of bounds, or an impossible
        combination.
    """

    # ---------------------------------------------------------------------------------- making

    def __init__(self, **values: Any) -> None:
        unknown = [name for name in values if name not in type(self).model_fields]
        if unknown:
            raise ParamsError(unknown_names_message(unknown, type(self)))
        try:
            super().__init__(**{name: _plain(value) for name, value in values.items()})
        except ValidationError as error:
            raise ParamsError(_explain(error, type(self))) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).model_fields:
            raise ParamsError(f"a setting never changes: use params.copy({name}={value!r})")
        super().__setattr__(name, value)

    def copy(self, **changes: Any) -> RunParams:
        """Return this setting with some values changed.

        Raises
        ------
        ParamsError
            As on construction.
        """
        return type(self)(**{**self.set_values(), **changes})

    @field_validator("num_steps_for_gen_ic")
    @classmethod
    def _all_bins(cls, value: int | None) -> int | None:
        # MATLAB writes "all bins" as the largest uint32.
        return None if value == 2**32 - 1 else value

    @model_validator(mode="after")
    def _check_combinations(self) -> RunParams:
        for problem in impossible_combinations(self):
            raise ValueError(problem)
        return self

    # --------------------------------------------------------------------------------- reading

    @classmethod
    def param_info(cls) -> dict[str, ParamInfo]:
        """Describe every field, in the order of declaration."""
        return dict(_described(cls))

    def set_values(self) -> dict[str, Any]:
        """Return every field's value by name, as plain Python values."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def non_defaults(self) -> dict[str, Any]:
        """Return the fields that differ from their declared default."""
        return {
            name: value
            for name, value in self.set_values().items()
            if value != type(self).model_fields[name].default
        }

    def diff(self, other: RunParams) -> dict[str, tuple[Any, Any]]:
        """Return the fields in which two settings differ, as (mine, theirs)."""
        mine, theirs = self.set_values(), other.set_values()
        return {
            name: (mine.get(name), theirs.get(name))
            for name in {**mine, **theirs}
            if mine.get(name) != theirs.get(name)
        }

    def ramp_steps(self, n_datasets: int) -> RampSteps:
        """Return the ramps of a run of `n_datasets` sessions, in optimiser steps.

        An epoch of a stitched run has proportionally more steps, so the run manager multiplies
        (features.md C3) unless told not to; the hash does not see the multiplication.
        """
        start = n_datasets if self.scale_start_step_with_datasets else 1
        increase = n_datasets if self.scale_increase_steps_with_datasets else 1
        return RampSteps(
            self.kl_start_step * start,
            self.kl_increase_steps * increase,
            self.l2_start_step * start,
            self.l2_increase_steps * increase,
        )

    # -------------------------------------------------------------------------------- identity

    def _hash_of(self, affects: tuple[str, ...]) -> str:
        info = type(self).param_info()
        return hash_values(
            {
                info[name].legacy or name: MatlabValue(value, info[name].matlab_type)
                for name, value in self.non_defaults().items()
                if info[name].affects in affects
            }
        )

    @cached_property
    def param_hash(self) -> str:
        """Six characters that name the setting (features.md C4)."""
        return self._hash_of(("data", "params"))

    @cached_property
    def data_hash(self) -> str:
        """Six characters that name the data prepared for it (features.md C6)."""
        return self._hash_of(("data",))

    @property
    def param_name(self) -> str:
        """Folder of the setting's runs, `param_XXXXXX`."""
        return f"param_{self.param_hash}"

    @property
    def data_name(self) -> str:
        """Folder of the setting's prepared data, `data_XXXXXX`."""
        return f"data_{self.data_hash}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunParams):
            return NotImplemented
        return type(self) is type(other) and self.param_hash == other.param_hash

    def __hash__(self) -> int:
        return hash(self.param_hash)

    # ------------------------------------------------------------------------------------ text

    def differences_text(self) -> str:
        """Return `name=value` for what differs from the defaults, or `default`."""
        parts = [f"{name}={format_value(v)}" for name, v in self.non_defaults().items()]
        return " ".join(parts) or "default"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.param_name} {self.data_name}: {self!s}>"

    def __str__(self) -> str:
        return self.differences_text()

    # ---------------------------------------------------------------------------------- sweeps

    @property
    def metrics_due_every(self) -> int:
        """Epochs between figures that need the rates of validation trials; 0 is never."""
        if self.metrics_every or self.select_by not in ("r2_truth", "r2_decoding"):
            return self.metrics_every
        return EPOCHS_BETWEEN_METRICS

    def sweep(self, **values: Any) -> list[RunParams]:
        """Return every combination of the given values, see `lfads_nb.sweep.sweeps.grid`."""
        from lfads_nb.sweep.sweeps import grid

        return grid(self, values)

    def sweep_random(
        self, n: int, *, seed: int = 0, draws: Draws = "random", **ranges: Any
    ) -> list[RunParams]:
        """Return `n` random or evenly spread draws, see `lfads_nb.sweep.sweeps.draw`."""
        from lfads_nb.sweep.sweeps import draw

        return draw(self, n, ranges, seed=seed, draws=draws)


@cache
def _described(params_class: type[RunParams]) -> dict[str, ParamInfo]:
    fields = params_class.model_fields
    return {name: describe_field(name, field) for name, field in fields.items()}


def impossible_combinations(params: RunParams) -> list[str]:
    """Say in words which values cannot go together; an empty list means that all is well."""
    p = params
    problems = []
    if p.co_mean_corr_scale > 0 and p.co_dim < 2:
        problems.append(
            f"co_mean_corr_scale needs at least two inferred inputs, but co_dim is {p.co_dim}: "
            "set co_mean_corr_scale=0, or co_dim=2 or more"
        )
    if not p.ic_prior_var_min <= p.ic_prior_var_scale <= p.ic_prior_var_max:
        problems.append(
            "ic_prior_var_min <= ic_prior_var_scale <= ic_prior_var_max must hold, but they are "
            f"{p.ic_prior_var_min:g}, {p.ic_prior_var_scale:g}, {p.ic_prior_var_max:g}"
        )
    if p.learning_rate_stop >= p.learning_rate_init:
        problems.append(
            f"learning_rate_stop ({p.learning_rate_stop:g}) must be below learning_rate_init "
            f"({p.learning_rate_init:g}), or training ends at its first decay"
        )
    if p.do_train_io_only and p.do_train_encoder_only:
        problems.append("do_train_io_only and do_train_encoder_only exclude each other")
    if p.temporal_spike_jitter_width > 0 and p.output_dist != "poisson":
        problems.append(
            f"temporal_spike_jitter_width moves spikes, but output_dist is {p.output_dist!r}: set "
            "it to 0, or use output_dist='poisson'"
        )
    if p.feedback_factors_or_rates == "rates" and p.output_dist != "poisson":
        problems.append("feedback_factors_or_rates='rates' needs output_dist='poisson'")
    if p.split == "interleaved" and p.split_seed:
        problems.append("split_seed has no effect unless split='stratified'")
    if p.coordinated_dropout_pass_rate and not p.coordinated_dropout_rate:
        problems.append(
            "coordinated_dropout_pass_rate has no effect unless coordinated_dropout_rate is above 0"
        )
    for name, info in type(p).param_info().items():
        if info.group == "debug" and getattr(p, name) != info.default:
            problems.append(
                f"{name} belonged to a private branch of the original program and does nothing: "
                "leave it out"
            )
    return problems


def unknown_names_message(unknown: list[str], params_class: type[RunParams]) -> str:
    """Name the unknown parameters and those that were probably meant."""
    names = list(params_class.model_fields)
    legacy = {i.legacy: n for n, i in params_class.param_info().items() if i.legacy}
    hints = []
    for name in unknown:
        if name in legacy:
            near = [legacy[name]]
        else:
            near = difflib.get_close_matches(name.removeprefix("c_"), names, n=3, cutoff=0.5)
        hints.append(f"{name!r}" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    return f"unknown hyperparameter {', '.join(hints)}; the known ones are: {', '.join(names)}"


def format_value(value: Any) -> str:
    """Write a value as the run manager does: short numbers, true/false, long lists shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        inner = ", ".join(format_value(v) for v in value)
        return f"[{inner}]" if len(value) < 6 else f"[{len(value)} values]"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else value


def _explain(error: ValidationError, params_class: type[RunParams]) -> str:
    info = params_class.param_info()
    parts = []
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        if name in info:
            parts.append(f"{name} must be {info[name].legal_range}, got {item['input']!r}")
        else:
            parts.append(str(item["msg"]).removeprefix("Value error, "))
    return "; ".join(parts)
