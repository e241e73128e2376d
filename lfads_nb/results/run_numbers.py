"""The figures by which runs are judged and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lfads_nb.results import metrics
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_view import RunView
from lfads_nb.results.session_files import KINDS, SessionFiles
from lfads_nb.results.trial_arrays import open_hdf5
from lfads_nb.sweep.folders import Split

SMOOTHING_MS = 50.0
# Averages over trials are smooth already; more would hide what changes faster.
AVERAGE_SMOOTHING_MS = 20.0
"""Standard deviation of the Gaussian that smooths spikes wherever they are shown or averaged."""

NLB_SMOOTHING_MS = 70.0
"""What the Neural Latents Benchmark smooths the spikes of its largest dataset by."""

_NAN = float("nan")


@dataclass(frozen=True)
class SessionNumbers:
    """How well the rates of one split of one session were inferred; NaN is not known.

    Bits per spike as in `metrics.bits_per_spike`; R2 of the rates against the true ones, and of
    condition averages against those of the smoothed spikes (all trials), pooled and as the mean
    over channels; `psth_r2_nlb` as the Neural Latents Benchmark defines it; `kl_g0` in nats per
    trial.
    """

    dataset: str
    split: Split
    n_trials: int
    n_neurons: int
    bits_per_spike: float = _NAN
    co_bps: float = _NAN
    fp_bps: float = _NAN
    truth_r2: float = _NAN
    truth_r2_by_channel: float = _NAN
    psth_r2: float = _NAN
    psth_r2_by_channel: float = _NAN
    psth_r2_nlb: float = _NAN
    kl_g0: float = _NAN


SESSION_FIGURES = {
    "bits_per_spike": "bits_per_spike",
    "co_bps": "co_bps",
    "fp_bps": "fp_bps",
    "kl_g0": "kl_g0",
    "r2_truth": "truth_r2",
    "r2_truth_by_channel": "truth_r2_by_channel",
    "r2_psth": "psth_r2",
    "r2_psth_by_channel": "psth_r2_by_channel",
    "r2_psth_nlb": "psth_r2_nlb",
}
"""Key in the vocabulary -> field of `SessionNumbers`."""


@dataclass(frozen=True)
class RunNumbers:
    """A run in numbers; NaN and None are not known.

    Costs are those of the lowest validation cost after the ramps, in nats per trial.
    """

    total_valid: float = _NAN
    recon_train: float = _NAN
    recon_valid: float = _NAN
    kl_valid: float = _NAN
    epochs: int = 0
    steps: int = 0
    best_epoch: int | None = None
    resumes: int = 0
    seconds: float | None = None
    n_parameters: int | None = None
    training_end: str = ""


def smoothing_bins(pm: PosteriorMeans, sd_ms: float) -> float:
    """Return a smoothing of spikes in bins, no more than a tenth of the trial."""
    return min(sd_ms / pm.bin_ms, pm.n_bins / 10)


def run_numbers(run: Any) -> RunNumbers:
    """Work out the figures of a run's training, as far as it has got.

    Parameters
    ----------
    run : its folder, or a `Run`.

    Raises
    ------
    RunFolderError
        The folder does not say what it is, or holds files that cannot be read.
    """
    view = RunView.of(run)
    log = view.fit_log() if view.folder.fit_log.is_file() else None
    return RunNumbers(
        **({} if log is None else _of_log(log)),
        seconds=view.training_seconds(),
        n_parameters=count_parameters(view),
        training_end=view.training_end(),
    )


def _of_log(log: FitLog) -> dict[str, Any]:
    best = log.lve_index
    return {
        "total_valid": log.total_valid_lve,
        "recon_train": log.recon_train_lve,
        "recon_valid": log.recon_valid_lve,
        "kl_valid": log.kl_valid_lve,
        "epochs": log.n_epochs,
        "steps": int(log.step[-1]),
        "best_epoch": None if best is None else round(log.trained_epoch[best]),
        "resumes": log.n_resumes,
    }


def count_parameters(view: RunView) -> int | None:
    """Return how many numbers the model learned; None where the weights were not written."""
    if not view.folder.model_params.is_file():
        return None
    with open_hdf5(view.folder.model_params) as file:
        return sum(int(file[key].size) for key in file if is_weight(key))


def is_weight(key: str) -> bool:
    """Whether a variable of `model_params` is a weight: no optimiser slot, counter or rate."""
    name = key.removesuffix(":0")
    return not name.endswith(
        ("_Adam", "_Adam_1", "beta1_power", "beta2_power", "global_step", "learning_rate")
    )


def numbers_of_sessions(run: Any) -> Iterator[SessionNumbers]:
    """Work out the figures of every session's validation and test trials, once it is sampled.

    Raises
    ------
    RunFolderError
        The outputs are there, but cannot be read.
    """
    view = RunView.of(run)
    files = [SessionFiles(view.folder, name) for name in view.datasets]
    if not any(each.outputs(kind) for each in files for kind in KINDS):
        return
    for session in view.posterior_means().sessions:
        for split in ("valid", "test"):
            if len(session.trials_of(split)):
                yield session_numbers(session, split)
        session.forget()


def session_numbers(pm: PosteriorMeans, split: Split = "valid") -> SessionNumbers:
    """Work out how well the rates of one session were inferred.

    Parameters
    ----------
    pm : of a single session.
    split : trials to judge by; condition averages take all trials.
    """
    trials = np.sort(pm.trials_of(split))
    found: dict[str, float] = {**_psth(pm, trials), **_kl(pm, trials)}
    if pm.has("true_rates"):
        agreement = metrics.r2(pm.field("true_rates")[trials], pm.rates[trials])
        found["truth_r2"], found["truth_r2_by_channel"] = agreement[:2]
    if pm.params.output_dist == "poisson" and pm.has("counts"):
        found |= _bits(pm, trials)
    return SessionNumbers(pm.datasets[0], split, len(trials), pm.n_neurons, **found)


def _psth(pm: PosteriorMeans, trials: np.ndarray) -> dict[str, float]:
    if pm.condition_ids is None or not pm.has("counts"):
        return {}
    spikes = pm.field("counts")[:] * pm.counts_to_rates
    sd_bins = smoothing_bins(pm, AVERAGE_SMOOTHING_MS)
    agreement = metrics.psth_r2(spikes, pm.rates, pm.condition_ids, sd_bins=sd_bins)
    of_nlb = metrics.psth_r2_of_evaluation(
        spikes, pm.rates, pm.condition_ids, trials, sd_bins=NLB_SMOOTHING_MS / pm.bin_ms
    )
    return {
        "psth_r2": agreement.pooled,
        "psth_r2_by_channel": agreement.mean_over_channels,
        "psth_r2_nlb": of_nlb.mean_over_channels,
    }


def _kl(pm: PosteriorMeans, trials: np.ndarray) -> dict[str, float]:
    if not pm.has("post_g0_mean"):
        return {}
    names = ("post_g0_mean", "post_g0_logvar", "prior_g0_mean", "prior_g0_logvar")
    of_each = metrics.gaussian_kl(*(pm.field(name)[trials] for name in names)).sum(axis=-1)
    known = of_each[~np.isnan(of_each)]
    return {"kl_g0": float(known.mean()) if len(known) else _NAN}


def _bits(pm: PosteriorMeans, trials: np.ndarray) -> dict[str, float]:
    counts, expected = pm.field("counts")[trials], pm.rates[trials] / pm.counts_to_rates
    held_out, forward = pm.params.heldout_channels, pm.params.forward_prediction_bins
    seen_channels = np.arange(pm.n_neurons) < pm.n_neurons - held_out
    seen_bins = np.arange(pm.n_bins) < pm.n_bins - forward
    bits = {
        "bits_per_spike": metrics.bits_per_spike(
            counts, expected, channels=seen_channels, bins=seen_bins
        )
    }
    if held_out:
        bits["co_bps"] = metrics.bits_per_spike(
            counts, expected, channels=~seen_channels, bins=seen_bins
        )
    if forward:
        bits["fp_bps"] = metrics.bits_per_spike(counts, expected, bins=~seen_bins)
    return bits
