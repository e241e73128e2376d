"""`collection.json`: a collection on disk, enough to open it without the script that made it.

The file may have come from anywhere. What of it cannot be used is left out by itself, said in
words, and written back as it was; code that it names runs only where `own_code` allows it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.atomic_files import write_json
from lfads_nb.datasets import DatasetCollection
from lfads_nb.desks import stored_path
from lfads_nb.errors import CollectionError, LfadsError, RunFolderError, UntrustedCodeError
from lfads_nb.own_code import OURS, NamedCode, find_code, look_at, reading_files
from lfads_nb.plain_text import check_name, plain_text
from lfads_nb.references import Kind, check_reference, reference_to
from lfads_nb.sweep.declared.identity import LAYOUT_VERSION
from lfads_nb.sweep.folders import CollectionFolder, RunFolder
from lfads_nb.sweep.population import Population
from lfads_nb.sweep.run import Run
from lfads_nb.sweep.run_record import SCHEMA as RUN_SCHEMA
from lfads_nb.sweep.run_record import (
    RunRecord,
    params_from_json,
    params_to_json,
    read_json,
    values_key,
)
from lfads_nb.sweep.run_spec import RunSpec
from lfads_nb.sweep.stored_run import stored_run_class

if TYPE_CHECKING:
    from lfads_nb.sweep.run_collection import RunCollection

log = logging.getLogger(__name__)
SCHEMA = 1


@dataclass(frozen=True)
class LeftOut:
    """A part of the file that cannot be used: where it stood, what it was, and why."""

    section: str
    content: Any
    reason: str

    def __str__(self) -> str:
        return f"left out of {self.section}: {self.reason}"


def save(collection: RunCollection) -> None:
    """Write `collection.json`."""
    datasets = collection.dataset_collection
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "name": collection.name,
        "comment": collection.comment,
        "version": LAYOUT_VERSION,
        "dataset_collection": {
            **datasets.to_json(),
            # so that both open again after they were moved together
            "relative_path": stored_path(datasets.path.absolute(), collection.path.absolute()),
        },
        "params": [params_to_json(params) for params in collection.params],
        "run_specs": [_spec_to_json(spec) for spec in collection.run_specs],
        "populations": [population.to_json() for population in collection.populations],
        "comments": {run.name: run.comment for run in collection.runs if run.comment},
    }
    for part in collection.left_out:
        content[part.section].append(part.content)
    write_json(collection.folder.json, content)


def load(
    collection_class: type[RunCollection], folder: CollectionFolder, all_runs: bool
) -> RunCollection:
    """Make the collection that `save` wrote; see `RunCollection.load`."""
    content = _read(folder)
    left_out: list[LeftOut] = []

    def each(section: str, make: Callable[[Any], Any]) -> list[Any]:
        made = []
        for item in _list(content, section) if section in content else []:
            try:
                made.append(make(item))
            except (LfadsError, KeyError, TypeError, AttributeError) as error:
                left_out.append(LeftOut(section, item, _in_words(error)))
        return made

    records = list(_records(folder))
    hashes = {values_key(r.params.set_values()): (r.param_hash, r.data_hash) for _, r in records}
    try:
        with reading_files():
            datasets = _load_datasets(content["dataset_collection"], folder)
            collection = collection_class(
                folder.path.parent,
                folder.path.name,
                datasets,
                params=each(
                    "params", lambda c: params_from_json(c, folder=folder.path, hashes=hashes)
                ),
                run_specs=each("run_specs", lambda c: _spec_from_json(c, datasets, folder)),
                populations=each(
                    "populations",
                    lambda c: Population.from_json(c, folder=folder.path, hashes=hashes),
                ),
                comment=plain_text(content.get("comment", "")),
            )
            comments = content.get("comments", {})
            for run in collection.runs:
                run.comment = plain_text(comments.get(run.name, ""))
            _take_in_other_runs(collection, [record for _, record in records], all_runs)
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise RunFolderError(f"{folder.json} is not complete: {error!r}") from error
    except LfadsError as error:
        raise RunFolderError(f"{folder.json} cannot be used: {error}") from error
    collection.left_out = left_out
    for part in left_out:
        log.warning("%s: %s", folder.json, part)
    return collection


def _read(folder: CollectionFolder) -> dict[str, Any]:
    hint = f"{folder.path} is not the folder of a run collection"
    return read_json(folder.json, SCHEMA, hint=hint)


def _list(content: dict[str, Any], section: str) -> list[Any]:
    found = content[section]
    if not isinstance(found, list):
        raise TypeError(f"{section} is a {type(found).__name__}, not a list")
    return found


def _in_words(error: Exception) -> str:
    if isinstance(error, LfadsError):
        return str(error)
    return f"it lacks {error}" if isinstance(error, KeyError) else f"it is damaged ({error})"


def _load_datasets(content: dict[str, Any], folder: CollectionFolder) -> DatasetCollection:
    relative = content.get("relative_path", ".")
    if isinstance(relative, str) and "\0" not in relative and isinstance(content["path"], str):
        stored = Path(os.path.expanduser(content["path"]))
        moved = (folder.path / relative).resolve()
        # A copied collection has its own datasets beside it, though the old ones are still there.
        if moved.exists() and (not stored.exists() or _has_all_of(moved, content)):
            content = {**content, "path": str(moved)}
    return DatasetCollection.from_json(content, folder=folder.path)


def _has_all_of(folder: Path, content: dict[str, Any]) -> bool:
    """Whether a folder has every file of a stored collection of datasets that lies below it."""
    datasets = content.get("datasets")
    if not isinstance(datasets, list):
        return False
    paths = [item.get("path") for item in datasets if isinstance(item, dict)]
    names = [path for path in paths if isinstance(path, str) and not os.path.isabs(path)]
    return bool(names) and all((folder / name).exists() for name in names)


def _spec_to_json(spec: RunSpec) -> dict[str, Any]:
    content: dict[str, Any] = {"name": spec.name, "datasets": list(spec.dataset_names)}
    if spec.run_class is not None:
        content["run_class"] = reference_to(spec.run_class)
    return content


def _spec_from_json(
    content: dict[str, Any], datasets: DatasetCollection, folder: CollectionFolder
) -> RunSpec:
    name, chosen = check_name(content["name"], "run spec"), content["datasets"]
    if not isinstance(chosen, list) or not all(isinstance(item, str) for item in chosen):
        raise RunFolderError(f"the datasets of run spec {name!r} are not a list of names")
    run_class = None
    if "run_class" in content:
        if content["run_class"] is None:
            raise RunFolderError(
                f"the run class of run spec {name!r} was typed into a notebook: put it into a "
                "module and make the collection again"
            )
        reference = check_reference(content["run_class"], "run")
        try:
            run_class = find_code("run", reference, folder=folder.path, base=Run)
        except UntrustedCodeError as error:
            run_class = stored_run_class(error)
    return RunSpec(name, datasets, datasets.match(chosen), run_class=run_class)


def _records(folder: CollectionFolder) -> Iterator[tuple[Path, RunRecord]]:
    """Read the record of every run in the folder; one that cannot be read is left out in words."""
    for path in sorted(folder.path.glob("param_*/*/run.json")):
        try:
            yield path.parent, RunRecord.load(RunFolder(path.parent))
        except RunFolderError as error:
            log.warning("left out: %s", error)


def _take_in_other_runs(
    collection: RunCollection, records: list[RunRecord], all_runs: bool
) -> None:
    known = {run.name for run in collection.runs}
    others = [record for record in records if record.name not in known]
    if others and not all_runs:
        log.info(
            "%d more runs lie in %s; RunCollection.load(..., all_runs=True) takes them in",
            len(others), collection.path,
        )  # fmt: skip
        return
    specs = {spec.name for spec in collection.run_specs}
    datasets = set(collection.dataset_collection.names)
    for record in others:
        if record.spec not in specs and set(record.datasets) <= datasets:
            chosen = collection.dataset_collection.match(record.datasets)
            spec = RunSpec(record.spec, collection.dataset_collection, chosen)
            collection.add_run_spec(spec)
            specs.add(record.spec)
        if record.param_hash not in {p.param_hash for p in collection.params}:
            collection.add_params(record.params)


# -------------------------------------------------------------------------------------- own code


def code_named_in(folder: CollectionFolder, *, all_runs: bool = False) -> list[NamedCode]:
    """List the loaders and classes of a user's own that a collection's files name.

    Nothing is run or imported. What cannot be a reference is left out: it never runs.

    Parameters
    ----------
    folder : the collection's.
    all_runs : look into the record of every run too, also of those that are not in the collection.

    Raises
    ------
    RunFolderError
        The collection cannot be read.
    """
    content = _read(folder)
    found: dict[tuple[Kind, str], None] = {}

    def name(kind: Kind, reference: Any) -> None:
        with suppress(CollectionError):
            if reference:
                found[kind, check_reference(reference, kind)] = None

    for dataset in _tables(_table(content.get("dataset_collection")).get("datasets")):
        name("dataset", dataset.get("class"))
        name("loader", _table(dataset.get("loader")).get("function"))
    for item in [*_tables(content.get("params")), *_tables(content.get("populations"))]:
        name("params", item.get("params_class"))
    for item in _tables(content.get("run_specs")):
        name("run", item.get("run_class"))
    records = ("param_*/*/run.json", "pbt_*/*/*/run.json") if all_runs else ()
    for path in sorted(path for pattern in records for path in folder.path.glob(pattern)):
        with suppress(LfadsError):
            record = read_json(path, RUN_SCHEMA, hint="")
            name("params", record.get("params_class"))
    codes = [look_at(kind, reference, folder.path) for kind, reference in found]
    return [code for code in codes if code.reference not in OURS[code.kind]]


def _table(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _tables(found: Any) -> list[dict[str, Any]]:
    return [_table(item) for item in found] if isinstance(found, list) else []
