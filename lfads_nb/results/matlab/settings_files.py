"""What the run manager wrote down of a run's parameters, read as it stands.

It stored no parameters as such. What there is (files_on_disk.md 5.1, 5.8, 5.10): the command line
in `lfads_train.sh`, with all `c_` parameters; `hyperparameters-*.txt`, the original LFADS's own
record; and `summary.txt`, with every parameter of every setting as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.param_info import ParamInfo
from lfads_nb.sweep.params import RunParams

_FLAG = re.compile(r"--(\w+)=(\"[^\"]*\"|'[^']*'|\S*)")
_VALUE = re.compile(r"\s+([A-Za-z]\w*): ?(.*?)\s*")
_HEADER = re.compile(r"\s*\[(?:\d+ )?param_([\w-]{6})\]")
_NOT_PARAMETERS = ("data_dir", "data_filename_stem", "lfads_save_dir")


@dataclass(frozen=True)
class RecordedValues:
    """Parameters as one file gives them, by our names.

    `unknown` holds those that only the user's own subclass, or another LFADS, had; `unreadable`
    those whose text does not say enough.
    """

    source: str
    values: Mapping[str, Any]
    unknown: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)


def read_train_script(run: RunFolder) -> RecordedValues | None:
    """Read the parameters of the training command; None where there is no script.

    Steps of ramps are as trained with: the run manager multiplied them by the number of datasets.
    """
    try:
        text = run.train_script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = [line for line in text.splitlines() if "--lfads_save_dir" in line]
    if not lines:
        return None
    # Sampling and writing of weights may follow in the same line, with flags of their own.
    command = lines[0].split("&&")[0]
    flags = {name: value.strip("\"'") for name, value in _FLAG.findall(command)}
    flags = {name: value for name, value in flags.items() if name not in _NOT_PARAMETERS}
    return _as_values(run.train_script.name, {f"c_{name}": v for name, v in flags.items()})


def read_hyperparameters(run: RunFolder) -> RecordedValues | None:
    """Read the original's record of the training; None where there is none that can be read.

    Files written by later stages hold other batch sizes: the earliest of kind `train` counts.
    """
    stored = list(_stored_hyperparameters(run))
    if not stored:
        return None
    name, content = next((s for s in stored if s[1].get("kind") == "train"), stored[0])
    known = {i.legacy for i in RunParams.param_info().values()}
    texts = {f"c_{key}": str(value) for key, value in content.items() if f"c_{key}" in known}
    # All bins of a trial is what the original writes for "all".
    if str(content.get("num_steps")) == texts.get("c_num_steps_for_gen_ic"):
        texts["c_num_steps_for_gen_ic"] = str(2**32 - 1)
    return _as_values(name, texts)


def dataset_names(run: RunFolder) -> list[str]:
    """Return the run's datasets as the original's record lists them; empty without one."""
    for _, content in _stored_hyperparameters(run):
        names = content.get("dataset_names")
        if isinstance(names, list):
            return [str(name).removesuffix(".h5") for name in names]
    return []


def _stored_hyperparameters(run: RunFolder) -> Iterator[tuple[str, dict[str, Any]]]:
    paths = [(p, re.fullmatch(r"hyperparameters-(\d+)\.txt", p.name)) for p in _files(run.output)]
    for path, _ in sorted(((p, int(m[1])) for p, m in paths if m), key=lambda each: each[1]):
        try:
            content = read_json(path)
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            yield path.name, content


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


@dataclass(frozen=True)
class SummaryBlock:
    """One setting of `summary.txt`; some versions name its hash above it."""

    param_hash: str | None
    recorded: RecordedValues


def read_summary(path: Path) -> list[SummaryBlock]:
    """Read the settings that a collection's `summary.txt` lists; empty where there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    legacy = {i.legacy for i in RunParams.param_info().values() if i.legacy}
    blocks: list[tuple[str | None, dict[str, str]]] = []
    announced: str | None = None
    for line in lines:
        header, pair = _HEADER.match(line), _VALUE.fullmatch(line)
        if header:
            announced = header[1]
            blocks.append((announced, {}))
        elif pair and (pair[1] in legacy or pair[1].startswith("c_")):
            if not blocks or pair[1] in blocks[-1][1]:
                blocks.append((None, {}))
            blocks[-1][1][pair[1]] = pair[2]
    return [SummaryBlock(h, _as_values(path.name, texts)) for h, texts in blocks if texts]


# ---- text to values -----------------------------------------------------------------------------


def _as_values(source: str, texts: Mapping[str, str]) -> RecordedValues:
    """Turn texts by the run manager's names into values by ours."""
    by_legacy = {i.legacy: i for i in RunParams.param_info().values() if i.legacy}
    values: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for legacy, text in texts.items():
        info = by_legacy.get(legacy)
        if info is None:
            unknown[legacy] = text
            continue
        try:
            values[info.name] = value_of(info, text)
        except ValueError:
            unreadable[info.name] = text
    return RecordedValues(source, values, unknown, unreadable)


def value_of(info: ParamInfo, text: str) -> Any:
    """Turn a parameter's text into its value.

    Raises
    ------
    ValueError
        The text does not say the value: it is malformed, or was rounded to nothing.
    """
    text = text.strip()
    if info.kind == "bool":
        return {"true": True, "false": False, "1": True, "0": False}[_known_word(text.lower())]
    if info.kind == "int":
        number = float(text)
        if number != int(number):
            raise ValueError(text)
        return None if info.optional and number >= 2**32 - 1 else int(number)
    if info.kind == "float":
        number = float(text)
        # Six decimals: what is smaller became 0, and 0 itself is not allowed here.
        if number == 0 and not (info.minimum_allowed and info.minimum == 0):
            raise ValueError(text)
        return number
    if info.kind == "other":
        if text.strip("{}[] ") == "":
            return ()
        raise ValueError(text)
    return text


def _known_word(text: str) -> str:
    if text not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text
