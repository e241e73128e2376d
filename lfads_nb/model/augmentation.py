"""What is done to the data on their way in: dropout, hidden samples, spike jitter."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from lfads_nb.model.backend import happens

Tensor = Any


def dropout_mask(
    shape: tuple[int, ...], keep: float | Tensor, seed: keras.random.SeedGenerator
) -> Tensor:
    """Draw multipliers of inverted dropout: 0, or 1/keep with probability `keep`."""
    return ops.cast(happens(keep, shape, seed), "float32") * (1.0 / ops.convert_to_tensor(keep))


class Coordinated(NamedTuple):
    """One draw of coordinated dropout; both arrays are shaped like the counts."""

    inputs: Tensor
    """Multipliers of the encoder's input: 0 where hidden, else 1/keep."""
    teaches: Tensor
    """1 where the likelihood's gradient may pass, else 0."""


def coordinated_dropout(
    shape: tuple[int, ...],
    rate: float | Tensor,
    pass_rate: float | Tensor | None,
    seed: keras.random.SeedGenerator,
) -> Coordinated:
    """Hide counts from the encoder and let only hidden ones teach.

    Keshtkaran and Pandarinath, "Enabling hyperparameter optimization in sequential autoencoders
    for spiking neural data", NeurIPS 2019.

    Parameters
    ----------
    rate : scalar
        Share of the counts that is hidden.
    pass_rate : scalar, optional
        Share of the visible counts that teach all the same; None stands for 0.
    """
    rate = ops.convert_to_tensor(rate)
    keep = 1.0 - rate
    visible = ops.cast(happens(keep, shape, seed), "float32")
    # A rate that has come down to 0 is no coordinated dropout: everything teaches.
    teaches = 1.0 - visible * ops.cast(rate > 0, "float32")
    if pass_rate is not None:
        pass_rate = ops.convert_to_tensor(pass_rate)
        passed = ops.cast(happens(pass_rate, shape, seed), "float32")
        # A tensor's coin falls now and then even at 0.
        teaches = teaches + visible * passed * ops.cast(pass_rate > 0, "float32")
    return Coordinated(visible * (1.0 / keep), teaches)


def hidden_samples(shape: tuple[int, int, int], rate: float, key: tuple[int, ...]) -> np.ndarray:
    """Choose the counts that training never sees, always the same ones for the same key.

    Returns
    -------
    array of bool, (trials, bins, channels)
    """
    return np.random.default_rng(list(key)).random(shape, dtype=np.float32) < rate


def jitter_spikes(counts: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """Move every spike by -width ... width bins, reflected at both ends of the trial.

    TF1's shifts ended at width - 1 and its validation data were jittered too; here shifts are
    symmetric and only training data move.

    Parameters
    ----------
    counts : array, (trials, bins, channels)
        Whole numbers; NaN (missing) stays where it is.
    """
    present = np.nan_to_num(counts, nan=0.0).astype(np.int64)
    trial, time, channel = np.nonzero(present)
    n = present[trial, time, channel]
    trial, time, channel = (np.repeat(index, n) for index in (trial, time, channel))
    last = counts.shape[1] - 1
    time = np.abs(time + rng.integers(-width, width, size=time.shape, endpoint=True))
    time = np.clip(np.where(time > last, 2 * last - time, time), 0, last)
    moved = np.zeros_like(present)
    np.add.at(moved, (trial, time, channel), 1)
    return np.where(np.isnan(counts), np.nan, moved).astype(np.float32)
