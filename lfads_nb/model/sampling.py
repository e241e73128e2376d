"""Posterior means of trials: encode each trial once, then stream samples through the generator.

TF1 fills a batch with copies of one trial and runs all of LFADS on it, one trial after another
(lfads_model.md 4.11). The encoders are deterministic then, so their work is done once here; a pass
of the generator serves several trials x samples bin by bin, and only sums are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keras import ops

from lfads_nb.model.architecture import Architecture
from lfads_nb.model.backend import compiled, device_names
from lfads_nb.model.batches import make_batch
from lfads_nb.model.devices import chosen_device
from lfads_nb.model.inputs import Trials
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.network import Draw
from lfads_nb.model.sample_pass import OUTPUT, Passed, encode_trials, pass_samples
from lfads_nb.sweep.folders import PosteriorKind

Arrays = dict[str, np.ndarray]

PASS_ROWS = {"cpu": 2048, "gpu": 32768}
"""Trials x samples of a pass: on a processor, what its caches hold of a bin."""
PASS_BYTES = 256 * 2**20
"""What the arrays of one pass that have an axis of bins may take."""
MAX_ENCODED = 256
"""Trials that are encoded at once."""


@dataclass(frozen=True)
class PassSize:
    """How many trials and samples go through the generator at once."""

    trials: int
    samples: int


def pass_size(
    architecture: Architecture, max_trials: int, n_samples: int, *, device: str = "cpu"
) -> PassSize:
    """Choose how much goes through the generator at once, on a "cpu" or a "gpu"."""
    rows = PASS_ROWS[device]
    if architecture.params.co_dim:
        # Noise, and the inferred inputs with their means and log variances.
        row_bytes = 4 * 4 * architecture.n_bins * architecture.params.co_dim
        rows = min(rows, max(1, PASS_BYTES // row_bytes))
    samples = min(n_samples, rows)
    return PassSize(min(max_trials, rows // samples), samples)


@dataclass
class _Totals:
    """What is kept of the samples so far."""

    sums: Arrays = field(default_factory=dict)
    squares: Arrays = field(default_factory=dict)
    per_sample: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    """Log likelihood, divergence and correlation cost, each (trials, samples)."""

    def add(self, passed: Passed, n_trials: int, n_samples: int) -> None:
        for kept, new in ((self.sums, passed.sums), (self.squares, passed.squares)):
            for name, value in new.items():
                array = ops.convert_to_numpy(value)[:n_trials].astype(np.float64)
                kept[name] = kept[name] + array if name in kept else array
        self.per_sample.append(
            tuple(ops.convert_to_numpy(x)[:n_trials, :n_samples] for x in passed[2:])
        )


class PosteriorSampler:
    """Posterior means of any number of trials.

    Parameters
    ----------
    model : Lfads
        With its weights loaded.
    kind : {"posterior_sample_and_average", "posterior_push_mean"}
        Push mean is one pass with the posterior means. Its costs are those of each trial (TF1
        repeated its batch's average, with the trials that filled the last batch in it).
    n_samples : int
        Ignored for push mean.
    max_trials : int
        The most trials that will be asked for at once.
    with_sd : bool
        Also return standard deviations over samples of factors, output parameters and inferred
        inputs.
    """

    def __init__(
        self,
        model: Lfads,
        *,
        kind: PosteriorKind,
        n_samples: int,
        max_trials: int,
        with_sd: bool = False,
    ) -> None:
        draw: Draw = "mean" if kind == "posterior_push_mean" else "sample"
        self.model = model
        self.n_samples = 1 if draw == "mean" else n_samples
        device = chosen_device(model.architecture.params.device, device_names()).split(":")[0]
        size = pass_size(model.architecture, max_trials, self.n_samples, device=device)
        self.size = size
        whole_passes = max(1, min(MAX_ENCODED, max_trials) // size.trials)
        self._n_encoded = size.trials * whole_passes
        with_sd = with_sd and self.n_samples > 1

        def encode(batch: dict[str, Any]) -> dict[str, Any]:
            return encode_trials(model, batch)

        def decode(parts: dict[str, Any], batch: dict[str, Any], used: Any) -> Passed:
            return pass_samples(model, draw, parts, batch, used, squares=with_sd)

        self._encode, self._decode = compiled(model, encode), compiled(model, decode)

    def means(
        self, trials: Trials, session: int, on_trials: Callable[[int], None] | None = None
    ) -> Arrays:
        """Return the arrays of a `model_runs_*` file (files_on_disk.md 5.5) for these trials.

        Parameters
        ----------
        trials : Trials
        session : int
            Index of their session.
        on_trials : callable, optional
            Told how many more trials are done.

        Returns
        -------
        dict of arrays, trials first
        """
        pieces = []
        for batch, parts, n in self._encoded(trials, session):
            totals = self._sampled(batch, parts, n)
            g0 = {name: array[:n] for name, array in parts.items()}
            pieces.append(self._finished(totals, g0, session))
            if on_trials is not None:
                on_trials(n)
        return {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}

    def _encoded(self, trials: Trials, session: int) -> Iterator[tuple[Arrays, Arrays, int]]:
        """Encode trials in large batches and cut these into passes; shapes are always the same."""
        n, at_once, step = len(trials), self._n_encoded, self.size.trials
        for first in range(0, n, at_once):
            chosen = np.arange(first, min(first + at_once, n))
            batch = self._batch(trials, np.resize(chosen, at_once), session)
            parts = {k: ops.convert_to_numpy(v) for k, v in self._encode(batch).items()}
            for start in range(0, len(chosen), step):
                cut = slice(start, start + step)
                yield (
                    {k: v[cut] if v.ndim else v for k, v in batch.items()},
                    {k: v[cut] for k, v in parts.items()},
                    min(step, len(chosen) - start),
                )

    def _batch(self, trials: Trials, chosen: np.ndarray, session: int) -> Arrays:
        picked = Trials(trials.counts[chosen], trials.external_inputs[chosen])
        batch = make_batch(
            self.model.architecture, picked, session, mask_missing=trials.has_missing
        )
        return {k: v for k, v in batch.items() if k != "weights"}

    def _sampled(self, batch: Arrays, parts: Arrays, n_trials: int) -> _Totals:
        totals, per_pass = _Totals(), self.size.samples
        for first in range(0, self.n_samples, per_pass):
            kept = min(per_pass, self.n_samples - first)
            used = (np.arange(per_pass) < kept).astype(np.float32)
            totals.add(self._decode(parts, batch, used), n_trials, kept)
        return totals

    def _finished(self, totals: _Totals, g0: Arrays, session: int) -> Arrays:
        n = self.n_samples
        means = {name: array / n for name, array in totals.sums.items()}
        sds = {
            name: np.sqrt(np.maximum(array / n - np.square(means[name]), 0.0) * n / (n - 1))
            for name, array in totals.squares.items()
        }
        n_channels = self.model.architecture.n_channels[session]
        means = _joined(means, n_channels)
        means["gen_ics"] = means["gen_ics"][:, 0]
        return {
            **means,
            **{f"{name}_sd": array for name, array in _joined(sds, n_channels).items()},
            **self._g0(g0),
            **self._costs(
                *(np.concatenate(x, axis=1) for x in zip(*totals.per_sample, strict=True))
            ),
        }

    def _g0(self, parts: Arrays) -> Arrays:
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

    def _costs(self, log_p: np.ndarray, kl: np.ndarray, correlation: np.ndarray) -> Arrays:
        """Return cost and bounds of each trial from (trials, samples) arrays (4.8)."""
        model, p = self.model, self.model.architecture.params
        kl_weight, l2_weight = (float(w) for w in model.penalty_weights())
        log_p, kl = log_p.astype(np.float64), kl.astype(np.float64)
        highest = (log_p - kl).max(axis=1, keepdims=True)
        iwae = -(highest[:, 0] + np.log(np.exp(log_p - kl - highest).mean(axis=1)))
        recon, divergence = -log_p.mean(axis=1), kl.mean(axis=1)
        penalties = l2_weight * float(model.network.l2())
        penalties = penalties + p.co_mean_corr_scale * correlation.mean(axis=1)
        return {
            "costs": recon + kl_weight * divergence + penalties,
            "nll_bound_vaes": recon + divergence,
            "nll_bound_iwaes": iwae,
            "train_steps": np.full(len(recon), float(int(model.step))),
        }


def _joined(arrays: Mapping[str, np.ndarray], n_channels: int) -> Arrays:
    """Cut padded channels off and put the output parameters side by side."""
    heads = [arrays[k][..., :n_channels] for k in sorted(arrays) if k.startswith(OUTPUT)]
    rest = {k: v for k, v in arrays.items() if not k.startswith(OUTPUT)}
    return {**rest, OUTPUT.rstrip("_"): np.concatenate(heads, axis=-1)} if heads else rest
