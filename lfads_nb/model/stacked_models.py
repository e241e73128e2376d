"""Many models of one shape as one program: every variable with a leading axis of members.

On a GPU a training step is thousands of tiny operations, and the card waits for them to be
launched. The same operations on twenty members at once take little longer. This file and
`backend.py` are the only ones that import JAX; what a member is and does is in `packs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import numpy as jnp

from lfads_nb.model.lfads import Lfads

Arrays = dict[str, Any]


class State(NamedTuple):
    """The values of a model's variables in Keras' order, each with a leading axis of members."""

    trainable: list
    others: list
    optimizer: list

    @classmethod
    def of(cls, model: Lfads) -> State:
        """Return one model's own values, without an axis of members."""
        return cls(*([v.value for v in group] for group in _groups(model)))


def _groups(model: Lfads) -> tuple[list, list, list]:
    return (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)


class Plan(NamedTuple):
    """The batches of one pass over trials, for every member.

    What is None is the same for all members or not there.
    """

    rows: Any
    """(members, steps, trials): indices into the data's trials."""
    weights: Any
    """(members, steps, trials)"""
    session: Any
    """(members, steps)"""
    counts: Any = None
    """(members, steps, trials, bins, channels): instead of the data's, where they are jittered."""


class StackedModels:
    """The state of many models, and the epoch that they train together.

    Parameters
    ----------
    model : Lfads
        Built and compiled; lends its shapes and its code. `show` puts a member's values into it.
    """

    def __init__(self, model: Lfads) -> None:
        self.model = model
        self.state, self.best = State([], [], []), State([], [], [])
        self._epoch = jax.jit(self._trained, donate_argnums=0)
        self._rate = _index_of(model.optimizer.variables, model.optimizer.learning_rate)
        self._norm = _index_of(model.optimizer.variables, model.optimizer.gradient_norm)
        self._step = _index_of(model.non_trainable_variables, model.step)

    # ------------------------------------------------------------------------------ members

    def stack(self, states: Sequence[State]) -> None:
        """Begin with these members."""
        self.state = jax.tree.map(lambda *each: jnp.stack(each), *states)
        # A copy: the state's own memory is given to the next epoch.
        self.best = jax.tree.map(jnp.copy, self.state)

    def keep_only(self, members: Sequence[int]) -> None:
        """Let go of all members but these; they are numbered anew."""
        chosen = jnp.asarray(list(members))
        self.state, self.best = _chosen(self.state, chosen), _chosen(self.best, chosen)

    def note_best(self, members: Sequence[int]) -> None:
        """Remember the present values of these members as their best."""
        n = len(self.state.others[self._step])
        mask = np.zeros(n, bool)
        mask[list(members)] = True
        self.best = _where(mask, self.state, self.best)

    def show(self, member: int, *, best: bool = False) -> Lfads:
        """Put a member's values into the model, and return that."""
        values = _member(self.best if best else self.state, member)
        for group, new in zip(_groups(self.model), values, strict=True):
            for variable, value in zip(group, new, strict=True):
                variable.assign(value)
        return self.model

    def take(self, member: int) -> None:
        """Take the model's values as those of a member."""
        self.state = _replaced(self.state, member, State.of(self.model))

    def scalars(self) -> dict[str, np.ndarray]:
        """Return learning rates, gradient norms and steps, each (members,)."""
        optimizer, others = self.state.optimizer, self.state.others
        found = {
            "learning_rate": optimizer[self._rate],
            "gradient_norm": optimizer[self._norm],
            "step": others[self._step],
        }
        return jax.device_get(found)

    def set_learning_rates(self, rates: np.ndarray) -> None:
        """Set those of all members, (members,)."""
        optimizer = list(self.state.optimizer)
        optimizer[self._rate] = jnp.asarray(rates, optimizer[self._rate].dtype)
        self.state = self.state._replace(optimizer=optimizer)

    # -------------------------------------------------------------------------------- an epoch

    def epoch(
        self, data: Mapping[str, Arrays], plans: Mapping[str, Plan]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Train one epoch and judge it.

        Parameters
        ----------
        data, plans : of "train" and "valid"
            Data are from `on_device`.

        Returns
        -------
        logs, valid_logs
            Figures of each member, (members,).
        """
        self.state, logs = self._epoch(self.state, dict(data), dict(plans))
        return jax.device_get(logs)

    def _trained(
        self, state: State, data: dict[str, dict[str, Arrays]], plans: dict[str, Plan]
    ) -> tuple[State, tuple[dict, dict]]:
        state, logs = self.train(state, data["train"], plans["train"])
        state, valid = self._judge(state, data["valid"], plans["valid"])
        return state, (logs, valid)

    def train(
        self, state: State, data: dict[str, Arrays], plan: Plan
    ) -> tuple[State, dict[str, Any]]:
        """Take the plan's steps; a pure function, to be compiled.

        Returns
        -------
        state, logs
            Figures over all steps, (members,).
        """

        def one(values: tuple, own: Arrays, now: Plan) -> tuple:
            return self.model.train_step(values, (_batch({**data["shared"], **own}, now),))

        def step(carry: tuple, now: Plan) -> tuple[tuple, dict[str, Any]]:
            logs, carry = jax.vmap(one)(carry, data["own"], now)
            return carry, logs

        carry = (*state, self._no_figures(state))
        carry, logs = jax.lax.scan(step, carry, _steps_first(plan))
        return State(*carry[:3]), jax.tree.map(lambda x: x[-1], logs)

    def _judge(
        self, state: State, data: dict[str, Arrays], plan: Plan
    ) -> tuple[State, dict[str, Any]]:
        def one(values: tuple, own: Arrays, now: Plan) -> tuple:
            return self.model.test_step(values, (_batch({**data["shared"], **own}, now),))

        def step(carry: tuple, now: Plan) -> tuple[tuple, dict[str, Any]]:
            logs, carry = jax.vmap(one)(carry, data["own"], now)
            return carry, logs

        carry = (state.trainable, state.others, self._no_figures(state))
        carry, logs = jax.lax.scan(step, carry, _steps_first(plan))
        return state._replace(others=carry[1]), jax.tree.map(lambda x: x[-1], logs)

    def _no_figures(self, state: State) -> list:
        n = state.others[self._step].shape[0]
        return [jnp.zeros((n, *v.shape), v.dtype) for v in self.model.metrics_variables]


def on_device(shared: Arrays, own: Sequence[Arrays]) -> dict[str, Arrays]:
    """Put the data of all members (trials first) on the device, once.

    Parameters
    ----------
    shared : what all members read
    own : of each member, what only it reads
    """
    stacked = {name: jnp.asarray(np.stack([each[name] for each in own])) for name in own[0]}
    return {"shared": {k: jnp.asarray(v) for k, v in shared.items()}, "own": stacked}


def _batch(data: Arrays, now: Plan) -> Arrays:
    """Return the batch of one step of one member, see `lfads_nb.model.lfads`."""
    batch = {name: jnp.take(x, now.rows, axis=0).astype("float32") for name, x in data.items()}
    if now.counts is not None:
        batch["counts"] = now.counts.astype("float32")
    batch.update(weights=now.weights, session=now.session)
    return {name: x[None] for name, x in batch.items()}


def _steps_first(plan: Plan) -> Plan:
    return jax.tree.map(lambda x: jnp.swapaxes(jnp.asarray(x), 0, 1), plan)


def _index_of(variables: Sequence[Any], wanted: Any) -> int:
    return next(i for i, v in enumerate(variables) if v is wanted)


@jax.jit
def _member(state: State, index: Any) -> State:
    return jax.tree.map(lambda x: x[index], state)


@jax.jit
def _chosen(state: State, members: Any) -> State:
    return jax.tree.map(lambda x: x[members], state)


@jax.jit
def _replaced(state: State, index: Any, values: State) -> State:
    return jax.tree.map(lambda x, value: x.at[index].set(value), state, values)


@jax.jit
def _where(mask: Any, new: State, old: State) -> State:
    def pick(a: Any, b: Any) -> Any:
        return jnp.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, new, old)
