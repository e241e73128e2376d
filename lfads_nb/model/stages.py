"""The stages of a run, as functions over its folder: train, sample, export, and use it on new data.

This is the model's only face to the other rooms. Everything is read from and written to the run's
folder.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lfads_nb.errors import RunFolderError
from lfads_nb.model import weights
from lfads_nb.model.checkpoints import LOWEST_VALID, ROLLING, Checkpoints
from lfads_nb.model.compiled_models import CompiledModels
from lfads_nb.model.devices import on_device
from lfads_nb.model.epoch_end import train_to_the_end
from lfads_nb.model.fit_log import cut_after
from lfads_nb.model.hyperparameters import read_hyperparameters, write_hyperparameters
from lfads_nb.model.inputs import Session, describe, read_sessions
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.model_runs import write_model_runs
from lfads_nb.model.prior_samples import draw_prior_samples
from lfads_nb.model.sampling import PosteriorSampler
from lfads_nb.model.schedule import end_reached
from lfads_nb.model.training import Progress, Training
from lfads_nb.model.training_setup import set_up
from lfads_nb.sweep.folders import PosteriorKind, RunFolder
from lfads_nb.sweep.more_epochs import MoreEpochs
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.progress import TrainStep, TrainSummary

log = logging.getLogger(__name__)


def train(
    run: RunFolder,
    params: RunParams,
    datasets: Sequence[str],
    *,
    on_progress: Progress | None = None,
    on_step: Callable[[TrainStep], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    judge: Callable[[int], str] | None = None,
) -> TrainSummary:
    """Train a run, going on from its newest checkpoint if it has one.

    Parameters
    ----------
    run : RunFolder
        With its inputs prepared.
    params : RunParams
    datasets : sequence of str
        Names of the run's datasets.
    on_progress : callable, optional
        Told of epochs, at most twice a second.
    on_step : callable, optional
        Told what is being done before the first epoch and within each, at most twice a second.
    should_stop : callable, optional
        Asked after every step; True ends training.
    judge : callable, optional
        Asked after every epoch, with how many there were, unless one of the run's own rules ends
        it: says why training ends there, "" if it goes on.

    Raises
    ------
    RunFolderError, DataError, ParamsError
        Inputs are missing, or do not fit each other or the parameters.
    TrainingError
        The cost became NaN or infinite more often than `nan_restarts` allows.
    """
    on_step = on_step or (lambda _step: None)
    on_step(TrainStep("reading the data"))
    sessions = read_sessions(run, params, datasets)
    models = _models_ready()
    _models_ready.cache_clear()
    with on_device(params):
        on_step(TrainStep("building the model"))
        training = set_up(run, describe(params, sessions), sessions, models)
        training.on_progress, training.on_step = on_progress, on_step
        training.should_stop, training.judge = should_stop, judge
        return _run(training)


def get_ready(run: RunFolder, params: RunParams, datasets: Sequence[str]) -> None:
    """Build and compile in this process what `train` will need, without a trace in the folder.

    Raises
    ------
    RunFolderError, DataError, ParamsError
        As `train`.
    """
    sessions = read_sessions(run, params, datasets)
    with on_device(params):
        _models_ready().compile_for(describe(params, sessions), sessions)


@cache
def _models_ready() -> CompiledModels:
    """Return the models that were compiled ahead in this process; the next training takes them."""
    return CompiledModels()


def _run(training: Training) -> TrainSummary:
    started = begin(training)
    if not started.reason:
        train_to_the_end(training)
    return summary(training, started)


class Begun(NamedTuple):
    """How a training was taken up."""

    reason: str
    """Why it has ended already, "" if it has not."""
    resumed_from_step: int | None
    at: float
    """On the monotonic clock."""


def begin(training: Training) -> Begun:
    """Go on from a run's newest checkpoint if it has one, else start its files anew."""
    at, params, model = time.monotonic(), training.params, training.model
    found = training.rolling.load(model, params)
    if found is not None:
        training.state = found
        cut_after(training.run.fit_log, found.step)
        if params.do_reset_learning_rate:
            training.learning_rate = params.learning_rate_init
    elif training.run.fit_log.exists():
        training.run.fit_log.unlink()
    training.more = _more_epochs(training)
    state = training.state
    reason = end_reached(params, epoch=state.epoch, rate=training.learning_rate, more=training.more)
    reason = reason or state.patience.reason or training.judged()
    write_hyperparameters(training.run, model.architecture, step=state.step, kind="train")
    names = ", ".join(model.architecture.sessions)
    log.info("Training %d parameters on %s.", _n_parameters(model), names)
    return Begun(reason, None if found is None else found.step, at)


def summary(training: Training, begun: Begun) -> TrainSummary:
    """Say how a training has ended."""
    state, reason = training.state, begun.reason or training.stop_reason
    log.info("Stopping optimization: %s.", reason)
    return TrainSummary(
        epochs=state.epoch,
        steps=state.step,
        stop_reason=reason,
        best_epoch=state.best_epoch,
        best_total_valid=state.lowest_valid if state.best_epoch is not None else None,
        seconds=time.monotonic() - begun.at,
        n_parameters=_n_parameters(training.model),
        nan_restarts=state.nan_restarts,
        resumed_from_step=begun.resumed_from_step,
        full_weights=training.ramps_done,
    )


def _n_parameters(model: Lfads) -> int:
    return int(sum(np.prod(v.shape) for v in model.trainable_variables))


def _more_epochs(training: Training) -> MoreEpochs | None:
    """Return what was asked for beyond the setting's own end, and begin with it.

    Raises
    ------
    RunFolderError
        There is no checkpoint to go on from.
    """
    more, state = MoreEpochs.read(training.run.output), training.state
    if more is None:
        return None
    if not state.epoch:
        raise RunFolderError(
            f"{training.run.output} holds no checkpoint that could go on with {more.epochs} more "
            "epochs: train the run afresh"
        )
    if more.first is None:
        more = more.beginning_at(state.epoch)
        more.save(training.run.output)
    if state.epoch == more.first:
        state.patience.waited = 0  # what ended the training before must not end this one at once
    return more


# ---- trained weights --------------------------------------------------------------------------


def load_best(run: RunFolder, model: Lfads) -> None:
    """Load the weights with the lowest validation cost, or the nearest that there is.

    These are the best checkpoint, else the newest one (a run that ended before its ramps has no
    best; TF1 went on with random weights), else `model_params` (a folder without checkpoints, such
    as TF1's).

    Raises
    ------
    RunFolderError
        There are no trained weights.
    """
    params = model.architecture.params
    for name in (LOWEST_VALID, ROLLING):
        if Checkpoints(run.output, name).load(model, params) is not None:
            if name == ROLLING:
                log.warning(
                    "No checkpoint of lowest validation cost, as training ended before the "
                    "penalties had risen: taking the newest one."
                )
            return
    arrays = weights.read_model_params(run.model_params)
    weights.from_tf1(model.network, arrays, source=run.model_params)
    model.step.assign(int(arrays.get("LFADS_global_step:0", 0)))


def export_weights(run: RunFolder, params: RunParams, datasets: Sequence[str]) -> None:
    """Write `model_params` from the best checkpoint, under TF1's names and shapes."""
    sessions = read_sessions(run, params, datasets)
    with on_device(params):
        model = Lfads(describe(params, sessions))
        load_best(run, model)
        step = int(model.step)
        weights.write_model_params(
            run.model_params, model.network, step=step, learning_rate=params.learning_rate_init
        )
        write_hyperparameters(run, model.architecture, step=step, kind="write_model_params")


# ---- posterior and prior ----------------------------------------------------------------------


def sample_posterior(
    run: RunFolder,
    params: RunParams,
    datasets: Sequence[str],
    *,
    kind: PosteriorKind | None = None,
    n_samples: int | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Write the posterior means of every trial, one file per dataset and split.

    Parameters
    ----------
    kind, n_samples : optional
        Instead of the parameters' own.
    on_progress : callable, optional
        Told the share of trials that are done.
    """
    sessions = read_sessions(run, params, datasets)
    with on_device(params):
        model = Lfads(describe(params, sessions))
        load_best(run, model)
        sampler = posterior_sampler(model, sessions, kind=kind, n_samples=n_samples)
        write_posterior(run, sampler, sessions, kind or params.posterior_mean_kind, on_progress)


def posterior_sampler(
    model: Lfads,
    sessions: Sequence[Session],
    *,
    kind: PosteriorKind | None = None,
    n_samples: int | None = None,
) -> PosteriorSampler:
    """Return what samples these sessions' trials, as the model's parameters say or otherwise."""
    params = model.architecture.params
    return PosteriorSampler(
        model,
        kind=params.posterior_mean_kind if kind is None else kind,
        n_samples=params.num_samples_posterior if n_samples is None else n_samples,
        max_trials=max(len(t) for session in sessions for t in session.splits.values()),
        with_sd=params.store_posterior_sd,
    )


def write_posterior(
    run: RunFolder,
    sampler: PosteriorSampler,
    sessions: Sequence[Session],
    kind: PosteriorKind,
    on_progress: Callable[[float], None] | None = None,
) -> list[Path]:
    """Write the files of all sessions and parts of the data, and return where they are."""
    n_trials = sum(len(trials) for session in sessions for trials in session.splits.values())
    done, written = 0, []

    def count(n: int) -> None:
        nonlocal done
        done += n
        if on_progress is not None:
            on_progress(done / n_trials)

    for index, session in enumerate(sessions):
        for split, trials in session.splits.items():
            if not len(trials):
                continue
            arrays = sampler.means(trials, index, count)
            written.append(run.posterior_means(session.name, split, kind))
            write_model_runs(written[-1], arrays)
            log.info(
                "%s, %s: %d trials, cost %.2f, bound %.2f nats per trial.",
                session.name, split, len(trials), arrays["costs"].mean(),
                arrays["nll_bound_vaes"].mean(),
            )  # fmt: skip
    return written


def sample_prior(
    run: RunFolder, params: RunParams, datasets: Sequence[str], *, n_samples: int | None = None
) -> None:
    """Write samples from the prior: what the model makes up without data."""
    sessions = read_sessions(run, params, datasets)
    with on_device(params):
        model = Lfads(describe(params, sessions))
        load_best(run, model)
        arrays = draw_prior_samples(model, n_samples or params.num_samples_posterior)
        write_model_runs(run.prior_samples, arrays)


def sample_folder(
    path: Path | str,
    kind: PosteriorKind | None = None,
    n_samples: int | None = None,
    output: Path | str | None = None,
) -> list[Path]:
    """Write posterior means for any folder with inputs, `model_params` and hyperparameters.

    Parameters
    ----------
    path : path
        A run folder of ours or of TF1's.
    kind, n_samples : optional
        Instead of the run's own.
    output : path, optional
        Folder for the `model_runs_*` files; the run's `lfadsOutput` if not given.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    RunFolderError
        Something that is needed is missing or does not fit.
    """
    run = RunFolder(Path(path))
    stored = read_hyperparameters(run)
    sessions = read_sessions(run, stored.params, stored.datasets)
    with on_device(stored.params):
        model = Lfads(describe(stored.params, sessions))
        arrays = weights.read_model_params(run.model_params)
        weights.from_tf1(model.network, arrays, source=run.model_params)
        model.step.assign(int(arrays.get("LFADS_global_step:0", 0)))
        target = run if output is None else _Elsewhere(run.path, Path(output))
        sampler = posterior_sampler(model, sessions, kind=kind, n_samples=n_samples)
        return write_posterior(target, sampler, sessions, kind or stored.params.posterior_mean_kind)


class _Elsewhere(RunFolder):
    """A run folder whose outputs go to another folder."""

    def __init__(self, path: Path, output: Path) -> None:
        super().__init__(path)
        self._output: Path
        object.__setattr__(self, "_output", output)  # the class that it builds on is frozen

    @property
    def output(self) -> Path:
        return self._output
