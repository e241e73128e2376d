"""Each session's own matrices: counts to the encoders' input, factors to output parameters.

All sessions' matrices lie in one padded variable, and a batch picks its own by index, so that one
compiled step serves every session. Padded channels are 0 in the counts and masked in the cost: no
gradient reaches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.initial_weights import InitialWeights, add_variable
from lfads_nb.model.inputs import Session
from lfads_nb.model.likelihoods import Likelihood

Tensor = Any


def of_session(stacked: Tensor, session: Tensor) -> Tensor:
    """Pick one session's array out of a stack, with a dense gradient for all of them.

    TF1 gives the sessions that are not in the batch zero gradients too, so that Adam's moments
    decay for them.
    """
    stacked = ops.convert_to_tensor(stacked)
    start = (session,) + (0,) * (len(stacked.shape) - 1)
    return ops.slice(stacked, start, (1, *stacked.shape[1:]))[0]


class ReadIn(keras.layers.Layer):
    """Counts to the encoders' input, x W + b (lfads_model.md 4.1).

    W starts at the alignment matrix A and b at -m A (m the mean counts) where a session has them,
    else at N(0, 1/sqrt(channels)) and 0.
    """

    def __init__(
        self, architecture: Architecture, sessions: Sequence[Session] | None, init: InitialWeights
    ) -> None:
        super().__init__(name="readin")
        n_sessions, width = architecture.n_sessions, architecture.params.factors_dim
        weights = np.zeros((n_sessions, architecture.max_channels, width), np.float32)
        bias = np.zeros((n_sessions, width), np.float32)
        for i, n in enumerate(architecture.n_channels):
            matrix = sessions[i].alignment_matrix if sessions else None
            mean = sessions[i].alignment_bias if sessions else None
            weights[i, :n] = init.linear(n, width) if matrix is None else matrix
            if matrix is not None and mean is not None:
                bias[i] = -mean @ matrix
        trainable = architecture.params.do_train_readin
        self.w = add_variable(self, "w", weights, trainable=trainable)
        self.b = add_variable(self, "b", bias, trainable=trainable)
        self.built = True

    def call(self, counts: Tensor, session: Tensor) -> Tensor:
        """Map counts (bins, trials, channels) of a session to (bins, trials, factors)."""
        return ops.matmul(counts, of_session(self.w, session)) + of_session(self.b, session)


class ReadOut(keras.layers.Layer):
    """Factors to the parameters of the output distribution, f W + b for each head (4.6).

    The first head's W starts at the transposed alignment matrix and its b at the session's own
    alignment bias (TF1 let the last session's bias leak into those without one). Without a
    matrix W starts at N(0, 1/sqrt(factors)).
    """

    def __init__(
        self,
        architecture: Architecture,
        sessions: Sequence[Session] | None,
        likelihood: Likelihood,
        init: InitialWeights,
    ) -> None:
        super().__init__(name="readout")
        self.heads = []
        shape = (architecture.n_sessions, architecture.params.factors_dim)
        for k, head in enumerate(likelihood.heads):
            weights = np.zeros((*shape, architecture.max_channels), np.float32)
            bias = np.full((shape[0], architecture.max_channels), head.initial_bias, np.float32)
            for i, n in enumerate(architecture.n_channels if k == 0 else ()):
                matrix = sessions[i].alignment_matrix if sessions else None
                mean = sessions[i].alignment_bias if sessions else None
                weights[i, :, :n] = init.linear(shape[1], n) if matrix is None else matrix.T
                if mean is not None:
                    bias[i, :n] = likelihood.bias_for_mean(mean)
            w = add_variable(self, f"{head.name}_w", weights)
            self.heads.append((w, add_variable(self, f"{head.name}_b", bias)))
        self.built = True

    def weights_of(self, session: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first head's matrix (factors, channels) and bias (channels,)."""
        w, b = self.heads[0]
        return of_session(w, session), of_session(b, session)

    def call(self, factors: Tensor, session: Tensor) -> tuple[Tensor, ...]:
        """Map factors (bins, trials, factors) to one array (bins, trials, channels) per head."""
        return tuple(
            ops.matmul(factors, of_session(w, session)) + of_session(b, session)
            for w, b in self.heads
        )
