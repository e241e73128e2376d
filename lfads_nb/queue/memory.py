"""How much memory a run will need: from its shape, and better from earlier runs of that shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lfads_nb.errors import LfadsError
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.queue.home import QueueHome, put_json, read_json_file
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord

if TYPE_CHECKING:
    from lfads_nb.sweep.params import RunParams

MIB = 2**20

# What a process takes before it trains anything: tensorflow, and on a GPU the CUDA libraries.
BASE_MB = {"cpu": 700.0, "gpu": 900.0}
_SAFETY = 1.15
_MAX_MB = 1e9
_FLOAT = 4


@dataclass(frozen=True)
class RunShape:
    """What a run's memory depends on: bins, most channels of a session, trials, and its setting."""

    n_bins: int
    n_channels: int
    n_trials: int
    batch_size: int
    n_samples: int
    gen_dim: int
    encoder_dim: int
    con_dim: int
    factors_dim: int

    @property
    def key(self) -> str:
        """Name of the shape in the file of what was learned; trials hardly matter."""
        return "-".join(
            str(n)
            for n in (
                self.n_bins, self.n_channels, self.batch_size, self.n_samples, self.gen_dim,
                self.encoder_dim, self.con_dim, self.factors_dim,
            )
        )  # fmt: skip


def read_shape(folder: RunFolder) -> RunShape | None:
    """Read a run's shape from its prepared inputs; None if they cannot be read."""
    try:
        record = RunRecord.load(folder)
        sizes = [_read_size(folder.input_file(name)) for name in record.datasets]
    except (LfadsError, OSError, KeyError):
        return None
    return shape_of(record.params, sizes) if sizes else None


def _read_size(path: Path) -> tuple[int, int, int]:
    with open_hdf5(path) as file:
        trials, bins, channels = file["train_data"].shape
        return trials + file["valid_data"].shape[0], bins, channels


def shape_of(params: RunParams, sizes: list[tuple[int, int, int]]) -> RunShape:
    """Make the shape of a run from its sessions' (trials, bins, channels)."""
    controlled = params.co_dim > 0
    return RunShape(
        n_bins=max(size[1] for size in sizes),
        n_channels=max(size[2] for size in sizes),
        n_trials=sum(size[0] for size in sizes),
        batch_size=params.batch_size,
        n_samples=params.num_samples_posterior,
        gen_dim=params.gen_dim,
        encoder_dim=2 * params.ic_enc_dim + (2 * params.ci_enc_dim if controlled else 0),
        con_dim=params.con_dim if controlled else 0,
        factors_dim=params.factors_dim,
    )


def estimate_mb(shape: RunShape | None, kind: str) -> float:
    """Estimate a run's peak memory on a device of a kind ("gpu" or "cpu"), in MiB.

    Each bin of each trial in a batch keeps about six values per recurrent unit and four per channel
    for the backward pass, and as many gradients; sampling keeps the values alone.
    """
    if shape is None:
        return BASE_MB[kind]
    units = shape.gen_dim + shape.encoder_dim + shape.con_dim
    per_bin = 6 * units + 4 * shape.n_channels + 2 * shape.factors_dim
    training = 2 * shape.batch_size * shape.n_bins * per_bin
    sampling = shape.n_samples * shape.n_bins * per_bin
    data = shape.n_trials * shape.n_bins * shape.n_channels
    return BASE_MB[kind] + _FLOAT * (max(training, sampling) + data) / MIB


class MemoryBook:
    """What is known of the memory of runs, kept in the queue's folder.

    Parameters
    ----------
    home : the queue's folder.
    """

    def __init__(self, home: QueueHome) -> None:
        self._path = home.memory_json
        self._learned: dict[str, float] = {
            key: float(value)
            for key, value in read_json_file(self._path).items()
            if isinstance(value, int | float) and 0 < value < _MAX_MB
        }
        self._shapes: dict[str, RunShape | None] = {}

    def needed_mb(self, run_dir: str, kind: str) -> float:
        """Return what a run is expected to need, in MiB."""
        shape = self._shape_of(run_dir)
        learned = self._learned.get(f"{kind}-{shape.key}") if shape else None
        return learned * _SAFETY if learned else estimate_mb(shape, kind)

    def needed_in_pack_mb(self, run_dir: str, kind: str) -> float:
        """Return what a program of several runs takes with one of them, in MiB.

        Each further one takes as much again, but for the base.
        """
        alone = self.needed_mb(run_dir, kind)
        shape = self._shape_of(run_dir)
        learned = self._learned.get(f"pack-{kind}-{shape.key}") if shape else None
        return learned * _SAFETY if learned else alone

    def learn_pack(self, run_dir: str, kind: str, peak_mb: float, n_members: int) -> None:
        """Remember what a program of several runs took; the latest of a shape counts."""
        shape = self._shape_of(run_dir)
        if shape is not None and peak_mb > 0 and n_members > 0:
            base = min(BASE_MB[kind], peak_mb)
            self._remember(f"pack-{kind}-{shape.key}", base + (peak_mb - base) / n_members)

    def learn(self, run_dir: str, kind: str, peak_mb: float | None) -> None:
        """Remember what a finished run took; the latest of a shape counts."""
        shape = self._shapes.pop(run_dir, None)
        if shape is None or not peak_mb:
            return
        self._remember(f"{kind}-{shape.key}", peak_mb)

    def _shape_of(self, run_dir: str) -> RunShape | None:
        if run_dir not in self._shapes:
            self._shapes[run_dir] = read_shape(RunFolder(Path(run_dir)))
        return self._shapes[run_dir]

    def _remember(self, key: str, peak_mb: float) -> None:
        if abs(self._learned.get(key, 0.0) - peak_mb) > 0.02 * peak_mb:
            self._learned[key] = peak_mb
            put_json(self._path, self._learned)
