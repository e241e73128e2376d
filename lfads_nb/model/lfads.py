"""LFADS as a Keras model: cost, ramps and the figures of an epoch.

A batch is a dict of arrays with one leading axis of length 1 ("one optimiser step"), because Keras
forgets the first axis' length when it traces a step, and the loops need static shapes:

    counts (1, trials, bins, channels), weights (1, trials), session (1,), and where needed
    external (1, trials, bins, inputs), present and hidden (like counts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.augmentation import coordinated_dropout
from lfads_nb.model.costs import channel_masks, divergences, log_likelihood
from lfads_nb.model.inputs import Session
from lfads_nb.model.network import Network
from lfads_nb.model.penalties import correlation_cost
from lfads_nb.model.schedule import ramp

Tensor = Any
Batch = Mapping[str, Tensor]


class TrialFigures(NamedTuple):
    """What one pass says of each trial, all (trials,) and in nats."""

    log_likelihood: Tensor
    """Of the counts that training may see."""
    kl_ic: Tensor
    kl_co: Tensor
    correlation: Tensor
    seen: Tensor
    """Log likelihood of what the encoders saw, missing counts left out."""
    heldout: Tensor
    """Of held-out channels."""
    forward: Tensor
    """Of the bins to be predicted."""
    hidden: Tensor
    """Of the counts hidden for sample validation."""
    n_hidden: Tensor


class Latest(keras.metrics.Metric):
    """The value at the last step of an epoch."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.value = self.add_variable((), initializer="zeros", name="value")

    def update_state(self, value: Tensor) -> None:
        self.value.assign(ops.cast(value, self.value.dtype))

    def result(self) -> Tensor:
        return ops.convert_to_tensor(self.value)


class Lfads(keras.Model):
    """LFADS with its cost, ready for `fit`.

    Parameters
    ----------
    architecture : Architecture
    sessions : sequence of Session, optional
        Where initial read-ins and read-outs come from.
    """

    MEANS = ("total", "recon", "kl", "kl_ic", "kl_co", "correlation")
    SUMS = ("seen", "heldout", "forward", "hidden", "n_hidden")
    LATEST = ("l2", "kl_weight", "l2_weight")

    def __init__(
        self, architecture: Architecture, sessions: Sequence[Session] | None = None
    ) -> None:
        super().__init__(name="lfads")
        self.architecture = architecture
        self.ramps = architecture.params.ramp_steps(architecture.n_sessions)
        self.network = Network(architecture, sessions)
        self.step = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="step"
        )
        self.figures: dict[str, keras.metrics.Metric] = {
            **{name: keras.metrics.Mean(name=name) for name in self.MEANS},
            **{name: keras.metrics.Sum(name=name) for name in self.SUMS},
            **{name: Latest(name) for name in self.LATEST},
        }
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.figures.values())

    @property
    def draws(self) -> np.ndarray:
        """State of the network's random numbers, (2,) uint32: what it draws next follows."""
        return ops.convert_to_numpy(self.network.seed.state)

    @draws.setter
    def draws(self, state: Sequence[int] | np.ndarray) -> None:
        self.network.seed.state.assign(np.asarray(state, "uint32"))

    def shown(self) -> Lfads:
        """Return the model that holds these values now: itself; a member of a pack has none."""
        return self

    def prior_summary(self) -> dict[str, np.ndarray]:
        """Time constants and variances of the inferred inputs' prior; empty without such inputs."""
        prior = self.network.input_prior
        return {} if prior is None else prior.summary()

    # ---------------------------------------------------------------------------------- a pass

    def call(self, batch: Batch, training: bool = False) -> TrialFigures:
        """Encode, draw, decode, and say what it costs."""
        counts, session = batch["counts"][0], batch["session"][0]
        external = batch["external"][0] if "external" in batch else None
        n_trials = counts.shape[0]
        visible, teaches = self._augmented(batch, counts, training)
        encoded = self.network.encode(visible, external, session, training=training)
        _, decoded = self.network.decode(
            encoded, external, session, draw="sample", n_trials=n_trials, training=training
        )
        kl = divergences(self.network, encoded, decoded, n_trials)
        zeros = ops.zeros((n_trials,))
        penalised = decoded.co_mean is not None and self.architecture.uses("co_mean_corr_scale")
        heads = self.network.read_out(decoded.factors, session)
        x = ops.transpose(counts, (1, 0, 2))
        elements = log_likelihood(self.network, x, heads, session)
        return TrialFigures(
            kl_ic=kl.ic,
            kl_co=kl.co,
            correlation=correlation_cost(decoded.co_mean) if penalised else zeros,
            **self._likelihoods(batch, elements, teaches, session),
        )

    def _augmented(
        self, batch: Batch, counts: Tensor, training: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return what the encoders see, and where the likelihood's gradient may pass."""
        a, visible = self.architecture, counts
        if "hidden" in batch:
            visible = visible * (1.0 - batch["hidden"][0]) / (1.0 - a.params.sample_validation_rate)
        if not training or not a.uses("coordinated_dropout_rate"):
            return visible, None
        settings, passes = self.network.settings, "coordinated_dropout_pass_rate"
        drawn = coordinated_dropout(
            tuple(counts.shape),
            settings["coordinated_dropout_rate"],
            settings[passes] if a.uses(passes) else None,
            self.network.seed,
        )
        teaches = ops.transpose(drawn.teaches, (1, 0, 2))
        return visible * drawn.inputs, self._teaching_unseen(teaches, batch["session"][0])

    def _teaching_unseen(self, teaches: Tensor, session: Tensor) -> Tensor:
        """Let what the encoders never see teach always: nothing can be copied from it.

        Held-out channels and the bins to be predicted, as lfads-torch does (full gradient on
        never-seen elements).
        """
        a = self.architecture
        if a.params.heldout_channels:
            teaches = ops.maximum(teaches, channel_masks(a, session).heldout)
        if a.n_encoded_bins < a.n_bins:
            later = np.arange(a.n_bins) >= a.n_encoded_bins
            teaches = ops.maximum(teaches, later[:, None, None].astype(np.float32))
        return teaches

    def _likelihoods(
        self, batch: Batch, elements: Tensor, teaches: Tensor | None, session: Tensor
    ) -> dict[str, Tensor]:
        """Sum the elements (bins, trials, channels) of every part of the data."""
        if "present" in batch:
            missing = ops.transpose(batch["present"][0], (1, 0, 2)) == 0
            elements = ops.where(missing, 0.0, elements)
        zeros = ops.zeros(elements.shape[1:2])
        parts = {"hidden": zeros, "n_hidden": zeros, **self._regions(elements, session)}
        trained = elements
        if teaches is not None:
            # Visible counts keep their value in the cost and lose their gradient.
            trained = teaches * elements + ops.stop_gradient((1.0 - teaches) * elements)
        if "hidden" in batch:
            hidden = ops.transpose(batch["hidden"][0], (1, 0, 2))
            # What is kept stands for the whole, or the penalties would weigh too much.
            kept = 1.0 - self.architecture.params.sample_validation_rate
            trained = (1.0 - hidden) * trained / kept
            parts["hidden"] = ops.sum(hidden * elements, axis=(0, 2))
            parts["n_hidden"] = ops.sum(hidden, axis=(0, 2))
        return {"log_likelihood": ops.sum(trained, axis=(0, 2)), **parts}

    def _regions(self, elements: Tensor, session: Tensor) -> dict[str, Tensor]:
        """Split the likelihood into seen, held-out channels, and bins to be predicted."""
        a = self.architecture
        n, zeros = a.n_encoded_bins, ops.zeros(elements.shape[1:2])
        every = ops.sum(elements[:n], axis=(0, 2))
        forward = ops.sum(elements[n:], axis=(0, 2)) if n < a.n_bins else zeros
        if not a.params.heldout_channels:
            return {"seen": every, "heldout": zeros, "forward": forward}
        masks = channel_masks(a, session)
        heldout = ops.sum(elements[:n] * masks.heldout, axis=(0, 2))
        return {"seen": every - heldout, "heldout": heldout, "forward": forward}

    # ---------------------------------------------------------------------------------- the cost

    def penalty_weights(self) -> tuple[Tensor, Tensor]:
        """Return the KL's and the L2's weight at this step."""
        r = self.ramps
        return ramp(self.step, r.kl_start, r.kl_increase), ramp(
            self.step, r.l2_start, r.l2_increase
        )

    def compute_loss(
        self,
        x: Batch,
        y: Any = None,
        y_pred: TrialFigures | None = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Average over the batch's trials, add up the cost, and take note of every part of it."""
        del y, sample_weight
        rows = x["weights"][0]
        n_rows = ops.sum(rows)

        def average(values: Tensor) -> Tensor:
            return ops.sum(rows * values) / n_rows

        kl_weight, l2_weight = self.penalty_weights()
        assert y_pred is not None
        f = y_pred
        parts = {
            "recon": -average(f.log_likelihood),
            "kl_ic": average(f.kl_ic),
            "kl_co": average(f.kl_co),
            "correlation": average(f.correlation),
        }
        parts["kl"] = parts["kl_ic"] + parts["kl_co"]
        l2 = self.network.l2()
        total = parts["recon"] + kl_weight * parts["kl"] + l2_weight * l2
        total = total + self.network.settings["co_mean_corr_scale"] * parts["correlation"]
        # Training weighs batches alike, as TF1 does; validation counts every trial once.
        weight = 1.0 if training else n_rows
        for name, value in {**parts, "total": total}.items():
            self.figures[name].update_state(value, sample_weight=weight)
        for name in self.SUMS:
            self.figures[name].update_state(ops.sum(rows * getattr(f, name)))
        for name, value in zip(self.LATEST, (l2, kl_weight, l2_weight), strict=True):
            self.figures[name].update_state(value)
        if training:
            self.step.assign(self.step + 1)
        return total

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Return the epoch's figures so far; `compute_loss` has taken note of them."""
        del x, y, y_pred, sample_weight
        return self.get_metrics_result()
