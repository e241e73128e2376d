"""One small file of every kind that the page on your own data names."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import h5py
import numpy as np
import scipy.io


def write_all(folder: Path) -> None:
    """Write the files that docs/your_data.md opens."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    spikes = rng.poisson(0.3, (20, 6, 100)).astype(float)  # trials x channels x time
    target = np.arange(20) % 4
    time_ms = np.arange(100.0)
    one = {"spikes": spikes, "timeMs": time_ms, "conditionId": target}
    scipy.io.savemat(folder / "array.mat", one)
    inside = {"session": {"binned": spikes, "t": time_ms, "target": target}}
    scipy.io.savemat(folder / "renamed.mat", inside)
    scipy.io.savemat(folder / "trials.mat", {"trial": _trials(list(spikes))})
    uneven = [s[:, : 80 + i] for i, s in enumerate(spikes)]
    scipy.io.savemat(folder / "uneven.mat", {"trial": _trials(uneven)})
    times = [_cells([np.sort(rng.uniform(-0.2, 0.6, 5)) for _ in range(6)]) for _ in range(20)]
    scipy.io.savemat(folder / "cells.mat", {"trial": _trials(times)})
    with h5py.File(folder / "new_format.mat", "w", userblock_size=512) as file:
        file["spikes"] = spikes.transpose(2, 1, 0)  # MATLAB writes the axes in reverse
        file["timeMs"] = time_ms[:, None]
        file["conditionId"] = target[None].astype(float)
    head = b"MATLAB 7.3 MAT-file".ljust(124, b" ") + b"\x00\x02IM"
    with (folder / "new_format.mat").open("r+b") as file:
        file.write(head)
    counts = spikes.transpose(0, 2, 1).astype(np.uint8)
    with h5py.File(folder / "session.h5", "w") as file:
        file.update({"counts": counts, "bin_ms": 1.0, "condition_ids": target})
    with h5py.File(folder / "nested.h5", "w") as file:
        file["ephys/binned"], file["trials/target"] = counts, target
    np.savez(folder / "binned.npz", counts=counts, bin_ms=1.0, condition_ids=target)
    np.savez(folder / "odd.npz", raster=counts, side=target)
    with h5py.File(folder / "lfads_input.h5", "w") as file:
        file["train_data"], file["valid_data"] = counts[:16], counts[16:]
    with h5py.File(folder / "nlb_tensors.h5", "w") as file:
        file["train_spikes_heldin"], file["train_spikes_heldout"] = (
            counts[:, :, :4],
            counts[:, :, 4:],
        )
        file["eval_spikes_heldin"] = counts[:5, :, :4]
    _write_nwb(folder / "reaches.nwb", rng)


def _trials(each: list) -> np.ndarray:
    """MATLAB's trial(n).spikes."""
    trials = np.zeros(len(each), dtype=[("spikes", object)])
    for i, value in enumerate(each):
        trials[i]["spikes"] = value
    return trials


def _cells(each: list[np.ndarray]) -> np.ndarray:
    cells = np.empty(len(each), dtype=object)
    cells[:] = each
    return cells


def _write_nwb(path: Path, rng: np.random.Generator) -> None:
    from pynwb import NWBHDF5IO, NWBFile

    file = NWBFile("a session", "a", datetime(2026, 1, 10, tzinfo=timezone.utc))
    file.add_trial_column("go_cue_time", "when")
    file.add_trial_column("direction", "where to")
    for i in range(10):
        start = 2.0 * i + 1
        side = "left" if i % 2 else "right"
        file.add_trial(start, start + 1.8, go_cue_time=start + 0.5, direction=side)
    for _ in range(4):
        file.add_unit(spike_times=np.sort(rng.uniform(0, 22, 300)))
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)
