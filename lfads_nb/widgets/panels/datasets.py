"""The datasets panel: choose files or make demo data, see what they hold, look into one."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import ipywidgets as w

from lfads_nb.datasets import Dataset, DatasetCollection, generate_demo_datasets
from lfads_nb.datasets.readers import FORMATS
from lfads_nb.datasets.scanning import list_files
from lfads_nb.errors import CollectionError
from lfads_nb.references import import_typed
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.bench import Source
from lfads_nb.widgets.live_table import LiveTable, Row, cell, column
from lfads_nb.widgets.panel import Panel
from lfads_nb.widgets.panels.dataset_preview import DatasetPreview
from lfads_nb.widgets.panels.file_looks import FileLooks
from lfads_nb.widgets.theme import button, html, plural, row, section, stack, text_box, title

# So long may the files of a folder, and again its datasets, hold up the form: the rest of
# thousands is read beside it.
_PATIENCE_S = 0.4
_SHOW_EVERY_S = 3.0

_FILE_COLUMNS = [
    column("file", "File", kind="code"),
    column("format", "Format", width="130px"),
    column("size", "Size", kind="number", width="80px"),
    column("note", "Note", wrap=True),
]
_DATASET_COLUMNS = [
    column("name", "Dataset", kind="code"),
    column("subject", "Subject"),
    column("date", "Date"),
    column("trials", "Trials", kind="number"),
    column("channels", "Channels", kind="number"),
    column("bins", "Bins", kind="number"),
    column("bin_ms", "Bin (ms)", kind="number"),
    column("conditions", "Conditions", kind="number"),
    column("rate", "Mean rate (spikes/s)", kind="number"),
    column("state", "State", wrap=True),
]


class DatasetsPanel(Panel):
    """Chooses the sessions that runs are made of.

    Parameters
    ----------
    source : a run collection, a dataset collection, a collection's folder, or a bench.
    """

    def __init__(self, source: Source = None) -> None:
        super().__init__(source)
        self.folder = text_box("Folder", width="460px", hint="folder with your data files")
        self.pattern = text_box("Files", "*", width="150px", hint="*.mat")
        self.loader = text_box(
            "Loader", width="330px", hint="module:function, for a format of your own"
        )
        self.look = button("Look", tip="List the files in this folder")
        self.files = LiveTable(
            _FILE_COLUMNS, "Files in the folder", selectable="many", max_height="210px",
            empty="No files here. Choose another folder, or make the demo data.",
        )  # fmt: skip
        self.add = button("Add ticked files", style="primary")
        self.table = LiveTable(
            _DATASET_COLUMNS, "Datasets of the collection", selectable="many", max_height="330px",
            empty="No datasets yet: tick files above and add them, or make the demo data.",
            filterable=True,
        )  # fmt: skip
        self.remove = button("Remove selected", tip="Takes them out; files stay as they are")
        self.demo = button("Make demo data", tip="Made-up sessions of the kind beside it")
        self.demo_kind = w.Dropdown(
            options=[("Lorenz system", "lorenz"), ("reaching hand", "reaching")],
            layout={"width": "auto"}, tooltip="reaching has behaviour to decode",
            description="of a", style={"description_width": "initial"},
        )  # fmt: skip
        self.n_demo = w.BoundedIntText(
            3, 1, 50, description="sessions", layout=w.Layout(width="130px"),
            style={"description_width": "initial"},
        )  # fmt: skip
        self.task = TaskBar()
        self.preview = DatasetPreview()
        self._chosen = html()
        self._found: dict[str, Path] = {}
        self._looks = FileLooks()
        self._look_task = TaskBar()
        self._showing_files = threading.RLock()
        self._info_task = TaskBar()
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        self._body = stack(
            row(
                row(self.folder, self.pattern, self.look),
                row(html("<span class='lfads-dim'>or</span>"), self.demo, self.demo_kind,
                    self.n_demo),
            ),
            self.task,
            self.files,
            self._look_task,
            row(self.add, self.loader),
            section(
                title("In this collection"), self.table,
                row(self.remove, self._chosen), self._info_task,
            ),
            self.preview,
        )  # fmt: skip
        self.fill(
            title("Datasets", "Each file is one recording session: spike counts of trials."),
            self.notice,
            self._body,
        )

    def _connect(self) -> None:
        self.on_click(self.look, self.scan)
        self.on_click(self.add, self.add_ticked)
        self.on_click(self.remove, self.remove_selected)
        self.on_click(self.demo, self.make_demo)
        self.folder.observe(self.guard(lambda _change: self.scan()), "value")
        self.pattern.observe(self.guard(lambda _change: self.scan()), "value")
        self.files.observe(self.guard(lambda _change: self._count_ticked()), "selected")
        self.table.observe(self.guard(lambda _change: self._show_selected()), "selected")
        self.bench.on_change(self.refresh)

    # -------------------------------------------------------------------------------- showing

    def refresh(self) -> None:
        """Show the collection as it is now."""
        datasets = self.bench.datasets
        self._body.layout.display = "none" if datasets is None else ""
        if datasets is None:
            self.notice.say("info", "Open or make a collection first; its datasets show here.")
            self.files.update_rows([])
            self.table.update_rows([])
            return
        if self.notice.value:
            self.notice.clear()
        wanted = str(self.bench.draft("folder") or datasets.path)
        if self.folder.value != wanted:
            self.folder.value = wanted  # scans
        else:
            self._show_files()
        self._show_datasets()

    def scan(self) -> None:
        """List the files of the folder."""
        if self.bench.datasets is None:
            return
        self.bench.keep_draft("folder", self.folder.value)
        self._show_files()

    def _show_files(self, *, look_on: bool = True) -> None:
        with self._showing_files:  # work beside the form shows them, too
            self._show_files_now(look_on=look_on)

    def _show_files_now(self, *, look_on: bool) -> None:
        folder = Path(self.folder.value.strip() or ".").expanduser()
        if not folder.is_dir():
            self._found = {}
            self.files.empty = f"There is no folder {folder} yet."
            self.files.update_rows([])
            self._count_ticked()
            return
        self.files.empty = "No files here. Choose another folder, or make the demo data."
        paths = list_files(folder, self.pattern.value.strip() or "*")
        self._found = {str(path): path for path in paths}
        found = self._looks.at(paths, patience_s=_PATIENCE_S if look_on else 0.0)
        used = {d.path.absolute() for d in self.bench.datasets or ()}
        rows: list[Row] = []
        for path, look in zip(paths, found, strict=True):
            taken = path.absolute() in used
            format_ = "not read yet"
            if look.found is not None:
                format_ = FORMATS[look.found.format].title if look.found.format else "unknown"
            problem = look.found.problem if look.found is not None else ""
            note = cell("in the collection", tone="good", icon="✓") if taken else problem
            unusable = look.found is not None and not look.found.format
            rows.append({
                "id": str(path), "label": path.name, "faint": taken or unusable,
                "cells": {
                    "file": str(path.relative_to(folder)), "format": format_,
                    "size": cell(_size(look.size), sort=look.size), "note": note,
                },
            })  # fmt: skip
        self.files.update_rows(rows)
        self._count_ticked()
        unseen = [path for path, look in zip(paths, found, strict=True) if look.found is None]
        if unseen and look_on:
            self._look_beside(unseen)

    def _look_beside(self, paths: list[Path]) -> None:
        whole: list[bool] = []

        def work(progress: Progress) -> bool:
            for done, path in enumerate(paths):
                progress(done, len(paths), path.name)
                self._looks.at([path])
            return True

        # The folder may be another one by now, with files of its own to look at.
        self._look_task.start(
            "Looking at the files", work, on_done=whole.append,
            on_end=self.guard(lambda: self._show_files(look_on=bool(whole))),
        )  # fmt: skip

    def _count_ticked(self) -> None:
        n = len(self.files.selected)
        self.add.description = f"Add {plural(n, 'ticked file')}" if n else "Add ticked files"
        self.add.disabled = not n

    def _show_datasets(self) -> None:
        datasets = self.bench.datasets
        assert datasets is not None
        from lfads_nb.datasets.info_table import info_table  # pandas takes a while to load

        table = info_table(datasets.datasets, patience_s=_PATIENCE_S)
        self.table.update_rows(_dataset_rows(table))
        self._show_chosen()
        # Rates are in no header: the spikes have to be read. What was not read in time is, too.
        is_missing = table["mean_rate_hz"].isna() & (table["problem"] == "")
        missing = [d for d, missed in zip(datasets, is_missing, strict=True) if missed]
        if missing and not self._info_task.is_busy:
            self._info_task.start(
                "Reading rates", lambda progress: self._read_rates(missing, progress)
            )

    def _read_rates(self, missing: list[Dataset], progress: Progress) -> None:
        due = time.monotonic() + _SHOW_EVERY_S
        for done, dataset in enumerate(missing):
            progress(done, len(missing), dataset.name)
            if time.monotonic() > due:
                self._show_info(patience_s=0.0)
                due = time.monotonic() + _SHOW_EVERY_S
            try:
                dataset.load_info(full=True)
            except Exception:  # noqa: BLE001 - the table says what is wrong with it
                continue
        self._show_info()

    def _show_info(self, *, patience_s: float | None = None) -> None:
        datasets = self.bench.datasets
        if datasets is not None:
            from lfads_nb.datasets.info_table import info_table

            table = info_table(datasets.datasets, patience_s=patience_s)
            self.table.update_rows(_dataset_rows(table))

    def _show_chosen(self) -> None:
        n = len(self.table.selected)
        self.remove.disabled = not n
        self._chosen.value = (
            f'<span class="lfads-dim">{plural(n, "dataset")} selected</span>'
            if n
            else '<span class="lfads-dim">Click a row to look into it.</span>'
        )

    def _show_selected(self) -> None:
        self._show_chosen()
        datasets = self.bench.datasets
        names = [
            name for name in self.table.selected if datasets is not None and name in datasets.names
        ]
        self.preview.show(datasets[names[-1]] if datasets is not None and names else None)

    # --------------------------------------------------------------------------------- doing

    def add_ticked(self) -> None:
        """Add the ticked files to the collection."""
        datasets = self._datasets()
        loader = None
        if reference := self.loader.value.strip():
            loader = import_typed(reference, "loader")
            if not callable(loader):
                raise CollectionError(f"{reference!r} is no function: it cannot load a file")
        with self.bench.lock:
            for name in self.files.selected:
                if name in self._found:
                    self._add_file(datasets, self._found[name], loader)
        self.files.selected = []
        self.bench.changed()

    def _add_file(self, datasets: DatasetCollection, path: Path, loader: Any) -> None:
        if not len(datasets):
            datasets.path = Path(self.folder.value).expanduser().absolute()
        inside = path.absolute().is_relative_to(datasets.path)
        name = path.absolute().relative_to(datasets.path) if inside else path.absolute()
        fresh = Dataset(None, name, loader=loader)
        there = datasets[fresh.name] if fresh.name in datasets.names else None
        if there is not None and there.path.absolute() != path.absolute():
            raise CollectionError(
                f"{path.name} would replace dataset {fresh.name!r}, which is {there.path}: rename "
                "the file, or remove that dataset first"
            )
        datasets.add(fresh)

    def remove_selected(self) -> None:
        """Take the selected datasets out of the collection."""
        datasets, chosen = self._datasets(), set(self.table.selected)
        for spec in self.bench.collection.run_specs if self.bench.collection is not None else ():
            if used := sorted(chosen & set(spec.dataset_names)):
                raise CollectionError(
                    f"{', '.join(used)} cannot be removed: run spec {spec.name!r} trains on it. "
                    "Remove that run spec first."
                )
        with self.bench.lock:
            datasets.remove(sorted(chosen))
        self.table.selected = []
        self.bench.changed()

    def make_demo(self) -> None:
        """Write demo sessions into the folder and tick them."""
        self._datasets()
        folder, n = Path(self.folder.value.strip()).expanduser(), self.n_demo.value
        kind = self.demo_kind.value
        self.demo.disabled = True

        def work(progress: Progress) -> list[Path]:
            for made in range(n):
                progress(made, n, f"session {made + 1} of {n}")
                paths = generate_demo_datasets(folder, made + 1, kind=kind)
            return paths

        def done(paths: list[Path]) -> None:
            self._show_files()
            used = {d.path.absolute() for d in self.bench.datasets or ()}
            self.files.selected = [
                name for name, path in self._found.items()
                if path.absolute() in {p.absolute() for p in paths} - used
            ]  # fmt: skip
            self.task.notice.say(
                "success", f"{plural(len(paths), 'demo session')} in {folder}. Add them below."
            )

        def end() -> None:
            self.demo.disabled = False

        if not self.task.start("Making demo data", work, on_done=done, on_end=end):
            self.demo.disabled = False

    def _datasets(self) -> DatasetCollection:
        if self.bench.datasets is None:
            raise CollectionError("open or make a collection first")
        return self.bench.datasets


def _dataset_rows(table: Any) -> list[Row]:
    """Describe a table of datasets; by dicts, since a Series a row takes ten times as long."""
    return [
        _dataset_row(name, info)
        for name, info in zip(table.index, table.to_dict("records"), strict=True)
    ]


def _dataset_row(name: str, info: dict[str, Any]) -> Row:
    import pandas as pd  # with the first dataset: it takes a while to load

    problem = str(info["problem"])
    notes = str(info["notes"] or "")
    state = cell("ready", tone="good", icon="✓")
    if problem:
        state = cell(problem, tone="bad", icon="✗")
    elif pd.isna(info["trials"]):
        state = cell("not read yet")
    elif notes:
        state = cell(f"ready: {notes}", tone="warn", icon="!")
    cells: dict[str, Any] = {
        "name": name, "subject": info["subject"] or "", "date": info["date"] or "", "state": state,
    }  # fmt: skip
    for key, field in (
        ("trials", "trials"), ("channels", "channels"), ("bins", "bins"), ("bin_ms", "bin_ms"),
        ("conditions", "conditions"), ("rate", "mean_rate_hz"),
    ):  # fmt: skip
        value = info[field]
        cells[key] = cell(f"{float(value):.4g}", sort=float(value)) if pd.notna(value) else None
    return {"id": name, "cells": cells}


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:.1f} kB"
