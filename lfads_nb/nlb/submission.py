"""The benchmark's two files: what a model predicts (submission) and what it is judged by (targets).

    /<dataset>[_20]/train_rates_heldin ...     a group for each dataset, "_20" for 20 ms bins

Layout of nlb_tools 0.0.4; arrays are trials x bins x neurons, rates in expected spikes per bin.
Everything is checked before a byte is written: a submission that the benchmark would refuse, or
score without a word as something else, never reaches the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lfads_nb.errors import DataError
from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.nlb.benchmark import NlbDataset, known_groups
from lfads_nb.nlb.scores import psth_r2, speed_time_correlation, spikes_score, velocity_r2

Arrays = Mapping[str, Any]

NEEDED = (
    "train_rates_heldin", "train_rates_heldout", "eval_rates_heldin", "eval_rates_heldout",
)  # fmt: skip
FORWARD = ("eval_rates_heldin_forward", "eval_rates_heldout_forward")
TARGETS_NEEDED = ("eval_spikes_heldout", "train_behavior", "eval_behavior")

SCALING = "mc_maze_scaling"


def write_submission(
    path: str | os.PathLike[str], submission: Mapping[str, Arrays], *, keep_others: bool = False
) -> Path:
    """Write predicted rates as the benchmark takes them.

    Parameters
    ----------
    path : HDF5 file to write.
    submission : for each group ("mc_maze", "mc_maze_20", ...) its arrays: `NEEDED`, and `FORWARD`
        where the time after the window was predicted; (trials, bins, neurons) in spikes per bin.
    keep_others : an older file's other groups stay, so that one file collects several runs.

    Raises
    ------
    DataError
        A split is missing, shapes contradict each other, or a rate is negative or not a number;
        nothing is written.
    """
    path = Path(path).expanduser()
    groups: dict[str, Arrays] = {}
    if keep_others and path.exists():
        groups.update(read_groups(path))
    groups.update(submission)
    check_submission(groups)
    with writing_hdf5(path) as file:
        for name, arrays in groups.items():
            for key, values in arrays.items():
                file.create_dataset(
                    f"{name}/{key}", data=np.asarray(values, np.float32), compression="gzip"
                )
    return path


def check_submission(submission: Mapping[str, Arrays]) -> None:
    """Refuse a submission that the benchmark would refuse or misread.

    Raises
    ------
    DataError
        Naming the group and the array.
    """
    names = [name for name, *_ in known_groups()]
    if not submission:
        raise DataError("a submission needs at least one dataset's rates.")
    for group, arrays in submission.items():
        if group not in names:
            raise DataError(f"is not one of the benchmark's: {', '.join(names)}.", dataset=group)
        missing = [key for key in NEEDED if key not in arrays]
        if missing:
            raise DataError(
                f"lacks {', '.join(missing)}: rates of training and evaluation trials, of "
                "held-in and held-out neurons, are all needed.",
                dataset=group,
            )
        unknown = set(arrays) - {*NEEDED, *FORWARD}
        if unknown:
            raise DataError(f"the benchmark knows no {', '.join(sorted(unknown))}.", dataset=group)
        if sum(key in arrays for key in FORWARD) == 1:
            raise DataError("forward rates are needed of all neurons or of none.", dataset=group)
        _check_shapes(group, {key: np.shape(values) for key, values in arrays.items()})
        for key, values in arrays.items():
            _check_rates(np.asarray(values, float), group, key)


def _check_shapes(group: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
    for key, shape in shapes.items():
        if len(shape) != 3 or 0 in shape:
            raise DataError(
                f"is {shape}, but has to be trials x bins x neurons.", dataset=group, field=key
            )
    for same, axes, what in (
        (("train_rates_heldin", "train_rates_heldout"), (0, 1), "trials and bins"),
        (("eval_rates_heldin", "eval_rates_heldout"), (0, 1), "trials and bins"),
        (("train_rates_heldin", "eval_rates_heldin"), (1, 2), "bins and neurons"),
        (("train_rates_heldout", "eval_rates_heldout"), (1, 2), "bins and neurons"),
        ((FORWARD[0], FORWARD[1]), (0, 1), "trials and bins"),
        ((FORWARD[0], "eval_rates_heldin"), (0, 2), "trials and neurons"),
        ((FORWARD[1], "eval_rates_heldout"), (0, 2), "trials and neurons"),
    ):
        first, second = (shapes.get(key) for key in same)
        if first and second and any(first[axis] != second[axis] for axis in axes):
            raise DataError(
                f"{same[0]} is {first}, {same[1]} is {second}: {what} have to be the same.",
                dataset=group,
            )


def _check_rates(values: np.ndarray, group: str, key: str) -> None:
    if not np.isfinite(values).all():
        raise DataError(
            "holds rates that are missing or infinite; every trial needs its rates.",
            dataset=group, field=key,
        )  # fmt: skip
    if (values < 0).any():
        raise DataError("holds negative rates; a rate is at least 0.", dataset=group, field=key)


def write_targets(path: str | os.PathLike[str], targets: Mapping[str, Arrays]) -> Path:
    """Write what submissions are judged by, in the benchmark's own layout.

    Parameters
    ----------
    path : HDF5 file to write.
    targets : for each group its arrays: `eval_spikes_heldout`, `train_behavior`, `eval_behavior`,
        and as far as the dataset has them `eval_spikes_heldin_forward`,
        `eval_spikes_heldout_forward`, `train_decode_mask`, `eval_decode_mask`, `psth`,
        `train_cond_idx`, `eval_cond_idx` (for each condition its trials), `train_jitter`,
        `eval_jitter`.
    """
    path = Path(path).expanduser()
    with writing_hdf5(path) as file:
        for name, arrays in targets.items():
            for key, values in arrays.items():
                _write_target(file.require_group(name), key, values)
    return path


def _write_target(group: h5py.Group, key: str, values: Any) -> None:
    if key.endswith("_cond_idx"):
        ragged = group.create_dataset(key, (len(values),), dtype=h5py.vlen_dtype(np.int32))
        for row, trials in enumerate(values):
            ragged[row] = np.asarray(trials, np.int32)
        return
    array = np.asarray(values)
    stored = {"f": np.float32, "i": np.int32, "u": np.int32}.get(array.dtype.kind, array.dtype)
    group.create_dataset(key, data=array.astype(stored), compression="gzip")


def read_groups(path: str | os.PathLike[str]) -> dict[str, dict[str, np.ndarray]]:
    """Read a submission or a file of targets.

    Raises
    ------
    DataError
        There is no such file, it is not HDF5, or it holds none of the benchmark's groups.
    """
    path = Path(path).expanduser()
    names = {name for name, *_ in known_groups()}
    try:
        with open_hdf5(path, check_sizes=True) as file:
            found = {
                name: {key: file[name][key][()] for key in file[name]}
                for name in file
                if name in names and isinstance(file[name], h5py.Group)
            }
    except (OSError, KeyError, TypeError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read as the benchmark's HDF5: {error}.") from error
    if not found:
        raise DataError(
            f"{path} holds none of the benchmark's groups ({', '.join(sorted(names))})."
        )
    return found


def evaluate(
    targets: Mapping[str, Arrays], submission: Mapping[str, Arrays]
) -> list[dict[str, dict[str, float]]]:
    """Score a submission as the benchmark does.

    Parameters
    ----------
    targets, submission : for each group its arrays, as `read_groups` returns them.

    Returns
    -------
    list of {"<dataset>_split": scores}
        With the benchmark's own names: "co-bps", "vel R2" or "tp corr", "psth R2", "fp-bps". The
        three scaling sets go together, each score with the number of its training trials before it.

    Raises
    ------
    DataError
        The two do not fit each other, or there is nothing to score.
    """
    results: list[dict[str, dict[str, float]]] = []
    together: dict[str, dict[str, float]] = {}
    for group, dataset, _ in known_groups():
        if group not in submission or group not in targets:
            continue
        check_submission({group: submission[group]})
        try:
            scores = _scores(dataset, targets[group], submission[group])
        except DataError as error:
            raise DataError(str(error), dataset=group) from error
        if dataset.prefix is None:
            results.append({f"{group}_split": scores})
        else:
            suffix = group.removeprefix(dataset.key)
            into = together.setdefault(f"{SCALING}{suffix}_split", {})
            into.update({f"{dataset.prefix} {name}": value for name, value in scores.items()})
    results += [{name: scores} for name, scores in together.items()]
    if not results:
        raise DataError(
            f"there is nothing to score: targets are of {', '.join(targets) or 'nothing'}, the "
            f"submission of {', '.join(submission) or 'nothing'}."
        )
    return results


def _scores(dataset: NlbDataset, targets: Arrays, rates: Arrays) -> dict[str, float]:
    missing = [key for key in TARGETS_NEEDED if key not in targets]
    if missing:
        raise DataError(f"the targets lack {', '.join(missing)}.")
    counts = np.asarray(targets["eval_spikes_heldout"], float)
    everyone = _joined(rates, "eval_rates_heldin", "eval_rates_heldout")
    scores = {"co-bps": spikes_score(counts, rates["eval_rates_heldout"], "eval_rates_heldout")}
    if dataset.decoding is None:
        scores["tp corr"] = speed_time_correlation(
            everyone, ~np.isnan(counts[..., 0]), targets["eval_behavior"]
        )
    else:
        scores["vel R2"] = velocity_r2(
            _joined(rates, "train_rates_heldin", "train_rates_heldout"),
            targets["train_behavior"],
            everyone,
            targets["eval_behavior"],
            train_masks=targets.get("train_decode_mask"),
            eval_masks=targets.get("eval_decode_mask"),
        )
    if "psth" in targets:
        scores["psth R2"] = psth_r2(
            targets["psth"], everyone, targets["eval_cond_idx"], shifts=targets.get("eval_jitter")
        )
    if FORWARD[0] in rates and "eval_spikes_heldin_forward" in targets:
        after = _joined(targets, "eval_spikes_heldin_forward", "eval_spikes_heldout_forward")
        scores["fp-bps"] = spikes_score(after, _joined(rates, *FORWARD), FORWARD[0])
    return scores


def _joined(arrays: Arrays, *keys: str) -> np.ndarray:
    """Held-in neurons and then held-out ones: (trials, bins, neurons)."""
    parts: Sequence[np.ndarray] = [np.asarray(arrays[key], float) for key in keys]
    return np.concatenate(parts, axis=-1)
