"""What training remembers between epochs besides weights, and how it is kept in a checkpoint."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from lfads_nb.model.schedule import EarlyStopping, LearningRateRule
from lfads_nb.sweep.params import RunParams

_SCHEMA = 1


@dataclass
class TurnState:
    """Where a member of a population is in its turn, see `lfads_nb.sweep.turns`."""

    key: str = ""
    """Of the request; empty in an ordinary run."""
    valid: list[float] = field(default_factory=list)
    """Validation costs of the turn's epochs so far."""
    score: float | None = None
    """Smoothed; goes on from turn to turn until weights are copied from elsewhere."""


@dataclass
class TrainingState:
    """Everything that decides how training goes on."""

    rule: LearningRateRule
    patience: EarlyStopping
    epoch: int = 0
    """Epochs that are done."""
    step: int = 0
    """Optimiser steps that are done."""
    n_valid_costs: int = 0
    lowest_valid: float = math.inf
    """Whole validation cost of the best epoch."""
    best_figure: float = math.inf
    """What chose it, by `select_by`; negated where the highest is best."""
    best_epoch: int | None = None
    nan_restarts: int = 0
    seed: list[int] = field(default_factory=list)
    """State of the network's random numbers."""
    turn: TurnState = field(default_factory=TurnState)

    @classmethod
    def start(cls, params: RunParams) -> TrainingState:
        """Return the state before the first epoch."""
        rule = LearningRateRule(
            params.learning_rate_decay_factor, params.learning_rate_n_to_compare
        )
        return cls(rule, EarlyStopping(params.early_stopping_patience))

    def to_json(self) -> str:
        return json.dumps({"schema": _SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, text: str, params: RunParams) -> TrainingState:
        """Read a state; the rules' own settings come from the parameters.

        Raises
        ------
        ValueError
            It was written by another version of the package.
        """
        values: dict[str, Any] = json.loads(text)
        values.setdefault("best_figure", values.get("lowest_valid", math.inf))
        if values.pop("schema") != _SCHEMA:
            raise ValueError("the checkpoint's training state has an unknown schema")
        state = cls.start(params)
        state.rule.history = list(values.pop("rule")["history"])
        past = values.pop("patience")
        state.patience.smoothed, state.patience.best = past["smoothed"], past["best"]
        state.patience.waited = past["waited"]
        state.turn = TurnState(**values.pop("turn", {}))
        for name, value in values.items():
            setattr(state, name, value)
        return state
