"""Files of exactly the structure of the benchmark's, from a made-up recording."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np


def write_nlb_file(
    path: Path,
    *,
    n_trials: int = 24,
    n_heldin: int = 7,
    n_heldout: int = 4,
    kind: str = "mc_maze",
    seed: int = 0,
    with_heldout: bool = True,
) -> Path:
    """Write a recording of reaches (or, for DMFC, timed waits) with pynwb, as DANDI serves them."""
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries

    rng = np.random.default_rng(seed)
    file = NWBFile(
        session_description="made up",
        identifier=f"nlb-{kind}-{seed}",
        session_start_time=datetime(2021, 8, 1, 12, 0, tzinfo=timezone.utc),
    )
    per_trial = 2.2 if kind != "dmfc_rsg" else 3.4
    start = 1.0 + per_trial * np.arange(n_trials) + rng.uniform(0, 0.05, n_trials)
    columns = _columns(kind, start, rng)
    length = start[-1] + per_trial + 1.0
    time = np.arange(int(length * 1000)) / 1000
    direction = 2 * np.pi * (np.arange(n_trials) % 4) / 4
    velocity = np.zeros((len(time), 2))
    onset = columns.get("move_onset_time", columns.get("go_time", start + 0.5))
    for t, angle in zip(onset, direction, strict=True):
        bump = np.exp(-0.5 * ((time - t - 0.15) / 0.08) ** 2)[:, None]
        velocity += bump * [np.cos(angle), np.sin(angle)]
    observed = [[0.5, start[n_trials // 2] - 0.02], [start[n_trials // 2] - 0.01, length]]
    for name in columns:
        if name not in ("start_time", "stop_time"):
            file.add_trial_column(name=name, description=f"made-up {name}")
    for row in range(n_trials):
        file.add_trial(**{name: values[row] for name, values in columns.items()})
    file.add_unit_column(name="heldout", description="whether the unit is held out")
    drive = velocity @ rng.normal(size=(2, n_heldin + n_heldout))
    for unit in range(n_heldin + n_heldout if with_heldout else n_heldin):
        rate = 15 * np.exp(0.6 * drive[:, unit])
        spikes = time[rng.random(len(time)) < rate / 1000]
        spikes = spikes + rng.uniform(0, 0.001, len(spikes))
        inside = np.zeros(len(spikes), dtype=bool)
        for first, last in observed:
            inside |= (spikes >= first) & (spikes < last)
        # held-out units are interleaved, as in the real files
        file.add_unit(
            spike_times=spikes[inside],
            obs_intervals=np.array(observed),
            heldout=bool(unit % 3 == 2 and unit // 3 < n_heldout) if with_heldout else False,
        )
    behavior = file.create_processing_module(name="behavior", description="kinematics")
    name = "finger_vel" if kind == "mc_rtt" else "hand_vel"
    noisy = velocity + 0.01 * rng.normal(size=velocity.shape)
    noisy[: len(noisy) // 50] = np.nan
    behavior.add(
        TimeSeries(name=name, data=noisy, timestamps=time, unit="m/s", comments="columns=[x,y]")
    )
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path


def _columns(kind: str, start: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = len(start)
    number = np.arange(n)
    columns = {"start_time": start, "stop_time": start + 1.9}
    columns["split"] = np.where(number % 4 == 3, "val", "train")
    if kind.startswith("mc_maze"):
        columns["move_onset_time"] = start + 0.8 + rng.uniform(0, 0.1, n)
        columns["trial_type"] = number % 4
        columns["trial_version"] = (number // 4) % 2
    elif kind == "area2_bump":
        columns["move_onset_time"] = start + 0.5 + rng.uniform(0, 0.1, n)
        columns["cond_dir"] = 90.0 * (number % 4)
        columns["ctr_hold_bump"] = (number // 2) % 2
    elif kind == "dmfc_rsg":
        columns["stop_time"] = start + 3.2
        produced = 0.7 + 0.02 * number + rng.uniform(0, 0.2, n)
        columns["set_time"] = start + 1.4
        columns["go_time"] = columns["set_time"] + produced
        columns |= {
            "is_eye": number % 2,
            "theta": np.zeros(n),
            "is_short": (number // 8) % 2,
            "ts": np.full(n, 800.0),
            "tp": produced * 1000,
            "is_outlier": (number == 5).astype(int),
        }
    return columns
