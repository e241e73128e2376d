"""One pass of samples through the generator, summed over samples where it is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from lfads_nb.model.costs import divergences, log_likelihood
from lfads_nb.model.decoder import Decoded
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.network import Draw, Encoded
from lfads_nb.model.penalties import correlation_cost

Tensor = Any
Arrays = dict[str, Tensor]

OUTPUT = "output_dist_params_"
"""The output parameters' arrays are this and the number of their head."""
SD_OF = ("factors", OUTPUT)


class Passed(NamedTuple):
    """Sums over samples, by name of the array and trials first; costs of every sample."""

    sums: Arrays
    squares: Arrays
    log_likelihood: Tensor
    """(trials, samples)"""
    kl: Tensor
    """(trials, samples)"""
    correlation: Tensor
    """(trials, samples)"""


def encode_trials(model: Lfads, batch: Arrays) -> Arrays:
    """Return what the encoders say of the trials of a batch, trials first."""
    encoded = model.network.encode(batch["counts"], batch.get("external"), batch["session"])
    parts = {"ic_mean": encoded.ic_mean, "ic_logvar": encoded.ic_logvar}
    if encoded.inputs is not None:
        parts["inputs"] = _swapped(encoded.inputs)
    return {name: value for name, value in parts.items() if value is not None}


def pass_samples(
    model: Lfads, draw: Draw, parts: Arrays, batch: Arrays, used: Tensor, *, squares: bool
) -> Passed:
    """Run samples of some trials through the generator.

    Parameters
    ----------
    model : Lfads
    draw : {"sample", "mean"}
    parts, batch : dict of tensors, trials first
        From `encode_trials`, and the batch that it had.
    used : tensor, (samples,)
        1 for samples that count, 0 for those that only fill the pass.
    squares : bool
        Also sum the squares of what gets a standard deviation.
    """
    network, n_samples = model.network, used.shape[0]
    n_trials = batch["counts"].shape[0]
    rows = n_trials * n_samples
    rep = {name: ops.repeat(x, n_samples, axis=0) for name, x in parts.items()}
    external = batch.get("external")
    encoded = Encoded(
        rep.get("ic_mean"),
        rep.get("ic_logvar"),
        _swapped(rep["inputs"]) if "inputs" in rep else None,
    )
    _, decoded = network.decode(
        encoded,
        None if external is None else ops.repeat(external, n_samples, axis=0),
        batch["session"],
        draw=draw,
        n_trials=rows,
    )
    heads = network.read_out(decoded.factors, batch["session"])
    arrays = _outputs(decoded, network.likelihood.output_params(heads))
    summed = _summation(n_trials, used)
    kl = divergences(network, encoded, decoded, rows)

    def by_sample(values: Tensor) -> Tensor:
        return ops.reshape(values, (n_trials, n_samples))

    return Passed(
        {name: summed(x) for name, x in arrays.items()},
        {
            name: summed(ops.square(x))
            for name, x in arrays.items()
            if squares and name.startswith(SD_OF)
        },
        by_sample(_log_likelihood(model, batch, heads, n_samples)),
        by_sample(kl.total),
        by_sample(_correlation(decoded, rows)),
    )


def _outputs(decoded: Decoded, output_params: tuple[Tensor, ...]) -> Arrays:
    """Name the arrays whose means are wanted, each (bins, rows, width)."""
    arrays = {
        "gen_ics": decoded.gen_init[None],
        "gen_states": decoded.gen_states,
        "factors": decoded.factors,
    }
    if decoded.co is not None:
        arrays["controller_outputs"] = decoded.co
    return {**arrays, **{f"{OUTPUT}{i}": x for i, x in enumerate(output_params)}}


def _summation(n_trials: int, used: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function that sums (bins, rows, width) over samples to (trials, bins, width)."""
    n_samples = used.shape[0]
    weights = ops.reshape(used, (1, 1, n_samples, 1))

    def summed(x: Tensor) -> Tensor:
        grouped = ops.reshape(x, (x.shape[0], n_trials, n_samples, x.shape[2]))
        return _swapped(ops.sum(grouped * weights, axis=2))

    return summed


def _log_likelihood(
    model: Lfads, batch: Arrays, heads: tuple[Tensor, ...], n_samples: int
) -> Tensor:
    """Return the log likelihood of each row, missing counts left out."""
    counts = ops.repeat(_swapped(batch["counts"]), n_samples, axis=1)
    elements = log_likelihood(model.network, counts, heads, batch["session"])
    if "present" in batch:
        present = ops.repeat(_swapped(batch["present"]), n_samples, axis=1)
        elements = ops.where(present > 0, elements, 0.0)
    return ops.sum(elements, axis=(0, 2))


def _correlation(decoded: Decoded, rows: int) -> Tensor:
    if decoded.co_mean is None or decoded.co_mean.shape[2] < 2:
        return ops.zeros((rows,))
    return correlation_cost(decoded.co_mean)


def _swapped(x: Tensor) -> Tensor:
    """Exchange time and trials."""
    return ops.transpose(x, (1, 0, 2))
