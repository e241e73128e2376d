"""The command that looks into data files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lfads_nb.cli.tables import number_text
from lfads_nb.cli.terminal import console, escape
from lfads_nb.errors import CollectionError

_MOST = 500


def info(
    paths: Annotated[list[Path], typer.Argument(help="Data files, or folders of them.")],
    rates: Annotated[bool, typer.Option(help="Read the spikes, for the mean rate.")] = True,
) -> None:
    """Say what data files hold, or what it takes to open them."""
    from lfads_nb.datasets import Dataset
    from lfads_nb.datasets.info_table import info_table
    from lfads_nb.datasets.readers import FORMATS
    from lfads_nb.datasets.scanning import look_at

    files = [file for path in paths for file in _files_of(path.expanduser())]
    if not files:
        raise CollectionError(f"no files in {', '.join(map(str, paths))}")
    found = [look_at(file) for file in files]
    known = [each for each in found if each.format]
    frame = info_table([_dataset(each.path, Dataset) for each in known], full=rates)
    rows: list[dict[str, Any]] = frame.to_dict("records")
    table = Table("file", "format", "trials", "channels", "bins", "conditions", "spikes/s")
    table.columns[0].overflow = "fold"
    problems = {str(each.path): each.problem for each in found if not each.format}
    notes: dict[str, str] = {}
    for each, row in zip(known, rows, strict=True):
        if row["problem"]:
            problems[str(each.path)] = row["problem"]
            continue
        if row["notes"]:
            notes[str(each.path)] = row["notes"]
        table.add_row(
            escape(each.path.name), FORMATS[str(each.format)].title, str(row["trials"]),
            str(row["channels"]), f"{row['bins']} of {row['bin_ms']:g} ms",
            _text(row["conditions"], "{:d}"), _text(row["mean_rate_hz"], "{:.3g}"),
        )  # fmt: skip
    if table.rows:
        console.print(table)
    for path, note in notes.items():
        console.print(f"{escape(Path(path).name)}: {escape(note)}", highlight=False, soft_wrap=True)
    for problem in problems.values():
        console.print(f"[yellow]![/] {escape(problem)}", highlight=False, soft_wrap=True)
    if not table.rows:
        raise typer.Exit(1)


def _files_of(path: Path) -> list[Path]:
    from lfads_nb.datasets.scanning import list_files

    if not path.is_dir():
        return [path]
    files = list_files(path)
    if len(files) > _MOST:
        raise CollectionError(
            f"{path} holds {len(files)} files: name those to look into, such as {path}/2024*"
        )
    return files


def _dataset(path: Path, made: Any) -> Any:
    # Two files of different folders, or of different endings, may have one name.
    return made(None, path.absolute(), name="file")


def _text(value: Any, form: str) -> str:
    import pandas as pd

    return "" if pd.isna(value) else number_text(value, form)
