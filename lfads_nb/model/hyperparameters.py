"""TF1's `hyperparameters-<step>.txt`: one line of JSON, read and written (files_on_disk.md 5.8)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lfads_nb.atomic_files import write_text
from lfads_nb.errors import RunFolderError
from lfads_nb.model.architecture import Architecture
from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams

_TF1_ONLY = {
    "checkpoint_pb_load_name": "checkpoint",
    "checkpoint_name": "lfads_vae",
    "output_filename_stem": "",
    "ps_nexamples_to_process": 2**63 - 1,
    "data_filename_stem": "lfads",
    "csv_log": "fitlog",
    "_clip_value": 80,
}
_RAMPS = ("kl_start", "kl_increase", "l2_start", "l2_increase")


class StoredSettings(NamedTuple):
    """What a hyperparameters file says."""

    params: RunParams
    """With the ramps as stored: already multiplied by the number of sessions."""
    datasets: tuple[str, ...]
    n_channels: tuple[int, ...]
    n_bins: int


def read_hyperparameters(folder: RunFolder) -> StoredSettings:
    """Read a run's training settings: of the files with kind "train", the earliest.

    Raises
    ------
    RunFolderError
        There is none, or it lacks something.
    """
    texts = [_read_table(path) for path in _by_step(folder.output)]
    if not texts:
        raise RunFolderError(
            f"{folder.output} holds no hyperparameters-*.txt: is this the folder of a trained run?"
        )
    stored = next((t for t in texts if t.get("kind") == "train"), texts[0])
    try:
        names = tuple(str(name) for name in stored["dataset_names"])
        dims = tuple(int(stored["dataset_dims"][name]) for name in names)
        n_bins = int(stored["num_steps"])
        params = _params(stored, len(names))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RunFolderError(f"hyperparameters of {folder.path} cannot be used: {error}") from error
    return StoredSettings(params, tuple(n.removesuffix(".h5") for n in names), dims, n_bins)


def _read_table(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise RunFolderError(f"{path} holds no table of settings")
    return found


def _by_step(folder: Path) -> Iterable[Path]:
    paths = [p for p in folder.glob("hyperparameters-*.txt") if re.search(r"-\d+\.txt$", p.name)]
    return sorted(paths, key=lambda p: int(p.stem.rsplit("-", 1)[1]))


def _params(stored: dict[str, Any], n_sessions: int) -> RunParams:
    fields = RunParams.model_fields
    values = {name: _parsed(value) for name, value in stored.items() if name in fields}
    if n_sessions > 1:
        values["scale_increase_steps_with_datasets"] = False
        values["scale_start_step_with_datasets"] = False
    n_first = values.get("num_steps_for_gen_ic")
    if n_first is not None and n_first >= int(stored["num_steps"]):
        values["num_steps_for_gen_ic"] = None
    return RunParams(**values)


def _parsed(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def write_hyperparameters(
    folder: RunFolder, architecture: Architecture, *, step: int, kind: str
) -> None:
    """Write a run's settings with TF1's keys, and those of ours that differ from their default."""
    write_text(folder.hyperparameters(step), json.dumps(_stored(folder, architecture, kind)))


def _stored(folder: RunFolder, architecture: Architecture, kind: str) -> dict[str, Any]:
    a, p = architecture, architecture.params
    info = RunParams.param_info()
    not_default = p.non_defaults()
    written = {
        name: value
        for name, value in p.set_values().items()
        if info[name].group != "debug"
        and name != "allow_gpu_growth"
        and (info[name].legacy.startswith("c_") or name in not_default)
    }
    written["num_steps_for_gen_ic"] = a.n_ic_bins
    for name, steps in zip(_RAMPS, p.ramp_steps(a.n_sessions), strict=True):
        written[f"{name}_step" if "start" in name else f"{name}_steps"] = steps
    for name in ("scale_increase_steps_with_datasets", "scale_start_step_with_datasets"):
        written.pop(name, None)
    files = [f"{session}.h5" for session in a.sessions]
    return {
        **{name: _unparsed(value) for name, value in written.items()},
        **_TF1_ONLY,
        "data_dir": str(folder.input),
        "lfads_save_dir": str(folder.output),
        "do_train_io_only": _unparsed(p.do_train_io_only),
        "do_train_encoder_only": _unparsed(p.do_train_encoder_only),
        "do_reset_learning_rate": _unparsed(p.do_reset_learning_rate),
        "kind": kind,
        "dataset_names": files,
        "dataset_dims": dict(zip(files, a.n_channels, strict=True)),
        "num_steps": a.n_bins,
        "ndatasets": a.n_sessions,
    }


def _unparsed(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
