"""The small record of figures that a run is judged by, gathered from its log and its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from lfads_nb.results import metrics
from lfads_nb.results.condition_averages import average_by_condition
from lfads_nb.results.fit_log import FitLog
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_numbers import (
    AVERAGE_SMOOTHING_MS,
    SMOOTHING_MS,
    session_numbers,
    smoothing_bins,
)
from lfads_nb.results.run_view import RunView
from lfads_nb.results.session_files import KINDS, SessionFiles
from lfads_nb.results.variability import (
    copied_share,
    drift_share,
    rate_spread,
    variability_share,
    within_condition_share,
)
from lfads_nb.sweep.advice import ramp_end
from lfads_nb.sweep.folders import is_winner
from lfads_nb.sweep.more_epochs import MoreEpochs
from lfads_nb.sweep.progress import ended_at_limit

MOST_TRIALS = 600
"""Of each split, evenly spread: more cost time and change the figures little."""

_NAN = float("nan")


@dataclass(frozen=True)
class RunFigures:
    """A run in figures; NaN is not known.

    Bits are bits per spike. Figures of outputs are means over sessions.

    Parameters
    ----------
    n_train, n_valid, n_neurons, n_silent : trials, neurons, and neurons without a training spike.
    batch_size, steps_per_epoch, epochs, steps, max_epochs : of the training; 0 epochs is no limit.
    is_winner : 1 if it is a population's, whose search decided how long it trained, else 0.
    ended_at_limit : 1 if a number of epochs ended it, 0 if another rule did.
    ramp_end : step at which all penalties in use have their full weight, by the setting.
    ramps_ended : 1 if they had it in the last epoch, else 0.
    best_epoch : the one whose weights are used, from 0.
    rebound_bits : by how much the validation likelihood fell from its best to the end.
    climb_bits : the same of training trials; infinite if the cost was no number at the end.
    jitter_bits : s.d. of the training likelihood from epoch to epoch, in the last third.
    learning_rate_init, learning_rate : at the start and at the end.
    bits_per_spike, bits_train, bits_truth : of validation and training trials, and of the true
        rates on the same validation trials.
    rate_spread : variance of rates across trials over their squared mean.
    kl_g0, kl_inputs : unweighted, nats per trial.
    has_inputs : 1 if there is a controller, else 0.
    r2_psth_valid, r2_psth_smoothed : condition averages over validation trials, of the rates and
        of smoothed spikes, against those of the training trials' spikes.
    variability_share : of the spike counts' trial-to-trial variance beyond Poisson, the share that
        the rates have.
    within_condition_share : of the rates' variance across trials, the share within conditions.
    drift_share : of the rates' variance across trials, the share that the order of trials tells.
    copied_share : share of a spike that turns up in the rate of its own bin alone.
    """

    n_train: float = _NAN
    n_valid: float = _NAN
    n_neurons: float = _NAN
    n_silent: float = _NAN
    batch_size: float = _NAN
    steps_per_epoch: float = _NAN
    epochs: float = _NAN
    steps: float = _NAN
    max_epochs: float = _NAN
    is_winner: float = _NAN
    ended_at_limit: float = _NAN
    ramp_end: float = _NAN
    ramps_ended: float = _NAN
    best_epoch: float = _NAN
    rebound_bits: float = _NAN
    climb_bits: float = _NAN
    jitter_bits: float = _NAN
    learning_rate_init: float = _NAN
    learning_rate: float = _NAN
    bits_per_spike: float = _NAN
    bits_train: float = _NAN
    bits_truth: float = _NAN
    rate_spread: float = _NAN
    kl_g0: float = _NAN
    kl_inputs: float = _NAN
    has_inputs: float = _NAN
    r2_psth_valid: float = _NAN
    r2_psth_smoothed: float = _NAN
    variability_share: float = _NAN
    within_condition_share: float = _NAN
    drift_share: float = _NAN
    copied_share: float = _NAN

    @classmethod
    def gather(cls, run: Any, *, with_outputs: bool = True) -> RunFigures:
        """Gather what a run's folder tells, as far as the run has got.

        Parameters
        ----------
        run : its folder, or a `Run`.
        with_outputs : also read the posterior means, which takes longer.

        Raises
        ------
        RunFolderError
            The folder does not say what it is, or holds files that cannot be read.
        """
        view = RunView.of(run)
        sessions = list(_sessions(view)) if with_outputs else []
        found = _of_setting(view) | _means(sessions)
        if view.folder.fit_log.is_file():
            log = view.fit_log()
            spikes = found.pop("spikes_per_trial", _NAN)
            found |= _of_training(log, spikes) | _of_divergences(view, log, found)
        found.pop("spikes_per_trial", None)
        return cls(**found)

    def known(self) -> dict[str, float]:
        """Return the figures that are known, by name."""
        values = {f.name: float(getattr(self, f.name)) for f in fields(self)}
        return {name: value for name, value in values.items() if np.isfinite(value)}


# ---------------------------------------------------------------------------------- training


def _of_setting(view: RunView) -> dict[str, float]:
    params, n_sessions, end = view.params, len(view.datasets), view.training_end()
    more, won = MoreEpochs.read(view.folder.output), is_winner(view.folder)
    epochs = params.max_epochs if more is None else more.end
    found = {
        "batch_size": params.batch_size,
        "is_winner": float(won),
        # The epochs of its last turn are no limit that anybody has set.
        "max_epochs": 0.0 if won else epochs,
        "ramp_end": ramp_end(params, n_sessions),
        "has_inputs": float(params.co_dim > 0),
        "learning_rate_init": params.learning_rate_init,
    }
    if end and not won:
        found["ended_at_limit"] = float(bool(ended_at_limit(end)))
    rate = view.progress().get("learning_rate")
    return found | ({"learning_rate": float(rate)} if isinstance(rate, int | float) else {})


def _of_training(log: FitLog, spikes_per_trial: float) -> dict[str, float]:
    kept = ~log.is_superseded
    step, train, valid = log.step[kept], log.recon_train[kept], log.recon_valid[kept]
    n, last = len(step), max(len(step) // 20, 3)
    to_bits = 1 / (spikes_per_trial * np.log(2)) if spikes_per_trial > 0 else _NAN
    ended = log.ramps_ended[kept]
    found = {
        "epochs": float(n),
        "steps": float(step[-1]),
        "steps_per_epoch": float(np.median(np.diff(step))) if n > 1 else float(step[-1]),
        "ramps_ended": float(ended[-1]),
    }
    if log.lve_index is not None:
        found["best_epoch"] = float(np.flatnonzero(kept).tolist().index(log.lve_index))
    judged = np.flatnonzero(ended) if ended.any() else np.arange(n)
    if len(judged) > last:
        found["rebound_bits"] = _rise(valid[judged], last) * to_bits
        found["climb_bits"] = (
            _rise(train[judged], last) * to_bits if np.isfinite(train[-1]) else float("inf")
        )
    late = train[-max(n // 3, 2) :]
    if len(late) > 5 and np.isfinite(late).all():
        found["jitter_bits"] = float(np.std(np.diff(late)) / np.sqrt(2)) * to_bits
    return found


def _rise(values: np.ndarray, last: int) -> float:
    """Return by how much the end lies above the lowest stretch of the same length."""
    if not np.isfinite(values[-last:]).any():
        return _NAN
    stretches = np.lib.stride_tricks.sliding_window_view(values, last)
    medians = np.median(stretches[np.isfinite(stretches).all(axis=1)], axis=1)
    return float(np.median(values[-last:]) - medians.min()) if len(medians) else _NAN


def _of_divergences(view: RunView, log: FitLog, found: dict[str, float]) -> dict[str, float]:
    """Undo the weights: the log holds the sum of both divergences times their weights."""
    params, kl_g0, both = view.params, found.get("kl_g0", _NAN), log.lve("kl_valid")
    if not params.co_dim or not params.kl_co_weight or not np.isfinite(both):
        return {}
    # Its estimate at a sample can be below 0, what it estimates cannot.
    return {"kl_inputs": max((both - params.kl_ic_weight * kl_g0) / params.kl_co_weight, 0.0)}


# ----------------------------------------------------------------------------------- outputs


def _sessions(view: RunView) -> Iterator[dict[str, float]]:
    files = [SessionFiles(view.folder, name) for name in view.datasets]
    if not any(each.outputs(kind) for each in files for kind in KINDS):
        return
    for session in view.posterior_means().sessions:
        yield session_figures(session)
        session.forget()


_SUMMED = ("n_train", "n_valid", "n_neurons", "n_silent")


def _means(sessions: list[dict[str, float]]) -> dict[str, float]:
    found = {}
    for name in dict.fromkeys(name for session in sessions for name in session):
        values = np.array([session.get(name, _NAN) for session in sessions])
        known = values[np.isfinite(values)]
        if len(known):
            found[name] = float(known.sum() if name in _SUMMED else known.mean())
    return found


def session_figures(pm: PosteriorMeans) -> dict[str, float]:
    """Work out what the outputs of one session tell.

    Parameters
    ----------
    pm : of a single session.
    """
    train, valid = (_some(pm.trials_of(split)) for split in ("train", "valid"))
    numbers = session_numbers(pm, "valid") if len(valid) else None
    found = {
        "n_train": float(len(pm.train_inds)),
        "n_valid": float(len(pm.valid_inds)),
        "n_neurons": float(pm.n_neurons),
    }
    if numbers is not None:
        found |= {"bits_per_spike": numbers.bits_per_spike, "kl_g0": numbers.kl_g0}
        found["rate_spread"] = rate_spread(pm.rates[valid])
    if pm.has("counts") and pm.params.output_dist == "poisson":
        found |= _of_spikes(pm, train, valid)
    found |= _across_trials(pm, np.sort(np.concatenate([train, valid])))
    return found


def _some(trials: np.ndarray) -> np.ndarray:
    trials = np.sort(trials)
    n = min(len(trials), MOST_TRIALS)
    return trials[np.unique(np.linspace(0, len(trials) - 1, n).astype(int))] if n else trials


def _of_spikes(pm: PosteriorMeans, train: np.ndarray, valid: np.ndarray) -> dict[str, float]:
    counts, expected = pm.field("counts").load(), pm.field("rates").load() / pm.counts_to_rates
    seen = slice(None, pm.n_neurons - pm.params.heldout_channels)
    found = {
        "n_silent": float((np.nansum(counts[train], axis=(0, 1)) == 0).sum()),
        "bits_train": metrics.bits_per_spike(counts[train][..., seen], expected[train][..., seen]),
        "copied_share": copied_share(counts[train][..., seen], expected[train][..., seen]),
    }
    if len(valid):
        found["spikes_per_trial"] = float(np.nansum(counts[valid]) / len(valid))
        if pm.has("true_rates"):
            truth = pm.field("true_rates")[valid] / pm.counts_to_rates
            found["bits_truth"] = metrics.bits_per_spike(counts[valid], truth)
    every = np.sort(np.concatenate([train, valid]))
    window = max(round(100 / pm.bin_ms), 1)
    found["variability_share"] = variability_share(counts[every], expected[every], window)
    return found | (_psth(pm, valid) if len(valid) else {})


def _psth(pm: PosteriorMeans, valid: np.ndarray) -> dict[str, float]:
    """Hold condition averages of the model and of smoothed spikes against the same third thing."""
    ids, train = pm.condition_ids, pm.train_inds
    if ids is None or not len(train):
        return {}
    spikes = pm.field("counts").load() * pm.counts_to_rates
    target = average_by_condition(spikes[train], ids[train])
    of = {
        "r2_psth_valid": average_by_condition(pm.field("rates")[valid], ids[valid]),
        "r2_psth_smoothed": average_by_condition(
            metrics.smooth(spikes[valid], smoothing_bins(pm, SMOOTHING_MS)), ids[valid]
        ),
    }
    wanted = metrics.smooth(target.mean, smoothing_bins(pm, AVERAGE_SMOOTHING_MS))
    place = {condition: i for i, condition in enumerate(target.ids.tolist())}
    found = {}
    for name, averages in of.items():
        there = [i for i, c in enumerate(averages.ids.tolist()) if c in place]
        same = [place[averages.ids.tolist()[i]] for i in there]
        found[name] = metrics.r2(wanted[same], averages.mean[there]).pooled if there else _NAN
    return found


def _across_trials(pm: PosteriorMeans, trials: np.ndarray) -> dict[str, float]:
    rates = pm.rates[trials]
    known = ~np.isnan(rates).any(axis=(1, 2))
    rates, trials = rates[known], trials[known]
    if len(trials) < 10:
        return {}
    ids = pm.condition_ids[trials] if pm.condition_ids is not None else None
    return {
        "within_condition_share": _NAN if ids is None else within_condition_share(rates, ids),
        "drift_share": drift_share(rates, trials, ids),
    }
