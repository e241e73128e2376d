"""Pages that are written from the code, so that they cannot say anything else than it does.

`write_pages(folder)` writes them all; `docs/conf.py` calls it, and `tests/docs` looks at them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from lfads_nb.shipped_files import shipped_folder
from lfads_nb.sweep.param_info import GROUPS, ParamInfo
from lfads_nb.sweep.params import RunParams, format_value
from lfads_nb.vocabulary import FIGURES

HERE = Path(__file__).parent

ROOMS = {
    "lfads_nb": "What most scripts need; every name is also in its room below.",
    "lfads_nb.datasets": "Spikes in.",
    "lfads_nb.sweep": "What to run.",
    "lfads_nb.queue": "Run it.",
    "lfads_nb.results": "What came out.",
    "lfads_nb.nlb": "The Neural Latents Benchmark.",
    "lfads_nb.widgets": "The bench.",
    "lfads_nb.errors": "What is raised on purpose.",
}
"""The public rooms, in the order in which data flow."""

_AFFECTS = {"data": "data and run", "params": "run", "nothing": "none"}
_TUNED = {"common": "often", "occasional": "at times", "rare": "rarely"}
_GROUP_TITLES = {"own": "Your own"}


def write_pages(folder: Path) -> None:
    """Write every generated page below `folder`; what has not changed keeps its time."""
    pages = {
        "hyperparameters.md": hyperparameter_page(),
        "figures.md": figures_page(),
        "commands.md": commands_page(),
        "matlab_names.md": matlab_names(),
        **{f"api/{room.replace('.', '_')}.rst": api_page(room) for room in ROOMS},
        "api/further_in.rst": further_in_page(),
        "api/index.md": api_index(),
    }
    for name, text in pages.items():
        _write(folder / name, text)
    for notebook in sorted(shipped_folder("notebooks").glob("*.ipynb")):
        target = folder / "notebooks" / notebook.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != notebook.read_bytes():
            shutil.copyfile(notebook, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


# ------------------------------------------------------------------------------- hyperparameters


def notes() -> dict[str, dict[str, str]]:
    """Return what is said of hyperparameters beyond their declarations: formula and advice."""
    return yaml.safe_load((HERE / "hyperparameter_notes.yml").read_text(encoding="utf-8"))


def hyperparameter_page() -> str:
    """The reference of hyperparameters, by groups, from their declarations."""
    infos, more = RunParams.param_info(), notes()
    lines = [
        "# Hyperparameters",
        "",
        f"All {len(infos)} of them, from their declarations in the code. *Hash* says which names "
        "on disk a value enters: that of the data folder and the run's, the run's alone, or none. "
        "Parameters that the run manager never had enter a hash only where they differ from "
        "their default. New to this? Begin with [Choosing settings](../choosing_settings.md).",
        "",
    ]
    for group in GROUPS:
        members = [info for info in infos.values() if info.group == group]
        if not members:
            continue
        lines += [f"## {_GROUP_TITLES.get(group, group.capitalize())}", ""]
        for info in members:
            lines += _one_parameter(info, more.get(info.name, {}))
    return "\n".join(lines)


def _one_parameter(info: ParamInfo, more: dict[str, str]) -> Iterable[str]:
    facts = [
        f"default `{format_value(info.default)}`" + (f" {info.unit}" if info.unit else ""),
        info.legal_range,
        f"hash: {_AFFECTS[info.affects]}",
        f"tuned {_TUNED[info.tier]}",
    ]
    if info.legacy:
        facts.append(f"run manager: `{info.legacy}` ({info.matlab_type})")
    yield f"### `{info.name}`"
    yield ""
    yield info.description
    yield ""
    yield "; ".join(facts) + "."
    yield ""
    if "formula" in more:
        yield f"Formula: {more['formula'].strip()}"
        yield ""
    if "advice" in more:
        yield f"Tuning: {more['advice'].strip()}"
        yield ""


def matlab_names() -> str:
    """The table of the run manager's property, TF1's flag and ours."""
    rows = ["| run manager | TF1 flag | lfads_nb | default |", "|---|---|---|---|"]
    for info in RunParams.param_info().values():
        if info.legacy:
            flag = f"`--{info.legacy[2:]}`" if info.legacy.startswith("c_") else "–"
            rows.append(
                f"| `{info.legacy}` | {flag} | `{info.name}` | {format_value(info.default)} |"
            )
    return "\n".join(rows) + "\n"


# --------------------------------------------------------------------------- figures, commands


def figures_page() -> str:
    """Every number that a run is judged by, in the words of the one vocabulary."""
    lines = [
        "# Every figure, and what it does not mean",
        "",
        "Tables, curves, reports and TensorBoard take their words from one list: this one.",
        "",
    ]
    for figure in FIGURES.values():
        lines += [f"`{figure.key}` – {figure.name}", f": {figure.hint}", ""]
    return "\n".join(lines)


def commands_page() -> str:
    """Every command of the terminal with its options."""
    import typer

    from lfads_nb.cli import program

    main = typer.main.get_command(program)
    lines = ["# Commands", "", "In a terminal; `lfads-nb COMMAND --help` says the same.", ""]
    for name, command in main.commands.items():  # type: ignore[attr-defined]
        usage = " ".join(
            (p.metavar or p.name).upper() for p in command.params if p.param_type_name == "argument"
        )
        lines += [f"## `lfads-nb {name} {usage}`".rstrip(), "", _text(command.help or ""), ""]
        for parameter in command.params:
            if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False):
                flags = ", ".join(f"`{flag}`" for flag in parameter.opts)
                lines.append(f"- {flags}: {_text(getattr(parameter, 'help', '') or '')}")
        lines.append("")
    return "\n".join(lines)


def _text(text: str) -> str:
    """One paragraph that Markdown takes as it stands."""
    return re.sub(r"\s+", " ", text).strip().replace("<", "\\<").replace("[", "\\[")


# ------------------------------------------------------------------------------------------- API


def public_names(room: str) -> list[str]:
    """Names of a room that are documented: its `__all__`, or all classes defined in it."""
    module = importlib.import_module(room)
    named = getattr(module, "__all__", None)
    if named is not None:
        return [name for name in named if not name.startswith("__")]
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == room
    ]


def api_page(room: str) -> str:
    """The reference page of one room, for autodoc."""
    lines = [room, "=" * len(room), "", ROOMS[room], ""]
    for name in public_names(room):
        if room == "lfads_nb":
            value = getattr(importlib.import_module(room), name)
            lines.append(f"- ``{name}``: {_first_line(value)}")
            continue
        lines += _entry(room, name)
    return "\n".join(lines)


def _entry(module: str, name: str) -> list[str]:
    """The lines of one name in the reference."""
    value = _value(module, name)
    lines = [name, "-" * len(name), ""]
    if not callable(value):
        return [*lines, f".. py:data:: {module}.{name}", "", f"   A {type(value).__name__}.", ""]
    directive = _directive(value)
    lines += [f".. {directive}:: {module}.{name}"]
    if directive == "autoclass":
        members = ", ".join(_own_members(value))
        lines += [f"   :members: {members}"] if members else []
    return [*lines, ""]


def further_in() -> dict[str, list[str]]:
    """What pages and notebooks import from modules of the rooms beside the rooms' own names."""
    blocks = []
    for page in [*HERE.glob("*.md"), HERE.parent / "README.md"]:
        text = page.read_text(encoding="utf-8")
        blocks += re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    for notebook in shipped_folder("notebooks").glob("*.ipynb"):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        blocks += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found: dict[str, set[str]] = {}
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lfads_nb."):
                names = {alias.name for alias in node.names}
                if node.module not in ROOMS:
                    found.setdefault(str(node.module), set()).update(names)
    public = {
        id(getattr(importlib.import_module(room), name))
        for room in ROOMS
        for name in public_names(room)
    }
    return {
        module: own
        for module, names in sorted(found.items())
        if (own := [n for n in sorted(names) if id(_value(module, n)) not in public])
    }


def _value(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def further_in_page() -> str:
    """The reference page of what the guide uses beyond the rooms' own names."""
    title = "Further in"
    lines = [title, "=" * len(title), ""]
    lines += ["What pages and notebooks import from modules of the rooms.", ""]
    for module, names in further_in().items():
        for name in names:
            lines += _entry(module, name)
    return "\n".join(lines)


def _directive(value: Any) -> str:
    if inspect.isclass(value):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction"


def _own_members(value: type) -> Iterator[str]:
    """Public methods and properties that our own classes define, pydantic's left out."""
    seen = set()
    for base in value.__mro__:
        if not base.__module__.startswith("lfads_nb"):
            continue
        for name, member in vars(base).items():
            if name.startswith("_") or name in seen or not _is_documented(member):
                continue
            seen.add(name)
            yield name


def _is_documented(member: Any) -> bool:
    target: Callable[..., Any] | Any = member
    if isinstance(member, classmethod | staticmethod):
        target = member.__func__
    elif isinstance(member, property):
        target = member.fget
    elif not inspect.isfunction(member):
        return False
    return bool(getattr(target, "__doc__", None))


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").split("\n", 1)[0]


_ITEM = re.compile(r"^([\w*][\w*, ]*) : (\S.*)$")


def sentences_of_parameters(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Let `name : a sentence` be the parameter's description; numpy's style would make it a type.

    A short word before an indented sentence of its own (`n_inputs : int`) stays a type.
    """
    del app, what, name, obj, options
    written: list[str] = []
    for i, line in enumerate(lines):
        found = _ITEM.match(line)
        after = lines[i + 1].strip() if i + 1 < len(lines) and lines[i + 1][:1] == " " else ""
        has_type = found is not None and after[:1].isupper() and len(found[2]) < 60
        if found is None or (has_type and not found[2].endswith((",", ";"))):
            written.append(line)
        else:
            written += [found[1], f"    {found[2]}"]
    lines[:] = written


def api_index() -> str:
    """The page that leads to all rooms."""
    lines = ["# API reference", "", "| room | |", "|---|---|"]
    lines += [
        f"| [{room}]({room.replace('.', '_')}.rst) | {text} |" for room, text in ROOMS.items()
    ]
    lines.append(
        "| [Further in](further_in.rst) | What pages and notebooks use of their modules. |"
    )
    lines += ["", "```{toctree}", ":hidden:", ""]
    lines += [*(room.replace(".", "_") for room in ROOMS), "further_in"]
    return "\n".join([*lines, "```", ""])
