"""The datasets of the Neural Latents Benchmark '21 and how each is cut and judged, declared once.

Pei, Ye, Zoltowski et al. 2021, "Neural Latents Benchmark '21" (NeurIPS Datasets and Benchmarks);
the figures are those that the benchmark's own program (nlb_tools, `make_tensors.py`) cuts by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lfads_nb.errors import DataError

FORWARD_MS = 200.0
"""After every window, what is to be predicted of the time that no model sees."""

SUBMITTED_BIN_MS = (5.0, 20.0)


@dataclass(frozen=True)
class Decoding:
    """What is decoded from the rates: a signal of the file, taken `lag_ms` later than the spikes.

    `by_column` is a column of the trials table: one decoder for the trials with each of `values`,
    and the mean of their R2.
    """

    signal: str
    lag_ms: float
    by_column: str | None = None
    values: tuple[int, ...] = ()


@dataclass(frozen=True)
class Averages:
    """What condition averages are taken of: columns of the trials table, and a Gaussian's s.d."""

    condition_columns: tuple[str, ...]
    smoothing_ms: float


@dataclass(frozen=True)
class NlbDataset:
    """How one of the benchmark's datasets is cut.

    `window_ms` is around `align_to`, a column of the trials table. `from_column` (DMFC) lets a
    trial's evaluated time begin there: what comes before is missing. `prefix` names the scaling
    sets (MC_Maze-L, -M, -S), which are reported together.
    """

    key: str
    title: str
    align_to: str
    window_ms: tuple[float, float]
    decoding: Decoding | None = None
    averages: Averages | None = None
    from_column: str | None = None
    skip_column: str | None = None
    prefix: str | None = None

    @property
    def observed_ms(self) -> float:
        return self.window_ms[1] - self.window_ms[0]


def _maze(key: str, title: str, *, lag: float, smoothing: float, prefix: str | None) -> NlbDataset:
    return NlbDataset(
        key,
        title,
        align_to="move_onset_time",
        window_ms=(-250.0, 450.0),
        decoding=Decoding("hand_vel", lag),
        averages=Averages(("trial_type", "trial_version"), smoothing),
        prefix=prefix,
    )


_ALL = (
    _maze("mc_maze", "MC_Maze", lag=100, smoothing=70, prefix=None),
    NlbDataset(
        "mc_rtt",
        "MC_RTT",
        align_to="start_time",
        window_ms=(0.0, 600.0),
        decoding=Decoding("finger_vel", 140),
    ),
    NlbDataset(
        "area2_bump",
        "Area2_Bump",
        align_to="move_onset_time",
        window_ms=(-100.0, 500.0),
        decoding=Decoding("hand_vel", -20, by_column="ctr_hold_bump", values=(0, 1)),
        averages=Averages(("cond_dir", "ctr_hold_bump"), 40),
    ),
    NlbDataset(
        "dmfc_rsg",
        "DMFC_RSG",
        align_to="go_time",
        window_ms=(-1500.0, 0.0),
        averages=Averages(("is_eye", "theta", "is_short", "ts"), 70),
        from_column="set_time",
        skip_column="is_outlier",
    ),
    _maze("mc_maze_large", "MC_Maze-L", lag=120, smoothing=50, prefix="[500]"),
    _maze("mc_maze_medium", "MC_Maze-M", lag=120, smoothing=50, prefix="[250]"),
    _maze("mc_maze_small", "MC_Maze-S", lag=120, smoothing=50, prefix="[100]"),
)

NLB_DATASETS: dict[str, NlbDataset] = {each.key: each for each in _ALL}

TIMING_COLUMNS = ("is_eye", "theta", "is_short", "ts", "tp")
"""DMFC_RSG: its behaviour is one row per trial, the last of it the produced time."""


def nlb_dataset(key: str) -> NlbDataset:
    """Return a dataset's declaration by its key, such as "mc_maze".

    Raises
    ------
    DataError
        There is none of that name.
    """
    try:
        return NLB_DATASETS[key]
    except KeyError:
        raise DataError(
            f"the benchmark has no dataset {key!r}; it has {', '.join(NLB_DATASETS)}.",
            field="dataset",
        ) from None


def group_name(key: str, bin_ms: float) -> str:
    """Return the name of a dataset's group in a submission: its key, with "_20" for 20 ms bins.

    Raises
    ------
    DataError
        The benchmark does not take bins of that width.
    """
    nlb_dataset(key)
    if bin_ms not in SUBMITTED_BIN_MS:
        raise DataError(
            f"the benchmark takes bins of 5 or 20 ms, not {bin_ms:g}: set spike_bin_ms=5 (or 20).",
            field="bin_ms",
        )
    return key if bin_ms == SUBMITTED_BIN_MS[0] else f"{key}_{bin_ms:.0f}"


def known_groups() -> Sequence[tuple[str, NlbDataset, float]]:
    """Return (group's name, dataset, bin in ms) of everything that can be submitted."""
    return [
        (group_name(each.key, bin_ms), each, bin_ms) for each in _ALL for bin_ms in SUBMITTED_BIN_MS
    ]
