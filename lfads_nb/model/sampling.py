"""Posterior means of trials: encode each trial once, then stream samples through the generator.

TF1 fills a batch with copies of one trial and runs all of LFADS on it, one trial after another
(lfads_model.md 4.11). The encoders are deterministic then, so their work is done once here; a pass
of the generator serves as many trials x samples as memory allows, and only sums are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from lfads_nb.model.backend import compiled
from lfads_nb.model.batches import make_batch
from lfads_nb.model.costs import divergences, log_likelihood
from lfads_nb.model.inputs import Trials
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.network import Draw, Encoded
from lfads_nb.model.penalties import correlation_cost

Tensor = Any
PASS_BYTES = 256 * 2**20
"""What the arrays of one pass through the generator may take."""
MAX_ENCODED = 256
"""Trials that are encoded at once."""
SD_OF = ("factors", "output_dist_params")


class Passed(NamedTuple):
    """Sums over the samples of one pass, by name, and costs of each sample (trials, samples)."""

    sums: dict[str, Tensor]
    squares: dict[str, Tensor]
    log_likelihood: Tensor
    kl: Tensor
    correlation: Tensor
    """(trials, 1): summed over samples."""


@dataclass(frozen=True)
class PassSize:
    """How many trials and samples go through the generator at once."""

    trials: int
    samples: int


def pass_size(model: Lfads, n_trials: int, n_samples: int) -> PassSize:
    """Choose the largest pass that keeps within `PASS_BYTES`."""
    a, p = model.architecture, model.architecture.params
    width = 5 * p.gen_dim + 2 * p.factors_dim + 4 * a.max_channels
    if p.co_dim:
        width += 6 * p.con_dim + 4 * p.ci_enc_dim + 6 * p.co_dim + 3 * p.gen_dim
    rows = max(1, PASS_BYTES // (4 * a.n_bins * width))
    samples = min(n_samples, rows)
    return PassSize(min(n_trials, max(1, rows // samples)), samples)


class PosteriorSampler:
    """Posterior means of any number of trials of one session.

    Parameters
    ----------
    model : Lfads
        With its weights loaded.
    session : int
        Index of the session.
    with_sd : bool
        Also return standard deviations over samples of factors and output parameters.
    """

    def __init__(self, model: Lfads, session: int, *, with_sd: bool = False) -> None:
        self.model, self.session, self.with_sd = model, session, with_sd
        self._encode = compiled(model, self._encode_trials)
        self._decode = {
            draw: compiled(model, lambda *args, draw=draw: self._decode_pass(draw, *args))
            for draw in ("sample", "mean")
        }

    # ------------------------------------------------------------------------------ on the device

    def _encode_trials(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the encoders say, trials first."""
        session = ops.convert_to_tensor(np.int32(self.session))
        e = self.model.network.encode(batch["counts"], batch.get("external"), session)
        parts = {"ic_mean": e.ic_mean, "ic_logvar": e.ic_logvar}
        if e.inputs is not None:
            parts["inputs"] = ops.transpose(e.inputs, (1, 0, 2))
        return {name: value for name, value in parts.items() if value is not None}

    def _decode_pass(
        self, draw: Draw, parts: dict[str, Tensor], batch: dict[str, Tensor], used: Tensor
    ) -> Passed:
        """Run samples of some trials through the generator and sum over them.

        `used` (samples,) is 1 for samples that count, 0 for those that only fill the last pass.
        """
        network = self.model.network
        n_trials, n_samples = batch["counts"].shape[0], used.shape[0]
        rows = n_trials * n_samples
        session = ops.convert_to_tensor(np.int32(self.session))
        repeated = {name: ops.repeat(x, n_samples, axis=0) for name, x in parts.items()}
        inputs = repeated.get("inputs")
        encoded = Encoded(
            repeated.get("ic_mean"),
            repeated.get("ic_logvar"),
            None if inputs is None else ops.transpose(inputs, (1, 0, 2)),
        )
        external = batch.get("external")
        if external is not None:
            external = ops.repeat(external, n_samples, axis=0)
        _, decoded = network.decode(encoded, external, session, draw=draw, n_trials=rows)
        heads = network.read_out(decoded.factors, session)
        counts = ops.repeat(ops.transpose(batch["counts"], (1, 0, 2)), n_samples, axis=1)
        elements = log_likelihood(network, counts, heads, session)
        if "present" in batch:
            present = ops.transpose(batch["present"], (1, 0, 2))
            elements = ops.where(ops.repeat(present, n_samples, axis=1) > 0, elements, 0.0)

        def by_sample(values: Tensor) -> Tensor:
            return ops.reshape(values, (n_trials, n_samples))

        correlation = ops.zeros((rows,))
        if decoded.co_mean is not None and decoded.co_mean.shape[2] > 1:
            correlation = correlation_cost(decoded.co_mean)
        arrays = {"gen_states": decoded.gen_states, "factors": decoded.factors}
        if decoded.co is not None:
            arrays["controller_outputs"] = decoded.co
        for i, head in enumerate(network.likelihood.output_params(heads)):
            arrays[f"output_dist_params_{i}"] = head
        over_samples = ops.reshape(used, (1, 1, n_samples, 1))

        def summed(x: Tensor) -> Tensor:
            grouped = ops.reshape(x, (x.shape[0], n_trials, n_samples, x.shape[2]))
            return ops.transpose(ops.sum(grouped * over_samples, axis=2), (1, 0, 2))

        sums = {name: summed(x) for name, x in arrays.items()}
        sums["gen_ics"] = summed(decoded.gen_init[None])[:, 0]
        squares = {
            name: summed(ops.square(x))
            for name, x in arrays.items()
            if self.with_sd and name.startswith(SD_OF)
        }
        kl = divergences(network, encoded, decoded, rows)
        return Passed(
            sums,
            squares,
            by_sample(ops.sum(elements, axis=(0, 2))),
            by_sample(kl.total),
            by_sample(correlation) @ used[:, None],
        )

    # --------------------------------------------------------------------------------- on the host

    def means(
        self,
        trials: Trials,
        *,
        kind: str,
        n_samples: int,
        on_trials: Callable[[int], None] | None = None,
    ) -> dict[str, np.ndarray]:
        """Return the arrays of a `model_runs_*` file (files_on_disk.md 5.5) for these trials.

        Parameters
        ----------
        trials : Trials
        kind : {"posterior_sample_and_average", "posterior_push_mean"}
        n_samples : int
            Ignored for push mean, which is one pass with the posterior means. Its costs are those
            of each trial (TF1 repeated its batch's average, padding included).
        on_trials : callable
            Told how many more trials are done.

        Returns
        -------
        dict of float64 arrays, trials first
        """
        draw: Draw = "mean" if kind == "posterior_push_mean" else "sample"
        n_samples = 1 if draw == "mean" else n_samples
        size = pass_size(self.model, len(trials), n_samples)
        pieces = []
        for batch, parts in self._encoded(trials, size):
            pieces.append(self._finished(batch, parts, draw, n_samples, size))
            if on_trials is not None:
                on_trials(len(pieces[-1]["costs"]))
        return {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}

    def _encoded(
        self, trials: Trials, size: PassSize
    ) -> Iterator[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
        """Encode trials in large batches and hand them on in pieces of a pass' size."""
        n = len(trials)
        at_once = min(n, max(size.trials, MAX_ENCODED // size.trials * size.trials))
        for first in range(0, n, at_once):
            chosen = np.arange(first, min(first + at_once, n))
            batch = self._batch(trials, np.resize(chosen, at_once))
            parts = {k: ops.convert_to_numpy(v) for k, v in self._encode(batch).items()}
            for start in range(0, len(chosen), size.trials):
                stop = min(start + size.trials, len(chosen))
                yield (
                    {k: v[start:stop] for k, v in batch.items()},
                    {k: v[start:stop] for k, v in parts.items()},
                )

    def _batch(self, trials: Trials, chosen: np.ndarray) -> dict[str, np.ndarray]:
        picked = Trials(trials.counts[chosen], trials.external_inputs[chosen])
        batch = make_batch(
            self.model.architecture, picked, self.session, mask_missing=trials.has_missing
        )
        return {k: v for k, v in batch.items() if k in ("counts", "external", "present")}

    def _finished(
        self,
        batch: dict[str, np.ndarray],
        parts: dict[str, np.ndarray],
        draw: Draw,
        n_samples: int,
        size: PassSize,
    ) -> dict[str, np.ndarray]:
        """Run all passes of a few trials and turn sums into means."""
        n = len(batch["counts"])
        filled = _rows(batch, size.trials), _rows(parts, size.trials)
        totals: dict[str, np.ndarray] = {}
        squares: dict[str, np.ndarray] = {}
        samples = []
        correlation = 0.0
        for first in range(0, n_samples, size.samples):
            used = (np.arange(size.samples) < n_samples - first).astype(np.float32)
            passed = self._decode[draw](filled[1], filled[0], used)
            _add(totals, passed.sums)
            _add(squares, passed.squares)
            kept = int(used.sum())
            bounds = (passed.log_likelihood, passed.kl)
            samples.append([ops.convert_to_numpy(x)[:n, :kept] for x in bounds])
            correlation = correlation + ops.convert_to_numpy(passed.correlation)[:n, 0]
        means = {name: total[:n] / n_samples for name, total in totals.items()}
        sds = {}
        if n_samples > 1:
            for name, square in squares.items():
                variance = square[:n] / n_samples - np.square(means[name])
                sds[name] = np.sqrt(np.maximum(variance, 0.0) * n_samples / (n_samples - 1))
        log_p, kl = (
            np.concatenate(x, axis=1).astype(np.float64) for x in zip(*samples, strict=True)
        )
        return {
            **self._joined(means),
            **{f"{name}_sd": array for name, array in self._joined(sds).items()},
            **self._g0(parts),
            **self._costs(log_p, kl, correlation / n_samples),
        }

    def _joined(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Cut padded channels off and put the output parameters side by side."""
        n_channels = self.model.architecture.n_channels[self.session]
        heads = [arrays[k][..., :n_channels] for k in sorted(arrays) if "dist_params_" in k]
        rest = {k: v for k, v in arrays.items() if "dist_params_" not in k}
        return {**rest, "output_dist_params": np.concatenate(heads, -1)} if heads else rest

    def _g0(self, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        prior = self.model.network.ic_prior
        if prior is None:
            return {}
        shape = parts["ic_mean"].shape
        return {
            "prior_g0_mean": np.broadcast_to(ops.convert_to_numpy(prior.mean), shape),
            "prior_g0_logvar": np.broadcast_to(ops.convert_to_numpy(prior.logvar()), shape),
            "post_g0_mean": parts["ic_mean"],
            "post_g0_logvar": parts["ic_logvar"],
        }

    def _costs(
        self, log_p: np.ndarray, kl: np.ndarray, correlation: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return cost and bounds of each trial from (trials, samples) arrays (4.8)."""
        model, p = self.model, self.model.architecture.params
        kl_weight, l2_weight = (float(w) for w in model.penalty_weights())
        fixed = l2_weight * float(model.network.l2())
        bound = log_p - kl
        highest = bound.max(axis=1)
        iwae = -(highest + np.log(np.exp(bound - highest[:, None]).mean(axis=1)))
        recon, divergence = -log_p.mean(axis=1), kl.mean(axis=1)
        cost = recon + kl_weight * divergence + fixed
        return {
            "costs": cost + p.co_mean_corr_scale * correlation,
            "nll_bound_vaes": recon + divergence,
            "nll_bound_iwaes": iwae,
            "train_steps": np.full(len(cost), float(int(model.step))),
        }


def _rows(arrays: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """Repeat trials until there are n, so that every pass has one shape."""
    return {k: v if len(v) == n else v[np.resize(np.arange(len(v)), n)] for k, v in arrays.items()}


def _add(totals: dict[str, np.ndarray], sums: dict[str, Tensor]) -> None:
    for name, value in sums.items():
        array = ops.convert_to_numpy(value).astype(np.float64)
        totals[name] = totals[name] + array if name in totals else array
