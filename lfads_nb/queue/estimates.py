"""What runs will cost, as far as it can be told before they run: disk, and time once some ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.queue.memory import estimate_mb, shape_of
from lfads_nb.queue.status import RunState, RunStatus, local_now
from lfads_nb.queue.table import elapsed_s
from lfads_nb.sweep import RunParams

_FLOAT = 4  # bytes
_STORED_FLOAT = 5  # a float32 kept as float64, compressed
_ADAM_COPIES = 3  # weights and two moments in each checkpoint


@dataclass(frozen=True)
class RunSize:
    """Bytes of one run's inputs (shared between runs of equal data) and of its outputs."""

    inputs: int
    outputs: int


def run_size(params: RunParams, infos: Sequence[DatasetInfo]) -> RunSize:
    """Estimate a run's files from their shapes (files_on_disk.md 5.2, 5.5), without compression."""
    inputs = outputs = 0
    for info in infos:
        bins = max(int(info.n_bins * info.bin_ms / params.spike_bin_ms), 1)
        cells = info.n_trials * bins
        raw = info.n_trials * info.n_bins * info.n_channels
        inputs += cells * info.n_channels * 8 + raw + (cells * info.n_channels * 8) * info.has_truth
        widths = params.factors_dim + params.gen_dim + params.co_dim + info.n_channels
        outputs += cells * widths * _STORED_FLOAT
    checkpoints = params.max_ckpt_to_keep + params.max_ckpt_to_keep_lve
    outputs += (
        n_weights(params, [i.n_channels for i in infos]) * _FLOAT * (_ADAM_COPIES * checkpoints + 1)
    )
    return RunSize(inputs, outputs)


def n_weights(params: RunParams, channels: Sequence[int]) -> int:
    """Count a model's weights roughly: the recurrent cells and what reads in and out."""
    p, n_sessions = params, len(channels)
    width = p.factors_dim if n_sessions > 1 else max(channels, default=0)
    count = 2 * _gru(width, p.ic_enc_dim) + 4 * p.ic_enc_dim * p.ic_dim
    count += _gru(p.co_dim + p.ext_input_dim, p.gen_dim) + p.gen_dim * p.factors_dim
    if p.co_dim:
        count += 2 * _gru(width, p.ci_enc_dim) + _gru(2 * p.ci_enc_dim + p.factors_dim, p.con_dim)
    return count + sum(2 * n * (p.factors_dim + 1) for n in channels)


def _gru(n_inputs: int, n_units: int) -> int:
    return 3 * n_units * (n_inputs + n_units + 1)


def memory_mb(params: RunParams, infos: Sequence[DatasetInfo], kind: str) -> float:
    """Estimate a run's peak memory on a "gpu" or the "cpu", in MiB, as the queue does."""
    sizes = [
        (info.n_trials, max(int(info.n_bins * info.bin_ms / params.spike_bin_ms), 1),
         info.n_channels)
        for info in infos
    ]  # fmt: skip
    return estimate_mb(shape_of(params, sizes), kind)


def seconds_per_run(statuses: Iterable[RunStatus]) -> float | None:
    """Return the median time of the runs that are done, None while there is none."""
    now = local_now()
    done = [status for status in statuses if status.state is RunState.DONE]
    known = [seconds for status in done if (seconds := elapsed_s(status, now=now))]
    return median(known) if known else None


# Milliseconds of a bin of a step on two cores of a usual server, measured: 0.52 with batches of
# 150, 35 channels, 64 units and no controller (`python -m benchmarks.step`), of which half remains
# with small batches; 0.8 with a controller and batches of 28 trials of 45 channels.
_FLOOR_MS, _CONTROLLER_MS, _WORK_MS = 0.25, 0.5, 0.27
_MEASURED = RunParams(co_dim=0, gen_dim=64, ic_enc_dim=64, ic_dim=64, factors_dim=8)
_MEASURED_BATCH, _MEASURED_CHANNELS, _MEASURED_CORES = 150, 35, 2


def seconds_per_epoch(params: RunParams, infos: Sequence[DatasetInfo], n_cores: int) -> float:
    """Estimate an epoch's time on a machine's processors, before anything has been trained.

    By bins, batch and weights, from a few measured steps: right to a factor of two or so.
    """
    ratio, seconds = params.train_to_test_ratio, 0.0
    weights = n_weights(params, [info.n_channels for info in infos])
    of_weights = weights / n_weights(_MEASURED, [_MEASURED_CHANNELS])
    for info in infos:
        n_train = max(info.n_trials * ratio // (ratio + 1), 1)
        bins = max(int(info.n_bins * info.bin_ms / params.spike_bin_ms), 1)
        batch = min(params.batch_size, n_train) / _MEASURED_BATCH
        of_bin = _FLOOR_MS + _CONTROLLER_MS * bool(params.co_dim) + _WORK_MS * batch * of_weights
        seconds += math.ceil(n_train / params.batch_size) * bins * of_bin / 1000
    # More than a few cores do not help a single model.
    return seconds * _MEASURED_CORES / min(max(n_cores, 1), 4)


def bytes_text(n_bytes: float) -> str:
    """Return a size as a person says it: `120 MB`, `3.4 GB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{max(n_bytes / 1e3, 1):.0f} kB"
