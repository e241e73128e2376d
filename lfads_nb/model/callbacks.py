"""What happens at the end of each epoch: the rules meet the model, the files and whoever watches.

`epoch_end.py` lists the callbacks in their order.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from statistics import median
from typing import Any

import keras

from lfads_nb.errors import TrainingError
from lfads_nb.model.bits_per_spike import NullModel
from lfads_nb.model.fit_log import EpochFigures, append_line, cut_after
from lfads_nb.model.schedule import end_reached, epochs_left
from lfads_nb.model.training import Training
from lfads_nb.sweep.progress import TrainProgress

log = logging.getLogger(__name__)

SECONDS_BETWEEN_CHECKPOINTS = 60.0
SECONDS_BETWEEN_REPORTS = 0.5
EPOCHS_BEFORE_ETA = 2
NAN_RATE_FACTOR = 0.5
STOPPED = "stopped on request"
"""Why a training ended that was asked to."""

Logs = dict[str, float]


class EpochEnd(keras.callbacks.Callback):
    """Calls `after_epoch` for every epoch that ended well; the subclass says what to do."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training = training

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Keras' hook; its own epoch number knows nothing of returns to a checkpoint."""
        if self.training.figures is not None:
            self.after_epoch(self.training.figures, logs or {})

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:
        """Act on an epoch's figures."""
        raise NotImplementedError


class EpochRecorder(keras.callbacks.Callback):
    """Starts epochs and turns their logs into figures; lets a request to stop through."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training = training
        self._started, self._interrupted = 0.0, False
        self._null: NullModel | None = None
        if training.params.output_dist == "poisson":
            self._null = NullModel(training.model.architecture, training.validation.trials)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Choose the epoch's batches."""
        t = self.training
        t.batches.start_epoch(t.state.epoch, t.state.nan_restarts)
        self._interrupted, self._started = False, t.clock()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Ask whether to stop."""
        t = self.training
        if t.should_stop is not None and t.should_stop():
            self._interrupted = batch + 1 < len(t.batches)
            t.stop(STOPPED)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Collect the epoch's figures, unless it was cut short."""
        t, logs = self.training, logs if logs is not None else {}
        t.figures = None
        if self._interrupted:
            return
        t.epoch_ended(t.clock() - self._started)
        logs.update(self._more(logs))
        t.figures = EpochFigures(
            epoch=t.state.epoch - 1,
            step=t.state.step,
            **{name: (logs[name], logs[f"val_{name}"]) for name in ("total", "recon", "kl")},
            l2=logs["l2"],
            kl_weight=logs["kl_weight"],
            l2_weight=logs["l2_weight"],
            learning_rate=t.learning_rate,
            extra=self._asked_for(logs),
        )

    def _more(self, logs: Mapping[str, float]) -> Logs:
        """Return what Keras' own logs lack."""
        t = self.training
        more = {"gradient_norm": float(t.model.optimizer.gradient_norm)}
        for key in ("", "val_"):
            if logs[f"{key}n_hidden"]:
                more[f"{key}hidden_nll"] = -logs[f"{key}hidden"] / logs[f"{key}n_hidden"]
        if self._null is not None:
            sums = {part: logs[f"val_{part}"] for part in ("seen", "heldout", "forward")}
            more.update(self._null.bits_per_spike(sums))
        if t.metrics is not None and t.state.epoch % t.params.metrics_due_every == 0:
            more.update(t.metrics.figures())
        for name, values in t.model.prior_summary().items():
            more.update({f"prior_{name}_{i}": float(v) for i, v in enumerate(values)})
        return more

    def _asked_for(self, logs: Mapping[str, float]) -> Logs:
        """Return the figures that go with options that are on."""
        p, names = self.training.params, []
        if p.heldout_channels or p.forward_prediction_bins or p.metrics_due_every:
            names += ["bps", "co_bps", "fp_bps"]
        elif p.select_by == "bps":
            names.append("bps")
        names += ["r2_truth", "r2_decoding"]
        if p.sample_validation_rate:
            names += ["hidden_nll", "val_hidden_nll"]
        return {name: logs[name] for name in names if name in logs}


class DivergenceGuard(EpochEnd):
    """Returns to the last good checkpoint when the cost is not a number, or gives up."""

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Act only if the training cost is NaN or infinite."""
        if math.isfinite(figures.total[0]):
            return
        t = self.training
        t.figures = None
        used, allowed = t.state.nan_restarts, t.params.nan_restarts
        what = f"the training cost became {figures.total[0]} in epoch {figures.epoch}"
        if used >= allowed:
            tried = f" after {used} restarts at lower rates" if used else ""
            raise TrainingError(
                f"{what}{tried}: lower learning_rate_init, lengthen kl_increase_steps, or allow "
                "returns to the last checkpoint with nan_restarts"
            )
        self._go_back(what)

    def _go_back(self, what: str) -> None:
        t, used = self.training, self.training.state.nan_restarts + 1
        rate = t.learning_rate * NAN_RATE_FACTOR
        state = t.rolling.load(t.model, t.params)
        if state is None:
            raise TrainingError(f"{what}, and there is no checkpoint to return to")
        state.nan_restarts = used
        t.state, t.learning_rate = state, rate
        cut_after(t.run.fit_log, state.step)
        log.warning(
            "Restart %d of %d: %s; back to step %d with learning rate %g.",
            used, t.params.nan_restarts, what, state.step, rate,
        )  # fmt: skip


class FitLogWriter(EpochEnd):
    """Writes the line of an epoch."""

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Write it to the fit log and to the run's own log."""
        append_line(self.training.run.fit_log, figures)
        log.info(figures.console_line())


class RateFollower(EpochEnd):
    """Lowers the learning rate by its rule."""

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Show the rule the epoch's training cost."""
        t = self.training
        rate = t.state.rule.next_rate(t.learning_rate, figures.total[0])
        if rate < t.learning_rate:
            log.info("Decreasing learning rate to %f.", rate)
            t.learning_rate = rate


class Stopper(EpochEnd):
    """Ends training by the learning rate, the cap on epochs, a lack of progress, or a verdict."""

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:  # noqa: ARG002
        """Ask each rule."""
        t = self.training
        patience = t.state.patience
        if patience.patience and t.ramps_done and patience.update(figures.recon[1]):
            t.stop(patience.reason)
        reason = end_reached(t.params, epoch=t.state.epoch, rate=t.learning_rate, more=t.more)
        if reason:
            t.stop(reason)
        if not t.stop_reason and (verdict := t.judged()):
            t.stop(verdict)


class CheckpointWriter(EpochEnd):
    """Writes the rolling checkpoints, and one whenever the validation trials are best so far.

    By their cost, or the figure that `select_by` names. The best counts only once all penalties
    have their full weight (lfads_model.md 4.9).
    """

    EPOCHS_BETWEEN: float = 10

    def __init__(self, training: Training) -> None:
        super().__init__(training)
        self._last = training.clock()
        self.saved_step = -1

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Have something to return to from the very first epoch."""
        t = self.training
        if t.params.nan_restarts and not t.rolling.paths():
            t.rolling.save(t.model, t.state)

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:
        """Write what is due: every tenth epoch, every minute, and at the end."""
        t = self.training
        t.state.n_valid_costs += 1
        figure = _to_minimise(t.params.select_by, figures, logs)
        if t.ramps_done and t.state.n_valid_costs > 1 and figure < t.state.best_figure:
            t.state.best_figure, t.state.best_epoch = figure, figures.epoch
            t.state.lowest_valid = figures.total[1]
            self.keep_best()
        every_tenth = figures.epoch % self.EPOCHS_BETWEEN == 0
        if every_tenth or t.stop_reason or t.clock() - self._last > SECONDS_BETWEEN_CHECKPOINTS:
            self.keep_newest()
            self._last, self.saved_step = t.clock(), t.state.step

    def keep_best(self) -> None:
        """Write the model as it is, the best so far."""
        self.training.best.save(self.training.model, self.training.state)

    def keep_newest(self) -> None:
        """Write the model as it is, to go on from."""
        self.training.rolling.save(self.training.model, self.training.state)


def _to_minimise(select_by: str, figures: EpochFigures, logs: Logs) -> float:
    """Return the figure that chooses the best epoch, lower is better; infinite if not known."""
    costs = {"total_valid": figures.total[1], "recon_valid": figures.recon[1]}
    value = costs.get(select_by, -logs.get(select_by, math.nan))
    return value if math.isfinite(value) else math.inf


class ProgressReporter(EpochEnd):
    """Tells whoever watches how far training is, not more than twice a second."""

    def __init__(self, training: Training) -> None:
        super().__init__(training)
        self._last = -math.inf

    def after_epoch(self, figures: EpochFigures, logs: Logs) -> None:
        """Report, unless the last report was just now."""
        t = self.training
        soon = t.clock() - self._last < SECONDS_BETWEEN_REPORTS
        if t.on_progress is None or (soon and not t.stop_reason):
            return
        self._last = t.clock()
        names = ("bps", "co_bps", "fp_bps", "r2_truth", "r2_decoding")
        extra = {name: logs[name] for name in names if name in logs}
        t.on_progress(progress_of(t, figures, {**extra, **figures.extra}))


def progress_of(training: Training, figures: EpochFigures, extra: Logs) -> TrainProgress:
    """Say how far training is and how long it may still take."""
    t, f = training, figures
    left = 0.0
    if not t.stop_reason:
        left = epochs_left(
            t.params, epochs_done=t.state.epoch, rate=t.learning_rate, recent_rates=t.rates,
            more=t.more,
        )  # fmt: skip
    return TrainProgress(
        epoch=f.epoch,
        step=f.step,
        fraction=t.state.epoch / (t.state.epoch + left),
        # The first epoch of a process compiles, and says nothing of the pace.
        eta_s=left * median(t.seconds[1:]) if len(t.seconds) >= EPOCHS_BEFORE_ETA else None,
        learning_rate=f.learning_rate,
        total_train=f.total[0],
        total_valid=f.total[1],
        recon_train=f.recon[0],
        recon_valid=f.recon[1],
        kl_train=f.kl[0],
        kl_valid=f.kl[1],
        l2=f.l2,
        kl_weight=f.kl_weight,
        l2_weight=f.l2_weight,
        best_epoch=t.state.best_epoch,
        extra=extra,
    )
