"""`collection.json`: a collection on disk, enough to open it without the script that made it."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.atomic_files import write_json
from lfads_nb.datasets import DatasetCollection
from lfads_nb.errors import RunFolderError
from lfads_nb.imports import import_reference, reference_to
from lfads_nb.sweep.declared_params import LAYOUT_VERSION
from lfads_nb.sweep.folders import CollectionFolder, RunFolder
from lfads_nb.sweep.run_record import RunRecord, params_from_json, params_to_json, read_json
from lfads_nb.sweep.run_spec import RunSpec

if TYPE_CHECKING:
    from lfads_nb.sweep.run_collection import RunCollection

log = logging.getLogger(__name__)
SCHEMA = 1


def save(collection: RunCollection) -> None:
    """Write `collection.json`."""
    datasets = collection.dataset_collection
    content = {
        "schema": SCHEMA,
        "name": collection.name,
        "comment": collection.comment,
        "version": LAYOUT_VERSION,
        "dataset_collection": {
            **datasets.to_json(),
            # so that both open again after they were moved together
            "relative_path": os.path.relpath(datasets.path, collection.path),
        },
        "params": [params_to_json(params) for params in collection.params],
        "run_specs": [_spec_to_json(spec) for spec in collection.run_specs],
        "comments": {run.name: run.comment for run in collection.runs if run.comment},
    }
    write_json(collection.folder.json, content)


def load(
    collection_class: type[RunCollection], folder: CollectionFolder, all_runs: bool
) -> RunCollection:
    """Make the collection that `save` wrote; see `RunCollection.load`."""
    content = read_json(
        folder.json, SCHEMA, hint=f"{folder.path} is not the folder of a run collection"
    )
    try:
        datasets = _load_datasets(content["dataset_collection"], folder)
        collection = collection_class(
            folder.path.parent,
            folder.path.name,
            datasets,
            params=[params_from_json(item) for item in content["params"]],
            run_specs=[_spec_from_json(item, datasets) for item in content["run_specs"]],
            comment=content["comment"],
        )
        comments = content["comments"]
    except (KeyError, TypeError) as error:
        raise RunFolderError(f"{folder.json} is not complete: {error!r}") from error
    for run in collection.runs:
        run.comment = comments.get(run.name, "")
    _take_in_other_runs(collection, all_runs)
    return collection


def _load_datasets(content: dict[str, Any], folder: CollectionFolder) -> DatasetCollection:
    moved = (folder.path / content["relative_path"]).resolve()
    if not Path(content["path"]).expanduser().exists() and moved.exists():
        content = {**content, "path": str(moved)}
    return DatasetCollection.from_json(content)


def _spec_to_json(spec: RunSpec) -> dict[str, Any]:
    content: dict[str, Any] = {"name": spec.name, "datasets": list(spec.dataset_names)}
    if spec.run_class is not None:
        content["run_class"] = reference_to(spec.run_class)
    return content


def _spec_from_json(content: dict[str, Any], datasets: DatasetCollection) -> RunSpec:
    run_class = None
    if "run_class" in content:
        if content["run_class"] is None:
            raise RunFolderError(
                f"the run class of run spec {content['name']!r} was typed into a notebook: put it "
                "into a module and make the collection again"
            )
        run_class = import_reference(content["run_class"], "run class")
    return RunSpec(content["name"], datasets, content["datasets"], run_class=run_class)


def _take_in_other_runs(collection: RunCollection, all_runs: bool) -> None:
    known = {run.name for run in collection.runs}
    others = []
    for path in sorted(collection.path.glob("param_*/*/run.json")):
        try:
            record = RunRecord.load(RunFolder(path.parent))
        except RunFolderError as error:
            log.warning("left out: %s", error)
            continue
        if record.name not in known:
            others.append(record)
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
            spec = RunSpec(record.spec, collection.dataset_collection, record.datasets)
            collection.add_run_spec(spec)
            specs.add(record.spec)
        if record.param_hash not in {p.param_hash for p in collection.params}:
            collection.add_params(record.params)
