"""One pass of samples through the generator, summed over samples bin by bin.

Nothing of a single sample outlives its bin but its log likelihood and its inferred inputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from lfads_nb.model.backend import compiled_loop, scan
from lfads_nb.model.costs import initial_divergence, input_divergence, log_likelihood
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.network import Draw, Encoded, Network
from lfads_nb.model.penalties import correlation_cost
from lfads_nb.model.stepwise_decoder import Bin, BinInputs, StepwiseDecoder

Tensor = Any
Arrays = dict[str, Tensor]

OUTPUT = "output_dist_params_"
"""The output parameters' arrays are this and the number of their head."""
SD_OF = ("factors", OUTPUT)
_SQUARES = " squared"


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
    inputs = _swapped(parts["inputs"]) if "inputs" in parts else None
    encoded = Encoded(parts.get("ic_mean"), parts.get("ic_logvar"), inputs)
    gen_init, decoder = network.decode_stepwise(
        encoded,
        batch.get("external"),
        batch["session"],
        draw=draw,
        n_trials=n_trials,
        n_samples=n_samples,
    )
    reader = _Reader(network, batch["session"], used, n_trials)
    log_p, arrays, inferred = compiled_loop(
        lambda: _run_bins(decoder, gen_init, _bin_data(decoder, batch), reader, squares=squares)
    )
    sums = {"gen_ics": reader.summed(gen_init)[:, None]}
    sums.update({name: _swapped(x) for name, x in arrays.items() if not name.endswith(_SQUARES)})
    squared = {
        name.removesuffix(_SQUARES): _swapped(x)
        for name, x in arrays.items()
        if name.endswith(_SQUARES)
    }
    kl = ops.repeat(initial_divergence(network, encoded, n_trials), n_samples)
    correlation = ops.zeros((n_trials * n_samples,))
    if inferred:
        mean, logvar, co = inferred
        sums["controller_outputs"] = reader.summed_by_bin(co)
        kl = kl + input_divergence(network, co, logvar, decoder.inputs.noise)
        correlation = correlation_cost(mean) if mean.shape[2] > 1 else correlation
        if squares:
            squared["controller_outputs"] = reader.summed_by_bin(ops.square(co))
    return Passed(sums, squared, log_p, reader.by_sample(kl), reader.by_sample(correlation))


class _BinData(NamedTuple):
    """What is read of every bin, or of one."""

    decoder: BinInputs
    counts: Tensor
    """(bins, trials, channels)"""
    present: Tensor | None


def _bin_data(decoder: StepwiseDecoder, batch: Arrays) -> _BinData:
    present = _swapped(batch["present"]) if "present" in batch else None
    return _BinData(decoder.inputs, _swapped(batch["counts"]), present)


class _Reader:
    """Turns one bin of all samples into likelihoods and sums."""

    def __init__(self, network: Network, session: Tensor, used: Tensor, n_trials: int) -> None:
        self._network, self._session, self._n_trials = network, session, n_trials
        self._used = used

    def by_sample(self, x: Tensor) -> Tensor:
        """Part the rows (trials x samples, ...) into trials and samples."""
        return ops.reshape(x, (self._n_trials, self._used.shape[0], *x.shape[1:]))

    def summed(self, x: Tensor) -> Tensor:
        """Sum rows (trials x samples, width) over the samples that count, to (trials, width)."""
        return ops.sum(self.by_sample(x) * self._used[None, :, None], axis=1)

    def summed_by_bin(self, x: Tensor) -> Tensor:
        """Sum (bins, rows, width) over the samples that count, to (trials, bins, width)."""
        return _swapped(ops.stack([self.summed(each) for each in ops.unstack(x)]))

    def log_likelihood(self, heads: tuple[Tensor, ...], now: _BinData) -> Tensor:
        """Return that of each sample (trials, samples), missing counts left out."""
        # One row of counts serves all samples of a trial, and so does its factorial term.
        heads = tuple(self.by_sample(head) for head in heads)
        elements = log_likelihood(self._network, now.counts[:, None], heads, self._session)
        if now.present is not None:
            elements = ops.where(now.present[:, None] > 0, elements, 0.0)
        return ops.sum(elements, axis=2)

    def read(self, now: Bin) -> tuple[Arrays, tuple[Tensor, ...]]:
        """Return what is to be averaged, by name, and the read-out's heads."""
        heads = self._network.read_out(now.factors, self._session)
        params = self._network.likelihood.output_params(heads)
        outputs = {f"{OUTPUT}{i}": x for i, x in enumerate(params)}
        return {"gen_states": now.gen_states, "factors": now.factors, **outputs}, heads


def _run_bins(
    decoder: StepwiseDecoder, gen_init: Tensor, data: _BinData, reader: _Reader, *, squares: bool
) -> tuple[Tensor, Arrays, tuple[Tensor, ...]]:
    """Return log likelihoods, sums (bins, trials, ...) and inferred inputs (bins, rows, ...)."""
    names: list[str] = []

    def one_bin(carry: tuple, now: _BinData) -> tuple:
        state, log_p = carry
        state, decoded = decoder.step(state, now.decoder)
        arrays, heads = reader.read(decoded)
        sums = {name: reader.summed(x) for name, x in arrays.items()}
        for name, x in arrays.items() if squares else ():
            if name.startswith(SD_OF):
                sums[name + _SQUARES] = reader.summed(ops.square(x))
        names[:] = sums
        inferred = () if decoded.co is None else decoded[2:]
        return (state, log_p + reader.log_likelihood(heads, now)), (*sums.values(), *inferred)

    log_p = reader.by_sample(ops.zeros(gen_init.shape[:1]))
    carry = (decoder.start(gen_init), log_p)
    (_, log_p), ys = scan(one_bin, carry, data, n_steps=data.counts.shape[0])
    return log_p, dict(zip(names, ys, strict=False)), tuple(ys[len(names) :])


def _swapped(x: Tensor) -> Tensor:
    """Exchange time and trials."""
    return ops.transpose(x, (1, 0, 2))
